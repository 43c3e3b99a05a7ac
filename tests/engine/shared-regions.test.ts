/** Regions that were made for one code space and are used in another. */
import { describe, expect, it } from 'vitest';
import { FIRST_REGION, HOT, REC_ACTIVE, recordAddress } from '../../core/engine/abi.ts';
import { Offers } from '../../core/engine/offers.ts';
import { RegionCompiler, type RegionJob } from '../../core/engine/region-compiler.ts';
import type { Elsewhere, Made } from '../../core/engine/regions.ts';
import { Code } from './asm.ts';
import { CODE, Machine } from './machine.ts';

const TURNS = 3000;

/** Another thread's side: keeps jobs, and hands over what is put there. */
class Other implements Elsewhere {
  readonly asked: (readonly RegionJob[])[] = [];
  readonly made: Made[] = [];
  send(jobs: readonly RegionJob[]): boolean {
    this.asked.push(jobs);
    return true;
  }
  receive(): Made | null {
    return this.made.shift() ?? null;
  }
}
/** Counts X0 up by `step` as often as X1 says, and calls a function that X2 chooses: only one of two runs. */
const loop = (step = 1): Code =>
  new Code()
    .movImm(0, 0)
    .label('again')
    .cbz(2, 'plain')
    .addImm(0, 0, 2 * step)
    .label('plain')
    .addImm(0, 0, step)
    .addImm(1, 1, -1)
    .cbnz(1, 'again')
    .semihost();

function machine(): { m: Machine; other: Other } {
  const m = new Machine('normal');
  const other = new Other();
  m.core.regions!.elsewhere = other;
  return { m, other };
}
function prepare(m: Machine, turns: number, x2: bigint): void {
  m.core.setX(1, BigInt(turns));
  m.core.setX(2, x2);
}
const run = (m: Machine, code: Code, turns: number, x2: bigint): bigint =>
  m.run(code, () => prepare(m, turns, x2)).x[0]!;
/** What is there already, now with both additions. */
function runAgain(m: Machine): bigint {
  m.start();
  prepare(m, TURNS, 1n);
  return m.finish().x[0]!;
}

/** The regions of the loop, as one machine has them made when it has got hot there. */
function batches(): Made[] {
  const { m, other } = machine();
  expect(run(m, loop(), HOT + 100, 1n)).toBe(BigInt(3 * (HOT + 100)));
  m.core.regions!.flush();
  const { memory, library, memoryType, decoder } = m.core.space;
  const compiler = new RegionCompiler(memory.buffer, library, memoryType, decoder, false);
  const made = other.asked.map((jobs) => ({ jobs: [], batch: compiler.compile(jobs) }));
  expect(made.flatMap(({ batch }) => batch.regions).length).toBeGreaterThan(0);
  return made;
}
/** How many instructions of the code's page have a region that begins there. */
function entered(m: Machine): number {
  const { space } = m.core;
  const base = space.recordsOf(m.core.host(CODE));
  const active = (at: number): number => space.u16[(recordAddress(base, at) + REC_ACTIVE) >> 1]!;
  return Array.from({ length: 16 }, (_, at) => active(at)).filter((slot) => slot >= FIRST_REGION).length;
}

describe('a region made for another code space', () => {
  it('waits for the page to run here', () => {
    const { m, other } = machine();
    other.made.push(...batches());
    m.core.regions!.flush();
    expect(m.core.regions!.stats.shared).toBe(0);
    expect(run(m, loop(), TURNS, 1n)).toBe(BigInt(3 * TURNS));
    const { shared, regions } = m.core.regions!.stats;
    expect(shared).toBeGreaterThan(0);
    expect(regions).toBe(0);
    expect(entered(m)).toBe(shared);
    expect(other.asked).toEqual([]);
  });
  it('comes to a page that runs already, instructions included that have not run', () => {
    const { m, other } = machine();
    expect(run(m, loop(), TURNS, 0n)).toBe(BigInt(TURNS));
    expect(entered(m)).toBe(0);
    other.made.push(...batches());
    m.core.regions!.flush();
    expect(entered(m)).toBeGreaterThan(0);
    expect(runAgain(m)).toBe(BigInt(3 * TURNS));
    // Once is enough.
    const { shared } = m.core.regions!.stats;
    other.made.push(...batches());
    m.core.regions!.flush();
    expect(m.core.regions!.stats.shared).toBe(shared);
  });
  it('is not run where the code is another', () => {
    const { m, other } = machine();
    expect(run(m, loop(5), TURNS, 0n)).toBe(BigInt(5 * TURNS));
    other.made.push(...batches());
    m.core.regions!.flush();
    expect(m.core.regions!.stats.shared).toBe(0);
    expect(runAgain(m)).toBe(BigInt(15 * TURNS));
  });
  it('is dropped when the code changes', () => {
    const { m, other } = machine();
    other.made.push(...batches());
    m.core.regions!.flush();
    run(m, loop(), TURNS, 1n);
    expect(entered(m)).toBeGreaterThan(0);
    m.place(CODE, loop(5));
    m.core.space.codeChanged(m.core.host(CODE), 64);
    expect(entered(m)).toBe(0);
    expect(runAgain(m)).toBe(BigInt(15 * TURNS));
  });
  it('does not run over a breakpoint', () => {
    const { m, other } = machine();
    // On `addImm(0, 0, step)` of the loop.
    m.core.space.setBreakpoints(new Set([BigInt(CODE + 4 * loop().words.indexOf(0x91000400))]));
    other.made.push(...batches());
    m.core.regions!.flush();
    expect(() => run(m, loop(), TURNS, 1n)).toThrow(/left with 6 /);
    expect(m.core.regions!.stats.shared).toBe(0);
  });
});

it('offers of pages that came first go when there are too many', () => {
  const offers = new Offers<string>(3);
  for (const [page, offer] of [
    [0x1000, 'a'],
    [0x2000, 'b'],
    [0x1000, 'c'],
    [0x3000, 'd'],
  ] as const)
    offers.add(page, offer);
  expect(offers.take(0x1000)).toEqual([]);
  expect(offers.take(0x2000)).toEqual(['b']);
  expect(offers.take(0x3000)).toEqual(['d']);
  expect(offers.take(0x3000)).toEqual([]);
});
