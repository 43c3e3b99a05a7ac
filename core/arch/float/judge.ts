/**
 * Judging native results by integer and floating-point tests: is it certainly the architecture's result, and is it exact?
 * (Knuth's two-sum; Dekker's product, quotient and root by the residue of a fused operation.)
 */

import { i32, v128 } from '../../wasm/value.ts';
import { op, type Val } from '../semantics.ts';
import { DOUBLE, SINGLE } from './format.ts';
import type { Shape } from './shape.ts';

/** A NaN or an infinity: r − r is +0 for what is finite, a NaN otherwise. */
export function notFinite(o: Shape, r: Val): Val {
  const d = o.op('sub', r, r);
  if (!o.scalar) return o.any(d);
  return o.f === DOUBLE ? op('i64.reinterpret_f64', d).ne(0) : op('i32.reinterpret_f32', d);
}

/** Anything but a number well above the smallest normal one: exponent fields 2 to all ones − 1 pass. */
export function notNormal(o: Shape, r: Val): Val {
  const { f } = o;
  const top = 2 ** f.exp - 1;
  if (o.scalar) {
    // The exponent field at the top of 32 bits.
    const x = f === DOUBLE ? op('i64.reinterpret_f64', r).shrU(31).lo32() : op('i32.reinterpret_f32', r).shl(1);
    const unit = 2 ** (32 - f.exp);
    return x.sub(2 * unit).geU((top - 2) * unit);
  }
  return o.any(abnormal(o, r));
}
/** The same as a mask for vectors: a signed comparison, all in units of the exponent field without the sign above it. */
export function abnormal({ f }: Shape, r: Val): Val {
  const lanes = f === DOUBLE ? 'i64x2' : 'i32x4';
  const unit = 1n << BigInt(f.frac + 1);
  const top = (1n << BigInt(f.exp)) - 1n;
  const x = op(`${lanes}.shl`, r, ONE);
  const moved = op(`${lanes}.add`, x, splat(f.bits, f.sign - 2n * unit));
  return op(`${lanes}.gt_s`, moved, splat(f.bits, (top - 2n) * unit - f.sign - 1n));
}
const ONE = i32(1);
function splat(bits: number, v: bigint): Val {
  const x = BigInt.asUintN(bits, v);
  return v128(bits === 64 ? x : x | (x << 32n));
}

export const isNan = (o: Shape, r: Val): Val => o.any(o.op('ne', r, r));
/** Is either operand a NaN, perhaps? Opposed infinities are taken for one. */
export const maybeNan = (o: Shape, a: Val, b: Val): Val => isNan(o, o.op('add', a, b));

/** Is one of them denormal? */
export function denormal(o: Shape, ...xs: Val[]): Val {
  const one = (x: Val): Val => {
    const small = o.op('lt', o.op('abs', x), o.num(2 ** (1 - o.f.bias)));
    return o.both(small, o.op('ne', x, o.num(0)));
  };
  return o.any(xs.map(one).reduce((a, b) => o.either(a, b)));
}

/** Knuth's two-sum: the error of r = a + b. */
function sumError(o: Shape, a: Val, b: Val, r: Val): Val {
  const bb = o.op('sub', r, a);
  return o.op('add', o.op('sub', a, o.op('sub', r, bb)), o.op('sub', b, bb));
}
const nonZero = (o: Shape, v: Val): Val => o.op('ne', v, o.num(0));
/** So small that residues may not be representable. */
const tiny = (o: Shape, v: Val): Val => o.op('lt', o.op('abs', v), o.num(o.f === SINGLE ? 2 ** -75 : 2 ** -900));

/** i32, non-zero when r is not the exact result, or may not be; r has passed `notFinite` or `notNormal`. */
export const inexact = {
  add: (o: Shape, a: Val, b: Val, r: Val): Val => o.any(nonZero(o, sumError(o, a, b, r))),
  sub: (o: Shape, a: Val, b: Val, r: Val): Val => o.any(nonZero(o, sumError(o, a, o.op('neg', b), r))),
  mul: (o: Shape, a: Val, b: Val, r: Val): Val => {
    const residue = o.fused(false, a, b, o.op('neg', r));
    return o.any(o.either(nonZero(o, residue), tiny(o, r)));
  },
  div: (o: Shape, a: Val, b: Val, r: Val): Val => {
    const residue = o.fused(false, r, b, o.op('neg', a));
    return o.any(o.either(nonZero(o, residue), o.either(tiny(o, a), tiny(o, r))));
  },
  sqrt: (o: Shape, a: Val, r: Val): Val => {
    const residue = o.fused(false, r, r, o.op('neg', a));
    return o.any(o.either(nonZero(o, residue), tiny(o, a)));
  },
  /** r = c ± a × b: known to be exact when both the product and the sum are. */
  mulAdd: (o: Shape, negated: boolean, c: Val, a: Val, b: Val, r: Val): Val => {
    const product = o.op('mul', negated ? o.op('neg', a) : a, b);
    const residue = o.fused(negated, a, b, o.op('neg', product));
    const unsure = o.both(tiny(o, product), o.both(nonZero(o, a), nonZero(o, b)));
    const lost = nonZero(o, sumError(o, product, c, r));
    return o.any(o.either(o.either(nonZero(o, residue), unsure), lost));
  },
} as const;
