/** Fused operations: FPMulAdd, FPRecipStepFused, FPRSqrtStepFused. */

import { call, ret } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { i32, i64, select } from '../../wasm/value.ts';
import { iff, unlikely, variable } from '../control.ts';
import { I32, I64, type Val } from '../semantics.ts';
import { wideProduct } from './arith.ts';
import { absOf, FORMATS, type Format, isInfinity, isNan, isZero, signOf, unpack } from './format.ts';
import { invalid, nanOf, operands, round, zeroDifference } from './round.ts';

export function defineFused(lib: Library): void {
  for (const f of FORMATS) {
    // a + n × m; the scaled form multiplies by 2^scale before rounding.
    lib.define(`fpMulAdd.${f.name}`, [I32, I32, I64, I64, I64], I64, (link, cpu, ctl, a, n, m) => {
      ret(call(link(`fpMulAddScaled.${f.name}`), cpu!, ctl!, a!, n!, m!, i32(0)));
    });
    lib.define(`fpMulAddScaled.${f.name}`, [I32, I32, I64, I64, I64, I32], I64, (link, c, t, a, n, m, s) => {
      multiplyAdd(link, f, c!, t!, a!, n!, m!, s!);
    });
    const ulp = 1n << BigInt(f.frac);
    const constants = { two: f.one + ulp, three: f.one + ulp + ulp / 2n, oneAndHalf: f.one + ulp / 2n };
    step(lib, f, 'fpRecpS', constants.two, constants.two, 0);
    step(lib, f, 'fpRSqrtS', constants.three, constants.oneAndHalf, -1);
  }
}

/** (k − a × b) × 2^scale, where infinity × 0, and 0 × anything, gives `plain`. */
function step(lib: Library, f: Format, name: string, k: bigint, plain: bigint, scale: number): void {
  lib.define(`${name}.${f.name}`, [I32, I32, I64, I64], I64, (link, c, t, x, y) => {
    const [cpu, ctl] = [c!, t!];
    const [a, b] = operands(link, f, cpu, ctl, x!.xor(f.sign), y!) as [Val, Val];
    unlikely(isNan(f, a).or(isNan(f, b)), () => ret(nanOf(link, f, cpu, ctl, a, b)));
    unlikely(isZero(f, a).or(isZero(f, b)), () => ret(i64(plain)));
    ret(call(link(`fpMulAddScaled.${f.name}`), cpu, ctl, i64(k), a, b, i32(scale)));
  });
}

function multiplyAdd(link: Link, f: Format, cpu: Val, ctl: Val, x: Val, y: Val, z: Val, scale: Val): void {
  const [a, n, m] = operands(link, f, cpu, ctl, x, y, z) as [Val, Val, Val];
  const special = (v: Val): Val => absOf(f, v).geU(f.infinity);
  const productSign = signOf(f, n.xor(m));
  unlikely(special(a).or(special(n)).or(special(m)), () => {
    const infinityByZero = isInfinity(f, n)
      .and(isZero(f, m))
      .or(isInfinity(f, m).and(isZero(f, n)));
    unlikely(isNan(f, a).or(isNan(f, n)).or(isNan(f, m)), () => {
      const quietAddend = a.and(f.quiet).ne(0);
      unlikely(infinityByZero.and(quietAddend), () => invalid(link, f, cpu, ctl));
      ret(nanOf(link, f, cpu, ctl, a, n, m));
    });
    unlikely(infinityByZero, () => invalid(link, f, cpu, ctl));
    iff(isInfinity(f, a), () => {
      const opposed = special(n).or(special(m)).and(signOf(f, a).ne(productSign));
      unlikely(opposed, () => invalid(link, f, cpu, ctl));
      ret(a);
    });
    ret(productSign.or(f.infinity));
  });
  unlikely(isZero(f, n).or(isZero(f, m)), () => {
    unlikely(isZero(f, a).and(signOf(f, a).ne(productSign)), () => ret(zeroDifference(f, ctl)));
    ret(a);
  });
  const p = unpack(f, n);
  const q = unpack(f, m);
  const product = wideProduct(p.mant, q.mant);
  // Leading one to bit 126; the lowest bits of the product are zero, so nothing is lost.
  const carry = product.high.shrU(63);
  const still = carry.eqz();
  const ph = product.high.shrU(carry);
  const pl = select(still, product.low, product.low.shrU(1).or(product.high.shl(63)));
  const pe = p.exp.add(q.exp).add(carry.lo32());
  const jam = (h: Val, l: Val): Val => h.or(l.ne(0).zext64());
  unlikely(isZero(f, a), () => ret(round(link, f, cpu, ctl, productSign, pe.add(scale), jam(ph, pl))));
  const c = unpack(f, a);
  const productBigger = pe.gtS(c.exp).or(pe.eq(c.exp).and(ph.geU(c.mant)));
  const zero = i64(0);
  const [bh, bl, be] = [
    select(productBigger, ph, c.mant),
    select(productBigger, pl, zero),
    select(productBigger, pe, c.exp),
  ];
  const [sh, sl, se] = [
    select(productBigger, c.mant, ph),
    select(productBigger, zero, pl),
    select(productBigger, c.exp, pe),
  ];
  const sign = select(productBigger, productSign, signOf(f, a));

  // The smaller one to the bigger one's exponent.
  const h = variable(I64, sh);
  const l = variable(I64, sl);
  const d = be.sub(se);
  iff(d.ne(0), () => {
    const k = d.zext64();
    iff(
      d.ltU(64),
      () => {
        const lost = sl.shl(i64(64).sub(k)).ne(0).zext64();
        l.set(
          sl
            .shrU(k)
            .or(sh.shl(i64(64).sub(k)))
            .or(lost),
        );
        h.set(sh.shrU(k));
      },
      () => {
        const lost = sh.and(i64(1).shl(k).sub(1)).or(sl).ne(0).zext64();
        l.set(select(d.ltU(128), sh.shrU(k).or(lost), i64(1)));
        h.set(0);
      },
    );
  });
  const exp = variable(I32, be.add(scale));
  const differ = signOf(f, a).ne(productSign);
  iff(
    differ,
    () => {
      const low = bl.sub(l.get());
      const high = bh.sub(h.get()).sub(bl.ltU(l.get()).zext64());
      unlikely(low.or(high).eqz(), () => ret(zeroDifference(f, ctl)));
      h.set(high);
      l.set(low);
      unlikely(high.eqz(), () => {
        // Bits lie this low only when the operands were aligned without loss.
        h.set(low.shrU(1));
        l.set(low.shl(63));
        exp.set(exp.get().sub(63));
      });
      const lead = h.get().clz().sub(1);
      iff(lead.ne(0), () => {
        h.set(
          h
            .get()
            .shl(lead)
            .or(l.get().shrU(i64(64).sub(lead))),
        );
        l.set(l.get().shl(lead));
        exp.set(exp.get().sub(lead.lo32()));
      });
    },
    () => {
      const low = bl.add(l.get());
      const high = bh.add(h.get()).add(low.ltU(bl).zext64());
      const over = high.shrU(63);
      l.set(low.or(high.and(over)));
      h.set(high.shrU(over));
      exp.set(exp.get().add(over.lo32()));
    },
  );
  ret(round(link, f, cpu, ctl, sign, exp.get(), jam(h.get(), l.get())));
}
