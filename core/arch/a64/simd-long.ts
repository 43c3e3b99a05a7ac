/** Operations that yield elements twice as wide as their sources; shared by "three different" and "by element" forms. */
import type { Val } from '../semantics.ts';
import { and, bitsOf, each, or, shift, v2, xor, zero } from './simd-common.ts';
import { difference, widen, widenMultiply } from './simd-lanes.ts';
import { addSaturating, type Saturated, subSaturating } from './simd-saturate.ts';

/** `size` is that of the sources, `high` says that their upper halves are meant; `d` is the wide accumulator. */
export type Long = (size: number, high: boolean, n: Val, m: Val, d: () => Val) => Saturated;

const exact = (value: Val): Saturated => ({ value, over: zero() });
const arithmetic = (name: 'add' | 'sub', signed: boolean): Long => {
  return (z, high, n, m) => exact(v2(name, z + 1, widen(z, signed, n, high), widen(z, signed, m, high)));
};
export const addLong = (signed: boolean): Long => arithmetic('add', signed);
export const subLong = (signed: boolean): Long => arithmetic('sub', signed);
export const differenceLong =
  (signed: boolean, accumulate: boolean): Long =>
  (z, high, n, m, d) => {
    const wide = widen(z, false, difference(z, signed, n, m), high);
    return exact(accumulate ? v2('add', z + 1, d(), wide) : wide);
  };
export const multiplyLong =
  (signed: boolean, accumulate: 'add' | 'sub' | null): Long =>
  (z, high, n, m, d) => {
    const product = widenMultiply(z, signed, n, m, high);
    return exact(accumulate ? v2(accumulate, z + 1, d(), product) : product);
  };
/** Twice the product; only that of the two minima does not fit. */
export const doublingLong =
  (accumulate: 'add' | 'sub' | null): Long =>
  (z, high, n, m, d) => {
    const product = widenMultiply(z, true, n, m, high);
    const over = v2('eq', z + 1, product, each(z + 1, 1n << BigInt(2 * bitsOf(z) - 2)));
    const value = xor(v2('add', z + 1, product, product), over);
    if (!accumulate) return { value, over };
    const sum = (accumulate === 'add' ? addSaturating : subSaturating)(z + 1, true, d(), value);
    return { value: sum.value, over: or(over, sum.over) };
  };
/** Products of polynomials over {0, 1} of 8 bits. */
export const polynomialLong: Long = (z, high, n, m) => {
  const a = widen(z, false, n, high);
  const b = widen(z, false, m, high);
  let sum: Val | null = null;
  for (let bit = 0; bit < 8; bit++) {
    // All ones where this bit of b is set.
    const mask = shift('shr_s', 1, shift('shl', 1, b, 15 - bit), 15);
    const term = and(shift('shl', 1, a, bit), mask);
    sum = sum ? xor(sum, term) : term;
  }
  return exact(sum!);
};
