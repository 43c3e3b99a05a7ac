/** Element-wise integer arithmetic that WebAssembly does not have as one operation. `size` is log2 of an element's bytes. */
import { op, type Val } from '../semantics.ts';
import {
  and,
  andNot,
  bitSelect,
  bitsOf,
  bytes16,
  each,
  iota,
  known,
  LANES,
  lane,
  or,
  shift,
  shuffle,
  signBits,
  v2,
  xor,
  zero,
} from './simd-common.ts';

/** Comparison `a > b` (or `>=`), all ones where it holds. */
export function greater(size: number, signed: boolean, a: Val, b: Val, orEqual = false): Val {
  const o = orEqual ? 'ge' : 'gt';
  if (signed || size < 3) return v2(`${o}_${signed ? 's' : 'u'}`, size, a, b);
  return v2(`${o}_s`, 3, xor(a, signBits(3)), xor(b, signBits(3)));
}
export function maximum(size: number, signed: boolean, a: Val, b: Val): Val {
  if (size < 3) return v2(signed ? 'max_s' : 'max_u', size, a, b);
  return bitSelect(a, b, greater(3, signed, a, b));
}
export function minimum(size: number, signed: boolean, a: Val, b: Val): Val {
  if (size < 3) return v2(signed ? 'min_s' : 'min_u', size, a, b);
  return bitSelect(b, a, greater(3, signed, a, b));
}
/** Product modulo the element's width. */
export function multiply(size: number, a: Val, b: Val): Val {
  if (size > 0) return v2('mul', size, a, b);
  // Bytes in pairs: the low product as it is, the high one formed eight bits up.
  const low = op('i16x8.mul', a, b);
  const high = op('i16x8.mul', shift('shr_u', 1, a, 8), and(b, each(1, 0xff00)));
  return or(and(low, each(1, 0xff)), high);
}
/** Product of polynomials over {0, 1}, modulo the byte. */
export function polynomialMultiply(a: Val, b: Val): Val {
  let sum: Val | null = null;
  for (let bit = 0; bit < 8; bit++) {
    // All ones where this bit of b is set.
    const mask = shift('shr_s', 0, shift('shl', 0, b, 7 - bit), 7);
    const term = and(shift('shl', 0, a, bit), mask);
    sum = sum ? xor(sum, term) : term;
  }
  return sum!;
}
export const difference = (size: number, signed: boolean, a: Val, b: Val): Val =>
  v2('sub', size, maximum(size, signed, a, b), minimum(size, signed, a, b));

const shr = (signed: boolean): 'shr_s' | 'shr_u' => (signed ? 'shr_s' : 'shr_u');
/** (a + b) / 2 without overflow, rounded down, or to nearest upwards. */
export function halvingAdd(size: number, signed: boolean, a: Val, b: Val, rounding: boolean): Val {
  const half = shift(shr(signed), size, xor(a, b), 1);
  if (!rounding) return v2('add', size, and(a, b), half);
  if (!signed && size < 2) return v2('avgr_u', size, a, b);
  return v2('sub', size, or(a, b), half);
}
/** (a − b) / 2, rounded down. */
export function halvingSub(size: number, signed: boolean, a: Val, b: Val): Val {
  return v2('sub', size, shift(shr(signed), size, xor(a, b), 1), andNot(b, a));
}

/** Shift right by `n` (1 to the element's width), rounding to nearest upwards if asked. */
export function shiftRight(size: number, signed: boolean, v: Val, n: Val, rounding: boolean): Val {
  const name = shr(signed);
  const amount = known(n) ?? n;
  const below = typeof amount === 'number' ? amount - 1 : amount.sub(1);
  // The host takes amounts modulo the width: a shift by the width itself is made of two.
  const whole =
    typeof amount === 'number' && amount < bitsOf(size)
      ? shift(name, size, v, amount)
      : shift(name, size, shift(name, size, v, below), 1);
  return rounding ? v2('add', size, whole, and(shift(name, size, v, below), each(size, 1))) : whole;
}

/** Bits in each byte reversed. */
export function reverseBits(v: Val): Val {
  const nibbles = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15];
  const low = lookup(nibbles, and(v, each(0, 15)));
  return or(shift('shl', 0, low, 4), lookup(nibbles, shift('shr_u', 0, v, 4)));
}
const lookup = (values: readonly number[], index: Val): Val => op('i8x16.swizzle', bytes16(values), index);

/** Leading zero bits of each element. */
export function leadingZeros(size: number, v: Val): Val {
  if (size === 2) {
    let r = zero();
    for (let i = 0; i < 4; i++) r = lane('i32x4.replace_lane', r, i, lane('i32x4.extract_lane', v, i).clz());
    return r;
  }
  const counts = [4, 3, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  const high = shift('shr_u', 0, v, 4);
  const low = and(lookup(counts, and(v, each(0, 15))), v2('eq', 0, high, zero()));
  const inByte = v2('add', 0, lookup(counts, high), low);
  if (size === 0) return inByte;
  const upper = shift('shr_u', 1, inByte, 8);
  return v2('add', 1, upper, and(and(inByte, each(1, 0xff)), v2('eq', 1, upper, each(1, 8))));
}
/** Leading bits equal to the sign, the sign not counted. */
export function leadingSigns(size: number, v: Val): Val {
  return v2('sub', size, leadingZeros(size, xor(v, shift('shr_s', size, v, 1))), each(size, 1));
}

/** Elements of the lower half of `v`, twice as wide. */
export function widen(size: number, signed: boolean, v: Val, high = false): Val {
  return op(`${LANES[size + 1]}.extend_${high ? 'high' : 'low'}_${LANES[size]}_${signed ? 's' : 'u'}`, v);
}
/** Products of the elements of the lower (or upper) halves, twice as wide. */
export function widenMultiply(size: number, signed: boolean, a: Val, b: Val, high = false): Val {
  return op(`${LANES[size + 1]}.extmul_${high ? 'high' : 'low'}_${LANES[size]}_${signed ? 's' : 'u'}`, a, b);
}
/** Order of bytes that takes the lower (or upper) halves of the elements of `size + 1`. */
export const narrowOrder = (size: number, upper = false): number[] =>
  iota(8 >> size).flatMap((i) => iota(1 << size, (i << (size + 1)) + (upper ? 1 << size : 0)));
/** Sums of neighbouring elements, twice as wide. */
export function addLongPairs(size: number, signed: boolean, v: Val): Val {
  const u = signed ? 's' : 'u';
  if (size < 2) return op(`${LANES[size + 1]}.extadd_pairwise_${LANES[size]}_${u}`, v);
  if (!signed) return op('i64x2.add', and(v, each(3, 0xffffffff)), shift('shr_u', 3, v, 32));
  const even = shuffle(v, v, [...iota(4), ...iota(4, 8), ...iota(4), ...iota(4, 8)]);
  const odd = shuffle(v, v, [...iota(4, 4), ...iota(4, 12), ...iota(4, 4), ...iota(4, 12)]);
  return op('i64x2.add', widen(2, true, even), widen(2, true, odd));
}
/** Bytes turned round so that byte `n` comes first. */
export const rotateBytes = (v: Val, n: number): Val =>
  shuffle(
    v,
    v,
    iota(16).map((i) => (i + n) & 15),
  );

/** Sums (or another combination) of neighbours: even and odd elements of `a` and `b` in a row. */
export function pairwise(size: number, q: number, a: Val, b: Val, fn: (even: Val, odd: Val) => Val): Val {
  const perSource = (q ? 16 : 8) >> (size + 1);
  const order = (odd: number): number[] => {
    const one = iota(perSource, odd, 2);
    const both = [...one.map((e) => e << size), ...one.map((e) => 16 + (e << size))];
    const lanes = both.flatMap((at) => iota(1 << size, at));
    while (lanes.length < 16) lanes.push(0);
    return lanes;
  };
  return fn(shuffle(a, b, order(0)), shuffle(a, b, order(1)));
}
