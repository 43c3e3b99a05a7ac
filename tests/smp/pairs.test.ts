/** Accesses of 16 bytes against ordinary and narrower ones of the other core: nobody sees or builds on half of one. */
import { describe, expect, it } from 'vitest';
import type { Assembler } from './assembler.ts';
import { CORES, DATA, meet, type Program, runTogether } from './machine.ts';

const AT = 1;
const HIGH = 2;
const WRONG = 3;
const ONE = 5;
const [A, B, C, D, E, F, STATUS, LEFT] = [8, 9, 10, 11, 14, 15, 16, 20] as const;
const TIMES = 4000;
/** The same for what costs next to nothing. */
const MANY = 200_000;
/** Where each core counts what should not be. */
const COUNTS = 128;

const turns = (a: Assembler, times: number, body: () => void): void => {
  const next = a.fresh();
  a.movImm(AT, DATA)
    .movImm(HIGH, DATA + 8)
    .movImm(ONE, 1)
    .movImm(WRONG, 0)
    .movImm(LEFT, times);
  meet(a);
  a.label(next);
  body();
  a.addImm(LEFT, LEFT, -1).cbnz(LEFT, next);
};
const program =
  (zero: (a: Assembler) => void, one: (a: Assembler) => void, times = TIMES): Program =>
  (a, core) => {
    turns(a, times, () => (core ? one(a) : zero(a)));
    a.movImm(A, DATA + COUNTS + 8 * core).str(WRONG, A);
  };
async function run(engine: 'normal' | 'compiled' | 'interpreter', what: Program) {
  const memory = await runTogether(what, engine, COUNTS + 8 * CORES);
  const at = (offset: number): number => Number(memory.getBigUint64(offset, true));
  return { low: at(0), high: at(8), wrong: [at(COUNTS), at(COUNTS + 8)] };
}

/** Both halves plus one, by CASP or by an exclusive pair. */
const byCasp = (a: Assembler): void => {
  const again = a.fresh();
  a.ldp(A, B, AT).label(again).mov(E, A).mov(F, B).addImm(C, A, 1).addImm(D, B, 1).casp(A, C, AT, 8, 'al');
  a.subs(31, A, E).bIf('ne', again).subs(31, B, F).bIf('ne', again);
};
const byExclusives = (a: Assembler): void => {
  const again = a.fresh();
  a.label(again).ldxp(A, B, AT, 8, true).addImm(A, A, 1).addImm(B, B, 1);
  a.stxp(STATUS, A, B, AT, 8, true).cbnz(STATUS, again);
};
const CHANGES = { CASP: byCasp, 'LDXP, STXP': byExclusives };
/** Counts one wrong unless the flags say so. */
const wrongUnless = (a: Assembler, condition: 'eq' | 'hs'): void => {
  const fine = a.fresh();
  a.bIf(condition, fine).addImm(WRONG, WRONG, 1).label(fine);
};

describe.each(['normal', 'compiled', 'interpreter'] as const)('16 bytes, %s', (engine) => {
  for (const [name, change] of Object.entries(CHANGES)) {
    it(`${name} and LDADD of 4 and 8 bytes in each half lose nothing`, async () => {
      const narrow = (a: Assembler): void => {
        for (const bytes of [4, 8] as const) a.atomic('add', ONE, 31, AT, bytes).atomic('add', ONE, 31, HIGH, bytes);
      };
      const { low, high } = await run(engine, program(change, narrow));
      expect([low, high]).toEqual([3 * TIMES, 3 * TIMES]);
    });
    it(`${name} is not seen half done, nor taken back`, async () => {
      const look = (a: Assembler): void => {
        // Low before high: high is as new. High before low: so is low.
        a.ldar(A, AT).ldar(B, HIGH).subs(31, B, A);
        wrongUnless(a, 'hs');
        a.ldar(B, HIGH).ldar(A, AT).subs(31, A, B);
        wrongUnless(a, 'hs');
        a.ldp(A, B, AT).subs(31, A, B);
        wrongUnless(a, 'eq');
      };
      expect(await run(engine, program(change, look))).toEqual({ low: TIMES, high: TIMES, wrong: [0, 0] });
    });
    it(`${name} does not overwrite a plain store`, async () => {
      // Core 1 alone counts in the high half by plain stores; core 0 adds to the low half and leaves high as it finds it.
      const again = (a: Assembler): void => {
        const label = a.fresh();
        if (change === byCasp) {
          a.ldp(A, B, AT).label(label).mov(E, A).mov(F, B).addImm(C, A, 1).mov(D, B).casp(A, C, AT, 8, 'al');
          a.subs(31, A, E).bIf('ne', label).subs(31, B, F).bIf('ne', label);
        } else a.label(label).ldxp(A, B, AT, 8).addImm(A, A, 1).stxp(STATUS, A, B, AT, 8).cbnz(STATUS, label);
      };
      const stores = (a: Assembler): void => {
        a.ldr(A, HIGH).addImm(A, A, 1).str(A, HIGH).ldr(B, HIGH).subs(31, A, B);
        wrongUnless(a, 'eq');
      };
      expect(await run(engine, program(again, stores))).toEqual({ low: TIMES, high: TIMES, wrong: [0, 0] });
    });
  }
  it('LDP sees all or nothing of an STP (FEAT_LSE2)', async () => {
    const write = (a: Assembler): void => void a.stp(LEFT, LEFT, AT);
    const read = (a: Assembler): void => {
      a.ldp(A, B, AT).subs(31, A, B);
      wrongUnless(a, 'eq');
    };
    expect((await run(engine, program(write, read, MANY))).wrong).toEqual([0, 0]);
  });
});
