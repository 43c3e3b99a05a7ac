/**
 * QARMA-64 (R. Avanzi, "The QARMA Block Cipher Family", 2017) as FEAT_PACQARMA5 and FEAT_PACQARMA3 use it: five rounds with the
 * S-box σ2, three with σ1, and the paper's 64-bit constants.
 *
 * The state is a vector with one cell of four bits a byte, cell 0 (the most significant) first.
 */
import { ret } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I64 } from '../../wasm/opcodes.ts';
import { i32, lane, op, shuffle, type Val, v128 } from '../../wasm/value.ts';

export const qarma = new Library();

const SIGMA1 = [10, 13, 14, 6, 15, 7, 3, 5, 9, 8, 0, 12, 11, 1, 2, 4];
const SIGMA2 = [11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10];
/** The cell permutation τ and the tweak's h. */
const TAU = [0, 11, 6, 13, 10, 1, 12, 7, 5, 14, 3, 8, 15, 4, 9, 2];
const H = [6, 5, 14, 15, 0, 1, 2, 3, 7, 12, 13, 4, 8, 9, 10, 11];
/** Cells of the tweak that the LFSR ω acts on. */
const OMEGA_CELLS = [0, 1, 3, 4, 8, 11, 13];
const CONSTANTS = [0n, 0x13198a2e03707344n, 0xa4093822299f31d0n, 0x082efa98ec4e6c89n, 0x452821e638d01377n];
const ALPHA = 0xc0ac29b7c97c50ddn;

const cells = [...Array(16).keys()];
const inverse = (p: readonly number[]): number[] => cells.map((n) => p.indexOf(n));
function bytes(list: readonly number[]): Val {
  const pack = (half: readonly number[]): bigint => half.reduceRight((v, b) => (v << 8n) | BigInt(b), 0n);
  return v128(pack(list.slice(0, 8)), pack(list.slice(8)));
}
/** A constant as cells. */
const constant = (c: bigint): Val => bytes(cells.map((n) => Number((c >> BigInt(60 - 4 * n)) & 15n)));

const permute = (v: Val, p: readonly number[]): Val => shuffle(v, v, p);
const lookup = (v: Val, f: (n: number) => number): Val => op('i8x16.swizzle', bytes(cells.map(f)), v);
const xor = (a: Val, ...more: Val[]): Val => more.reduce((s, v) => op('v128.xor', s, v), a);

/** 64 bits as cells, and back. */
function toCells(v: Val): Val {
  const all = op('i64x2.splat', v);
  const high = op('i8x16.shr_u', all, i32(4));
  const low = op('v128.and', all, op('i8x16.splat', i32(15)));
  return shuffle(
    high,
    low,
    cells.map((n) => 7 - (n >> 1) + (n & 1 ? 16 : 0)),
  );
}
function fromCells(v: Val): Val {
  const even = permute(
    v,
    cells.map((n) => (14 - 2 * n) & 15),
  );
  const odd = permute(
    v,
    cells.map((n) => (15 - 2 * n) & 15),
  );
  return lane('i64x2.extract_lane', op('v128.or', op('i8x16.shl', even, i32(4)), odd), 0);
}

const rotate = (n: number, by: number): number => ((n << by) | (n >> (4 - by))) & 15;
/** The involution M = circ(0, ρ, ρ², ρ) on each column; the state's rows are four cells each. */
function mix(v: Val): Val {
  const row = (by: number): Val =>
    permute(
      v,
      cells.map((n) => (n + 4 * by) & 15),
    );
  return xor(
    lookup(xor(row(1), row(3)), (n) => rotate(n, 1)),
    lookup(row(2), (n) => rotate(n, 2)),
  );
}

const omega = (n: number): number => (n >> 1) | (((n ^ (n >> 1)) & 1) << 3);
const OMEGA = cells.map(omega);
const omegaMask = (): Val => bytes(cells.map((n) => (OMEGA_CELLS.includes(n) ? 255 : 0)));
function onOmegaCells(v: Val, f: (n: number) => number): Val {
  return op('v128.bitselect', lookup(v, f), v, omegaMask());
}
const nextTweak = (t: Val): Val => onOmegaCells(permute(t, H), omega);
const previousTweak = (t: Val): Val =>
  permute(
    onOmegaCells(t, (n) => OMEGA.indexOf(n)),
    inverse(H),
  );

/** `rounds` forward rounds, the reflector, and as many backward: (text, tweak, K0, w0). */
function encrypt(rounds: number, sigma: readonly number[], text: Val, tweak: Val, core: Val, white: Val): Val {
  const sub = (v: Val): Val => lookup(v, (n) => sigma[n]!);
  const unsub = (v: Val): Val => lookup(v, (n) => sigma.indexOf(n));
  const whiteAfter = toCells(white.rotr(1).xor(white.shrU(63)));
  const [w0, k0] = [toCells(white), toCells(core)];
  let tweaks = toCells(tweak);
  let v = xor(toCells(text), w0);
  for (let n = 0; n < rounds; n++) {
    v = xor(v, k0, tweaks, constant(CONSTANTS[n]!));
    v = sub(n ? mix(permute(v, TAU)) : v);
    tweaks = nextTweak(tweaks);
  }
  // A full round with the second whitening key, the reflector, and the same round backward.
  v = sub(mix(permute(xor(v, whiteAfter, tweaks), TAU)));
  v = permute(xor(mix(permute(v, TAU)), k0), inverse(TAU));
  v = xor(permute(mix(unsub(v)), inverse(TAU)), w0, tweaks);
  for (let n = rounds - 1; n >= 0; n--) {
    v = unsub(v);
    if (n) v = permute(mix(v), inverse(TAU));
    tweaks = previousTweak(tweaks);
    v = xor(v, k0, tweaks, constant(CONSTANTS[n]! ^ ALPHA));
  }
  return fromCells(xor(v, whiteAfter));
}

/** (data, modifier, low half of the key, high half) → all 64 bits. */
for (const [name, rounds, sigma] of [
  ['qarma5', 5, SIGMA2],
  ['qarma3', 3, SIGMA1],
] as const) {
  qarma.define(name, [I64, I64, I64, I64], I64, (_link, data, modifier, low, high) =>
    ret(encrypt(rounds, sigma, data!, modifier!, low!, high!)),
  );
}
