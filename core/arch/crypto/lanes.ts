/** Vectors as words, for the algorithms of this folder. */
import { i32, i64, lane, op, shuffle, type Val } from '../../wasm/value.ts';

export const xor = (a: Val, b: Val, ...more: Val[]): Val =>
  more.reduce((s, v) => op('v128.xor', s, v), op('v128.xor', a, b));
export const word32 = (v: Val, n: number): Val => lane('i32x4.extract_lane', v, n);
export const word64 = (v: Val, n: number): Val => lane('i64x2.extract_lane', v, n);

/** The four 32-bit words of a vector, lowest first. */
export const words32 = (v: Val): [Val, Val, Val, Val] => [word32(v, 0), word32(v, 1), word32(v, 2), word32(v, 3)];
export function vector32(a: Val, b: Val, c: Val, d: Val): Val {
  const base = op('i32x4.splat', a);
  return lane('i32x4.replace_lane', lane('i32x4.replace_lane', lane('i32x4.replace_lane', base, 1, b), 2, c), 3, d);
}
export const vector64 = (a: Val, b: Val): Val => lane('i64x2.replace_lane', op('i64x2.splat', a), 1, b);
/** A word in lane n, zero elsewhere. */
export const only32 = (n: number, v: Val): Val => lane('i32x4.replace_lane', op('i32x4.splat', i32(0)), n, v);
/** The low half, the upper one zero. */
export const low64 = (v: Val): Val => lane('i64x2.replace_lane', v, 1, i64(0));

/** Words of the pair a, b by number: 0–3 are those of a, 4–7 those of b. */
export function pick32(a: Val, b: Val, ...from: readonly number[]): Val {
  return shuffle(
    a,
    b,
    from.flatMap((n) => [4 * n, 4 * n + 1, 4 * n + 2, 4 * n + 3]),
  );
}
/** Doublewords of the pair a, b: 0 and 1 are those of a, 2 and 3 those of b. */
export const pick64 = (a: Val, b: Val, low: number, high: number): Val =>
  pick32(a, b, 2 * low, 2 * low + 1, 2 * high, 2 * high + 1);

/** Every word rotated left. */
export const rotate32 = (v: Val, n: number): Val =>
  op('v128.or', op('i32x4.shl', v, i32(n)), op('i32x4.shr_u', v, i32(32 - n)));
export const rotate64 = (v: Val, n: number): Val =>
  op('v128.or', op('i64x2.shl', v, i32(n)), op('i64x2.shr_u', v, i32(64 - n)));
