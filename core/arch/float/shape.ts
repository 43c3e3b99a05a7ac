/** The shapes that operations come in: a scalar or a vector of one format, with the names of native operations on it. */

import { f32, f64, lane, select, shuffle, v128 } from '../../wasm/value.ts';
import { F32, F64, I32, I64, i32, i64, op, type Sem, type Val } from '../semantics.ts';
import { control } from './fast.ts';
import { DOUBLE, FORMATS, type Format, HALF, SINGLE } from './format.ts';

/** The bits of a scalar value, zero-extended, as the routines want them; other values as they are. */
export function toBits(v: Val): Val {
  if (v.ty === F64) return op('i64.reinterpret_f64', v);
  if (v.ty === F32) return op('i32.reinterpret_f32', v).zext64();
  return v;
}
export function fromBits(f: Format, bits: Val): Val {
  if (f === DOUBLE) return op('f64.reinterpret_i64', bits);
  if (f === SINGLE) return op('f32.reinterpret_i32', bits.lo32());
  return bits;
}

export class Shape {
  readonly f: Format;
  /** Bytes of the register in use; 0 for a scalar. */
  readonly bytes: 0 | 8 | 16;
  /** Prefix of native operations; half precision has none. */
  private readonly prefix: string;
  constructor(f: Format, bytes: 0 | 8 | 16) {
    this.f = f;
    this.bytes = bytes;
    const scalar = f === DOUBLE ? 'f64' : 'f32';
    this.prefix = bytes === 0 ? scalar : f === DOUBLE ? 'f64x2' : 'f32x4';
  }
  get scalar(): boolean {
    return this.bytes === 0;
  }
  /** Without native operations: everything goes through the routines. */
  get soft(): boolean {
    return this.f === HALF;
  }

  op(name: string, a: Val, b?: Val): Val {
    return op(`${this.prefix}.${name}`, a, b ?? null);
  }
  /** A number in every lane. */
  num(v: number): Val {
    if (this.scalar) return this.f === DOUBLE ? f64(v) : f32(v);
    const view = new DataView(new ArrayBuffer(8));
    if (this.f === DOUBLE) view.setFloat64(0, v);
    else {
      view.setFloat32(0, v);
      view.setFloat32(4, v);
    }
    return v128(view.getBigUint64(0));
  }
  /** Bits in every lane: a vector constant, or for scalars an i64. */
  bits(v: bigint): Val {
    if (this.scalar) return i64(v);
    let x = v;
    for (let w = this.f.bits; w < 64; w *= 2) x |= x << BigInt(w);
    return v128(x);
  }
  /** ± a × b + c with one rounding; only where the host fuses. */
  fused(negated: boolean, a: Val, b: Val, c: Val): Val {
    const lanes = this.f === DOUBLE ? 'f64x2' : 'f32x4';
    const name = `${lanes}.relaxed_${negated ? 'nmadd' : 'madd'}`;
    if (!this.scalar) return op(name, a, b, c);
    const splat = (v: Val): Val => op(`${lanes}.splat`, v);
    return lane(`${lanes}.extract_lane`, op(name, splat(a), splat(b), splat(c)), 0);
  }

  // Tests. A relation gives i32 for scalars and a mask for vectors.
  /** i32: does it hold in any lane that counts? */
  any(mask: Val): Val {
    if (this.scalar) return mask.ty === I64 ? mask.ne(0) : mask;
    return this.bytes === 16 ? op('v128.any_true', mask) : lane('i64x2.extract_lane', mask, 0).ne(0);
  }
  either(a: Val, b: Val): Val {
    return this.scalar ? a.or(b) : op('v128.or', a, b);
  }
  both(a: Val, b: Val): Val {
    return this.scalar ? a.and(b) : op('v128.and', a, b);
  }
  /** a where the relation holds, else b. */
  choose(relation: Val, a: Val, b: Val): Val {
    return this.scalar ? select(relation, a, b) : op('v128.bitselect', a, b, relation);
  }

  // Bitwise operations that half precision has too.
  abs(v: Val): Val {
    if (!this.soft) return this.op('abs', v);
    return this.scalar ? v.and(this.f.abs) : op('v128.and', v, this.bits(this.f.abs));
  }
  neg(v: Val): Val {
    if (!this.soft) return this.op('neg', v);
    return this.scalar ? v.xor(this.f.sign) : op('v128.xor', v, this.bits(this.f.sign));
  }

  /** Calls a routine: `args` of this shape, and i32 ones as they are. */
  routine(s: Sem, name: string, ...args: Val[]): Val {
    if (!this.scalar) return s.helper(`${name}.${this.f.name}.v`, s.cpu, control(s), i32(this.bytes), ...args);
    const bits = args.map((v) => (v.ty === I32 ? v : toBits(v)));
    return fromBits(this.f, s.helper(`${name}.${this.f.name}`, s.cpu, control(s), ...bits));
  }

  /** One element of a vector as a scalar of this format. */
  element(v: Val, n: number): Val {
    if (this.f === DOUBLE) return lane('f64x2.extract_lane', v, n);
    if (this.f === SINGLE) return lane('f32x4.extract_lane', v, n);
    return lane('i16x8.extract_lane_u', v, n).zext64();
  }

  // Registers.
  read(s: Sem, field: string): Val {
    if (!this.scalar) return s.v(field);
    if (this.f === DOUBLE) return s.d(field);
    return this.f === SINGLE ? s.s(field) : this.element(s.v(field), 0);
  }
  write(s: Sem, field: string, v: Val): void {
    if (this.bytes === 16) s.setV(field, v);
    else if (this.bytes === 8) s.setV(field, lowHalf(v));
    else if (this.f === DOUBLE) s.setD(field, v);
    else if (this.f === SINGLE) s.setS(field, v);
    else s.setV(field, lane('i64x2.replace_lane', op('i64x2.splat', i64(0)), 0, v));
  }
}
const LOW_HALF = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const lowHalf = (v: Val): Val => shuffle(v, v128(0n), LOW_HALF);

export const SCALAR: ReadonlyMap<Format, Shape> = new Map(FORMATS.map((f) => [f, new Shape(f, 0)]));
export const scalarShape = (f: Format): Shape => SCALAR.get(f)!;
