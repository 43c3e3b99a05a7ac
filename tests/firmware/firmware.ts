/** What the firmware tests share: the built images, and a run of them in QEMU. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

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

/** The console of a machine with RME that runs a flash image until it powers off; rejects after `seconds`. */
export function runInQemu(program: string, flash: string, seconds: number, more: string[] = []): Promise<string> {
  const machine = 'virt,acpi=off,virtualization=on,secure=on,gic-version=3';
  const options = [
    '-M',
    machine,
    '-cpu',
    'max,x-rme=on',
    '-smp',
    '2',
    '-m',
    '1G',
    '-bios',
    flash,
    '-nographic',
    '-net',
    'none',
    ...more,
  ];
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
