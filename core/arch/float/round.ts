/** What all routines share: raising exceptions, NaNs, flushing denormals, rounding (shared/functions/float). */

import { call, load, ret, run, store } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { i32, i64, select } from '../../wasm/value.ts';
import { iff, unlikely, variable } from '../control.ts';
import { I32, I64, type Val } from '../semantics.ts';
import * as state from '../state.ts';
import { CTL, FORMATS, type Format, FPCR_BIT, FPSR_BIT, RMODE, RMODE_MASK, shiftJam } from './format.ts';

const WANTED = 1 << state.MODE_FIELD.inexactWanted[0];

/** Emits a call that adds cumulative exception bits to FPSR. */
export function raise(link: Link, cpu: Val, ctl: Val, flags: Val | number): void {
  run(link('fpRaise'), cpu, ctl, typeof flags === 'number' ? i32(flags) : flags);
}
/** Emits the return of the default NaN for an invalid operation. */
export function invalid(link: Link, f: Format, cpu: Val, ctl: Val): void {
  raise(link, cpu, ctl, FPSR_BIT.ioc);
  ret(i64(f.infinity | f.quiet));
}
/** The NaN that operands (in order of precedence, one of them a NaN) make. */
export function nanOf(link: Link, f: Format, cpu: Val, ctl: Val, a: Val, b: Val = a, c: Val = b): Val {
  return call(link('fpNaN'), cpu, ctl, i64(f.infinity), a, b, c);
}
/** Operands as the operation sees them: denormals flushed when FPCR says so. */
export function operands(link: Link, f: Format, cpu: Val, ctl: Val, ...xs: Val[]): Val[] {
  const vars = xs.map((x) => variable(I64, x));
  unlikely(ctl.and(f.flush), () => {
    for (const v of vars) v.set(call(link(`fpFlush.${f.name}`), cpu, ctl, v.get()));
  });
  return vars.map((v) => v.get());
}
/** Rounds to the format: `sign` in its place, mantissa as `Unpacked` with whatever lies below jammed into its lowest bit. */
export function round(link: Link, f: Format, cpu: Val, ctl: Val, sign: Val, exp: Val, mant: Val): Val {
  return call(link(`fpRound.${f.name}`), cpu, ctl, sign, exp, mant);
}
/** Zero as the exact difference of equal numbers: negative only when rounding towards −∞. */
export function zeroDifference(f: Format, ctl: Val): Val {
  return select(ctl.bits(RMODE, 2).eq(2), i64(f.sign), i64(0));
}

export function defineRounding(lib: Library): void {
  lib.define('fpRaise', [I32, I32, I32], null, (_link, c, t, fl) => {
    const [cpu, ctl, flags] = [c!, t!, fl!];
    unlikely(ctl.and(CTL.quiet), () => ret());
    store('i32', cpu, load('i32', cpu, state.FPSR).or(flags), state.FPSR);
    iff(flags.and(FPSR_BIT.ixc), () => store('i32', cpu, load('i32', cpu, state.MODE).and(~WANTED), state.MODE));
  });

  // FPProcessNaN(s): the first signalling NaN, else the first NaN, made quiet; or the default one.
  lib.define('fpNaN', [I32, I32, I64, I64, I64, I64], I64, (link, c, t, i, x, y, z) => {
    const [cpu, ctl, inf, a, b, d] = [c!, t!, i!, x!, y!, z!];
    const ulp = inf.and(inf.neg());
    const quiet = ulp.shrU(1);
    const abs = inf.or(ulp.sub(1));
    const nan = (v: Val): Val => v.and(abs).gtU(inf);
    const isSig = (v: Val): Val => nan(v).and(v.and(quiet).eqz());
    const pick = variable(I64);
    iff(
      isSig(a).or(isSig(b)).or(isSig(d)),
      () => {
        raise(link, cpu, ctl, FPSR_BIT.ioc);
        pick.set(select(isSig(a), a, select(isSig(b), b, d)));
      },
      () => pick.set(select(nan(a), a, select(nan(b), b, d))),
    );
    ret(select(ctl.and(FPCR_BIT.dn), inf, pick.get()).or(quiet));
  });

  for (const f of FORMATS) {
    lib.define(`fpFlush.${f.name}`, [I32, I32, I64], I64, (link, c, t, x) => {
      const [cpu, ctl, v] = [c!, t!, x!];
      unlikely(v.and(f.infinity).eqz().and(v.and(f.abs).ne(0)), () => {
        // Half precision is flushed silently.
        if (f.bits !== 16) raise(link, cpu, ctl, FPSR_BIT.idc);
        ret(v.and(f.sign));
      });
      ret(v);
    });
    defineRound(lib, f);
  }
}

/** FPRound: tininess is detected before rounding (FPCR.AH is 0). */
function defineRound(lib: Library, f: Format): void {
  const low = 62 - f.frac;
  const half = 1n << BigInt(low - 1);
  lib.define(`fpRound.${f.name}`, [I32, I32, I64, I32, I64], I64, (link, c, t, s, e, m) => {
    const [cpu, ctl, sign, exp] = [c!, t!, s!, e!];
    const biased = variable(I32, exp.add(f.bias));
    const mant = variable(I64, m!);
    const flags = variable(I32, 0);
    unlikely(biased.get().leS(0), () => {
      unlikely(ctl.and(f.flush), () => {
        raise(link, cpu, ctl, FPSR_BIT.ufc);
        ret(sign);
      });
      mant.set(shiftJam(mant.get(), i32(1).sub(biased.get())));
      biased.set(1);
      flags.set(FPSR_BIT.ufc);
    });
    const q = variable(I64, mant.get().shrU(low));
    const rest = mant.get().and(2n * half - 1n);
    iff(
      rest.eqz(),
      () => flags.set(0),
      () => {
        flags.set(flags.get().or(FPSR_BIT.ixc));
        const whole = q.get();
        iff(
          ctl.and(RMODE_MASK | CTL.odd).eqz(),
          () => q.set(whole.add(rest.add(whole.and(1)).gtU(half).zext64())),
          () => {
            iff(
              ctl.and(CTL.odd),
              () => q.set(whole.or(1)),
              () => q.set(whole.add(roundsAway(ctl, sign).zext64())),
            );
          },
        );
      },
    );
    // The mantissa's leading one adds itself to the exponent field; so does a carry out of rounding.
    const bits = biased.get().sub(1).zext64().shl(f.frac).add(q.get());
    if (f.bits === 16) {
      unlikely(ctl.and(CTL.alternative), () => {
        unlikely(bits.gtU(f.abs), () => {
          raise(link, cpu, ctl, FPSR_BIT.ioc);
          ret(sign.or(f.abs));
        });
        iff(flags.get(), () => raise(link, cpu, ctl, flags.get()));
        ret(sign.or(bits));
      });
    }
    unlikely(bits.geU(f.infinity), () => {
      raise(link, cpu, ctl, FPSR_BIT.ofc | FPSR_BIT.ixc);
      const nearest = ctl.and(RMODE_MASK | CTL.odd).eqz();
      const away = ctl.and(CTL.odd).eqz().and(roundsAway(ctl, sign));
      // Rounding to odd keeps to finite numbers (FCVTXN), but for dot products of BFloat16.
      const infinite = nearest.or(away).or(ctl.and(CTL.quiet).ne(0));
      ret(select(infinite, i64(f.infinity), i64(f.infinity - 1n)).or(sign));
    });
    iff(flags.get(), () => raise(link, cpu, ctl, flags.get()));
    ret(sign.or(bits));
  });
}
/** i32 0/1: does a directed mode round a number of this sign away from zero? */
export function roundsAway(ctl: Val, sign: Val): Val {
  const mode = ctl.bits(RMODE, 2);
  return mode.eq(select(sign.eqz(), i32(1), i32(2)));
}
