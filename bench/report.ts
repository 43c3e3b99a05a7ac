// SPDX-License-Identifier: Apache-2.0
// The table on the console and the JSON file.
import { geometricMean, type Measurement, type Side, scaling, spread, timesOf } from './measure.ts';
import type { Program, ProgramClass } from './programs.ts';

export interface Report {
  results: {
    name: string;
    class: ProgramClass;
    ratio: number | null;
    trireme: number | null;
    qemu: number | null;
    unit: 'ms';
  }[];
  geomean: { integer: number | null; float: number | null; system: number | null };
  interpreter_mips: number | null;
}

const columns = [16, 24, 24, 7, 15, 8];

export const heading = row(['program', 'Trireme ms (min–max)', 'QEMU ms (min–max)', 'ratio', 'wall s, T/Q', 'peak MB']);

function row(cells: string[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(columns[i]) : cell.padStart(columns[i])))
    .join(' ')
    .trimEnd();
}

function times(side: Side, program: Program): string {
  if (side.failure || side.runs.length === 0) return 'failed';
  const { median, min, max } = timesOf(side, program);
  return `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)})`;
}

function wall(side: Side): string {
  return side.runs.length ? (spread(side.runs.map((run) => run.wall)).median / 1000).toFixed(2) : '-';
}

/** One line of the table, and further ones for what went wrong and for the scaling. */
export function lines(measurement: Measurement): string {
  const { program, trireme, qemu, ratio } = measurement;
  const peak = Math.max(0, ...trireme.runs.map((run) => run.peak));
  const text = [
    row([
      program.name,
      times(trireme, program),
      times(qemu, program),
      ratio === null ? 'failed' : ratio.toFixed(2),
      `${wall(trireme)} / ${wall(qemu)}`,
      peak ? peak.toFixed(0) : '-',
    ]),
  ];
  if (trireme.failure) text.push(`  Trireme failed: ${trireme.failure}`);
  if (qemu.failure) text.push(`  QEMU failed: ${qemu.failure}`);
  const [ours, theirs] = [scaling(trireme, program), scaling(qemu, program)];
  if (ours !== null || theirs !== null) {
    text.push(`  two vCPUs do ${ours?.toFixed(2) ?? '-'} times the work of one (QEMU ${theirs?.toFixed(2) ?? '-'})`);
  }
  return text.join('\n');
}

export function report(measurements: Measurement[], interpreterMips: number | null): Report {
  const median = (side: Side, program: Program): number | null =>
    side.failure || side.runs.length === 0 ? null : timesOf(side, program).median;
  const mean = (kind: ProgramClass): number | null =>
    geometricMean(measurements.filter(({ program }) => program.class === kind).map(({ ratio }) => ratio));
  return {
    results: measurements.map(({ program, ratio, trireme, qemu }) => ({
      name: program.name,
      class: program.class,
      ratio,
      trireme: median(trireme, program),
      qemu: median(qemu, program),
      unit: 'ms',
    })),
    geomean: { integer: mean('integer'), float: mean('float'), system: mean('system') },
    interpreter_mips: interpreterMips,
  };
}

export function summary({ geomean, interpreter_mips: mips }: Report): string {
  const number = (value: number | null): string => value?.toFixed(2) ?? '-';
  const { integer, float, system } = geomean;
  const means = `geometric means: integer ${number(integer)}, float ${number(float)}, system ${number(system)}`;
  return `${means}; interpreter ${mips?.toFixed(0) ?? '-'} MIPS`;
}
