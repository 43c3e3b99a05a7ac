// SPDX-License-Identifier: Apache-2.0
// QEMU's side: its virt machine, with what the program needs and nothing more.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { elfOf, memory, type Program } from './programs.ts';
import { type Run, run } from './run.ts';

export function qemuArguments(program: Program): string[] {
  const machine = program.el === 3 ? 'virt,virtualization=on,secure=on' : 'virt';
  return [
    ...['-M', machine, '-cpu', program.qemuCpu, '-smp', `${program.cpus}`, '-m', memory],
    ...['-nographic', '-nic', 'none', '-semihosting', '-kernel', elfOf(program)],
  ];
}

export async function runQemu(qemu: string, program: Program): Promise<Run> {
  const path = program.rme ? qemuWithRme() : qemu;
  if (path === null) throw new Error(`${program.name} needs QEMU 11.1: tests/differential/qemu-chroot.sh fetches it`);
  return run(program.name, path, qemuArguments(program));
}

/** QEMU 11.1, if it was fetched. */
export function qemuWithRme(): string | null {
  const script = join(import.meta.dirname, '..', 'tests', 'differential', 'qemu-chroot.sh');
  const found = spawnSync('sh', [script, '--check'], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : null;
}

/** The version line of a QEMU; throws if it cannot be run. */
export function qemuVersion(qemu: string): string {
  return execFileSync(qemu, ['--version'], { encoding: 'utf8' }).split('\n')[0];
}
