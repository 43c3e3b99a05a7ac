// SPDX-License-Identifier: Apache-2.0
// The benchmark programs, once: all else is derived from this table.
import { join } from 'node:path';

export const classes = ['integer', 'float', 'system', 'smp', 'worlds'] as const;
export type ProgramClass = (typeof classes)[number];

export interface Program {
  /** As on the command line, in the ELF file's name and in the lines that the program prints. */
  name: string;
  class: ProgramClass;
  /** How many vCPUs the machine has. */
  cpus: number;
  /** The exception level that the machine starts at: its highest. */
  el: 1 | 3;
  /** QEMU's -cpu: a Cortex-A72 unless the program needs more. */
  qemuCpu: string;
  /** It needs FEAT_RME: QEMU 11.1, see tests/differential/qemu-chroot.sh. */
  rme: boolean;
}

function group(kind: ProgramClass, names: string, special: Partial<Program> = {}): Program[] {
  return names
    .split(' ')
    .map((name) => ({ name, class: kind, cpus: 1, el: 1, qemuCpu: 'cortex-a72', rme: false, ...special }));
}

export const programs: readonly Program[] = [
  ...group('integer', 'dhry calls chase crc sort hash strsearch bytecode indirect memcpy'),
  ...group('float', 'matmul-f64 matmul-f32-neon nbody-f64 nbody-f32 fft-f64 fft-f32-neon mandel-f64 mandel-f32-neon'),
  ...group('system', 'syscall exception tlbmiss aspace smc-code'),
  ...group('system', 'worlds', { el: 3 }),
  ...group('worlds', 'realm-rmi realm-rec realm-work', { el: 3, qemuCpu: 'max,x-rme=on,pauth-impdef=on', rme: true }),
  ...group('smp', 'parallel lock-exclusive', { cpus: 2 }),
  ...group('smp', 'lock-lse', { cpus: 2, qemuCpu: 'max,pauth-impdef=on' }),
];

/** What both machines have. */
export const memory = '512M';

export function elfOf(program: Program): string {
  return join(import.meta.dirname, 'programs', 'elf', `${program.name}.elf`);
}
