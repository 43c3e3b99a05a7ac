import type { CpuTopology } from '../../../core/machines/virt/tree.ts';

/** Machines whose device tree is compared with QEMU's: options of both. */
export interface TreeCase {
  readonly name: string;
  /** QEMU's arguments beside `-M virt,gic-version=3,acpi=off,dumpdtb=FILE`; KERNEL, INITRD and FIRMWARE are small files. */
  readonly qemu: readonly string[];
  readonly cores: number;
  readonly memoryBytes: number;
  readonly secure?: boolean;
  readonly virtualization?: boolean;
  readonly uarts?: 1 | 2;
  readonly cpuModel: string;
  readonly firmware?: boolean;
  readonly initrd?: boolean;
  readonly commandLine?: string;
  readonly topology?: CpuTopology;
}

const MIB = 1 << 20;
const one = { cores: 1, memoryBytes: 128 * MIB, cpuModel: 'max' } as const;
const kernel = ['-kernel', 'KERNEL', '-serial', 'null'];

export const CASES: readonly TreeCase[] = [
  { name: 'default', ...one, qemu: ['-cpu', 'max', ...kernel] },
  { name: 'two-serials', ...one, uarts: 2, qemu: ['-cpu', 'max', ...kernel, '-serial', 'null'] },
  {
    name: 'smp-2-linux',
    ...one,
    cores: 2,
    initrd: true,
    commandLine: 'console=ttyAMA0 quiet',
    qemu: ['-cpu', 'max', '-smp', '2', ...kernel, '-initrd', 'INITRD', '-append', 'console=ttyAMA0 quiet'],
  },
  { name: 'virtualization', ...one, virtualization: true, qemu: ['-M', 'virtualization=on', '-cpu', 'max', ...kernel] },
  { name: 'secure', ...one, secure: true, qemu: ['-M', 'secure=on', '-cpu', 'max', ...kernel] },
  {
    name: 'secure-virtualization-smp-4',
    ...one,
    cores: 4,
    memoryBytes: 4096 * MIB,
    secure: true,
    virtualization: true,
    qemu: ['-M', 'secure=on,virtualization=on', '-cpu', 'max', '-smp', '4', '-m', '4G', ...kernel],
  },
  {
    name: 'cortex-a72-smp-2',
    ...one,
    cores: 2,
    cpuModel: 'cortex-a72',
    qemu: ['-cpu', 'cortex-a72', '-smp', '2', ...kernel],
  },
  {
    name: 'cortex-a72-virtualization',
    ...one,
    virtualization: true,
    cpuModel: 'cortex-a72',
    qemu: ['-M', 'virtualization=on', '-cpu', 'cortex-a72', ...kernel],
  },
  { name: 'smp-18', ...one, cores: 18, qemu: ['-cpu', 'max', '-smp', '18', ...kernel] },
  {
    name: 'topology',
    ...one,
    cores: 8,
    topology: { sockets: 2, clusters: 2, cores: 1, threads: 2 },
    qemu: ['-cpu', 'max', '-smp', '8,sockets=2,clusters=2,threads=2', ...kernel],
  },
  {
    name: 'topology-without-threads',
    ...one,
    cores: 6,
    topology: { sockets: 2, clusters: 1, cores: 3, threads: 1 },
    qemu: ['-cpu', 'max', '-smp', '6,sockets=2', ...kernel],
  },
  {
    name: 'firmware',
    ...one,
    cores: 2,
    firmware: true,
    qemu: ['-cpu', 'max', '-smp', '2', '-bios', 'FIRMWARE', '-serial', 'null'],
  },
  {
    name: 'firmware-secure',
    ...one,
    cores: 2,
    secure: true,
    virtualization: true,
    firmware: true,
    commandLine: 'root=/dev/vda',
    qemu: [
      '-M',
      'secure=on,virtualization=on',
      '-cpu',
      'max',
      '-smp',
      '2',
      '-bios',
      'FIRMWARE',
      '-kernel',
      'KERNEL',
      '-append',
      'root=/dev/vda',
      '-serial',
      'null',
    ],
  },
];

/** A kernel as far as loaders look: the header of an Image, 4096 bytes, that occupies 128 KiB. */
export function smallKernel(): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x14000010, true);
  view.setBigUint64(16, 0x20000n, true);
  view.setBigUint64(24, 0xan, true);
  view.setUint32(56, 0x644d5241, true);
  return bytes;
}
export const smallInitrd = (): Uint8Array => new Uint8Array(5000).fill(0x78);
export const smallFirmware = (): Uint8Array => new Uint8Array(65536);
