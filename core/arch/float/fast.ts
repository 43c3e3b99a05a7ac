/**
 * Native arithmetic where it is exact, the routines where it may not be.
 *
 * With FPCR's default rounding, no flushing, and FPSR.IXC set already, WebAssembly's result is the architecture's unless it
 * is a NaN, or raises a flag; a cheap test of the result tells. While IXC is still clear, error-free transformations tell in
 * addition whether the result is exact (Møller, Knuth; Dekker's product by a fused operation).
 */

import { f32, f64, lane } from '../../wasm/value.ts';
import { unlikely, variable } from '../control.ts';
import { F32, F64, I64, i64, op, type Sem, type Val } from '../semantics.ts';
import * as state from '../state.ts';
import { DOUBLE, type Format, SINGLE } from './format.ts';
import { relaxedMaddFuses } from './fused.ts';

/** How natively computed results are judged. */
export type Way = 'fast' | 'exact' | 'slow';

/** Fields of the mode word that decide, as one field: rounding, FZ, (DN, FZ16, AH,) inexactWanted. */
const FP_MODE = [state.MODE_FIELD.rounding[0], 7] as const;
const MODE_BIT = { rounding: 0b11, fz: 0b100, inexact: 0b1000000 } as const;

/**
 * What the mode asks of an operation. In compiled code a plain answer; in the interpreter there is also a value to test.
 * `exact`: only exact results may be kept.
 */
export interface ModeOf {
  readonly way: Way;
  /** Interpreter: non-zero when the routine must be called whatever the result. */
  readonly test: Val | null;
}
/** For operations that round, or not; and that may be inexact, or not. Flushing matters to all. */
export function modeOf(s: Sem, matters: { readonly rounding: boolean; readonly inexact: boolean }): ModeOf {
  if (s.interpreting) {
    const bits = MODE_BIT.fz | (matters.rounding ? MODE_BIT.rounding : 0) | (matters.inexact ? MODE_BIT.inexact : 0);
    return { way: 'fast', test: s.mode(FP_MODE).and(bits) };
  }
  const set = (field: readonly [number, number]): boolean => Number(s.mode(field).k) !== 0;
  if (set(state.MODE_FIELD.fz) || (matters.rounding && set(state.MODE_FIELD.rounding)))
    return { way: 'slow', test: null };
  return { way: matters.inexact && set(state.MODE_FIELD.inexactWanted) ? 'exact' : 'fast', test: null };
}
/** Arithmetic: rounds, may be inexact. */
export const arithmeticMode = (s: Sem): ModeOf => modeOf(s, { rounding: true, inexact: true });
/** Comparison, maximum and the like: only flushing matters. */
export const flushMode = (s: Sem): ModeOf => modeOf(s, { rounding: false, inexact: false });

/** FPCR as the routines' control word. */
export const control = (s: Sem): Val => s.state('i32', state.FPCR);

// Scalars: f32 or f64 values; half precision as i64 bits.
export function readScalar(s: Sem, f: Format, field: string): Val {
  if (f === DOUBLE) return s.d(field);
  if (f === SINGLE) return s.s(field);
  return lane('i16x8.extract_lane_u', s.v(field), 0).zext64();
}
export function writeScalar(s: Sem, f: Format, field: string, v: Val): void {
  if (f === DOUBLE) s.setD(field, v);
  else if (f === SINGLE) s.setS(field, v);
  else s.setV(field, lane('i64x2.replace_lane', op('i64x2.splat', i64(0)), 0, v));
}
/** The bits of a scalar value, as the routines want them. */
export function toBits(v: Val): Val {
  if (v.ty === F64) return op('i64.reinterpret_f64', v);
  if (v.ty === F32) return op('i32.reinterpret_f32', v).zext64();
  return v;
}
export function fromBits(f: Format, bits: Val): Val {
  if (f === DOUBLE) return op('f64.reinterpret_i64', bits);
  if (f === SINGLE) return op('f32.reinterpret_i32', bits.lo32());
  return bits;
}
export const typeOf = (f: Format): typeof F32 | typeof F64 | typeof I64 =>
  f === DOUBLE ? F64 : f === SINGLE ? F32 : I64;
export const nativePrefix = (f: Format): 'f64' | 'f32' => (f === DOUBLE ? 'f64' : 'f32');
/** A native operation on scalars of one type: `native('add', a, b)`. */
export const native = (name: string, a: Val, b?: Val): Val =>
  op(`${a.ty === F64 ? 'f64' : 'f32'}.${name}`, a, b ?? null);

/** Tests of a result; i32, non-zero when it needs the routine. */
export const suspect = {
  /** NaN or infinity. */
  notFinite: (r: Val): Val => {
    // r − r is +0 for what is finite, NaN otherwise.
    const d = native('sub', r, r);
    return r.ty === F64 ? op('i64.reinterpret_f64', d).ne(0) : op('i32.reinterpret_f32', d);
  },
  /** Anything but a number well above the smallest normal one. */
  notNormal: (r: Val): Val => {
    const shifted = r.ty === F64 ? op('i64.reinterpret_f64', r).shrU(31).lo32() : op('i32.reinterpret_f32', r).shl(1);
    // Exponent fields 2 … all ones − 1 pass.
    const unit = r.ty === F64 ? 2 ** 21 : 2 ** 24;
    const top = r.ty === F64 ? 2047 : 255;
    return shifted.sub(2 * unit).geU((top - 2) * unit);
  },
  nan: (r: Val): Val => native('ne', r, r),
} as const;

/**
 * A scalar operation: `compute` gives the native result, `bad` tells whether it needs the routine, `inexact` whether it is
 * inexact, or may be. `slow` calls the routine and yields a value of the same type.
 */
export function guarded(
  mode: ModeOf,
  parts: {
    readonly compute: () => Val;
    readonly bad: ((r: Val) => Val) | null;
    readonly inexact?: (r: Val) => Val;
    readonly slow: () => Val;
  },
): Val {
  if (mode.way === 'slow') return parts.slow();
  const value = parts.compute();
  let test = parts.bad ? parts.bad(value) : null;
  const also = (t: Val): void => {
    test = test ? test.or(t) : t;
  };
  if (mode.way === 'exact') {
    if (!parts.inexact) return parts.slow();
    also(parts.inexact(value));
  }
  if (mode.test) also(mode.test);
  if (!test) return value;
  const r = variable(value.ty, value);
  unlikely(test, () => r.set(parts.slow()));
  return r.get();
}

/** Calls a scalar routine on values, for a value. */
export function routine(s: Sem, name: string, f: Format, ...args: Val[]): Val {
  return fromBits(
    f,
    s.helper(`${name}.${f.name}`, s.cpu, control(s), ...args.map((v) => (v.ty === 0x7f ? v : toBits(v)))),
  );
}

// Error-free transformations: i32, non-zero when the native result is not exact, or may not be.
const differs = (a: Val, b: Val): Val => native('ne', a, b);
/** Knuth's two-sum: the error of r = a + b. */
export function sumError(a: Val, b: Val, r: Val): Val {
  const bb = native('sub', r, a);
  return native('add', native('sub', a, native('sub', r, bb)), native('sub', b, bb));
}
const zeroOf = (v: Val): Val => (v.ty === F64 ? f64(0) : f32(0));
const promote = (v: Val): Val => op('f64.promote_f32', v);

export const inexact = {
  add: (a: Val, b: Val) => (r: Val) => differs(sumError(a, b, r), zeroOf(r)),
  sub: (a: Val, b: Val) => (r: Val) => differs(sumError(a, native('neg', b), r), zeroOf(r)),
  /** r was found normal and not tiny: the residual is representable, but when the result is near the bottom. */
  mul:
    (a: Val, b: Val) =>
    (r: Val): Val => {
      if (r.ty === F32) return differs(op('f64.mul', promote(a), promote(b)), promote(r));
      return differs(madd(a, b, native('neg', r)), zeroOf(r)).or(small(r));
    },
  div:
    (a: Val, b: Val) =>
    (r: Val): Val => {
      if (r.ty === F32) return differs(op('f64.mul', promote(r), promote(b)), promote(a));
      return differs(madd(r, b, native('neg', a)), zeroOf(r))
        .or(small(a))
        .or(small(r));
    },
  sqrt:
    (a: Val) =>
    (r: Val): Val => {
      if (r.ty === F32) return differs(op('f64.mul', promote(r), promote(r)), promote(a));
      return differs(madd(r, r, native('neg', a)), zeroOf(r)).or(small(a));
    },
  /** r = c + a × b: exact when the product is and the sum is; otherwise who knows. */
  mulAdd:
    (c: Val, a: Val, b: Val) =>
    (r: Val): Val => {
      if (r.ty === F32) {
        const p = op('f64.mul', promote(a), promote(b));
        const wide = promote(c);
        const sum = op('f64.add', p, wide);
        return differs(sumError(p, wide, sum), f64(0)).or(differs(sum, promote(r)));
      }
      const p = native('mul', a, b);
      const lost = differs(madd(a, b, native('neg', p)), f64(0));
      return lost.or(small(p).and(nonZero(a)).and(nonZero(b))).or(differs(sumError(p, c, r), f64(0)));
    },
} as const;
/** Below this, residuals may not be representable. */
const small = (v: Val): Val => op('f64.lt', op('f64.abs', v), f64(2 ** -900));
const nonZero = (v: Val): Val => op('f64.ne', v, f64(0));

/** a × b + c, fused: only where `relaxedMaddFuses`. */
export function madd(a: Val, b: Val, c: Val): Val {
  const lanes = a.ty === F64 ? 'f64x2' : 'f32x4';
  const splat = (v: Val): Val => op(`${lanes}.splat`, v);
  return lane(`${lanes}.extract_lane`, op(`${lanes}.relaxed_madd`, splat(a), splat(b), splat(c)), 0);
}
/** Without a fused operation of the host, what needs one goes the slow way. */
export function fusedMode(mode: ModeOf): ModeOf {
  return relaxedMaddFuses() ? mode : { way: 'slow', test: null };
}
