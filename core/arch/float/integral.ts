/** Rounding to integral values and conversion to and from integers: FPRoundInt, FPRoundIntN, FPToFixed, FixedToFP. */

import { call, ret } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { i32, i64, select } from '../../wasm/value.ts';
import { iff, unlikely, variable } from '../control.ts';
import { I32, I64, type Val } from '../semantics.ts';
import { absOf, DOUBLE, FORMATS, type Format, FPSR_BIT, isNan, isZero, signOf, unpack } from './format.ts';
import { nanOf, operands, raise, round } from './round.ts';

/** Roundings of these instructions: FPCR.RMode's four, and to nearest with ties away. */
export const ROUND = { nearest: 0, up: 1, down: 2, zero: 3, away: 4 } as const;

/** Bits of `how` of `fpRoundInt`: rounding in [2:0]; raise Inexact. */
export const EXACT = 8;
/** Bits of `how` of `fpToInt`: rounding in [2:0], unsigned, size of the integer in [15:8], fraction bits in [23:16]. */
export const UNSIGNED = 8;
export const sizeBits = (bits: number): number => bits << 8;
export const fractionBits = (n: number): number => n << 16;

/** Is the magnitude to be incremented, given what is cut off and half of the lowest bit kept? i64 0/1. */
function increment(mode: Val, sign: Val, whole: Val, rest: Val, half: Val): Val {
  const nearest = rest.add(whole.and(1)).gtU(half);
  const away = rest.geU(half);
  const directed = rest.ne(0).and(mode.eq(select(sign.eqz(), i32(1), i32(2))));
  return select(mode.eqz(), nearest, select(mode.eq(4), away, directed)).zext64();
}

export function defineIntegral(lib: Library): void {
  for (const f of FORMATS) {
    lib.define(`fpRoundInt.${f.name}`, [I32, I32, I64, I32], I64, (link, c, t, x, how) => {
      const [cpu, ctl] = [c!, t!];
      const [a] = operands(link, f, cpu, ctl, x!) as [Val];
      unlikely(isNan(f, a), () => ret(nanOf(link, f, cpu, ctl, a)));
      const e = a
        .shrU(f.frac)
        .lo32()
        .and(2 ** f.exp - 1);
      // Bits of fraction; beyond frac + 2 nothing changes any more.
      const n = i32(f.bias + f.frac).sub(e);
      unlikely(n.leS(0).or(isZero(f, a)), () => ret(a));
      const sh = select(n.gtS(f.frac + 2), i32(f.frac + 2), n).zext64();
      const lead = 1n << BigInt(f.frac);
      const mant = a.and(lead - 1n).or(select(e.eqz(), i64(0), i64(lead)));
      const whole = mant.shrU(sh);
      const unit = i64(1).shl(sh);
      const rest = mant.and(unit.sub(1));
      const sign = signOf(f, a);
      const rounded = whole.add(increment(how!.and(7), sign, whole, rest, unit.shrU(1)));
      iff(rest.ne(0).and(how!.and(EXACT).ne(0)), () => raise(link, cpu, ctl, FPSR_BIT.ixc));
      unlikely(n.gtS(f.frac), () => ret(select(rounded.eqz(), sign, sign.or(f.one))));
      // A carry out of the fraction goes to the exponent.
      const top = a.and(f.infinity);
      ret(sign.or(top.add(rounded.shl(sh).sub(lead))));
    });

    // FPToFixed: an integer of the size asked for, in the low bits of the result.
    lib.define(`fpToInt.${f.name}`, [I32, I32, I64, I32], I64, (link, c, t, x, how) =>
      toInteger(link, f, c!, t!, x!, how!),
    );
    // FixedToFP: `how` has UNSIGNED and fraction bits; the rounding is the control word's.
    lib.define(`fpFromInt.${f.name}`, [I32, I32, I64, I32], I64, (link, c, t, x, how) => {
      const [cpu, ctl, v] = [c!, t!, x!];
      unlikely(v.eqz(), () => ret(i64(0)));
      const negative = v.ltS(0).and(how!.and(UNSIGNED).eqz());
      const mag = select(negative, v.neg(), v);
      const top = mag.shrU(63);
      const jammed = mag.shrU(top).or(mag.and(top));
      const lead = jammed.clz().sub(1);
      const exp = i32(62).add(top.lo32()).sub(lead.lo32()).sub(how!.bits(16, 8));
      ret(round(link, f, cpu, ctl, select(negative, i64(f.sign), i64(0)), exp, jammed.shl(lead)));
    });
    if (f.bits !== 16) defineRoundIntN(lib, f);
  }

  // FPToFixedJS: modulo 2^32; bit 32 of the result is Z of the flags.
  lib.define('fpToInt32Modulo', [I32, I32, I64], I64, (link, c, t, x) => {
    const [cpu, ctl] = [c!, t!];
    const f = DOUBLE;
    const [a] = operands(link, f, cpu, ctl, x!) as [Val];
    unlikely(absOf(f, a).geU(f.infinity), () => {
      raise(link, cpu, ctl, FPSR_BIT.ioc);
      ret(i64(0));
    });
    // A zero that came of flushing does not count as exact.
    unlikely(isZero(f, a), () => ret(x!.eqz().zext64().shl(32)));
    const { exp, mant } = unpack(f, a);
    const n = i32(62).sub(exp);
    const value = variable(I64, 0);
    const exact = variable(I32, 0);
    iff(
      n.geS(0),
      () => {
        const k = select(n.gtS(63), i32(63), n).zext64();
        value.set(mant.shrU(k));
        exact.set(mant.and(i64(1).shl(k).sub(1)).eqz());
      },
      // Larger by 2^64 or more than the lowest bit of the mantissa: nothing of it is left.
      () => iff(n.gtS(-64), () => value.set(mant.shl(n.neg().zext64()))),
    );
    const signed = select(signOf(f, a).ne(0), value.get().neg(), value.get());
    const low = signed.and(0xffffffffn);
    const fits = exp.leS(32).and(signed.lo32().sext64().eq(signed));
    iff(
      fits,
      () => iff(exact.get().eqz(), () => raise(link, cpu, ctl, FPSR_BIT.ixc)),
      () => raise(link, cpu, ctl, FPSR_BIT.ioc),
    );
    ret(low.or(fits.and(exact.get()).zext64().shl(32)));
  });
}

function toInteger(link: Link, f: Format, cpu: Val, ctl: Val, x: Val, how: Val): void {
  const [a] = operands(link, f, cpu, ctl, x) as [Val];
  const size = how.bits(8, 8).zext64();
  const unsigned = how.and(UNSIGNED);
  const negative = signOf(f, a).ne(0);
  // Largest magnitudes of either sign.
  const top = i64(1).shl(size.sub(1));
  const most = select(unsigned, top.add(top.sub(1)), top.sub(1));
  const least = select(unsigned, i64(0), top);
  const limit = select(negative, least, most);
  const mask = top.add(top.sub(1));
  const saturate = (): void => {
    raise(link, cpu, ctl, FPSR_BIT.ioc);
    ret(select(negative, least.neg(), most).and(mask));
  };
  unlikely(absOf(f, a).geU(f.infinity), () => {
    unlikely(isNan(f, a), () => {
      raise(link, cpu, ctl, FPSR_BIT.ioc);
      ret(i64(0));
    });
    saturate();
  });
  unlikely(isZero(f, a), () => ret(i64(0)));
  const { exp, mant } = unpack(f, a);
  const e = exp.add(how.bits(16, 8));
  unlikely(e.geS(64), saturate);
  const mag = variable(I64);
  const inexact = variable(I32, 0);
  iff(
    e.eq(63),
    () => mag.set(mant.shl(1)),
    () => {
      // What lies below 2^-2 matters only by being there.
      const n = i32(62).sub(e);
      const far = n.gtU(63);
      const k = select(far, i32(63), n).zext64();
      const m = select(far, i64(1), mant);
      const unit = i64(1).shl(k);
      const rest = m.and(unit.sub(1));
      const whole = m.shrU(k);
      const half = select(k.eqz(), i64(1), unit.shrU(1));
      mag.set(whole.add(increment(how.and(7), signOf(f, a), whole, rest, half)));
      inexact.set(rest.ne(0));
    },
  );
  const m = mag.get();
  unlikely(m.gtU(limit), saturate);
  iff(inexact.get(), () => raise(link, cpu, ctl, FPSR_BIT.ixc));
  ret(select(negative, m.neg(), m).and(mask));
}

/** FPRoundIntN: `how` has the rounding in [2:0] and the integer's size, 32 or 64, in [15:8]. */
function defineRoundIntN(lib: Library, f: Format): void {
  lib.define(`fpRoundIntN.${f.name}`, [I32, I32, I64, I32], I64, (link, c, t, x, how) => {
    const [cpu, ctl] = [c!, t!];
    const [a] = operands(link, f, cpu, ctl, x!) as [Val];
    // −2^31 or −2^63.
    const size = how!.bits(8, 8).zext64();
    const worst = size
      .add(f.bias - 1)
      .shl(f.frac)
      .or(f.sign);
    const overflow = (): void => {
      raise(link, cpu, ctl, FPSR_BIT.ioc);
      ret(worst);
    };
    unlikely(absOf(f, a).geU(f.infinity), overflow);
    const quietly = call(link(`fpRoundInt.${f.name}`), cpu, ctl, a, how!.and(7));
    const tooBig = quietly.and(f.abs).geU(worst.and(f.abs)).and(quietly.ne(worst));
    unlikely(tooBig, overflow);
    iff(quietly.ne(a), () => raise(link, cpu, ctl, FPSR_BIT.ixc));
    ret(quietly);
  });
}
