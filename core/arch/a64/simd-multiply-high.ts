/** SQDMULH, SQRDMULH, SQRDMLAH, SQRDMLSH: the upper halves of doubled products, of 16- or 32-bit elements. */
import { op, type Val } from '../semantics.ts';
import { and, each, iota, or, shift, shuffle, signBits, v2, xor } from './simd-common.ts';
import { widen, widenMultiply } from './simd-lanes.ts';
import { boundToNarrow, type Saturated } from './simd-saturate.ts';

/** The lower halves of the wide elements of both, in a row. */
function narrowBoth(size: number, low: Val, high: Val): Val {
  const n = 8 >> size;
  const order = (base: number): number[] => iota(n).flatMap((i) => iota(1 << size, base + (i << (size + 1))));
  return shuffle(low, high, [...order(0), ...order(16)]);
}

export function multiplyHigh(size: number, n: Val, m: Val, rounding: boolean): Saturated {
  // Only the product of the two minima, doubled, does not fit.
  const over = and(v2('eq', size, n, signBits(size)), v2('eq', size, m, signBits(size)));
  if (size === 1 && rounding) return { value: op('i16x8.q15mulr_sat_s', n, m), over };
  const half = (high: boolean): Val => {
    let p = widenMultiply(size, true, n, m, high);
    if (rounding) p = v2('add', size + 1, p, each(size + 1, 1 << ((8 << size) - 2)));
    return shift('shr_s', size + 1, p, (8 << size) - 1);
  };
  return { value: xor(narrowBoth(size, half(false), half(true)), over), over };
}

/** d ± 2nm, rounded and saturated: all in half the scale, where nothing leaves the wide element. */
export function multiplyHighAccumulate(size: number, d: Val, n: Val, m: Val, minus: boolean): Saturated {
  const width = 8 << size;
  const wide = size + 1;
  const half = (high: boolean): Saturated => {
    const p = widenMultiply(size, true, n, m, high);
    const base = shift('shl', wide, widen(size, true, d, high), width - 1);
    const sum = v2(minus ? 'sub' : 'add', wide, base, p);
    const rounded = v2('add', wide, sum, each(wide, 1 << (width - 2)));
    return boundToNarrow(size, 'ss', shift('shr_s', wide, rounded, width - 1));
  };
  const [low, high] = [half(false), half(true)];
  return { value: narrowBoth(size, low.value, high.value), over: or(low.over, high.over) };
}
