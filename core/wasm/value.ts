/**
 * Values of the function builder: nodes of a small SSA tree that `emit.ts` turns into WebAssembly.
 *
 * A pure node has no place of its own: it is emitted where it is used, or, when used more than once, kept in a local at the
 * point where it was built. Pure nodes that nothing uses cost nothing, so semantics may compute more than is needed (flags).
 */
import { F32, F64, I32, I64, OPS, type OpInfo, type Ty, V128 } from './opcodes.ts';
import { append } from './scope.ts';

export type Num = Val | number | bigint;

export const CONST = 0;
export const OP = 1;
/** A local that is not written while this node is alive. */
export const LOCAL = 2;
/** A node with an effect or that depends on one: it is evaluated exactly where it was built. */
export const EFFECT = 3;
export const SELECT_OP = 4;
export const SHUFFLE_OP = 5;

/** One value. `uses` and `local` belong to emission. */
export class Val {
  hot = 0;
  cold = 0;
  /** Local that holds the value once emitted, -1 before. */
  local = -1;
  depth = 0;
  readonly kind: number;
  readonly ty: Ty;
  readonly op: OpInfo | null;
  readonly a: Val | null;
  readonly b: Val | null;
  readonly c: Val | null;
  /** Constant, lane number, local index, or the record of an effect. */
  readonly k: unknown;

  constructor(kind: number, ty: Ty, op: OpInfo | null, a: Val | null, b: Val | null, c: Val | null, k: unknown) {
    this.kind = kind;
    this.ty = ty;
    this.op = op;
    this.a = a;
    this.b = b;
    this.c = c;
    this.k = k;
  }

  // Integers. Every method works at the value's own width; a plain number becomes a constant of that width.
  add(o: Num): Val {
    return this.int2('add', o);
  }
  sub(o: Num): Val {
    return this.int2('sub', o);
  }
  mul(o: Num): Val {
    return this.int2('mul', o);
  }
  divS(o: Num): Val {
    return this.int2('div_s', o);
  }
  divU(o: Num): Val {
    return this.int2('div_u', o);
  }
  remS(o: Num): Val {
    return this.int2('rem_s', o);
  }
  remU(o: Num): Val {
    return this.int2('rem_u', o);
  }
  and(o: Num): Val {
    return this.int2('and', o);
  }
  or(o: Num): Val {
    return this.int2('or', o);
  }
  xor(o: Num): Val {
    return this.int2('xor', o);
  }
  /** Shift left; the count is taken modulo the width. */
  shl(o: Num): Val {
    return this.int2('shl', o);
  }
  /** Arithmetic shift right; the count is taken modulo the width. */
  shrS(o: Num): Val {
    return this.int2('shr_s', o);
  }
  /** Logical shift right; the count is taken modulo the width. */
  shrU(o: Num): Val {
    return this.int2('shr_u', o);
  }
  rotl(o: Num): Val {
    return this.int2('rotl', o);
  }
  rotr(o: Num): Val {
    return this.int2('rotr', o);
  }
  not(): Val {
    return this.xor(-1);
  }
  neg(): Val {
    return konst(this.ty, 0).sub(this);
  }
  clz(): Val {
    return op(`${pre(this.ty)}.clz`, this);
  }
  ctz(): Val {
    return op(`${pre(this.ty)}.ctz`, this);
  }
  popcnt(): Val {
    return op(`${pre(this.ty)}.popcnt`, this);
  }
  /** i32: 1 when zero. */
  eqz(): Val {
    return op(`${pre(this.ty)}.eqz`, this);
  }
  eq(o: Num): Val {
    if ((o === 0 || o === 0n) && (this.ty === I32 || this.ty === I64)) return this.eqz();
    return this.int2('eq', o);
  }
  ne(o: Num): Val {
    return this.int2('ne', o);
  }
  ltS(o: Num): Val {
    return this.int2('lt_s', o);
  }
  ltU(o: Num): Val {
    return this.int2('lt_u', o);
  }
  gtS(o: Num): Val {
    return this.int2('gt_s', o);
  }
  gtU(o: Num): Val {
    return this.int2('gt_u', o);
  }
  leS(o: Num): Val {
    return this.int2('le_s', o);
  }
  leU(o: Num): Val {
    return this.int2('le_u', o);
  }
  geS(o: Num): Val {
    return this.int2('ge_s', o);
  }
  geU(o: Num): Val {
    return this.int2('ge_u', o);
  }
  /** The low 32 bits as i32 (an i32 stays as it is). */
  lo32(): Val {
    return this.ty === I32 ? this : op('i32.wrap_i64', this);
  }
  /** Zero-extended to i64 (an i64 stays as it is). */
  zext64(): Val {
    return this.ty === I64 ? this : op('i64.extend_i32_u', this);
  }
  /** Sign-extended to i64 (an i64 stays as it is). */
  sext64(): Val {
    return this.ty === I64 ? this : op('i64.extend_i32_s', this);
  }
  /** Sign-extension of the low `bits` (8, 16 or 32) within the value's own width. */
  sext(bits: 8 | 16 | 32): Val {
    if (this.ty === I32 && bits === 32) return this;
    return op(`${pre(this.ty)}.extend${bits}_s`, this);
  }
  /** Bits [lo+len-1:lo], zero-extended, at the value's own width. */
  bits(lo: number, len: number): Val {
    const width = this.ty === I32 ? 32 : 64;
    const shifted = lo === 0 ? this : this.shrU(lo);
    if (lo + len >= width) return shifted;
    return shifted.and((1n << BigInt(len)) - 1n);
  }
  /** i32: 1 when bit `n` is set. */
  bit(n: number): Val {
    return this.bits(n, 1).lo32();
  }

  private int2(name: string, o: Num): Val {
    const b = typeof o === 'object' ? o : konst(this.ty, o);
    return op(`${pre(this.ty)}.${name}`, this, b);
  }
}

function pre(ty: Ty): string {
  return ty === I32 ? 'i32' : ty === I64 ? 'i64' : ty === F32 ? 'f32' : ty === F64 ? 'f64' : 'v128';
}

/** A constant; integers are reduced to their width (i32 signed number, i64 signed bigint). */
export function konst(ty: Ty, v: number | bigint): Val {
  let k: number | bigint;
  if (ty === I32) k = typeof v === 'number' && (v | 0) === v ? v : Number(BigInt.asIntN(32, BigInt(v)));
  else if (ty === I64) {
    // Small constants stay plain numbers: bigint arithmetic is slow and most constants are small.
    if (typeof v === 'number') k = Number.isSafeInteger(v) ? v : BigInt.asIntN(64, BigInt(v));
    else {
      const w = BigInt.asIntN(64, v);
      k = w >= -0x1fffffffffffffn && w <= 0x1fffffffffffffn ? Number(w) : w;
    }
  } else k = Number(v);
  return new Val(CONST, ty, null, null, null, null, k);
}
export const i32 = (v: number | bigint): Val => konst(I32, v);
export const i64 = (v: number | bigint): Val => konst(I64, v);
export const f32 = (v: number): Val => konst(F32, v);
export const f64 = (v: number): Val => konst(F64, v);
/** A 128-bit constant from its two 64-bit halves. */
export function v128(lo: bigint, hi: bigint = lo): Val {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, lo), true);
  view.setBigUint64(8, BigInt.asUintN(64, hi), true);
  return new Val(CONST, V128, null, null, null, null, bytes);
}

/** True for a constant (then `k` holds its value). */
export function isConst(v: Val): boolean {
  return v.kind === CONST;
}
/** Numeric value of an integer constant. */
export function constOf(v: Val): bigint {
  return BigInt(v.k as number | bigint);
}

/** A pure operation by its specification name, e.g. `op('f64x2.add', a, b)`; `lane` for lane instructions. */
export function op(name: string, a: Val, b?: Val | null, c?: Val | null, lane?: number): Val {
  const info = OPS.get(name);
  if (!info) throw new Error(`no WebAssembly operation ${name}`);
  const args = info.args;
  if (a.ty !== args[0] || (b ? b.ty !== args[1] : args.length > 1) || (c ? c.ty !== args[2] : args.length > 2)) {
    const seen = [a, b, c].map((v) => (v ? pre(v.ty) : '-')).join(',');
    throw new Error(`${name} with operands ${seen}`);
  }
  const folded = b ? fold(name, a, b) : (laneOf(name, a, lane ?? 0) ?? fold(name, a, null));
  if (folded) return folded;
  return append(new Val(OP, info.result, info, a, b ?? null, c ?? null, lane ?? 0));
}
/** Lane access: `lane('i32x4.extract_lane', v, 2)` or `lane('i32x4.replace_lane', v, 2, x)`. */
export function lane(name: string, v: Val, n: number, x?: Val): Val {
  return op(name, v, x ?? null, null, n);
}

/** `cond ? a : b` without a branch; both are evaluated. */
export function select(cond: Val, a: Val, b: Val): Val {
  if (a.ty !== b.ty) throw new Error('select of two types');
  if (cond.kind === CONST) return Number(cond.k) !== 0 ? a : b;
  return append(new Val(SELECT_OP, a.ty, null, a, b, cond, 0));
}

/** i8x16.shuffle with sixteen lane numbers, 0–15 from `a`, 16–31 from `b`. */
export function shuffle(a: Val, b: Val, lanes: readonly number[]): Val {
  if (lanes.length !== 16) throw new Error('shuffle wants 16 lanes');
  return append(new Val(SHUFFLE_OP, V128, null, a, b, null, lanes));
}

/** A lane that was put there, or spread over all lanes, just before. */
function laneOf(name: string, v: Val, n: number): Val | null {
  if (v.kind !== OP || v.ty !== V128 || !name.endsWith('.extract_lane')) return null;
  const shape = name.slice(0, name.indexOf('.'));
  if (v.op!.name === `${shape}.replace_lane` && v.k === n) return v.b;
  return v.op!.name === `${shape}.splat` ? v.a : null;
}

const isZero = (v: Val): boolean => v.kind === CONST && (v.k === 0 || v.k === 0n);
const isMinus1 = (v: Val): boolean => v.kind === CONST && (v.k === -1 || v.k === -1n);

/** Constant folding and the identities that make shaped semantics collapse. Floating point is never folded. */
function fold(name: string, a: Val, b: Val | null): Val | null {
  const dot = name.indexOf('.');
  const t = name.slice(0, dot);
  if (t !== 'i32' && t !== 'i64') return null;
  const o = name.slice(dot + 1);
  if (b !== null) {
    if (b.kind === CONST && a.ty === b.ty) {
      if (a.kind === CONST) return fold2(a.ty as typeof I32 | typeof I64, o, constOf(a), constOf(b));
      if (isZero(b)) {
        if (o === 'add' || o === 'sub' || o === 'or' || o === 'xor' || o === 'shl' || o === 'shr_u' || o === 'shr_s')
          return a;
        if (o === 'rotl' || o === 'rotr') return a;
        if (o === 'and' || o === 'mul') return b;
      } else if (isMinus1(b)) {
        if (o === 'and') return a;
        if (o === 'or') return b;
      } else if (b.k === 1 && o === 'mul') return a;
    }
    if (isZero(a)) {
      if (o === 'add' || o === 'or' || o === 'xor') return b;
      if (o === 'and' || o === 'mul' || o === 'shl' || o === 'shr_u' || o === 'shr_s') return a;
    }
    return null;
  }
  if (a.kind === CONST && (a.ty === I32 || a.ty === I64)) {
    const x = constOf(a);
    switch (o) {
      case 'eqz':
        return i32(x === 0n ? 1 : 0);
      case 'wrap_i64':
        return i32(x);
      case 'extend_i32_s':
        return i64(x);
      case 'extend_i32_u':
        return i64(BigInt.asUintN(32, x));
      case 'extend8_s':
        return konst(a.ty, BigInt.asIntN(8, x));
      case 'extend16_s':
        return konst(a.ty, BigInt.asIntN(16, x));
      case 'extend32_s':
        return konst(a.ty, BigInt.asIntN(32, x));
    }
  }
  return null;
}

function fold2(ty: typeof I32 | typeof I64, o: string, x: bigint, y: bigint): Val | null {
  const w = ty === I32 ? 32 : 64;
  const ux = BigInt.asUintN(w, x);
  const uy = BigInt.asUintN(w, y);
  const n = uy % BigInt(w);
  switch (o) {
    case 'add':
      return konst(ty, x + y);
    case 'sub':
      return konst(ty, x - y);
    case 'mul':
      return konst(ty, x * y);
    case 'and':
      return konst(ty, x & y);
    case 'or':
      return konst(ty, x | y);
    case 'xor':
      return konst(ty, x ^ y);
    case 'shl':
      return konst(ty, x << n);
    case 'shr_u':
      return konst(ty, ux >> n);
    case 'shr_s':
      return konst(ty, x >> n);
    case 'eq':
      return i32(x === y ? 1 : 0);
    case 'ne':
      return i32(x !== y ? 1 : 0);
    case 'lt_s':
      return i32(x < y ? 1 : 0);
    case 'lt_u':
      return i32(ux < uy ? 1 : 0);
    case 'gt_s':
      return i32(x > y ? 1 : 0);
    case 'gt_u':
      return i32(ux > uy ? 1 : 0);
    case 'le_s':
      return i32(x <= y ? 1 : 0);
    case 'le_u':
      return i32(ux <= uy ? 1 : 0);
    case 'ge_s':
      return i32(x >= y ? 1 : 0);
    case 'ge_u':
      return i32(ux >= uy ? 1 : 0);
    default:
      return null;
  }
}
