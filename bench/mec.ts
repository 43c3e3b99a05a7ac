// SPDX-License-Identifier: Apache-2.0
// What encryption contexts cost a realm at work: the same program with FEAT_MEC on and off, in alternating pairs.
import { type Spread, spread } from './measure.ts';
import { type Program, programs } from './programs.ts';
import { type Run, runTriremeWith } from './run-trireme.ts';

/** The fewest pairs that count. */
export const PAIRS = 15;

export interface MecReport {
  name: string;
  pairs: number;
  /** Guest time of the measured section in ms. */
  on: Spread;
  off: Spread;
  /** Off over on within each pair: 1 means that contexts cost nothing. */
  ratio: Spread;
}

export const mecProgram: Program = programs.find(({ name }) => name === 'realm-work')!;

/** Which of the two comes first alternates, too. Throws where a run fails, or the two differ in their result. */
export async function measureMec(command: string, runs: number): Promise<MecReport> {
  const pairs = Math.max(PAIRS, runs);
  const time = (run: Run): number => run.times.get(mecProgram.name)!;
  const times: { on: number[]; off: number[] } = { on: [], off: [] };
  for (let i = 0; i < pairs; i++) {
    const results = new Set<string>();
    for (const side of i % 2 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
      const run = await runTriremeWith(command, mecProgram, side === 'on' ? ['--enable-mec'] : []);
      results.add(run.result);
      times[side].push(time(run));
    }
    if (results.size > 1) throw new Error(`${mecProgram.name}: the result depends on MEC: ${[...results].join(', ')}`);
  }
  const ratios = times.off.map((off, i) => off / times.on[i]);
  return { name: mecProgram.name, pairs, on: spread(times.on), off: spread(times.off), ratio: spread(ratios) };
}

export function mecLines({ name, pairs, on, off, ratio }: MecReport): string {
  const ms = ({ median, min, max }: Spread): string => `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)}) ms`;
  const text = `${ratio.median.toFixed(3)} (${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)})`;
  return `${name}, ${pairs} pairs: MEC off ${ms(off)}, on ${ms(on)}; off/on ${text}`;
}
