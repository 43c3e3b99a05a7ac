/** Machines that Linux is booted on: their command lines, for tests and benchmarks, and what a kernel says that runs into trouble there. */
import { type KernelName, kernelOf } from './debian/packages.ts';

/** Where the kernel starts, and as what it uses EL2. */
export const STARTS = ['EL1', 'EL2, VHE', 'EL2, nVHE'] as const;
export type Start = (typeof STARTS)[number];
export const VCPUS = [1, 2, 4] as const;

export interface Boot {
  readonly kernel: KernelName;
  readonly vcpus: number;
  readonly start: Start;
}

/** What kernels say when something is wrong. */
const ALARM =
  /\b(BUG|WARNING|Oops|Call trace|Kernel panic|Unable to handle|soft lockup|hard LOCKUP|hung task|nobody cared|self-detected stall|detected stalls)\b/;

/** Lines in which a kernel says that something is wrong, each with the one behind it. */
export function alarms(text: string): string[] {
  const lines = text.split(/\r*\n/);
  return lines.flatMap((line, n) => (ALARM.test(line) ? [`${line} / ${lines[n + 1] ?? ''}`] : []));
}

/** `virt` as all of them have it, by the words of `trireme qemu` and of QEMU alike, with the terminal as its console. */
export const virtArguments = (vcpus: number, memory: string): string[] => [
  ...['-M', 'virt', '-cpu', 'max,pauth-impdef=on', '-smp', `${vcpus}`, '-m', memory, '-nographic'],
];

/** Command line of `trireme qemu` for it, without disks and folders. */
export function bootArguments({ kernel, vcpus, start }: Boot, initrd: string): string[] {
  const mode = start === 'EL2, nVHE' ? ' kvm-arm.mode=nvhe' : '';
  return [
    ...virtArguments(vcpus, '512M'),
    ...['-M', `virtualization=${start === 'EL1' ? 'off' : 'on'}`, '-no-reboot'],
    ...['-kernel', kernelOf(kernel).image, '-initrd', initrd, '-append', `console=ttyAMA0 panic=-1${mode}`],
  ];
}
