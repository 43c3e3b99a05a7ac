// SPDX-License-Identifier: Apache-2.0
// QEMU's side: its virt machine, with what the program needs and nothing more.
import { execFileSync } from 'node:child_process';
import { elfOf, memory, type Program } from './programs.ts';
import { type Run, run } from './run.ts';

export function qemuArguments(program: Program): string[] {
  const machine = program.el === 3 ? 'virt,virtualization=on,secure=on' : 'virt';
  return [
    ...['-M', machine, '-cpu', program.qemuCpu, '-smp', `${program.cpus}`, '-m', memory],
    ...['-nographic', '-nic', 'none', '-semihosting', '-kernel', elfOf(program)],
  ];
}

export function runQemu(qemu: string, program: Program): Promise<Run> {
  return run(program.name, qemu, qemuArguments(program));
}

/** The version line of a QEMU; throws if it cannot be run. */
export function qemuVersion(qemu: string): string {
  return execFileSync(qemu, ['--version'], { encoding: 'utf8' }).split('\n')[0];
}
