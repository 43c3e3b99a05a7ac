/**
 * NZCV as values that are computed only where something reads them.
 *
 * N = sign of `n()`, Z = (`z()` is 0), C = `c()` (i32 0 or 1), V = sign of `v()`; n, z and v are i64 (32-bit results are
 * sign-extended, so that one representation serves both widths).
 */
import { I32 } from '../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../wasm/value.ts';

export interface Flags {
  n(): Val;
  z(): Val;
  c(): Val;
  v(): Val;
  /** i32 0/1 for a condition with its lowest bit clear, or null when only the general rule serves. */
  test?(cc: number): Val | null;
  /** What the flags are computed from, and the same flags from other places where those values are kept. */
  operands(): readonly Val[];
  rebuild(operands: readonly Val[]): Flags;
}

/** Flags given as their four words. */
export class RawFlags implements Flags {
  private readonly words: readonly [Val, Val, Val, Val];
  constructor(n: Val, z: Val, c: Val, v: Val) {
    this.words = [n, z, c, v];
  }
  n(): Val {
    return this.words[0];
  }
  z(): Val {
    return this.words[1];
  }
  c(): Val {
    return this.words[2];
  }
  v(): Val {
    return this.words[3];
  }
  operands(): readonly Val[] {
    return this.words;
  }
  rebuild(o: readonly Val[]): Flags {
    return new RawFlags(o[0]!, o[1]!, o[2]!, o[3]!);
  }
}

/** Flags of a logical result: C and V are 0. */
export class LogicFlags implements Flags {
  private readonly res: Val;
  constructor(res: Val) {
    this.res = res;
  }
  operands(): readonly Val[] {
    return [this.res];
  }
  rebuild(o: readonly Val[]): Flags {
    return new LogicFlags(o[0]!);
  }
  n(): Val {
    return this.res.sext64();
  }
  z(): Val {
    return this.res.sext64();
  }
  c(): Val {
    return i32(0);
  }
  v(): Val {
    return i64(0);
  }
  test(cc: number): Val | null {
    switch (cc) {
      case 0:
        return this.res.eqz();
      case 2:
        return i32(0);
      case 4:
      case 10:
        return cc === 4 ? this.res.ltS(0) : this.res.geS(0);
      case 6:
        return i32(0);
      case 8:
        return i32(0);
      case 12:
        return this.res.gtS(0);
      default:
        return null;
    }
  }
}

/** Flags of a sum or a difference: N and Z are the result's, and two operands tell the rest. */
abstract class ArithmeticFlags implements Flags {
  protected readonly a: Val;
  protected readonly b: Val;
  protected readonly res: Val;
  constructor(a: Val, b: Val, res: Val) {
    this.a = a;
    this.b = b;
    this.res = res;
  }
  operands(): readonly Val[] {
    return [this.a, this.b];
  }
  abstract rebuild(o: readonly Val[]): Flags;
  n(): Val {
    return this.res.sext64();
  }
  z(): Val {
    return this.res.sext64();
  }
  abstract c(): Val;
  abstract v(): Val;
  abstract test(cc: number): Val | null;
}

/** Flags of a − b. */
export class SubFlags extends ArithmeticFlags {
  rebuild(o: readonly Val[]): Flags {
    return new SubFlags(o[0]!, o[1]!, o[0]!.sub(o[1]!));
  }
  c(): Val {
    return this.a.geU(this.b);
  }
  v(): Val {
    return this.a.xor(this.b).and(this.a.xor(this.res)).sext64();
  }
  test(cc: number): Val | null {
    switch (cc) {
      case 0:
        return this.a.eq(this.b);
      case 2:
        return this.a.geU(this.b);
      case 4:
        return this.res.ltS(0);
      case 8:
        return this.a.gtU(this.b);
      case 10:
        return this.a.geS(this.b);
      case 12:
        return this.a.gtS(this.b);
      default:
        return null;
    }
  }
}

/** Flags of a + b. */
export class AddFlags extends ArithmeticFlags {
  rebuild(o: readonly Val[]): Flags {
    return new AddFlags(o[0]!, o[1]!, o[0]!.add(o[1]!));
  }
  c(): Val {
    return this.res.ltU(this.a);
  }
  v(): Val {
    return this.a.xor(this.res).and(this.b.xor(this.res)).sext64();
  }
  test(cc: number): Val | null {
    if (cc === 0) return this.res.eqz();
    if (cc === 2) return this.c();
    if (cc === 4) return this.res.ltS(0);
    return null;
  }
}

/** Does condition `cc` hold? (ConditionHolds, C1.2.4.) Result i32 0/1. */
export function condition(f: Flags, cc: number): Val {
  if (cc >= 14) return i32(1);
  const base = cc & 14;
  let r = f.test?.(base) ?? null;
  if (!r) {
    switch (base) {
      case 0:
        r = f.z().eqz();
        break;
      case 2:
        r = f.c();
        break;
      case 4:
        r = f.n().ltS(0);
        break;
      case 6:
        r = f.v().ltS(0);
        break;
      case 8:
        r = f.c().and(f.z().ne(0));
        break;
      case 10:
        r = f.n().xor(f.v()).geS(0);
        break;
      default:
        r = f.n().xor(f.v()).geS(0).and(f.z().ne(0));
    }
  }
  return cc & 1 ? r.eqz() : r;
}

/** PSTATE.NZCV in bits [31:28], as i32. */
export function packFlags(f: Flags): Val {
  const n = f.n().shrU(63).lo32().shl(31);
  const z = f.z().eqz().shl(30);
  const v = f.v().shrU(63).lo32().shl(28);
  return n.or(z).or(f.c().shl(29)).or(v);
}
/** Flags from an i32 with NZCV in bits [31:28]. */
export function unpackFlags(nzcv: Val): Flags {
  if (nzcv.ty !== I32) throw new Error('NZCV is an i32');
  return new RawFlags(nzcv.sext64(), nzcv.shrU(30).and(1).xor(1).zext64(), nzcv.shrU(29).and(1), nzcv.shl(3).sext64());
}
/** One set of flags or another, by an i32 condition. */
export function selectFlags(cond: Val, a: Flags, b: Flags): Flags {
  return new RawFlags(
    select(cond, a.n(), b.n()),
    select(cond, a.z(), b.z()),
    select(cond, a.c(), b.c()),
    select(cond, a.v(), b.v()),
  );
}
