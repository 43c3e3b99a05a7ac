/** Both cores change the same 16 bytes by read-modify-write, many times: nothing may be lost. */
import type { EngineMode } from '../../core/system/api.ts';
import type { Assembler, Size } from './assembler.ts';
import { CORES, DATA, meet, runTogether } from './machine.ts';

/** Registers of a test's code: its 16 bytes, constants, scratch from 8 on (even for pairs), and the number of the core. */
const AT = 1;
const ONE = 5;
const THREE = 6;
const MINE = 7;
const [A, B, C, D, S] = [8, 9, 10, 11, 12] as const;

export interface Contention {
  readonly name: string;
  /** One change. */
  readonly code: (a: Assembler, core: number) => void;
  /** What the low and high halves are after so many changes in all. */
  readonly expected: (changes: number) => readonly [bigint, bigint];
}

const mask = (bytes: number): bigint => (1n << BigInt(8 * bytes)) - 1n;
const SIZES: readonly Size[] = [1, 2, 4, 8];
const counter = (name: string, bytes: number, code: (a: Assembler) => void, offset = 0): Contention => ({
  name: `${name}, ${bytes} bytes${offset ? ` at ${offset}` : ''}`,
  code: (a) => {
    if (!offset) return code(a);
    a.addImm(AT, AT, offset);
    code(a);
    a.addImm(AT, AT, -offset);
  },
  expected: (n) => {
    const all = (BigInt(n) & mask(bytes)) << BigInt(8 * offset);
    return [all & mask(8), all >> 64n];
  },
});

const tests: Contention[] = [];
for (const bytes of SIZES) {
  for (const ordered of [false, true]) {
    const name = ordered ? 'LDAXR, STLXR' : 'LDXR, STXR';
    tests.push(
      counter(name, bytes, (a) => {
        const again = a.fresh();
        a.label(again).ldxr(A, AT, bytes, ordered).addImm(A, A, 1).stxr(S, A, AT, bytes, ordered).cbnz(S, again);
      }),
    );
  }
  tests.push(
    counter('LDADD', bytes, (a) => void a.atomic('add', ONE, A, AT, bytes)),
    counter('LDADDAL', bytes, (a) => void a.atomic('add', ONE, 31, AT, bytes, 'al')),
    counter('CAS', bytes, (a) => {
      const again = a.fresh();
      a.ldr(A, AT, bytes).label(again).mov(B, A).addImm(C, A, 1).cas(A, C, AT, bytes, 'al');
      a.subs(31, A, B).bIf('ne', again);
    }),
  );
  // Misaligned within 16 bytes (FEAT_LSE2): inside of a half, and across the middle.
  if (bytes === 1) continue;
  for (const offset of bytes === 8 ? [1, 5] : [1, 7]) {
    tests.push(
      counter('LDADD', bytes, (a) => void a.atomic('add', ONE, A, AT, bytes), offset),
      counter('SWP as a lock', bytes, (a) => lockedBySwap(a, bytes), 0),
      counter(
        'LDXR, STXR',
        bytes,
        (a) => {
          const again = a.fresh();
          a.label(again).ldxr(A, AT, bytes).addImm(A, A, 1).stxr(S, A, AT, bytes).cbnz(S, again);
        },
        offset,
      ),
    );
  }
}

/** A plain increment under a lock in the next line, taken by SWPA and given back by STLR. */
function lockedBySwap(a: Assembler, bytes: Size): void {
  const again = a.fresh();
  a.addImm(C, AT, 64).label(again).atomic('swp', ONE, A, C, 4, 'a').cbnz(A, again);
  a.ldr(B, AT, bytes).addImm(B, B, 1).str(B, AT, bytes).stlr(31, C, 4);
}

const both = (n: number): readonly [bigint, bigint] => [BigInt(n), 3n * BigInt(n)];
const words = (n: number): readonly [bigint, bigint] => [BigInt(n) | ((3n * BigInt(n)) << 32n), 0n];
for (const bytes of [4, 8] as const) {
  const expected = bytes === 8 ? both : words;
  tests.push(
    {
      name: `LDXP, STXP, ${bytes} bytes each`,
      code: (a) => {
        const again = a.fresh();
        a.label(again).ldxp(A, B, AT, bytes, true).addImm(A, A, 1).addImm(B, B, 3);
        a.stxp(S, A, B, AT, bytes, true).cbnz(S, again);
      },
      expected,
    },
    {
      name: `CASP, ${bytes} bytes each`,
      code: (a) => {
        const again = a.fresh();
        // What is compared is also in X14, X15.
        a.movImm(A, 0).movImm(B, 0).label(again).mov(14, A).mov(15, B).addImm(C, A, 1).addImm(D, B, 3);
        a.casp(A, C, AT, bytes, 'al');
        a.subs(31, A, 14).bIf('ne', again).subs(31, B, 15).bIf('ne', again);
      },
      expected,
    },
  );
}
tests.push(
  {
    // Each core sets and clears its own bit: the old value must have it as it was left, or the change does not count.
    name: 'LDSET, LDCLR',
    code: (a) => {
      const lost = a.fresh();
      a.atomic('set', MINE, A, AT).and(A, A, MINE).cbnz(A, lost);
      a.atomic('clr', MINE, B, AT).and(B, B, MINE).cbz(B, lost);
      a.addImm(C, AT, 8).atomic('add', ONE, 31, C).label(lost);
    },
    expected: (n) => [0n, BigInt(n)],
  },
  {
    name: 'LDEOR',
    code: (a) => void a.atomic('eor', MINE, 31, AT).atomic('eor', MINE, 31, AT),
    expected: () => [0n, 0n],
  },
  {
    // The greatest of what both count up to.
    name: 'LDUMAX',
    code: (a) => void a.addImm(C, AT, 8).atomic('add', ONE, A, C).addImm(A, A, 1).atomic('umax', A, 31, AT),
    expected: (n) => [BigInt(n), BigInt(n)],
  },
);
export const CONTENTION: readonly Contention[] = tests;

/** Bytes of each test: two cache lines. */
const PLACE = 128;

/** Runs every test so many times on each core; yields those that went wrong. */
export async function runContention(engine: EngineMode, times: number): Promise<string[]> {
  const memory = await runTogether(
    (a, core) => {
      const left = 20;
      a.movImm(ONE, 1)
        .movImm(THREE, 3)
        .movImm(MINE, 1 << (8 * core + 3));
      CONTENTION.forEach((test, index) => {
        const next = a.fresh();
        a.movImm(AT, DATA + index * PLACE).movImm(left, times);
        meet(a);
        a.label(next);
        test.code(a, core);
        a.addImm(left, left, -1).cbnz(left, next);
      });
    },
    engine,
    CONTENTION.length * PLACE,
  );
  return CONTENTION.flatMap(({ name, expected }, index) => {
    const [lo, hi] = [memory.getBigUint64(index * PLACE, true), memory.getBigUint64(index * PLACE + 8, true)];
    const [wantLo, wantHi] = expected(CORES * times);
    return lo === wantLo && hi === wantHi ? [] : [`${name}: ${lo}, ${hi} instead of ${wantLo}, ${wantHi}`];
  });
}
