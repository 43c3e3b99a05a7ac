/** Regions that another thread compiles: what it was given may be out of date by the time that its module comes. */
import { expect, it } from 'vitest';
import { H_FIRST_FREE, HOT, REC_BASE_HANDLER, recordAddress } from '../../core/engine/abi.ts';
import { RegionCompiler, type RegionJob } from '../../core/engine/region-compiler.ts';
import type { Elsewhere, Made } from '../../core/engine/regions.ts';
import { Code } from './asm.ts';
import { CODE, Machine } from './machine.ts';

/** Compiles like another thread, but answers only when it is told to. */
class Later implements Elsewhere {
  private readonly compiler: RegionCompiler;
  private readonly asked: (readonly RegionJob[])[] = [];
  readonly done: Made[] = [];
  full = false;

  constructor(compiler: RegionCompiler) {
    this.compiler = compiler;
  }
  send(jobs: readonly RegionJob[]): boolean {
    if (!this.full) this.asked.push(jobs);
    return !this.full;
  }
  receive(): Made | null {
    return this.done.shift() ?? null;
  }
  /** Compiles all that was asked for; yields how many jobs that were. */
  compile(): number {
    const jobs = this.asked.splice(0);
    for (const some of jobs) this.done.push({ jobs: some, batch: this.compiler.compile(some) });
    return jobs.flat().length;
  }
}

function machine(): { m: Machine; later: Later } {
  const m = new Machine('normal');
  const { memory, library, memoryType, decoder } = m.core.space;
  const later = new Later(new RegionCompiler(memory.buffer, library, memoryType, decoder, false));
  m.core.regions!.elsewhere = later;
  return { m, later };
}
/** Runs it, and hands on what got hot. */
function run(m: Machine, code: Code): bigint {
  const x0 = m.run(code).x[0]!;
  m.core.regions!.flush();
  return x0;
}
/** Counts X0 up by `step`, as often as makes a loop hot. */
const loop = (step: number): Code =>
  new Code()
    .movImm(0, 0)
    .movImm(1, HOT + 100)
    .label('again')
    .addImm(0, 0, step)
    .addImm(1, 1, -1)
    .cbnz(1, 'again')
    .semihost();

it('a module is used when it comes, and not before', () => {
  const { m, later } = machine();
  const { stats } = m.core.regions!;
  expect(run(m, loop(1))).toBe(BigInt(HOT + 100));
  expect(stats.regions).toBe(0);
  expect(later.compile()).toBeGreaterThan(0);
  m.core.regions!.flush();
  expect(stats.regions).toBeGreaterThan(0);
  m.start();
  expect(m.finish().x[0]).toBe(BigInt(HOT + 100));
});

it('code that has changed meanwhile runs as it is now', () => {
  const { m, later } = machine();
  run(m, loop(1));
  expect(later.compile()).toBeGreaterThan(0);
  // The same places, other words: what comes was made of the old ones, whose records are filled anew by then.
  const right = BigInt(2 * (HOT + 100));
  expect(run(m, loop(2))).toBe(right);
  expect(m.core.regions!.stats.regions).toBe(0);
  m.start();
  expect(m.finish().x[0]).toBe(right);
});

it('code whose records were forgotten is fetched again, and a module of other code is not run', () => {
  const { m, later } = machine();
  run(m, loop(1));
  expect(later.compile()).toBeGreaterThan(0);
  const { space } = m.core;
  const base = space.recordsOf(m.core.host(CODE));
  const handler = (at: number): number => space.u16[(recordAddress(base, at) + REC_BASE_HANDLER) >> 1]!;
  space.invalidateAll();
  for (let i = 0; i < 8; i++) expect(handler(i)).toBeLessThan(H_FIRST_FREE);
  // add x0, x0, #1 becomes add x0, x0, #3.
  const add = loop(1).words.indexOf(0x91000400);
  space.u32[(m.core.host(CODE) >>> 2) + add] = 0x91000c00;
  m.core.regions!.flush();
  expect(m.core.regions!.stats.regions).toBe(0);
  m.start();
  expect(m.finish().x[0]).toBe(BigInt(3 * (HOT + 100)));
});

it('compiles here when the other thread takes no more', () => {
  const { m, later } = machine();
  later.full = true;
  expect(run(m, loop(1))).toBe(BigInt(HOT + 100));
  expect(m.core.regions!.stats.regions).toBeGreaterThan(0);
});
