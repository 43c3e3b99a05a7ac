/** Saturating element-wise arithmetic: each yields the value, and a mask that is all zero when nothing saturated (FPSR.QC). */
import type { Val } from '../semantics.ts';
import {
  and,
  andNot,
  bitSelect,
  bitsOf,
  each,
  iota,
  not,
  or,
  permute,
  shift,
  signBits,
  v1,
  v2,
  xor,
  zero,
} from './simd-common.ts';
import { greater, maximum, minimum, narrowOrder } from './simd-lanes.ts';

export interface Saturated {
  readonly value: Val;
  readonly over: Val;
}
/** The limit with the sign of what overflowed the other way: a negative wrapped sum stands for the maximum. */
const limitOfWrapped = (size: number, wrapped: Val): Val =>
  xor(shift('shr_s', size, wrapped, bitsOf(size) - 1), signBits(size));
const negative = (size: number, v: Val): Val => v2('lt_s', size, v, zero());

export function addSaturating(size: number, signed: boolean, a: Val, b: Val): Saturated {
  const sum = v2('add', size, a, b);
  if (size < 2) {
    const value = v2(signed ? 'add_sat_s' : 'add_sat_u', size, a, b);
    return { value, over: xor(value, sum) };
  }
  if (signed) {
    const over = negative(size, and(xor(a, sum), xor(b, sum)));
    return { value: bitSelect(limitOfWrapped(size, sum), sum, over), over };
  }
  const over = greater(size, false, a, sum);
  return { value: or(sum, over), over };
}
export function subSaturating(size: number, signed: boolean, a: Val, b: Val): Saturated {
  const difference = v2('sub', size, a, b);
  if (size < 2) {
    const value = v2(signed ? 'sub_sat_s' : 'sub_sat_u', size, a, b);
    return { value, over: xor(value, difference) };
  }
  if (signed) {
    const over = negative(size, and(xor(a, b), xor(a, difference)));
    return { value: bitSelect(limitOfWrapped(size, difference), difference, over), over };
  }
  const over = greater(size, false, b, a);
  return { value: andNot(difference, over), over };
}
/** Signed `d` plus unsigned `n`, to signed (SUQADD). */
export function addUnsignedToSigned(size: number, d: Val, n: Val): Saturated {
  const sum = v2('add', size, d, n);
  const over = greater(size, true, d, sum);
  return { value: bitSelect(not(signBits(size)), sum, over), over };
}
/** Unsigned `d` plus signed `n`, to unsigned (USQADD). */
export function addSignedToUnsigned(size: number, d: Val, n: Val): Saturated {
  const sum = v2('add', size, d, n);
  const down = negative(size, n);
  const over = bitSelect(greater(size, false, sum, d), greater(size, false, d, sum), down);
  return { value: bitSelect(not(down), sum, over), over };
}
/** Absolute value or negation, of which only that of the minimum overflows. */
export function oppositeSaturating(name: 'abs' | 'neg', size: number, v: Val): Saturated {
  const over = v2('eq', size, v, signBits(size));
  return { value: v2('add', size, v1(name, size, v), over), over };
}

/** Kinds of narrowing: from signed to signed, unsigned to unsigned, signed to unsigned. */
export type Narrowing = 'ss' | 'uu' | 'su';
/** Elements of `size + 1` bounded by the range of `size`, still wide. */
export function boundToNarrow(size: number, kind: Narrowing, v: Val): Saturated {
  const wide = size + 1;
  const w = BigInt(bitsOf(size));
  const [low, high] = kind === 'ss' ? [-(1n << (w - 1n)), (1n << (w - 1n)) - 1n] : [0n, (1n << w) - 1n];
  const signed = kind !== 'uu';
  const top = minimum(wide, signed, v, each(wide, high));
  const value = signed ? maximum(wide, true, top, each(wide, low)) : top;
  return { value, over: xor(value, v) };
}
/** The lower halves of elements of `size + 1`, in the lower half of the register, the upper one clear. */
export function narrow(size: number, v: Val): Val {
  return permute(v, [...narrowOrder(size), ...iota(8).map(() => -1)]);
}

/** Saturating shift left by a fixed amount below the width; `kind` as for narrowing. */
export function shiftLeftSaturating(size: number, kind: Narrowing, v: Val, n: Val): Saturated {
  const left = shift('shl', size, v, n);
  if (kind === 'su') {
    const below = negative(size, v);
    const lost = not(v2('eq', size, shift('shr_u', size, left, n), v));
    const over = or(below, lost);
    return { value: andNot(or(left, over), below), over };
  }
  const signed = kind === 'ss';
  const over = not(v2('eq', size, shift(signed ? 'shr_s' : 'shr_u', size, left, n), v));
  if (!signed) return { value: or(left, over), over };
  return { value: bitSelect(limitOf(size, v), left, over), over };
}
/** The limit on the side of `v`'s sign. */
export const limitOf = (size: number, v: Val): Val =>
  xor(shift('shr_s', size, v, bitsOf(size) - 1), not(signBits(size)));
