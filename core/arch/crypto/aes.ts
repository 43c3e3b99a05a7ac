/** The steps of AES (FIPS 197) on a state in a vector, and SM4's rounds (GB/T 32907-2016). */
import { ret } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { V128 } from '../../wasm/opcodes.ts';
import { i32, op, shuffle, type Val } from '../../wasm/value.ts';
import { vector32, word32, words32, xor } from './lanes.ts';
import { AES, AES_INVERSE, SM4, substitute } from './substitution.ts';

export const blockCiphers = new Library();

/** SubBytes, its inverse, and SM4's τ on every byte: (v128) → v128. */
for (const [name, box] of [
  ['aesSubBytes', AES],
  ['aesInvSubBytes', AES_INVERSE],
] as const) {
  blockCiphers.define(name, [V128], V128, (_link, v) => ret(substitute(v!, box)));
}

const bytes = [...Array(16).keys()];
/** Row r of the state (bytes r, r + 4, …) moves left by r columns. */
export const shiftRows = (v: Val): Val =>
  shuffle(
    v,
    v,
    bytes.map((n) => (n + 4 * (n & 3)) & 15),
  );
export const invShiftRows = (v: Val): Val =>
  shuffle(
    v,
    v,
    bytes.map((n) => (n - 4 * (n & 3)) & 15),
  );

/** Every byte times x in GF(2^8). */
function timesX(v: Val): Val {
  const negative = op('i8x16.lt_s', v, op('i8x16.splat', i32(0)));
  return xor(op('i8x16.add', v, v), op('v128.and', negative, op('i8x16.splat', i32(0x1b))));
}
/** Byte n of each column becomes byte n + by. */
const rotateColumns = (v: Val, by: number): Val =>
  shuffle(
    v,
    v,
    bytes.map((n) => (n & 12) | ((n + by) & 3)),
  );

/** 2·a0 + 3·a1 + a2 + a3 = x·(a0 + a1) + a1 + (a2 + a3), and so on around the column. */
export function mixColumns(v: Val): Val {
  const pairs = xor(v, rotateColumns(v, 1));
  return xor(timesX(pairs), rotateColumns(v, 1), rotateColumns(pairs, 2));
}
/** The inverse matrix is MixColumns after adding x²·(a_n + a_{n+2}) to each byte. */
export function invMixColumns(v: Val): Val {
  return mixColumns(xor(v, timesX(timesX(xor(v, rotateColumns(v, 2))))));
}

/** Four rounds of SM4 with round keys `keys`; `spread` is the linear map behind the S-boxes. */
function sm4Rounds(state: Val, keys: Val, spread: (b: Val) => Val): Val {
  let [a, b, c, d] = words32(state);
  for (let n = 0; n < 4; n++) {
    const t = b.xor(c).xor(d).xor(word32(keys, n));
    const s = word32(substitute(op('i32x4.splat', t), SM4), 0);
    [a, b, c, d] = [b, c, d, a.xor(spread(s))];
  }
  return vector32(a, b, c, d);
}
blockCiphers.define('sm4Encrypt', [V128, V128], V128, (_link, state, keys) =>
  ret(sm4Rounds(state!, keys!, (b) => b.xor(b.rotl(2)).xor(b.rotl(10)).xor(b.rotl(18)).xor(b.rotl(24)))),
);
blockCiphers.define('sm4Key', [V128, V128], V128, (_link, key, constants) =>
  ret(sm4Rounds(key!, constants!, (b) => b.xor(b.rotl(13)).xor(b.rotl(23)))),
);
