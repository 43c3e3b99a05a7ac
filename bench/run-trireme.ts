// SPDX-License-Identifier: Apache-2.0
// Trireme's side: the command's bare machine, in the Node that runs the benchmarks.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { elfOf, memory, type Program } from './programs.ts';
import { type Run, run } from './run.ts';

/** The command's file of this checkout. */
export const triremeCommand = join(import.meta.dirname, '..', 'core', 'cli', 'main.ts');

function triremeArguments(command: string, program: Program, extra: string[] = []): string[] {
  return [
    ...['--no-warnings', command, 'run', '--kernel', elfOf(program)],
    ...['--cpus', `${program.cpus}`, '--memory', memory, '--el', `${program.el}`],
    ...(program.rme ? ['--rme', 'on'] : []),
    ...extra,
  ];
}

export function runTrireme(command: string, program: Program): Promise<Run> {
  return runTriremeWith(command, program, []);
}
export function runTriremeWith(command: string, program: Program, extra: string[]): Promise<Run> {
  return run(program.name, process.execPath, triremeArguments(command, program, extra));
}
export type { Run };

/** Guest instructions and seconds of a run by the interpreter alone. */
export interface InterpreterRun {
  instructions: number;
  seconds: number;
}

export async function runInterpreter(command: string, program: Program): Promise<InterpreterRun> {
  const directory = mkdtempSync(join(tmpdir(), 'trireme-bench-'));
  try {
    const file = join(directory, 'stats.json');
    const extra = ['--engine', 'interpreter', '--stats', file];
    await run(program.name, process.execPath, triremeArguments(command, program, extra));
    return JSON.parse(readFileSync(file, 'utf8')) as InterpreterRun;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
