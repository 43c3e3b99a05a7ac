/** Comparison, minimum and maximum: FPCompare*, FPMax, FPMin, FPMaxNum, FPMinNum. */

import { call, ret } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { i32, i64, select } from '../../wasm/value.ts';
import { unlikely, variable } from '../control.ts';
import { I32, I64, type Val } from '../semantics.ts';
import { FORMATS, type Format, FPSR_BIT, isNan, isSignalling, isZero } from './format.ts';
import { nanOf, operands, raise } from './round.ts';

/** NZCV of a comparison, in bits [31:28]. */
export const NZCV = { less: 8 << 28, equal: 6 << 28, greater: 2 << 28, unordered: 3 << 28 } as const;

/** An integer that orders as the number does, but that −0 is below +0. */
function key(f: Format, x: Val): Val {
  const wide = f.bits === 64 ? x : x.shl(64 - f.bits).shrS(64 - f.bits);
  return wide.xor(wide.shrS(63).shrU(1));
}

export function defineComparison(lib: Library): void {
  for (const f of FORMATS) {
    // FPCompare: `signal` non-zero when quiet NaNs are invalid too.
    lib.define(`fpCompare.${f.name}`, [I32, I32, I64, I64, I32], I32, (link, c, t, x, y, signal) => {
      const [cpu, ctl] = [c!, t!];
      const [a, b] = operands(link, f, cpu, ctl, x!, y!) as [Val, Val];
      unlikely(isNan(f, a).or(isNan(f, b)), () => {
        const wrong = signal!.or(isSignalling(f, a)).or(isSignalling(f, b));
        unlikely(wrong, () => raise(link, cpu, ctl, FPSR_BIT.ioc));
        ret(i32(NZCV.unordered));
      });
      const [p, q] = [key(f, a), key(f, b)];
      const equal = a.eq(b).or(isZero(f, a).and(isZero(f, b)));
      ret(select(equal, i32(NZCV.equal), select(p.ltS(q), i32(NZCV.less), i32(NZCV.greater))));
    });
    // Comparisons that yield a mask of the format's width.
    const mask = (1n << BigInt(f.bits)) - 1n;
    const masked = (name: string, signal: number, abs: boolean, test: (nzcv: Val) => Val): void => {
      lib.define(`${name}.${f.name}`, [I32, I32, I64, I64], I64, (link, cpu, ctl, a, b) => {
        const [p, q] = abs ? [a!.and(f.abs), b!.and(f.abs)] : [a!, b!];
        const nzcv = call(link(`fpCompare.${f.name}`), cpu!, ctl!, p, q, i32(signal));
        ret(select(test(nzcv), i64(mask), i64(0)));
      });
    };
    const equal = (v: Val): Val => v.eq(NZCV.equal);
    const greater = (v: Val): Val => v.eq(NZCV.greater);
    const notLess = (v: Val): Val => equal(v).or(greater(v));
    masked('fpCmEq', 0, false, equal);
    masked('fpCmGe', 1, false, notLess);
    masked('fpCmGt', 1, false, greater);
    masked('fpAcGe', 1, true, notLess);
    masked('fpAcGt', 1, true, greater);

    extreme(lib, f, 'fpMax', (p, q) => p.gtS(q));
    extreme(lib, f, 'fpMin', (p, q) => p.ltS(q));
    number(lib, f, 'fpMaxNum', 'fpMax', f.infinity | f.sign);
    number(lib, f, 'fpMinNum', 'fpMin', f.infinity);
  }
}

function extreme(lib: Library, f: Format, name: string, better: (p: Val, q: Val) => Val): void {
  lib.define(`${name}.${f.name}`, [I32, I32, I64, I64], I64, (link, c, t, x, y) => {
    const [cpu, ctl] = [c!, t!];
    const [a, b] = operands(link, f, cpu, ctl, x!, y!) as [Val, Val];
    unlikely(isNan(f, a).or(isNan(f, b)), () => ret(nanOf(link, f, cpu, ctl, a, b)));
    ret(select(better(key(f, a), key(f, b)), a, b));
  });
}
/** The same with a single quiet NaN taken for a number that is missing. */
function number(lib: Library, f: Format, name: string, base: string, missing: bigint): void {
  lib.define(`${name}.${f.name}`, [I32, I32, I64, I64], I64, (link: Link, c, t, x, y) => {
    const [cpu, ctl] = [c!, t!];
    const quiet = (v: Val): Val => isNan(f, v).and(v.and(f.quiet).ne(0));
    const [a, b] = [variable(I64, x!), variable(I64, y!)];
    const [qa, qb] = [quiet(x!), quiet(y!)];
    unlikely(qa.and(qb.eqz()), () => a.set(missing));
    unlikely(qb.and(qa.eqz()), () => b.set(missing));
    ret(call(link(`${base}.${f.name}`), cpu, ctl, a.get(), b.get()));
  });
}
