/** Carry-less multiplication of 64-bit numbers, the polynomial product over GF(2). */
import { ret } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I64, V128 } from '../../wasm/opcodes.ts';
import { i32, lane, op, shuffle, type Val, v128 } from '../../wasm/value.ts';
import { vector64, word64 } from './lanes.ts';

export const polynomials = new Library();

/**
 * Low 64 bits of the product. Numbers with only every fourth bit set are multiplied as integers: at most 16 terms meet at a bit,
 * so that carries go no further than the next three bits, which are masked off (those of a sum of 16 leave at the top).
 */
function productLow(a: Val, b: Val): Val {
  const masks = [0, 1, 2, 3].map((n) => 0x1111111111111111n << BigInt(n));
  const as = masks.map((m) => a.and(m));
  const bs = masks.map((m) => b.and(m));
  return masks
    .map((m, n) =>
      as
        .map((x, k) => x.mul(bs[(n - k) & 3]!))
        .reduce((s, p) => s.xor(p))
        .and(m),
    )
    .reduce((s, p) => s.or(p));
}

const reversedNibbles = Uint8Array.from(
  { length: 16 },
  (_, n) => ((n & 1) << 3) | ((n & 2) << 1) | ((n & 4) >> 1) | (n >> 3),
);
const packed = (bytes: Uint8Array): Val => {
  const view = new DataView(bytes.buffer);
  return v128(view.getBigUint64(0, true), view.getBigUint64(8, true));
};
/** Each half with its bits in reverse order. */
function reverseHalves(v: Val): Val {
  const low = op('v128.and', v, op('i8x16.splat', i32(15)));
  const high = op('i8x16.shr_u', v, i32(4));
  const table = packed(reversedNibbles);
  const tableHigh = packed(reversedNibbles.map((n) => n << 4));
  const bytes = op('v128.or', op('i8x16.swizzle', tableHigh, low), op('i8x16.swizzle', table, high));
  return shuffle(bytes, bytes, [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8]);
}

/** The 128-bit product of two 64-bit numbers. The upper half is the lower half of the product of the reversed numbers, reversed. */
polynomials.define('carrylessProduct', [I64, I64], V128, (_link, a, b) => {
  const reversed = reverseHalves(vector64(a!, b!));
  const high = productLow(word64(reversed, 0), word64(reversed, 1));
  const back = reverseHalves(op('i64x2.splat', high));
  ret(lane('i64x2.replace_lane', op('i64x2.splat', productLow(a!, b!)), 1, word64(back, 0).shrU(1)));
});
