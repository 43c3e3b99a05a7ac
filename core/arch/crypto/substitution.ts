/**
 * S-boxes that are an inversion in GF(2^8) between two affine maps (AES, its inverse, SM4), computed on all sixteen bytes of a
 * vector by lookups of nibbles.
 *
 * The field is seen as GF(16)[z]/(z² + z + d): an element is k·z + i, and with j = i + k its norm is N = i·j + d·k². The idea
 * is M. Hamburg's ("Accelerating AES with Vector Permute Instructions", 2009): with c = 1/d,
 *   u = j + 1/(1/i + c/k) = N / (d·k + i)     v = i + 1/(1/j + c/k) = N / (d·k + j)
 * and both components of the inverse are linear in 1/u and 1/v. Every step is a lookup by a nibble or an exclusive or. Infinity
 * is 0x80: a lookup there yields 0, which is 1/infinity, and infinity plus anything stays out of range.
 *
 * All tables are computed here from the polynomials of the standards (FIPS 197; GB/T 32907-2016).
 */
import { V128 } from '../../wasm/opcodes.ts';
import { i32, op, Val } from '../../wasm/value.ts';

/** Product in GF(2)[x] modulo `poly` of degree `bits`. */
function mulMod(a: number, b: number, poly: number, bits: number): number {
  let r = 0;
  let x = a;
  for (let y = b; y; y >>= 1) {
    if (y & 1) r ^= x;
    x <<= 1;
    if (x >> bits) x ^= poly;
  }
  return r;
}

const mul4 = (a: number, b: number): number => mulMod(a, b, 0b10011, 4);
/** A value for which z² + z + d has no root in GF(16). */
const D = [...Array(16).keys()].find((d) => [...Array(16).keys()].every((z) => (mul4(z, z) ^ z ^ d) !== 0))!;
const inverse4 = (a: number): number => [...Array(16).keys()].find((b) => mul4(a, b) === 1) ?? 0;

/** Product in the tower field; an element is k << 4 | i. */
function mulTower(x: number, y: number): number {
  const [a, b, c, d] = [x >> 4, x & 15, y >> 4, y & 15];
  const top = mul4(a, c);
  return ((top ^ mul4(a, d) ^ mul4(b, c)) << 4) | (mul4(b, d) ^ mul4(top, D));
}

/** A linear map of bytes, by the images of the bits. */
type Linear = readonly number[];
const applyLinear = (m: Linear, x: number): number =>
  m.reduce((sum, image, bit) => ((x >> bit) & 1 ? sum ^ image : sum), 0);
function invertLinear(m: Linear): Linear {
  const image = Array.from({ length: 256 }, (_, x) => applyLinear(m, x));
  return Array.from({ length: 8 }, (_, bit) => image.indexOf(1 << bit));
}
/** Isomorphism from GF(2)[x]/poly: x goes to a root of the polynomial in the tower field. */
function toTower(poly: number): Linear {
  const powers = (r: number): number[] => {
    const list = [1];
    for (let n = 1; n <= 8; n++) list.push(mulTower(list[n - 1]!, r));
    return list;
  };
  const root = [...Array(256).keys()].find(
    (r) => powers(r).reduce((s, p, n) => ((poly >> n) & 1 ? s ^ p : s), 0) === 0,
  )!;
  return powers(root).slice(0, 8);
}

/** What `substitute` needs of one S-box: nibble tables before and after the inversion, and what is added in the end. */
export interface SBox {
  readonly inLow: Val;
  readonly inHigh: Val;
  readonly outU: Val;
  readonly outV: Val;
  readonly constant: number;
}

function table(f: (n: number) => number): Val {
  return new Val(
    0,
    V128,
    null,
    null,
    null,
    null,
    Uint8Array.from({ length: 16 }, (_, n) => f(n)),
  );
}
const INFINITY = 0x80;
const RECIPROCAL = table((n) => (n ? inverse4(n) : INFINITY));
const C_OVER = table((n) => (n ? mul4(inverse4(D), inverse4(n)) : INFINITY));

/** The S-box x → after(inverse(before(x) + added)) + constant over GF(2)[x]/poly. */
function sbox(poly: number, before: Linear, added: number, after: Linear, constant: number): SBox {
  const into = toTower(poly);
  const outOf = invertLinear(into);
  const input = (x: number): number => applyLinear(into, applyLinear(before, x));
  const output = (k: number, i: number): number => applyLinear(after, applyLinear(outOf, (k << 4) | i));
  return {
    inLow: table((n) => input(n) ^ applyLinear(into, added)),
    inHigh: table((n) => input(n << 4)),
    // With p = 1/u and q = 1/v the inverse has k' = p + q and i' = q + d·k'.
    outU: table((n) => output(inverse4(n), mul4(D, inverse4(n)))),
    outV: table((n) => output(inverse4(n), inverse4(n) ^ mul4(D, inverse4(n)))),
    constant,
  };
}
const IDENTITY: Linear = Array.from({ length: 8 }, (_, bit) => 1 << bit);
/** Bit n of the image is the sum of the bits of x at n + each of `taps`. */
const circulant = (taps: readonly number[]): Linear =>
  Array.from({ length: 8 }, (_, bit) => taps.reduce((image, t) => image ^ (1 << ((bit - t + 8) & 7)), 0));

const AES_POLY = 0x11b;
const aesAffine = circulant([0, 4, 5, 6, 7]);
const aesUndo = invertLinear(aesAffine);
export const AES = sbox(AES_POLY, IDENTITY, 0, aesAffine, 0x63);
export const AES_INVERSE = sbox(AES_POLY, aesUndo, applyLinear(aesUndo, 0x63), IDENTITY, 0);
/** x⁸+x⁷+x⁶+x⁵+x⁴+x²+1, and the same affine map before and after (F. Liu et al., "Analysis of the SMS4 Block Cipher", 2007). */
const sm4Affine = circulant([0, 1, 2, 5, 7]);
export const SM4 = sbox(0x1f5, sm4Affine, 0xd3, sm4Affine, 0xd3);

const splat8 = (n: number): Val => op('i8x16.splat', i32(n));
const lookup = (t: Val, index: Val): Val => op('i8x16.swizzle', t, index);
const xor = (a: Val, b: Val): Val => op('v128.xor', a, b);

/** The S-box of every byte of `x`. */
export function substitute(x: Val, box: SBox): Val {
  const low = (v: Val): Val => op('v128.and', v, splat8(15));
  const high = (v: Val): Val => op('i8x16.shr_u', v, i32(4));
  const y = xor(lookup(box.inLow, low(x)), lookup(box.inHigh, high(x)));
  const [k, i] = [high(y), low(y)];
  const j = xor(i, k);
  const ck = lookup(C_OVER, k);
  const u = xor(lookup(RECIPROCAL, xor(lookup(RECIPROCAL, i), ck)), j);
  const v = xor(lookup(RECIPROCAL, xor(lookup(RECIPROCAL, j), ck)), i);
  const out = xor(lookup(box.outU, u), lookup(box.outV, v));
  return box.constant ? xor(out, splat8(box.constant)) : out;
}

/** The same for one byte, in TypeScript: for tests. */
export function substituteByte(x: number, box: SBox): number {
  const at = (t: Val, n: number): number => (n < 16 ? (t.k as Uint8Array)[n]! : 0);
  const y = at(box.inLow, x & 15) ^ at(box.inHigh, x >> 4);
  const [k, i] = [y >> 4, y & 15];
  const ck = at(C_OVER, k);
  const u = at(RECIPROCAL, at(RECIPROCAL, i) ^ ck) ^ i ^ k;
  const v = at(RECIPROCAL, at(RECIPROCAL, i ^ k) ^ ck) ^ i;
  return at(box.outU, u) ^ at(box.outV, v) ^ box.constant;
}
