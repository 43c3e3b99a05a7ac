/**
 * WebAssembly opcodes by their specification names.
 *
 * Encoding: plain opcodes are their byte; prefixed ones are `prefix << 16 | number` (0xfc numeric, 0xfd SIMD, 0xfe threads).
 * Source: WebAssembly core specification 3.0, "Instructions" (binary format), with the relaxed-SIMD and threads sections.
 */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;

/** A WebAssembly value type, as its byte in the binary format. */
export type Ty = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;

const simd = (n: number): number => (0xfd << 16) | n;
const sat = (n: number): number => (0xfc << 16) | n;
const thread = (n: number): number => (0xfe << 16) | n;

/** Name → [opcode, result type, operand types…]; an immediate lane index follows where `lane` says so. */
const table: Record<string, [number, Ty, ...Ty[]]> = {};

function def(names: string, first: number, enc: (n: number) => number, result: Ty, ...args: Ty[]): void {
  let n = first;
  for (const name of names.split(' ')) {
    if (name !== '-') table[name] = [enc(n), result, ...args];
    n++;
  }
}
const id = (n: number): number => n;

def('i32.eqz', 0x45, id, I32, I32);
def('i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u', 0x46, id, I32, I32, I32);
def('i64.eqz', 0x50, id, I32, I64);
def('i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u', 0x51, id, I32, I64, I64);
def('f32.eq f32.ne f32.lt f32.gt f32.le f32.ge', 0x5b, id, I32, F32, F32);
def('f64.eq f64.ne f64.lt f64.gt f64.le f64.ge', 0x61, id, I32, F64, F64);
def('i32.clz i32.ctz i32.popcnt', 0x67, id, I32, I32);
def(
  'i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr',
  0x6a,
  id,
  I32,
  I32,
  I32,
);
def('i64.clz i64.ctz i64.popcnt', 0x79, id, I64, I64);
def(
  'i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr',
  0x7c,
  id,
  I64,
  I64,
  I64,
);
def('f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt', 0x8b, id, F32, F32);
def('f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign', 0x92, id, F32, F32, F32);
def('f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt', 0x99, id, F64, F64);
def('f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign', 0xa0, id, F64, F64, F64);
def('i32.wrap_i64', 0xa7, id, I32, I64);
def('i64.extend_i32_s i64.extend_i32_u', 0xac, id, I64, I32);
def('f32.convert_i32_s f32.convert_i32_u', 0xb2, id, F32, I32);
def('f32.convert_i64_s f32.convert_i64_u', 0xb4, id, F32, I64);
def('f32.demote_f64', 0xb6, id, F32, F64);
def('f64.convert_i32_s f64.convert_i32_u', 0xb7, id, F64, I32);
def('f64.convert_i64_s f64.convert_i64_u', 0xb9, id, F64, I64);
def('f64.promote_f32', 0xbb, id, F64, F32);
def('i32.reinterpret_f32', 0xbc, id, I32, F32);
def('i64.reinterpret_f64', 0xbd, id, I64, F64);
def('f32.reinterpret_i32', 0xbe, id, F32, I32);
def('f64.reinterpret_i64', 0xbf, id, F64, I64);
def('i32.extend8_s i32.extend16_s', 0xc0, id, I32, I32);
def('i64.extend8_s i64.extend16_s i64.extend32_s', 0xc2, id, I64, I64);
def('i32.trunc_sat_f32_s i32.trunc_sat_f32_u', 0, sat, I32, F32);
def('i32.trunc_sat_f64_s i32.trunc_sat_f64_u', 2, sat, I32, F64);
def('i64.trunc_sat_f32_s i64.trunc_sat_f32_u', 4, sat, I64, F32);
def('i64.trunc_sat_f64_s i64.trunc_sat_f64_u', 6, sat, I64, F64);

// Fixed-width SIMD. Names of the specification; the groups follow its numbering.
def('i8x16.swizzle', 14, simd, V128, V128, V128);
def('i8x16.splat i16x8.splat i32x4.splat', 15, simd, V128, I32);
def('i64x2.splat', 18, simd, V128, I64);
def('f32x4.splat', 19, simd, V128, F32);
def('f64x2.splat', 20, simd, V128, F64);
def('i8x16.extract_lane_s i8x16.extract_lane_u', 21, simd, I32, V128);
def('i8x16.replace_lane', 23, simd, V128, V128, I32);
def('i16x8.extract_lane_s i16x8.extract_lane_u', 24, simd, I32, V128);
def('i16x8.replace_lane', 26, simd, V128, V128, I32);
def('i32x4.extract_lane', 27, simd, I32, V128);
def('i32x4.replace_lane', 28, simd, V128, V128, I32);
def('i64x2.extract_lane', 29, simd, I64, V128);
def('i64x2.replace_lane', 30, simd, V128, V128, I64);
def('f32x4.extract_lane', 31, simd, F32, V128);
def('f32x4.replace_lane', 32, simd, V128, V128, F32);
def('f64x2.extract_lane', 33, simd, F64, V128);
def('f64x2.replace_lane', 34, simd, V128, V128, F64);
def(
  'i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge',
  35,
  simd,
  V128,
  V128,
  V128,
);
def('v128.not', 77, simd, V128, V128);
def('v128.and v128.andnot v128.or v128.xor', 78, simd, V128, V128, V128);
def('v128.bitselect', 82, simd, V128, V128, V128, V128);
def('v128.any_true', 83, simd, I32, V128);
def('f32x4.demote_f64x2_zero f64x2.promote_low_f32x4', 94, simd, V128, V128);
def('i8x16.abs i8x16.neg i8x16.popcnt', 96, simd, V128, V128);
def('i8x16.all_true i8x16.bitmask', 99, simd, I32, V128);
def('i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u', 101, simd, V128, V128, V128);
def('f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest', 103, simd, V128, V128);
def('i8x16.shl i8x16.shr_s i8x16.shr_u', 107, simd, V128, V128, I32);
def('i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u', 110, simd, V128, V128, V128);
def('f64x2.ceil f64x2.floor', 116, simd, V128, V128);
def('i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u', 118, simd, V128, V128, V128);
def('f64x2.trunc', 122, simd, V128, V128);
def('i8x16.avgr_u', 123, simd, V128, V128, V128);
def(
  'i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg',
  124,
  simd,
  V128,
  V128,
);
def('i16x8.q15mulr_sat_s', 130, simd, V128, V128, V128);
def('i16x8.all_true i16x8.bitmask', 131, simd, I32, V128);
def('i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u', 133, simd, V128, V128, V128);
def(
  'i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u',
  135,
  simd,
  V128,
  V128,
);
def('i16x8.shl i16x8.shr_s i16x8.shr_u', 139, simd, V128, V128, I32);
def('i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u', 142, simd, V128, V128, V128);
def('f64x2.nearest', 148, simd, V128, V128);
def(
  'i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u - i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u',
  149,
  simd,
  V128,
  V128,
  V128,
);
def('i32x4.abs i32x4.neg', 160, simd, V128, V128);
def('i32x4.all_true i32x4.bitmask', 163, simd, I32, V128);
def(
  'i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u',
  167,
  simd,
  V128,
  V128,
);
def('i32x4.shl i32x4.shr_s i32x4.shr_u', 171, simd, V128, V128, I32);
def('i32x4.add - - i32x4.sub', 174, simd, V128, V128, V128);
def(
  'i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s - i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u',
  181,
  simd,
  V128,
  V128,
  V128,
);
def('i64x2.abs i64x2.neg', 192, simd, V128, V128);
def('i64x2.all_true i64x2.bitmask', 195, simd, I32, V128);
def(
  'i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u',
  199,
  simd,
  V128,
  V128,
);
def('i64x2.shl i64x2.shr_s i64x2.shr_u', 203, simd, V128, V128, I32);
def('i64x2.add - - i64x2.sub', 206, simd, V128, V128, V128);
def(
  'i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u',
  213,
  simd,
  V128,
  V128,
  V128,
);
def('f32x4.abs f32x4.neg - f32x4.sqrt', 224, simd, V128, V128);
def('f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax', 228, simd, V128, V128, V128);
def('f64x2.abs f64x2.neg - f64x2.sqrt', 236, simd, V128, V128);
def('f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax', 240, simd, V128, V128, V128);
def(
  'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u',
  248,
  simd,
  V128,
  V128,
);
def(
  'f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd',
  0x105,
  simd,
  V128,
  V128,
  V128,
  V128,
);

/** Names of pure operations. */
export type OpName = string;
export interface OpInfo {
  readonly name: OpName;
  readonly code: number;
  readonly result: Ty;
  readonly args: readonly Ty[];
  /** True when a lane index follows the opcode. */
  readonly lane: boolean;
}
export const OPS: ReadonlyMap<OpName, OpInfo> = new Map(
  Object.entries(table).map(([name, [code, result, ...args]]) => [
    name,
    { name, code, result, args, lane: /(extract|replace)_lane/.test(name) },
  ]),
);

/** i8x16.shuffle: sixteen lane bytes follow. */
export const SHUFFLE = simd(13);
export const SELECT = 0x1b;

/** Loads and stores: key is type letter, access width in bits, and signedness of a narrower load. */
export const LOADS: Readonly<Record<string, number>> = {
  i32: 0x28,
  i64: 0x29,
  f32: 0x2a,
  f64: 0x2b,
  i32_8s: 0x2c,
  i32_8u: 0x2d,
  i32_16s: 0x2e,
  i32_16u: 0x2f,
  i64_8s: 0x30,
  i64_8u: 0x31,
  i64_16s: 0x32,
  i64_16u: 0x33,
  i64_32s: 0x34,
  i64_32u: 0x35,
  v128: simd(0),
  v128_32z: simd(92),
  v128_64z: simd(93),
};
export const STORES: Readonly<Record<string, number>> = {
  i32: 0x36,
  i64: 0x37,
  f32: 0x38,
  f64: 0x39,
  i32_8: 0x3a,
  i32_16: 0x3b,
  i64_8: 0x3c,
  i64_16: 0x3d,
  i64_32: 0x3e,
  v128: simd(11),
};
/** Atomic accesses; the read-modify-write families step by 7 opcodes (i32, i64, 8, 16 | 8, 16, 32). */
export const ATOMIC_LOADS: Readonly<Record<string, number>> = {
  i32: thread(0x10),
  i64: thread(0x11),
  i32_8u: thread(0x12),
  i32_16u: thread(0x13),
  i64_8u: thread(0x14),
  i64_16u: thread(0x15),
  i64_32u: thread(0x16),
};
export const ATOMIC_STORES: Readonly<Record<string, number>> = {
  i32: thread(0x17),
  i64: thread(0x18),
  i32_8: thread(0x19),
  i32_16: thread(0x1a),
  i64_8: thread(0x1b),
  i64_16: thread(0x1c),
  i64_32: thread(0x1d),
};
const rmwBase: Record<string, number> = {
  add: 0x1e,
  sub: 0x25,
  and: 0x2c,
  or: 0x33,
  xor: 0x3a,
  xchg: 0x41,
  cmpxchg: 0x48,
};
const rmwStep: Record<string, number> = { i32: 0, i64: 1, i32_8: 2, i32_16: 3, i64_8: 4, i64_16: 5, i64_32: 6 };
/** Opcode of `<type>.atomic.rmw<width>.<op>`. */
export function atomicRmw(op: string, access: string): number {
  return thread(rmwBase[op]! + rmwStep[access]!);
}
export const ATOMIC_NOTIFY = thread(0);
export const ATOMIC_WAIT32 = thread(1);
export const ATOMIC_FENCE = thread(3);
