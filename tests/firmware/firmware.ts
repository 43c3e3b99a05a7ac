/** What the firmware tests share: the built images, and runs of them here and in QEMU. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { configureLaunch } from '../../core/machines/configure.ts';
import { readLaunch } from '../../core/machines/launch-check.ts';
import type { System } from '../../core/system/api.ts';
import { createSystem } from '../../core/system/system.ts';
import { startTrireme } from '../support/trireme.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const FIRMWARE = join(ROOT, 'resources', 'firmware');
export const image = (name: string): string => join(FIRMWARE, 'images', name);

/** Path of QEMU 11.1, or undefined where it has not been fetched (tests/differential/qemu-chroot.sh). */
export function qemu(): string | undefined {
  const found = spawnSync(join(ROOT, 'tests', 'differential', 'qemu-chroot.sh'), ['--check'], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/** True where a command can be run. */
export function installed(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

/** What the firmware runs on. */
export interface Shape {
  readonly cores: number;
  /** Null: no FEAT_MEC. */
  readonly mec: 'exact' | 'deadbeef' | 'off' | null;
  readonly engine?: 'normal' | 'interpreter' | 'compiled';
}

const common = (flash: string, cores: number): string[] => [
  ...['-M', 'virt,acpi=off,virtualization=on,secure=on,gic-version=3', '-cpu', 'max,x-rme=on'],
  ...['-smp', `${cores}`, '-m', '1G', '-bios', image(flash), '-nographic', '-net', 'none'],
];

/** The console of a machine of ours that runs a flash image until it powers off; throws after `seconds`. */
export async function runHere(flash: string, shape: Shape, seconds = 110, more: string[] = []): Promise<string> {
  const { cores, mec, engine = 'normal' } = shape;
  const options = [...(mec === null ? [] : ['--enable-mec', '--mec-model', mec]), '--engine', engine];
  const run = startTrireme(['qemu', ...common(flash, cores), ...options, ...more, '--timeout', `${seconds}`]);
  const { status, stdout, stderr } = await run.ended;
  if (status !== 0) throw new Error(`status ${status}: ${stderr}\n${stdout.slice(-3000)}`);
  return stdout.replaceAll('\r', '');
}

/** The same in QEMU. */
export function runInQemu(
  program: string,
  flash: string,
  cores: number,
  seconds: number,
  more: string[] = [],
): Promise<string> {
  const options = [...common(flash, cores), ...more];
  return new Promise((resolve, reject) => {
    const child = spawn(program, options, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const take = (part: Buffer): void => {
      text += part.toString('latin1');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    child.on('close', (_code, signal) => {
      clearTimeout(timer);
      if (signal) reject(new Error(`no power-off within ${seconds} s:\n${text.slice(-2000)}`));
      else resolve(text.replaceAll('\r', ''));
    });
  });
}

/** A system, not yet started, whose test host is told something (resources/firmware/tests/payload/main.c). */
export function testHost(order: string, { cores, mec }: Shape): Promise<System> {
  const launch = readLaunch({
    machine: { type: 'virt', secure: true, virtualization: true },
    cpu: {},
    rme: { enabled: true },
    mec: mec === null ? {} : { enabled: true, model: mec },
    cores,
    memoryBytes: 1 << 30,
    bios: image('flash-test.bin'),
    fwCfg: [{ name: 'opt/trireme/test', content: { from: 'text', text: order } }],
  });
  return createSystem(configureLaunch(launch));
}
