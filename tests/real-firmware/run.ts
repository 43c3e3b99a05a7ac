/** Runs the command on real firmware, with a script, and yields what each world wrote. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Firmware, hostKernel, INITRD, pathOf, sizeOf } from './artifacts.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'cli', 'main.ts');
/** Where TF-A (PRELOADED_BL33_BASE) finds the kernel, and a place for the RAM disk behind it. */
const KERNEL_AT = '0x60000000';
const INITRD_AT = '0x68000000';

export interface Boot {
  readonly firmware: Firmware;
  readonly cpus: number;
  readonly mec: boolean;
  /** How MEC is asked for: QEMU's words (the RFC's property), or ours. */
  readonly words?: 'machine' | 'option';
  /** The host's, if it is not the one that is usual with or without MEC. */
  readonly kernel?: string;
}

/** A step of the script: what the host's console has to show, then what is typed there; either may be empty. */
export type Step = readonly [expect: string, send: string];

export interface Outcome {
  readonly status: number | null;
  /** What the command said of itself, on standard error. */
  readonly said: string;
  readonly console: { readonly host: string; readonly monitor: string; readonly rmm: string };
}

/** The words behind QEMU's name. */
export function bootWords({ firmware, cpus, mec, words = 'machine', kernel = hostKernel(mec) }: Boot): string[] {
  const rme = firmware.rmm !== null;
  const machine = `virt,acpi=off,virtualization=on,secure=on,gic-version=3${mec && words === 'machine' ? ',mec=on' : ''}`;
  return [
    ...['-M', machine, '-cpu', rme ? 'max,x-rme=on' : 'max', '-smp', `${cpus}`, '-m', '2G', '-nographic', '-no-reboot'],
    ...['-bios', pathOf(firmware.file), '-kernel', kernel],
    ...['-append', `console=ttyAMA0 panic=-1 initrd=${INITRD_AT},${sizeOf(INITRD)}`],
    ...['-device', `loader,file=${kernel},addr=${KERNEL_AT},force-raw=on`],
    ...['-device', `loader,file=${pathOf(INITRD)},addr=${INITRD_AT},force-raw=on`],
    ...(mec && words === 'option' ? ['--enable-mec'] : []),
  ];
}

/** `limit`: seconds. */
export async function boot(options: Boot, limit: number, steps: readonly Step[]): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-firmware-'));
  const names = options.firmware.rmm ? (['host', 'monitor', 'rmm'] as const) : (['host'] as const);
  const args = [
    ...['--no-warnings', MAIN, 'qemu', ...bootWords(options), '--timeout', `${limit}`],
    ...names.flatMap((name) => ['--console', `${name}=file:${join(folder, name)}`]),
    ...steps.flatMap(([expect, send]) => [
      ...(expect === '' ? [] : ['--expect', `host:${expect}`]),
      ...(send === '' ? [] : ['--send', `host:${send}`]),
    ]),
  ];
  try {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    const read = (name: string): string => {
      if (!names.some((n) => n === name)) return '';
      return readFileSync(join(folder, name), 'utf8').replaceAll('\r', '');
    };
    return { status, said, console: { host: read('host'), monitor: read('monitor'), rmm: read('rmm') } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
