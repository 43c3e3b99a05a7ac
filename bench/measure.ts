// SPDX-License-Identifier: Apache-2.0
// Alternating runs of one program in both emulators, and what follows from them.
import type { Program } from './programs.ts';
import type { Run } from './run.ts';

export interface Side {
  runs: Run[];
  /** Why it failed; nothing more is run then. */
  failure?: string;
}

export interface Measurement {
  program: Program;
  trireme: Side;
  qemu: Side;
  /** QEMU's median time over ours: above 1 means that Trireme is faster; null if either side failed. */
  ratio: number | null;
}

export type Runner = (program: Program) => Promise<Run>;

export async function measure(program: Program, count: number, qemu: Runner, trireme: Runner): Promise<Measurement> {
  const sides: { qemu: Side; trireme: Side } = { qemu: { runs: [] }, trireme: { runs: [] } };
  for (let i = 0; i < count; i++) {
    await once(sides.qemu, qemu, program);
    await once(sides.trireme, trireme, program);
    if (sides.qemu.failure || sides.trireme.failure) break;
    const theirs = sides.qemu.runs.at(-1)!.result;
    const ours = sides.trireme.runs.at(-1)!.result;
    if (ours !== theirs) sides.trireme.failure = `result ${ours}, QEMU has ${theirs}`;
    if (sides.trireme.failure) break;
  }
  const failed = sides.qemu.failure || sides.trireme.failure;
  const ratio = failed ? null : timesOf(sides.qemu, program).median / timesOf(sides.trireme, program).median;
  return { program, ...sides, ratio };
}

async function once(side: Side, runner: Runner, program: Program): Promise<void> {
  try {
    side.runs.push(await runner(program));
  } catch (error) {
    side.failure = (error as Error).message;
  }
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1)! };
}

/** Guest time of the measured section in ms. */
export function timesOf(side: Side, program: Program): Spread {
  return spread(side.runs.map(({ times }) => times.get(program.name)!));
}

/** How much more two vCPUs do than one in the same time: at most 2. Only `parallel` times itself alone as well. */
export function scaling(side: Side, program: Program): number | null {
  if (side.failure || !side.runs.every(({ times }) => times.has('alone'))) return null;
  const ratios = side.runs.map(({ times }) => times.get('alone')! / times.get(program.name)!);
  return program.cpus * spread(ratios).median;
}

/** Geometric mean; null if there is no value or one is missing, so that no failure is hidden in a mean. */
export function geometricMean(values: (number | null)[]): number | null {
  if (values.length === 0 || values.includes(null)) return null;
  return Math.exp(values.reduce<number>((sum, value) => sum + Math.log(value!), 0) / values.length);
}
