/** Conversion between formats: FPConvert, FPConvertBF, and the widening without rounding that FMLAL and BF16 use. */

import { ret } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { i32, i64, select } from '../../wasm/value.ts';
import { iff, unlikely, variable } from '../control.ts';
import { I32, I64, type Val } from '../semantics.ts';
import {
  absOf,
  CTL,
  FORMATS,
  type Format,
  FPCR_BIT,
  FPSR_BIT,
  HALF,
  isNan,
  isSignalling,
  isZero,
  RMODE,
  SINGLE,
  signOf,
  unpack,
} from './format.ts';
import { operands, raise, round, roundsAway } from './round.ts';

const moveSign = (from: Format, to: Format, a: Val): Val => {
  const s = signOf(from, a);
  return from.bits > to.bits ? s.shrU(from.bits - to.bits) : s.shl(to.bits - from.bits);
};
/** The payload of a NaN at another width, the top of it kept. */
const moveFraction = (from: Format, to: Format, a: Val): Val => {
  const frac = a.and((1n << BigInt(from.frac)) - 1n);
  return from.frac > to.frac ? frac.shrU(from.frac - to.frac) : frac.shl(to.frac - from.frac);
};

export function defineConversions(lib: Library): void {
  for (const from of FORMATS) {
    for (const to of FORMATS) {
      if (from === to) continue;
      lib.define(`fpConvert.${from.name}${to.name}`, [I32, I32, I64], I64, (link, cpu, ctl, a) => {
        convert(link, from, to, cpu!, ctl!, a!);
      });
    }
  }
  lib.define('fpConvertBF', [I32, I32, I64], I64, (link, cpu, ctl, a) => toBrain(link, cpu!, ctl!, a!));
  // Half to single for a product: exact, denormals flushed by FZ16, NaNs as they are (FPMulAddH).
  lib.define('fpWiden', [I32, I32, I64], I64, (link, c, t, x) => {
    const [a] = operands(link, HALF, c!, t!, x!) as [Val];
    const sign = moveSign(HALF, SINGLE, a);
    unlikely(absOf(HALF, a).geU(HALF.infinity), () => {
      ret(sign.or(SINGLE.infinity).or(moveFraction(HALF, SINGLE, a)));
    });
    unlikely(isZero(HALF, a), () => ret(sign));
    const { exp, mant } = unpack(HALF, a);
    const field = exp.add(SINGLE.bias - 1).zext64();
    ret(sign.or(field.shl(SINGLE.frac).add(mant.shrU(62 - SINGLE.frac))));
  });
}

function convert(link: Link, from: Format, to: Format, cpu: Val, c: Val, x: Val): void {
  // Conversions do not flush half precision (FPUnpackCV, FPRoundCV).
  const ctl = c.and(~FPCR_BIT.fz16);
  const alternative = ctl.and(FPCR_BIT.ahp).ne(0);
  const [a] = operands(link, from, cpu, ctl, x) as [Val];
  const sign = moveSign(from, to, a);
  const special = absOf(from, a).geU(from.infinity);
  const isSpecial = from.bits === 16 ? special.and(alternative.eqz()) : special;
  unlikely(isSpecial, () => {
    unlikely(isNan(from, a), () => {
      if (to.bits === 16) {
        unlikely(alternative, () => {
          raise(link, cpu, ctl, FPSR_BIT.ioc);
          ret(sign);
        });
      }
      unlikely(isSignalling(from, a), () => raise(link, cpu, ctl, FPSR_BIT.ioc));
      const kept = sign.or(moveFraction(from, to, a));
      ret(select(ctl.and(FPCR_BIT.dn), i64(0), kept).or(to.infinity | to.quiet));
    });
    if (to.bits === 16) {
      unlikely(alternative, () => {
        raise(link, cpu, ctl, FPSR_BIT.ioc);
        ret(sign.or(to.abs));
      });
    }
    ret(sign.or(to.infinity));
  });
  unlikely(isZero(from, a), () => ret(sign));
  const { exp, mant } = unpack(from, a);
  const how = to.bits === 16 ? ctl.or(select(alternative, i32(CTL.alternative), i32(0))) : ctl;
  ret(round(link, to, cpu, how, sign, exp, mant));
}

/** BFloat16 has single precision's exponents: the upper half of it, rounded. */
function toBrain(link: Link, cpu: Val, ctl: Val, x: Val): void {
  const f = SINGLE;
  const [a] = operands(link, f, cpu, ctl, x) as [Val];
  const sign = signOf(f, a);
  unlikely(isNan(f, a), () => {
    unlikely(isSignalling(f, a), () => raise(link, cpu, ctl, FPSR_BIT.ioc));
    ret(select(ctl.and(FPCR_BIT.dn), i64(0x7fc0), a.shrU(16).or(0x40)));
  });
  const mag = absOf(f, a);
  unlikely(mag.eq(f.infinity), () => ret(a.shrU(16)));
  const rest = mag.and(0xffff);
  const whole = variable(I64, mag.shrU(16));
  const flags = variable(I32, 0);
  iff(rest.ne(0), () => {
    const m = whole.get();
    const nearest = rest.add(m.and(1)).gtU(0x8000);
    const up = select(ctl.bits(RMODE, 2).eqz(), nearest, roundsAway(ctl, sign));
    whole.set(m.add(up.zext64()));
    flags.set(select(mag.ltU(1n << 23n), i32(FPSR_BIT.ixc | FPSR_BIT.ufc), i32(FPSR_BIT.ixc)));
  });
  unlikely(whole.get().geU(0x7f80), () => flags.set(FPSR_BIT.ixc | FPSR_BIT.ofc));
  iff(flags.get(), () => raise(link, cpu, ctl, flags.get()));
  ret(sign.shrU(16).or(whole.get()));
}
