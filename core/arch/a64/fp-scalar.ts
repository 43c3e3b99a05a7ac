/** Scalar floating point (C4.1.97): arithmetic on one, two and three sources. */
import { f32, f64, lane, select } from '../../wasm/value.ts';
import {
  arithmeticMode,
  control,
  flushMode,
  fusedMode,
  guarded,
  inexact,
  type ModeOf,
  modeOf,
  native,
  readScalar,
  routine,
  suspect,
  toBits,
  writeScalar,
} from '../float/fast.ts';
import { DOUBLE, HALF, RMODE } from '../float/format.ts';
import { EXACT, ROUND, sizeBits } from '../float/integral.ts';
import { F64, i32, op, type Sem, type Val } from '../semantics.ts';
import { binary, KINDS, needs, regs } from './fp-common.ts';
import { Group } from './pattern.ts';

export const group = new Group('floating point (scalar)', { fp: true });

// Two sources.
interface Binary {
  readonly name: string;
  readonly routine: string;
  readonly mode: (s: Sem) => ModeOf;
  readonly compute: (a: Val, b: Val) => Val;
  readonly bad: (r: Val) => Val;
  readonly inexact?: (a: Val, b: Val) => (r: Val) => Val;
}
const binaries: readonly Binary[] = [
  {
    name: 'FMUL',
    routine: 'fpMul',
    mode: fusedForDouble,
    compute: (a, b) => native('mul', a, b),
    bad: suspect.notNormal,
    inexact: inexact.mul,
  },
  {
    name: 'FDIV',
    routine: 'fpDiv',
    mode: fusedForDouble,
    compute: (a, b) => native('div', a, b),
    bad: suspect.notNormal,
    inexact: inexact.div,
  },
  {
    name: 'FADD',
    routine: 'fpAdd',
    mode: arithmeticMode,
    compute: (a, b) => native('add', a, b),
    bad: suspect.notFinite,
    inexact: inexact.add,
  },
  {
    name: 'FSUB',
    routine: 'fpSub',
    mode: arithmeticMode,
    compute: (a, b) => native('sub', a, b),
    bad: suspect.notFinite,
    inexact: inexact.sub,
  },
  { name: 'FMAX', routine: 'fpMax', mode: flushMode, compute: (a, b) => native('max', a, b), bad: suspect.nan },
  { name: 'FMIN', routine: 'fpMin', mode: flushMode, compute: (a, b) => native('min', a, b), bad: suspect.nan },
  { name: 'FMAXNM', routine: 'fpMaxNum', mode: flushMode, compute: (a, b) => native('max', a, b), bad: suspect.nan },
  { name: 'FMINNM', routine: 'fpMinNum', mode: flushMode, compute: (a, b) => native('min', a, b), bad: suspect.nan },
  {
    name: 'FNMUL',
    routine: 'fpNMul',
    mode: fusedForDouble,
    compute: (a, b) => native('neg', native('mul', a, b)),
    bad: suspect.notNormal,
    inexact: (a, b) => (r) => inexact.mul(native('neg', a), b)(r),
  },
];
/** Exactness of products and quotients is found out with a fused operation. */
function fusedForDouble(s: Sem): ModeOf {
  const mode = arithmeticMode(s);
  return mode.way === 'exact' ? fusedMode(mode) : mode;
}

for (const k of KINDS) {
  binaries.forEach((b, opcode) => {
    group.insn(`${b.name} (scalar)`, `00011110 ${k.type} 1 Vm ${binary(opcode, 4)} 10 Vn Vd:w`, {
      ...needs(k),
      asm: `${b.name.toLowerCase()} ${regs(k.letter, 'd n m')}`,
      run: (s) => {
        const x = readScalar(s, k.format, 'Vn');
        const y = readScalar(s, k.format, 'Vm');
        const slow = (): Val => routine(s, b.routine, k.format, x, y);
        if (k.format === HALF) writeScalar(s, HALF, 'Vd', slow());
        else {
          const parts = { compute: () => b.compute(x, y), bad: b.bad, slow };
          writeScalar(
            s,
            k.format,
            'Vd',
            guarded(b.mode(s), b.inexact ? { ...parts, inexact: b.inexact(x, y) } : parts),
          );
        }
      },
    });
  });
}

// Three sources: the addend and the product negated or not.
for (const k of KINDS) {
  for (const [name, o1, o0, negateAddend, negateProduct] of [
    ['FMADD', 0, 0, false, false],
    ['FMSUB', 0, 1, false, true],
    ['FNMADD', 1, 0, true, true],
    ['FNMSUB', 1, 1, true, false],
  ] as const) {
    group.insn(name, `00011111 ${k.type} ${o1} Vm ${o0} Va Vn Vd:w`, {
      ...needs(k),
      asm: `${name.toLowerCase()} ${regs(k.letter, 'd n m a')}`,
      run: (s) => {
        const f = k.format;
        const sign = (v: Val, negate: boolean): Val => (negate ? toBits(v).xor(f.sign) : toBits(v));
        const [n, m, a] = ['Vn', 'Vm', 'Va'].map((field) => readScalar(s, f, field)) as [Val, Val, Val];
        const slow = (): Val => routine(s, 'fpMulAdd', f, sign(a, negateAddend), sign(n, negateProduct), m);
        if (f === HALF) {
          writeScalar(s, f, 'Vd', slow());
          return;
        }
        const lanes = f === DOUBLE ? 'f64x2' : 'f32x4';
        const compute = (): Val => {
          // The upper lanes come along; nobody looks at them.
          const addend = negateAddend ? op(`${lanes}.neg`, s.v('Va')) : s.v('Va');
          const which = negateProduct ? 'relaxed_nmadd' : 'relaxed_madd';
          return lane(`${lanes}.extract_lane`, op(`${lanes}.${which}`, s.v('Vn'), s.v('Vm'), addend), 0);
        };
        const minus = (v: Val, negate: boolean): Val => (negate ? native('neg', v) : v);
        const exact = (r: Val): Val => inexact.mulAdd(minus(a, negateAddend), minus(n, negateProduct), m)(r);
        const parts = { compute, bad: suspect.notNormal, inexact: exact, slow };
        writeScalar(s, f, 'Vd', guarded(fusedMode(arithmeticMode(s)), parts));
      },
    });
  }
}

// One source.
for (const k of KINDS) {
  const f = k.format;
  const one = (name: string, opcode: number, run: (s: Sem, x: Val) => Val, ...features: string[]): void => {
    group.insn(`${name} (scalar)`, `00011110 ${k.type} 1 ${binary(opcode, 6)} 10000 Vn Vd:w`, {
      ...needs(k, ...features),
      asm: `${name.toLowerCase().replace(/ .*/, '')} ${regs(k.letter, 'd n')}`,
      run: (s) => writeScalar(s, f, 'Vd', run(s, readScalar(s, f, 'Vn'))),
    });
  };
  one('FMOV (register)', 0, (_s, x) => x);
  one('FABS', 1, (_s, x) => (f === HALF ? x.and(f.abs) : native('abs', x)));
  one('FNEG', 2, (_s, x) => (f === HALF ? x.xor(f.sign) : native('neg', x)));
  one('FSQRT', 3, (s, x) => {
    const slow = (): Val => routine(s, 'fpSqrt', f, x);
    if (f === HALF) return slow();
    const parts = { compute: () => native('sqrt', x), bad: suspect.notFinite, inexact: inexact.sqrt(x), slow };
    return guarded(fusedForDouble(s), parts);
  });
  for (const [name, opcode, mode] of [
    ['FRINTN', 8, ROUND.nearest],
    ['FRINTP', 9, ROUND.up],
    ['FRINTM', 10, ROUND.down],
    ['FRINTZ', 11, ROUND.zero],
    ['FRINTA', 12, ROUND.away],
    ['FRINTX', 14, -1],
    ['FRINTI', 15, -1],
  ] as const) {
    one(name, opcode, (s, x) => {
      const how = (): Val => {
        const rounding = mode < 0 ? control(s).bits(RMODE, 2) : i32(mode);
        return opcode === 14 ? rounding.or(EXACT) : rounding;
      };
      const slow = (): Val => routine(s, 'fpRoundInt', f, x, how());
      if (f === HALF) return slow();
      const ways = modeOf(s, { rounding: mode < 0, inexact: opcode === 14 });
      const compute = (): Val => roundNatively(x, mode < 0 ? ROUND.nearest : mode);
      return guarded(ways, { compute, bad: suspect.nan, inexact: (r) => native('ne', r, x), slow });
    });
  }
  if (f !== HALF) {
    for (const [name, opcode, size, exact] of [
      ['FRINT32Z', 16, 32, false],
      ['FRINT32X', 17, 32, true],
      ['FRINT64Z', 18, 64, false],
      ['FRINT64X', 19, 64, true],
    ] as const) {
      const run = (s: Sem, x: Val): Val => {
        const how = exact ? control(s).bits(RMODE, 2) : i32(ROUND.zero);
        return routine(s, 'fpRoundIntN', f, x, how.or(sizeBits(size)));
      };
      one(name, opcode, run, 'FRINTTS');
    }
  }
}
/** Rounds to an integral value with what WebAssembly has. */
export function roundNatively(x: Val, mode: number): Val {
  switch (mode) {
    case ROUND.nearest:
      return native('nearest', x);
    case ROUND.up:
      return native('ceil', x);
    case ROUND.down:
      return native('floor', x);
    case ROUND.zero:
      return native('trunc', x);
    default: {
      // Ties away: what is cut off is exact; one more when it is a half or above.
      const t = native('trunc', x);
      const constant = (v: number): Val => (x.ty === F64 ? f64(v) : f32(v));
      const one = constant(1);
      const rest = native('abs', native('sub', x, t));
      const more = native('ge', rest, constant(0.5));
      return select(more, native('add', t, native('copysign', one, x)), t);
    }
  }
}
