import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CODE, DATA, type Machine, MODES, machine, type Result } from './machine.ts';
import { begin, DATA_BYTES, prepare, randomProgram } from './random-program.ts';

const FULL = process.env.TRIREME_FULL === '1';
const PROGRAMS = FULL ? 4000 : 200;
const FUEL = 400;

interface End extends Result {
  readonly memory: string;
}

function end(m: Machine): End {
  const memory = createHash('sha1').update(m.bytes(DATA, DATA_BYTES)).digest('hex');
  return { ...m.finish(), memory };
}
/** Each has pages of its own (one that is rewritten often would not be compiled any more); most straddle the end of one. */
const PLACES = 450;
const baseOf = (seed: number): number => CODE + 0x2000 * (seed % PLACES) + 0x1000 - 4 * ((seed * 7) % 90);

function compare(seed: number, eager: boolean): void {
  const p = randomProgram(seed);
  const base = baseOf(seed);
  const ends = new Map<string, End>();
  const run = (m: Machine, name: string): void => {
    begin(m, p, seed, base, FUEL);
    ends.set(name, end(m));
  };
  for (const mode of ['interpreter', 'normal', 'compiled'] as const) {
    if (mode === 'compiled' && !eager) continue;
    machine(mode).place(base, p.code);
    run(machine(mode), mode);
  }
  // Once more with every instruction that ran as the start of a region.
  machine('normal').warm(base, p.code.words.length);
  run(machine('normal'), 'all regions');
  const right = ends.get('interpreter')!;
  for (const [name, e] of ends) expect({ seed, name, ...e }).toEqual({ seed, name, ...right });
}

describe('random programs with control flow end alike in all modes', () => {
  let compiled = 0;
  const chunk = 25;
  for (let first = 1; first <= PROGRAMS; first += chunk) {
    it(`seeds ${first} to ${first + chunk - 1}`, () => {
      if ((first - 1) % 400 === 0) for (const mode of MODES) prepare(machine(mode, true));
      const before = machine('normal').core.regions!.stats.regions;
      for (let seed = first; seed < first + chunk; seed++) compare(seed, seed % 5 === 0);
      compiled += machine('normal').core.regions!.stats.regions - before;
    });
  }
  it('did compile', () => {
    expect(machine('interpreter').core.regions).toBeNull();
    expect(machine('compiled').core.regions!.stats.regions).toBeGreaterThan(PROGRAMS);
    expect(compiled).toBeGreaterThan(20 * PROGRAMS);
  });
});
