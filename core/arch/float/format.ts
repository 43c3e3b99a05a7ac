/** Floating-point formats (A1.5) and the bits of FPCR and FPSR. */

import { select } from '../control.ts';
import { type I32, type I64, i32, i64, type Val } from '../semantics.ts';

export interface Format {
  /** Suffix of the routines' names. */
  readonly name: 'h' | 's' | 'd';
  readonly bits: 16 | 32 | 64;
  readonly frac: number;
  readonly exp: number;
  readonly bias: number;
  readonly sign: bigint;
  readonly abs: bigint;
  readonly infinity: bigint;
  readonly quiet: bigint;
  readonly one: bigint;
  /** The bit of FPCR that flushes denormals of this format. */
  readonly flush: number;
}

/** FPCR (C5.2.8). */
export const FPCR_BIT = { fz16: 1 << 19, fz: 1 << 24, dn: 1 << 25, ahp: 1 << 26 } as const;
/** Lowest bit of FPCR.RMode: 0 nearest (even), 1 towards +∞, 2 towards −∞, 3 towards zero. */
export const RMODE = 22;
export const RMODE_MASK = 3 << RMODE;

/**
 * The control word of the routines is FPCR, with more in bits that are RES0 there: raise nothing, round to odd, and that half
 * precision has the alternative format.
 */
export const CTL = { quiet: 1 << 31, odd: 1 << 30, alternative: 1 << 29 } as const;

/** FPSR (C5.2.9). */
export const FPSR_BIT = { ioc: 1, dzc: 2, ofc: 4, ufc: 8, ixc: 16, idc: 128 } as const;

function format(name: Format['name'], bits: Format['bits'], exp: number): Format {
  const frac = bits - 1 - exp;
  const bias = 2 ** (exp - 1) - 1;
  const at = (n: number): bigint => 1n << BigInt(n);
  return {
    name,
    bits,
    frac,
    exp,
    bias,
    sign: at(bits - 1),
    abs: at(bits - 1) - 1n,
    infinity: at(bits - 1) - at(frac),
    quiet: at(frac - 1),
    one: BigInt(bias) << BigInt(frac),
    flush: bits === 16 ? FPCR_BIT.fz16 : FPCR_BIT.fz,
  };
}
export const HALF = format('h', 16, 5);
export const SINGLE = format('s', 32, 8);
export const DOUBLE = format('d', 64, 11);
export const FORMATS: readonly Format[] = [HALF, SINGLE, DOUBLE];

// Values travel as i64, zero-extended.
export const absOf = (f: Format, x: Val): Val => x.and(f.abs);
export const signOf = (f: Format, x: Val): Val => x.and(f.sign);
export const isNan = (f: Format, x: Val): Val => absOf(f, x).gtU(f.infinity);
export const isInfinity = (f: Format, x: Val): Val => absOf(f, x).eq(f.infinity);
export const isZero = (f: Format, x: Val): Val => absOf(f, x).eqz();
export const isSignalling = (f: Format, x: Val): Val => isNan(f, x).and(x.and(f.quiet).eqz());

/** A finite number other than zero is mant × 2^(exp − 62), with 2^62 ≤ mant < 2^63. */
export interface Unpacked {
  readonly exp: Val;
  readonly mant: Val;
}
export function unpack(f: Format, x: Val): Unpacked {
  const e = x
    .shrU(f.frac)
    .lo32()
    .and(2 ** f.exp - 1);
  const normal = e.ne(0);
  const m = x
    .and((1n << BigInt(f.frac)) - 1n)
    .or(normal.zext64().shl(f.frac))
    .shl(62 - f.frac);
  const lead = m.clz().sub(1);
  return { exp: e.add(normal.eqz()).sub(f.bias).sub(lead.lo32()), mant: m.shl(lead) };
}
/** m >> n for any n ≥ 0, with the lowest bit set when anything was lost. */
export function shiftJam(m: Val, n: Val): Val {
  const k = n.zext64();
  const lost = m.and(i64(1).shl(k).sub(1)).ne(0).zext64();
  return select(n.geU(64), m.ne(0).zext64(), m.shrU(k).or(lost));
}
export { type I32, type I64, i32, i64 };
