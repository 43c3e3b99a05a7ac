/** Accesses of 16 bytes against ordinary and narrower ones of the other core: nobody sees or builds on half of one. */
import { describe, expect, it } from 'vitest';
import type { Assembler } from './assembler.ts';
import { CORES, DATA, meet, runTogether } from './machine.ts';

const AT = 1;
const HIGH = 2;
const WRONG = 3;
const ONE = 5;
const [A, B, C, D, E, F, STATUS, LEFT] = [8, 9, 10, 11, 14, 15, 16, 20] as const;
const TIMES = 4000;
/** The same for what costs next to nothing. */
const MANY = 200_000;
/** Bytes of a phase: its 16, then, for each core, how often something was that should not be. */
const PLACE = 256;
const COUNTS = 128;

type Emit = (a: Assembler) => void;

/** Counts one wrong unless the flags say so. */
const wrongUnless = (a: Assembler, condition: 'eq' | 'hs'): void => {
  const fine = a.fresh();
  a.bIf(condition, fine).addImm(WRONG, WRONG, 1).label(fine);
};

/** What core 0 changes: low by one, high by `high`, whatever others do. */
const byCasp =
  (high: number): Emit =>
  (a) => {
    const again = a.fresh();
    a.ldp(A, B, AT).label(again).mov(E, A).mov(F, B).addImm(C, A, 1).addImm(D, B, high).casp(A, C, AT, 8, 'al');
    a.subs(31, A, E).bIf('ne', again).subs(31, B, F).bIf('ne', again);
  };
const byExclusives =
  (high: number): Emit =>
  (a) => {
    const again = a.fresh();
    a.label(again).ldxp(A, B, AT, 8, true).addImm(A, A, 1).addImm(B, B, high);
    a.stxp(STATUS, A, B, AT, 8, true).cbnz(STATUS, again);
  };
/** What core 1 does meanwhile. */
const narrow: Emit = (a) => {
  for (const bytes of [4, 8] as const) a.atomic('add', ONE, 31, AT, bytes).atomic('add', ONE, 31, HIGH, bytes);
};
const look: Emit = (a) => {
  // Low before high: high is as new. High before low: so is low.
  a.ldar(A, AT).ldar(B, HIGH).subs(31, B, A);
  wrongUnless(a, 'hs');
  a.ldar(B, HIGH).ldar(A, AT).subs(31, A, B);
  wrongUnless(a, 'hs');
  a.ldp(A, B, AT).subs(31, A, B);
  wrongUnless(a, 'eq');
};
/** Counts in the high half by plain stores, alone: what it stored must stay. */
const stores: Emit = (a) => {
  a.ldr(A, HIGH).addImm(A, A, 1).str(A, HIGH).ldr(B, HIGH).subs(31, A, B);
  wrongUnless(a, 'eq');
};

interface Phase {
  readonly name: string;
  readonly code: readonly [Emit, Emit];
  readonly times: number;
  /** The two halves in the end. */
  readonly low: number;
  readonly high: number;
}
const phases: Phase[] = [];
for (const [name, change] of [
  ['CASP', byCasp],
  ['LDXP, STXP', byExclusives],
] as const) {
  const phase = (what: string, code: Phase['code'], low: number, high: number): void =>
    void phases.push({ name: `${name} ${what}`, code, times: TIMES, low, high });
  phase('and LDADD of 4 and 8 bytes in each half lose nothing', [change(1), narrow], 3 * TIMES, 3 * TIMES);
  phase('is not seen half done, nor taken back', [change(1), look], TIMES, TIMES);
  phase('does not overwrite a plain store', [change(0), stores], TIMES, TIMES);
}
phases.push({
  name: 'LDP sees all or nothing of an STP (FEAT_LSE2)',
  code: [
    (a) => void a.stp(LEFT, LEFT, AT),
    (a) => {
      a.ldp(A, B, AT).subs(31, A, B);
      wrongUnless(a, 'eq');
    },
  ],
  times: MANY,
  low: 1,
  high: 1,
});

describe.each(['normal', 'compiled', 'interpreter'] as const)('16 bytes, %s', (engine) => {
  it('are accessed as one', async () => {
    const memory = await runTogether(
      (a, core) => {
        a.movImm(ONE, 1);
        phases.forEach(({ code, times }, n) => {
          const next = a.fresh();
          const place = DATA + n * PLACE;
          a.movImm(AT, place)
            .movImm(HIGH, place + 8)
            .movImm(WRONG, 0)
            .movImm(LEFT, times);
          meet(a);
          a.label(next);
          code[core]!(a);
          a.addImm(LEFT, LEFT, -1).cbnz(LEFT, next);
          a.movImm(A, place + COUNTS + 8 * core).str(WRONG, A);
        });
      },
      engine,
      phases.length * PLACE,
    );
    const seen = phases.map(({ name }, n) => {
      const at = (offset: number): number => Number(memory.getBigUint64(n * PLACE + offset, true));
      return {
        name,
        low: at(0),
        high: at(8),
        wrong: Array.from({ length: CORES }, (_, core) => at(COUNTS + 8 * core)),
      };
    });
    expect(seen).toEqual(phases.map(({ name, low, high }) => ({ name, low, high, wrong: [0, 0] })));
  });
});

/**
 * The page of a 16-byte atomic belongs to one core until another writes there (`engine/pair-pages.ts`): both do so by turns, on one
 * page after the other, the second core so rarely that the first has the page for itself meanwhile.
 */
describe.each(['normal', 'interpreter'] as const)('pages of 16-byte atomics, %s', (engine) => {
  const PAGES = 48;
  const BY_PAIRS = 3000;
  const BY_WORDS = 60;
  it('change hands without loss', async () => {
    const memory = await runTogether(
      (a, core) => {
        const [nextPage, again, wait] = [a.fresh(), a.fresh(), a.fresh()];
        const PAGE = 19;
        const PAUSE = 21;
        a.movImm(ONE, 1).movImm(AT, DATA).movImm(PAGE, PAGES).label(nextPage);
        meet(a);
        a.movImm(LEFT, core === 0 ? BY_PAIRS : BY_WORDS).label(again);
        if (core === 0) byCasp(1)(a);
        else {
          a.movImm(PAUSE, 400).label(wait).addImm(PAUSE, PAUSE, -1).cbnz(PAUSE, wait);
          a.addImm(HIGH, AT, 8).ldr(A, AT).atomic('add', ONE, 31, HIGH, 8);
        }
        a.addImm(LEFT, LEFT, -1).cbnz(LEFT, again);
        a.addImm(AT, AT, 2048).addImm(AT, AT, 2048).addImm(PAGE, PAGE, -1).cbnz(PAGE, nextPage);
      },
      engine,
      PAGES * 4096,
    );
    const seen = Array.from({ length: PAGES }, (_, n) =>
      [0, 8].map((at) => Number(memory.getBigUint64(n * 4096 + at, true))),
    );
    expect(seen).toEqual(seen.map(() => [BY_PAIRS, BY_PAIRS + BY_WORDS]));
  });
});
