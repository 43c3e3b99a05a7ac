/** The operations, on any shape: native with a guard, or the routine. */
import { lane } from '../../wasm/value.ts';
import { i32, op, type Sem, type Val } from '../semantics.ts';
import { arithmeticMode, control, flushMode, fusedMode, guarded, type ModeOf, modeOf, residueMode } from './fast.ts';
import { DOUBLE, RMODE } from './format.ts';
import { EXACT, ROUND } from './integral.ts';
import { denormal, inexact, isNan, maybeNan, notFinite, notNormal } from './judge.ts';
import type { Shape } from './shape.ts';

export type Binary = (s: Sem, o: Shape, a: Val, b: Val) => Val;
export type Unary = (s: Sem, o: Shape, a: Val) => Val;

type Judge = (o: Shape, r: Val) => Val;
type Exactness = (o: Shape, a: Val, b: Val, r: Val) => Val;
function binary(
  routine: string,
  mode: (s: Sem) => ModeOf,
  compute: (o: Shape, a: Val, b: Val) => Val,
  bad: Judge,
  lost?: Exactness,
): Binary {
  return (s, o, a, b) => {
    const slow = (): Val => o.routine(s, routine, a, b);
    if (o.soft) return slow();
    return guarded({
      mode: mode(s),
      compute: () => compute(o, a, b),
      bad: (r) => bad(o, r),
      inexact: lost ? (r) => lost(o, a, b, r) : undefined,
      // What rounds may give a denormal result; minimum and maximum give an operand.
      flushed: (r) => denormal(o, a, b).or(bad === isNan ? isNan(o, r) : notNormal(o, r)),
      slow,
    });
  };
}
const plain =
  (name: string) =>
  (o: Shape, a: Val, b: Val): Val =>
    o.op(name, a, b);

export const add = binary('fpAdd', arithmeticMode, plain('add'), notFinite, inexact.add);
export const sub = binary('fpSub', arithmeticMode, plain('sub'), notFinite, inexact.sub);
export const mul = binary('fpMul', residueMode, plain('mul'), notNormal, inexact.mul);
export const mulX = binary('fpMulX', residueMode, plain('mul'), notNormal, inexact.mul);
export const div = binary('fpDiv', residueMode, plain('div'), notNormal, inexact.div);
export const max = binary('fpMax', flushMode, plain('max'), isNan);
export const min = binary('fpMin', flushMode, plain('min'), isNan);
export const maxNum = binary('fpMaxNum', flushMode, plain('max'), isNan);
export const minNum = binary('fpMinNum', flushMode, plain('min'), isNan);
export const negatedMul = binary(
  'fpNMul',
  residueMode,
  (o, a, b) => o.op('neg', o.op('mul', a, b)),
  notNormal,
  (o, a, b, r) => inexact.mul(o, o.op('neg', a), b, r),
);
export const absoluteDifference = binary(
  'fpAbd',
  arithmeticMode,
  (o, a, b) => o.op('abs', o.op('sub', a, b)),
  notFinite,
  // The difference has the same error but for its sign, which the magnitude has lost.
  (o, a, b) => inexact.sub(o, a, b, o.op('sub', a, b)),
);
/** 2 − a × b. */
export const recipStep = binary('fpRecpS', fusedMode, (o, a, b) => o.fused(true, a, b, o.num(2)), notNormal);
/** (3 − a × b) ÷ 2: halving is exact where the result is normal. */
export const rsqrtStep = binary(
  'fpRSqrtS',
  fusedMode,
  (o, a, b) => o.op('mul', o.fused(true, a, b, o.num(3)), o.num(0.5)),
  notNormal,
);

/**
 * ± n × m ± a with one rounding. `wide` has the operands as whole registers where that saves moving scalars about: nobody
 * looks at the upper lanes.
 */
export function mulAdd(
  s: Sem,
  o: Shape,
  [a, n, m]: readonly [Val, Val, Val],
  negate: { readonly addend?: boolean; readonly product?: boolean } = {},
  wide: readonly [Val, Val, Val] | null = null,
): Val {
  const signed = (v: Val, negative: boolean | undefined): Val => (negative ? o.neg(v) : v);
  const slow = (): Val => o.routine(s, 'fpMulAdd', signed(a, negate.addend), signed(n, negate.product), m);
  if (o.soft) return slow();
  const compute = (): Val => {
    if (!wide) return o.fused(negate.product ?? false, n, m, signed(a, negate.addend));
    const lanes = o.f === DOUBLE ? 'f64x2' : 'f32x4';
    const addend = negate.addend ? op(`${lanes}.neg`, wide[0]) : wide[0];
    const name = `${lanes}.relaxed_${negate.product ? 'nmadd' : 'madd'}`;
    return lane(`${lanes}.extract_lane`, op(name, wide[1], wide[2], addend), 0);
  };
  return guarded({
    mode: fusedMode(s),
    compute,
    bad: (r) => notNormal(o, r),
    inexact: (r) => inexact.mulAdd(o, negate.product ?? false, signed(a, negate.addend), n, m, r),
    flushed: (r) => denormal(o, a, n, m).or(notNormal(o, r)),
    slow,
  });
}

export const sqrt: Unary = (s, o, a) => {
  const slow = (): Val => o.routine(s, 'fpSqrt', a);
  if (o.soft) return slow();
  return guarded({
    mode: residueMode(s),
    compute: () => o.op('sqrt', a),
    bad: (r) => notFinite(o, r),
    inexact: (r) => inexact.sqrt(o, a, r),
    flushed: (r) => denormal(o, a).or(notFinite(o, r)),
    slow,
  });
};

/** Comparisons that give masks. */
function comparison(routine: string, relation: string, absolute: boolean): Binary {
  return (s, o, a, b) => {
    const slow = (): Val => o.routine(s, routine, a, b);
    if (o.soft || o.scalar) return slow();
    const [x, y] = absolute ? [o.abs(a), o.abs(b)] : [a, b];
    const compute = (): Val => o.op(relation, x, y);
    const bad = (): Val => maybeNan(o, a, b);
    return guarded({ mode: flushMode(s), compute, bad, flushed: () => denormal(o, a, b).or(bad()), slow });
  };
}
export const cmEq = comparison('fpCmEq', 'eq', false);
export const cmGe = comparison('fpCmGe', 'ge', false);
export const cmGt = comparison('fpCmGt', 'gt', false);
export const acGe = comparison('fpAcGe', 'ge', true);
export const acGt = comparison('fpAcGt', 'gt', true);

/** Rounding of an instruction: one of ROUND, or what FPCR says; then perhaps with Inexact. */
export type Rounding = number | 'current';

/** Rounds to an integral value with what WebAssembly has. */
export function integral(o: Shape, a: Val, mode: number): Val {
  switch (mode) {
    case ROUND.nearest:
      return o.op('nearest', a);
    case ROUND.up:
      return o.op('ceil', a);
    case ROUND.down:
      return o.op('floor', a);
    case ROUND.zero:
      return o.op('trunc', a);
    default: {
      // Ties away: what is cut off is exact; one more when it is a half or above.
      const t = o.op('trunc', a);
      const cut = o.op('sub', a, t);
      const more = o.op('ge', o.abs(cut), o.num(0.5));
      // Twice the part cut off is 1 to 2, of the right sign: cut down again it is one.
      return o.choose(more, o.op('add', t, o.op('trunc', o.op('add', cut, cut))), t);
    }
  }
}
export function roundToIntegral(s: Sem, o: Shape, a: Val, rounding: Rounding, exact: boolean): Val {
  const how = (): Val => {
    const mode = rounding === 'current' ? control(s).bits(RMODE, 2) : i32(rounding);
    return exact ? mode.or(EXACT) : mode;
  };
  const slow = (): Val => o.routine(s, 'fpRoundInt', a, how());
  if (o.soft) return slow();
  return guarded({
    mode: modeOf(s, { rounding: rounding === 'current', inexact: exact }),
    compute: () => integral(o, a, rounding === 'current' ? ROUND.nearest : rounding),
    bad: (r) => isNan(o, r),
    inexact: (r) => o.any(o.op('ne', r, a)),
    flushed: (r) => denormal(o, a).or(isNan(o, r)),
    slow,
  });
}
