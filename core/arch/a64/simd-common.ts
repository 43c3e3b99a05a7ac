/** What the SIMD groups share: lanes, constants, permutations, and how results reach the destination. */
import { constOf, isConst, lane, shuffle, v128 } from '../../wasm/value.ts';
import { unlikely } from '../control.ts';
import { i32, op, type Sem, type Val } from '../semantics.ts';
import { FPSR } from '../state.ts';
import type { Fields } from './pattern.ts';

/** WebAssembly's names of lane shapes by element size (log2 of bytes). */
export const LANES = ['i8x16', 'i16x8', 'i32x4', 'i64x2'] as const;
export const bitsOf = (size: number): number => 8 << size;

export const zero = (): Val => v128(0n);
export const ones = (): Val => v128(-1n);

/** A constant with `value` in every element. */
export function each(size: number, value: bigint | number): Val {
  const width = BigInt(bitsOf(size));
  let x = BigInt.asUintN(Number(width), BigInt(value));
  for (let w = width; w < 64n; w *= 2n) x |= x << w;
  return v128(x);
}
/** The value with only the sign bit set, in every element. */
export const signBits = (size: number): Val => each(size, 1n << BigInt(bitsOf(size) - 1));

/** A constant from its bytes; absent ones are zero. */
export function bytes16(bytes: readonly number[]): Val {
  let lo = 0n;
  let hi = 0n;
  for (let i = 0; i < 8; i++) {
    lo |= BigInt((bytes[i] ?? 0) & 255) << BigInt(8 * i);
    hi |= BigInt((bytes[8 + i] ?? 0) & 255) << BigInt(8 * i);
  }
  return v128(lo, hi);
}
/** Bytes of `v` in another order; −1 stands for a zero byte. One instruction of the host. */
export function permute(v: Val, order: readonly number[]): Val {
  return op('i8x16.swizzle', v, bytes16(order.map((k) => (k < 0 ? 0x80 : k))));
}
/** Byte numbers of the elements named in `elements`, filled up with −1 to sixteen. */
export function elementBytes(size: number, elements: readonly number[]): number[] {
  const order = elements.flatMap((e) => Array.from({ length: 1 << size }, (_, k) => (e < 0 ? -1 : (e << size) + k)));
  while (order.length < 16) order.push(-1);
  return order;
}
export const iota = (n: number, from = 0, step = 1): number[] => Array.from({ length: n }, (_, i) => from + i * step);

/** An element-wise operation: `v2('add', 2, a, b)` is `i32x4.add`. */
export const v1 = (name: string, size: number, a: Val): Val => op(`${LANES[size]}.${name}`, a);
export const v2 = (name: string, size: number, a: Val, b: Val): Val => op(`${LANES[size]}.${name}`, a, b);
export const and = (a: Val, b: Val): Val => op('v128.and', a, b);
export const or = (a: Val, b: Val): Val => op('v128.or', a, b);
export const xor = (a: Val, b: Val): Val => op('v128.xor', a, b);
/** a AND NOT b. */
export const andNot = (a: Val, b: Val): Val => op('v128.andnot', a, b);
export const not = (a: Val): Val => op('v128.not', a);
/** Bits of `a` where `mask` is set, else of `b`. */
export const bitSelect = (a: Val, b: Val, mask: Val): Val => op('v128.bitselect', a, b, mask);
export const anyTrue = (v: Val): Val => op('v128.any_true', v);
/** Shift of every element by the same amount, less than the element's width. */
export function shift(name: 'shl' | 'shr_s' | 'shr_u', size: number, v: Val, n: Val | number): Val {
  if (n === 0) return v;
  return op(`${LANES[size]}.${name}`, v, typeof n === 'number' ? i32(n) : n);
}

/** The lower half, the upper one cleared. */
export const lowHalf = (v: Val): Val => shuffle(v, zero(), [...iota(8), ...iota(8, 16)]);
/** The upper half moved down; what is above does not matter. */
export const highHalf = (v: Val): Val => shuffle(v, v, [...iota(8, 8), ...iota(8, 8)]);
/** Element 0 alone, all else cleared. */
export function lowElement(size: number, v: Val): Val {
  return size === 3 ? lowHalf(v) : and(v, v128((1n << BigInt(bitsOf(size))) - 1n, 0n));
}

/** What part of a register an instruction works on: all of it, its lower half, or one element. */
export type Extent = 'full' | 'half' | 'element';
export const extentOf = (f: Fields): Extent => (f.Q === undefined ? 'element' : f.Q ? 'full' : 'half');
/** Clears everything outside of the extent. */
export function clip(extent: Extent, size: number, v: Val): Val {
  return extent === 'full' ? v : extent === 'half' ? lowHalf(v) : lowElement(size, v);
}

/** Sets FPSR.QC when `saturated` is not all zero. */
export function saturated(s: Sem, mask: Val): void {
  unlikely(anyTrue(mask), () => s.setState('i32', FPSR, s.state('i32', FPSR).or(1 << 27)));
}

/** The immediate that lets `broadcast` find element `index`: its byte numbers, repeated over 64 bits. */
export function elementImm(size: number, index: number): bigint {
  let x = 0n;
  for (let i = 0; i < 8; i++) x |= BigInt((index << size) + (i & ((1 << size) - 1))) << BigInt(8 * i);
  return x;
}
/** The element that the instruction's immediate (`elementImm`) names, in every element. */
export function broadcast(s: Sem, size: number, v: Val): Val {
  const imm = s.imm();
  if (!isConst(imm)) return op('i8x16.swizzle', v, op('i64x2.splat', imm));
  const first = Number(constOf(imm) & 15n);
  return shuffle(
    v,
    v,
    iota(16).map((i) => first + (i & ((1 << size) - 1))),
  );
}
/** `v` with element `index` (an i32) replaced by the integer `x`. */
export function replaceElement(size: number, v: Val, index: Val, x: Val): Val {
  const n = known(index);
  if (n !== null) return lane(`${LANES[size]}.replace_lane`, v, n, x);
  const here = op('i8x16.eq', op('i8x16.splat', index), bytes16(iota(16).map((i) => i >> size)));
  return bitSelect(op(`${LANES[size]}.splat`, x), v, here);
}
/** Element `index` (an i32), zero-extended to i32 or, of 64 bits, i64. */
export function extractElement(size: number, v: Val, index: Val): Val {
  const name = `${LANES[size]}.extract_lane${size < 2 ? '_u' : ''}`;
  const n = known(index);
  if (n !== null) return lane(name, v, n);
  const order = op('i8x16.add', op('i8x16.splat', index.shl(size)), bytes16(iota(1 << size)));
  return lane(name, op('i8x16.swizzle', v, order), 0);
}
/** The number that an i32 is, when it is known while compiling. */
export const known = (v: Val): number | null => (isConst(v) ? Number(constOf(v)) : null);

export { lane, shuffle, v128 };
