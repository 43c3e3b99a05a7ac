/**
 * Litmus tests: two cores access the same two locations, many times, each time other ones; what they saw must be one of the
 * outcomes that the architecture allows (B2.3). Names follow the literature: MP message passing, SB store buffering, LB load
 * buffering, S, R, 2+2W, Co… coherence of one location.
 */
import type { EngineMode } from '../../core/system/api.ts';
import type { Assembler } from './assembler.ts';
import { DATA, meet, runTogether } from './machine.ts';

/** Registers of a litmus test's code: addresses of the locations, results, constants, scratch. */
export const X = 1;
export const Y = 2;
export const R0 = 3;
export const R1 = 4;
export const ONE = 5;
export const TWO = 6;
export const T = 7;

/** Results of core 0 (a0, a1) and core 1 (b0, b1), and what the locations hold in the end. */
export interface Outcome {
  readonly a0: number;
  readonly a1: number;
  readonly b0: number;
  readonly b1: number;
  readonly x: number;
  readonly y: number;
}

export interface Litmus {
  readonly name: string;
  readonly code: readonly [(a: Assembler) => void, (a: Assembler) => void];
  /** Outcomes that must not be. */
  readonly forbidden: (o: Outcome) => boolean;
  /** What a weak machine may show: counted, not demanded. */
  readonly relaxed?: (o: Outcome) => boolean;
}

/** Rounds between two meetings: the cores drift apart and together in between. */
const ROUND = 16;
const STRIDE = 128;
const RESULT = 32;

export type Counted = Outcome & { n: number };

/** Runs each test so many times, one after the other; yields how often each outcome of each came. */
export async function runLitmus(tests: readonly Litmus[], engine: EngineMode, times: number): Promise<Counted[][]> {
  const bytes = times * (2 * STRIDE + RESULT);
  const placeOf = (index: number): { x: number; y: number; results: number } => {
    const x = DATA + index * bytes;
    return { x, y: x + times * STRIDE, results: x + 2 * times * STRIDE };
  };
  const program = (a: Assembler, core: number): void => {
    const [left, batch, out] = [10, 11, 12];
    a.movImm(ONE, 1).movImm(TWO, 2);
    tests.forEach((test, index) => {
      const { x, y, results } = placeOf(index);
      const [round, next] = [a.fresh(), a.fresh()];
      a.movImm(X, x).movImm(Y, y);
      a.movImm(out, results + core * 16).movImm(left, times / ROUND);
      a.label(round);
      meet(a);
      a.movImm(batch, ROUND);
      a.label(next).movImm(R0, 0).movImm(R1, 0);
      test.code[core]!(a);
      a.stp(R0, R1, out).addImm(out, out, RESULT).addImm(X, X, STRIDE).addImm(Y, Y, STRIDE);
      a.addImm(batch, batch, -1).cbnz(batch, next);
      a.addImm(left, left, -1).cbnz(left, round);
    });
  };
  const memory = await runTogether(program, engine, tests.length * bytes);
  const at = (address: number): number => Number(memory.getBigUint64(address - DATA, true));
  return tests.map((_, index) => {
    const { x, y, results } = placeOf(index);
    const seen = new Map<string, Counted>();
    for (let i = 0; i < times; i++) {
      const [a0, a1, b0, b1] = [0, 8, 16, 24].map((k) => at(results + i * RESULT + k)) as [
        number,
        number,
        number,
        number,
      ];
      const o: Counted = { a0, a1, b0, b1, x: at(x + i * STRIDE), y: at(y + i * STRIDE), n: 1 };
      const key = [a0, a1, b0, b1, o.x, o.y].join();
      const known = seen.get(key);
      if (known) known.n++;
      else seen.set(key, o);
    }
    return [...seen.values()];
  });
}

/** X or Y plus a zero that depends on a register: the access has to wait for it. */
const dependent = (a: Assembler, base: number, on: number): void => void a.eor(T, on, on).add(T, T, base);

const mp = (o: Outcome): boolean => o.b0 === 1 && o.b1 === 0;
const sb = (o: Outcome): boolean => o.a0 === 0 && o.b0 === 0;
const lb = (o: Outcome): boolean => o.a0 === 1 && o.b0 === 1;
const never = (): boolean => false;
const write = (location: number, value: number) => (a: Assembler) => void a.str(value, location);

export const LITMUS: readonly Litmus[] = [
  {
    name: 'MP',
    code: [(a) => void a.str(ONE, X).str(ONE, Y), (a) => void a.ldr(R0, Y).ldr(R1, X)],
    forbidden: never,
    relaxed: mp,
  },
  {
    name: 'MP+dmbs',
    code: [
      (a) => void a.str(ONE, X).barrier('dmb ish').str(ONE, Y),
      (a) => void a.ldr(R0, Y).barrier('dmb ish').ldr(R1, X),
    ],
    forbidden: mp,
  },
  {
    name: 'MP+dmb.st+dmb.ld',
    code: [
      (a) => void a.str(ONE, X).barrier('dmb ishst').str(ONE, Y),
      (a) => void a.ldr(R0, Y).barrier('dmb ishld').ldr(R1, X),
    ],
    forbidden: mp,
  },
  {
    name: 'MP+stlr+ldar',
    code: [(a) => void a.str(ONE, X).stlr(ONE, Y), (a) => void a.ldar(R0, Y).ldr(R1, X)],
    forbidden: mp,
  },
  {
    name: 'MP+stlr+ldapr',
    code: [(a) => void a.str(ONE, X).stlr(ONE, Y), (a) => void a.ldapr(R0, Y).ldr(R1, X)],
    forbidden: mp,
  },
  {
    name: 'MP+dmb.st+addr',
    code: [
      (a) => void a.str(ONE, X).barrier('dmb ishst').str(ONE, Y),
      (a) => {
        a.ldr(R0, Y);
        dependent(a, X, R0);
        a.ldr(R1, T);
      },
    ],
    forbidden: mp,
  },
  {
    name: 'MP+stlr+ctrlisb',
    code: [
      (a) => void a.str(ONE, X).stlr(ONE, Y),
      (a) => {
        const on = a.fresh();
        a.ldr(R0, Y).cbnz(R0, on).label(on).barrier('isb').ldr(R1, X);
      },
    ],
    forbidden: mp,
  },
  {
    name: 'MP+swpl+ldadda',
    code: [
      (a) => void a.str(ONE, X).atomic('swp', ONE, 31, Y, 8, 'l'),
      (a) => void a.atomic('add', 31, R0, Y, 8, 'a').ldr(R1, X),
    ],
    forbidden: mp,
  },
  {
    name: 'MP+stlxr+ldaxr',
    code: [
      (a) => {
        const again = a.fresh();
        a.str(ONE, X).label(again).ldxr(T, Y).stxr(R1, ONE, Y, 8, true).cbnz(R1, again);
      },
      (a) => void a.ldxr(R0, Y, 8, true).ldr(R1, X),
    ],
    forbidden: mp,
  },
  {
    name: 'SB',
    code: [(a) => void a.str(ONE, X).ldr(R0, Y), (a) => void a.str(ONE, Y).ldr(R0, X)],
    forbidden: never,
    relaxed: sb,
  },
  {
    name: 'SB+dmbs',
    code: [
      (a) => void a.str(ONE, X).barrier('dmb ish').ldr(R0, Y),
      (a) => void a.str(ONE, Y).barrier('dmb ish').ldr(R0, X),
    ],
    forbidden: sb,
  },
  {
    name: 'SB+dsbs',
    code: [
      (a) => void a.str(ONE, X).barrier('dsb sy').ldr(R0, Y),
      (a) => void a.str(ONE, Y).barrier('dsb sy').ldr(R0, X),
    ],
    forbidden: sb,
  },
  {
    name: 'SB+stlr+ldar',
    code: [(a) => void a.stlr(ONE, X).ldar(R0, Y), (a) => void a.stlr(ONE, Y).ldar(R0, X)],
    forbidden: sb,
  },
  {
    name: 'LB',
    code: [(a) => void a.ldr(R0, Y).str(ONE, X), (a) => void a.ldr(R0, X).str(ONE, Y)],
    forbidden: never,
    relaxed: lb,
  },
  {
    name: 'LB+datas',
    code: [
      (a) => void a.ldr(R0, Y).eor(T, R0, R0).addImm(T, T, 1).str(T, X),
      (a) => void a.ldr(R0, X).eor(T, R0, R0).addImm(T, T, 1).str(T, Y),
    ],
    forbidden: lb,
  },
  {
    name: 'LB+addrs',
    code: [
      (a) => {
        a.ldr(R0, Y);
        dependent(a, X, R0);
        a.str(ONE, T);
      },
      (a) => {
        a.ldr(R0, X);
        dependent(a, Y, R0);
        a.str(ONE, T);
      },
    ],
    forbidden: lb,
  },
  {
    name: 'LB+ldar+stlr',
    code: [(a) => void a.ldar(R0, Y).str(ONE, X), (a) => void a.ldr(R0, X).stlr(ONE, Y)],
    forbidden: lb,
  },
  {
    name: 'S+dmb+data',
    code: [
      (a) => void a.str(TWO, X).barrier('dmb ish').str(ONE, Y),
      (a) => void a.ldr(R0, Y).eor(T, R0, R0).addImm(T, T, 1).str(T, X),
    ],
    forbidden: (o) => o.b0 === 1 && o.x === 2,
  },
  {
    name: 'R+dmbs',
    code: [
      (a) => void a.str(ONE, X).barrier('dmb ish').str(ONE, Y),
      (a) => void a.str(TWO, Y).barrier('dmb ish').ldr(R0, X),
    ],
    forbidden: (o) => o.y === 2 && o.b0 === 0,
  },
  {
    name: '2+2W+dmbs',
    code: [
      (a) => void a.str(TWO, X).barrier('dmb ish').str(ONE, Y),
      (a) => void a.str(TWO, Y).barrier('dmb ish').str(ONE, X),
    ],
    forbidden: (o) => o.x === 2 && o.y === 2,
  },
  {
    name: '2+2W+stlrs',
    code: [(a) => void a.stlr(TWO, X).stlr(ONE, Y), (a) => void a.stlr(TWO, Y).stlr(ONE, X)],
    forbidden: (o) => o.x === 2 && o.y === 2,
  },
  {
    name: 'CoRR',
    code: [write(X, ONE), (a) => void a.ldr(R0, X).ldr(R1, X)],
    forbidden: (o) => o.b0 === 1 && o.b1 === 0,
  },
  {
    name: 'CoRW1',
    code: [(a) => void a.ldr(R0, X).str(ONE, X), write(Y, ONE)],
    forbidden: (o) => o.a0 === 1,
  },
  {
    name: 'CoRW2',
    code: [(a) => void a.ldr(R0, X).str(ONE, X), write(X, TWO)],
    forbidden: (o) => o.a0 === 1 || (o.a0 === 2 && o.x === 2),
  },
  {
    name: 'CoWR',
    code: [(a) => void a.str(ONE, X).ldr(R0, X), write(X, TWO)],
    forbidden: (o) => o.a0 === 0 || (o.a0 === 2 && o.x === 1),
  },
  {
    name: 'CoWW',
    code: [(a) => void a.str(ONE, X).str(TWO, X), (a) => void a.ldr(R0, X).ldr(R1, X)],
    forbidden: (o) => o.x === 1 || (o.b0 === 2 && o.b1 !== 2),
  },
];
