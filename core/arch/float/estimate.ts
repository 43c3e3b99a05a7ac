/** Reciprocal estimates: FPRecipEstimate, FPRSqrtEstimate, FPRecpX, and those of integers. */

import { call, ret } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { f64, i32, i64, select } from '../../wasm/value.ts';
import { iff, unlikely, variable } from '../control.ts';
import { I32, I64, op, type Val } from '../semantics.ts';
import { absOf, FORMATS, type Format, FPSR_BIT, isInfinity, isNan, isZero, RMODE_MASK, signOf } from './format.ts';
import { invalid, nanOf, operands, raise, roundsAway } from './round.ts';

/** RecipEstimate: 256–511 to 256–511, that is 1/x of 0.5–1.0 to 9 bits. */
function reciprocal(a: Val): Val {
  const b = i64(2 ** 19).divU(a.shl(1).add(1));
  return b.add(1).shrU(1);
}
/** RecipSqrtEstimate: 128–511 to 256–511. */
function reciprocalRoot(a: Val): Val {
  const scaled = select(a.ltU(256), a.shl(1).add(1), a.and(-2).add(1).shl(1));
  // The first b from 512 on with scaled × (b + 1)² ≥ 2^28: from the real root, put right by one.
  const n = op('i64.trunc_sat_f64_s', op('f64.sqrt', op('f64.div', f64(2 ** 28), op('f64.convert_i64_s', scaled))));
  const next = n.add(1);
  const exact = scaled
    .mul(n)
    .mul(n)
    .geU(2 ** 28);
  const b = select(exact, n, next).sub(1);
  return b.add(1).shrU(1);
}

export function defineEstimates(lib: Library): void {
  for (const f of FORMATS) {
    defineReciprocal(lib, f);
    defineReciprocalRoot(lib, f);
    // FPRecpX: the exponent inverted, the fraction gone.
    lib.define(`fpRecpX.${f.name}`, [I32, I32, I64], I64, (link, c, t, x) => {
      const [cpu, ctl] = [c!, t!];
      const [a] = operands(link, f, cpu, ctl, x!) as [Val];
      unlikely(isNan(f, a), () => ret(nanOf(link, f, cpu, ctl, a)));
      const e = a.and(f.infinity);
      const largest = f.infinity - (1n << BigInt(f.frac));
      ret(signOf(f, a).or(select(e.eqz(), i64(largest), e.xor(f.infinity))));
    });
  }
  // UnsignedRecipEstimate, UnsignedRSqrtEstimate: 32-bit fixed point.
  lib.define('fpURecpE', [I64], I64, (_link, x) => {
    unlikely(x!.ltU(0x80000000), () => ret(i64(0xffffffff)));
    ret(reciprocal(x!.shrU(23)).shl(23));
  });
  lib.define('fpURSqrtE', [I64], I64, (_link, x) => {
    unlikely(x!.ltU(0x40000000), () => ret(i64(0xffffffff)));
    ret(reciprocalRoot(x!.shrU(23)).shl(23));
  });
  lib.define('fpRecpEstimate', [I64], I64, (_link, x) => ret(reciprocal(x!)));
  lib.define('fpRSqrtEstimate', [I64], I64, (_link, x) => ret(reciprocalRoot(x!)));
}

/** Fraction of a format as the top of 52 bits. */
const wideFraction = (f: Format, a: Val): Val => a.and((1n << BigInt(f.frac)) - 1n).shl(52 - f.frac);
/** From 52 bits back to the format's. */
const narrow = (f: Format, fraction: Val): Val => fraction.shrU(52 - f.frac);

function defineReciprocal(lib: Library, f: Format): void {
  lib.define(`fpRecpE.${f.name}`, [I32, I32, I64], I64, (link, c, t, x) => {
    const [cpu, ctl] = [c!, t!];
    const [a] = operands(link, f, cpu, ctl, x!) as [Val];
    const sign = signOf(f, a);
    unlikely(isNan(f, a), () => ret(nanOf(link, f, cpu, ctl, a)));
    unlikely(isInfinity(f, a), () => ret(sign));
    unlikely(isZero(f, a), () => {
      raise(link, cpu, ctl, FPSR_BIT.dzc);
      ret(sign.or(f.infinity));
    });
    const mag = absOf(f, a);
    // Below 2^(-bias - 1) the reciprocal overflows.
    unlikely(mag.ltU(1n << BigInt(f.frac - 2)), () => {
      raise(link, cpu, ctl, FPSR_BIT.ofc | FPSR_BIT.ixc);
      const infinite = ctl.and(RMODE_MASK).eqz().or(roundsAway(ctl, sign));
      ret(sign.or(select(infinite, i64(f.infinity), i64(f.infinity - 1n))));
    });
    // From 2^(bias - 1) on it is denormal.
    const large = BigInt(2 * f.bias - 1) << BigInt(f.frac);
    unlikely(ctl.and(f.flush).ne(0).and(mag.geU(large)), () => {
      raise(link, cpu, ctl, FPSR_BIT.ufc);
      ret(sign);
    });
    const exp = variable(I32, mag.shrU(f.frac).lo32());
    const fraction = variable(I64, wideFraction(f, a));
    unlikely(exp.get().eqz(), () => {
      const lead = fraction.get().shrU(51).eqz();
      const once = fraction.get().shl(1);
      fraction.set(select(lead, once.shl(1), once).and((1n << 52n) - 1n));
      exp.set(i32(0).sub(lead));
    });
    const estimate = call(link('fpRecpEstimate'), fraction.get().shrU(44).or(256));
    const left = i32(2 * f.bias - 1).sub(exp.get());
    const bits = variable(I64, estimate.and(255).shl(44));
    const field = variable(I32, left);
    unlikely(left.leS(0), () => {
      const whole = bits
        .get()
        .shrU(1)
        .or(1n << 51n);
      bits.set(select(left.eqz(), whole, whole.shrU(1)));
      field.set(0);
    });
    ret(sign.or(field.get().zext64().shl(f.frac)).or(narrow(f, bits.get())));
  });
}

function defineReciprocalRoot(lib: Library, f: Format): void {
  lib.define(`fpRSqrtE.${f.name}`, [I32, I32, I64], I64, (link, c, t, x) => {
    const [cpu, ctl] = [c!, t!];
    const [a] = operands(link, f, cpu, ctl, x!) as [Val];
    const sign = signOf(f, a);
    unlikely(isNan(f, a), () => ret(nanOf(link, f, cpu, ctl, a)));
    unlikely(isZero(f, a), () => {
      raise(link, cpu, ctl, FPSR_BIT.dzc);
      ret(sign.or(f.infinity));
    });
    unlikely(sign.ne(0), () => invalid(link, f, cpu, ctl));
    unlikely(isInfinity(f, a), () => ret(i64(0)));
    const exp = variable(I32, a.shrU(f.frac).lo32());
    const fraction = variable(I64, wideFraction(f, a));
    unlikely(exp.get().eqz(), () => {
      // Normalise: the leading one leaves at the top.
      const lead = fraction.get().clz().sub(11);
      fraction.set(
        fraction
          .get()
          .shl(lead)
          .and((1n << 52n) - 1n),
      );
      exp.set(i32(1).sub(lead.lo32()));
    });
    const scaled = variable(I64);
    iff(
      exp.get().and(1),
      () => scaled.set(fraction.get().shrU(45).or(128)),
      () => scaled.set(fraction.get().shrU(44).or(256)),
    );
    const estimate = call(link('fpRSqrtEstimate'), scaled.get());
    const field = i32(3 * f.bias - 1)
      .sub(exp.get())
      .shrS(1)
      .zext64();
    ret(field.shl(f.frac).or(narrow(f, estimate.and(255).shl(44))));
  });
}
