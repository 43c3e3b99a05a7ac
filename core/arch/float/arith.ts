/** Addition, subtraction, multiplication, division, square root: FPAdd, FPSub, FPMul, FPMulX, FPDiv, FPSqrt. */

import { call, ret } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { f64, i64, select } from '../../wasm/value.ts';
import { mulHigh } from '../a64/dp-register.ts';
import { iff, unlikely } from '../control.ts';
import { I32, I64, op, type Val } from '../semantics.ts';
import {
  absOf,
  FORMATS,
  type Format,
  FPSR_BIT,
  isInfinity,
  isNan,
  isZero,
  shiftJam,
  signOf,
  unpack,
} from './format.ts';
import { invalid, nanOf, operands, raise, round, zeroDifference } from './round.ts';

const BINARY = [I32, I32, I64, I64] as const;

export function defineArithmetic(lib: Library): void {
  for (const f of FORMATS) {
    lib.define(`fpAdd.${f.name}`, BINARY, I64, (link, cpu, ctl, a, b) => add(link, f, cpu!, ctl!, a!, b!));
    lib.define(`fpSub.${f.name}`, BINARY, I64, (link, c, t, x, y) => {
      const [cpu, ctl] = [c!, t!];
      const [a, b] = operands(link, f, cpu, ctl, x!, y!) as [Val, Val];
      unlikely(isNan(f, b), () => ret(nanOf(link, f, cpu, ctl, a, b)));
      ret(call(link(`fpAdd.${f.name}`), cpu, ctl, a, b.xor(f.sign)));
    });
    lib.define(`fpAbd.${f.name}`, BINARY, I64, (link, cpu, ctl, a, b) => {
      ret(call(link(`fpSub.${f.name}`), cpu!, ctl!, a!, b!).and(f.abs));
    });
    lib.define(`fpMul.${f.name}`, BINARY, I64, (link, cpu, ctl, a, b) => {
      multiply(link, f, cpu!, ctl!, a!, b!, () => invalid(link, f, cpu!, ctl!));
    });
    lib.define(`fpNMul.${f.name}`, BINARY, I64, (link, c, t, x, y) => {
      ret(call(link(`fpMul.${f.name}`), c!, t!, x!, y!).xor(f.sign));
    });
    lib.define(`fpMulX.${f.name}`, BINARY, I64, (link, cpu, ctl, a, b) => {
      const two = f.one + (1n << BigInt(f.frac));
      multiply(link, f, cpu!, ctl!, a!, b!, () => ret(signOf(f, a!.xor(b!)).or(two)));
    });
    lib.define(`fpDiv.${f.name}`, BINARY, I64, (link, cpu, ctl, a, b) => divide(link, f, cpu!, ctl!, a!, b!));
    lib.define(`fpSqrt.${f.name}`, [I32, I32, I64], I64, (link, cpu, ctl, a) => root(link, f, cpu!, ctl!, a!));
  }
}

function add(link: Link, f: Format, cpu: Val, ctl: Val, x: Val, y: Val): void {
  const [a, b] = operands(link, f, cpu, ctl, x, y) as [Val, Val];
  const differ = signOf(f, a.xor(b)).ne(0);
  const swap = absOf(f, a).ltU(absOf(f, b));
  const big = select(swap, b, a);
  const small = select(swap, a, b);
  // The larger magnitude tells whether NaNs or infinities are about.
  unlikely(absOf(f, big).geU(f.infinity), () => {
    unlikely(isNan(f, big), () => ret(nanOf(link, f, cpu, ctl, a, b)));
    unlikely(isInfinity(f, small).and(differ), () => invalid(link, f, cpu, ctl));
    ret(big);
  });
  unlikely(isZero(f, small), () => {
    unlikely(isZero(f, big).and(differ), () => ret(zeroDifference(f, ctl)));
    ret(big);
  });
  const p = unpack(f, big);
  const q = unpack(f, small);
  const aligned = shiftJam(q.mant, p.exp.sub(q.exp));
  const sign = signOf(f, big);
  iff(differ, () => {
    const rest = p.mant.sub(aligned);
    unlikely(rest.eqz(), () => ret(zeroDifference(f, ctl)));
    const lead = rest.clz().sub(1);
    ret(round(link, f, cpu, ctl, sign, p.exp.sub(lead.lo32()), rest.shl(lead)));
  });
  const sum = p.mant.add(aligned);
  const carry = sum.shrU(63);
  ret(round(link, f, cpu, ctl, sign, p.exp.add(carry.lo32()), sum.shrU(carry).or(sum.and(carry))));
}

function multiply(link: Link, f: Format, cpu: Val, ctl: Val, x: Val, y: Val, infinityByZero: () => void): void {
  const [a, b] = operands(link, f, cpu, ctl, x, y) as [Val, Val];
  const sign = signOf(f, a.xor(b));
  const special = (v: Val): Val => absOf(f, v).geU(f.infinity);
  unlikely(special(a).or(special(b)), () => {
    unlikely(isNan(f, a).or(isNan(f, b)), () => ret(nanOf(link, f, cpu, ctl, a, b)));
    unlikely(isZero(f, a).or(isZero(f, b)), infinityByZero);
    ret(sign.or(f.infinity));
  });
  unlikely(isZero(f, a).or(isZero(f, b)), () => ret(sign));
  const p = unpack(f, a);
  const q = unpack(f, b);
  const { high, low } = wideProduct(p.mant, q.mant);
  const carry = high.shrU(63);
  const jammed = high.shrU(carry).or(high.and(carry)).or(low.ne(0).zext64());
  ret(round(link, f, cpu, ctl, sign, p.exp.add(q.exp).add(carry.lo32()), jammed));
}
/** 128-bit product of two mantissas, its leading one at bit 127 or 126. */
export function wideProduct(a: Val, b: Val): { high: Val; low: Val } {
  const [x, y] = [a.shl(1), b.shl(1)];
  return { high: mulHigh(x, y), low: x.mul(y) };
}

/** A mantissa as f64 in [1, 2), exactly, and back as an integer with its leading one at bit 52. */
const asDouble = (mant: Val): Val =>
  op(
    'f64.reinterpret_i64',
    mant
      .shrU(10)
      .and((1n << 52n) - 1n)
      .or(1023n << 52n),
  );
/** Mantissa from a quotient or root of 53 bits, and the sign of what is left: a result never lies half-way between two. */
const withRest = (q: Val, rest: Val): Val => q.shl(10).add(rest.gtS(0).zext64()).sub(rest.ltS(0).zext64());

function divide(link: Link, f: Format, cpu: Val, ctl: Val, x: Val, y: Val): void {
  const [a, b] = operands(link, f, cpu, ctl, x, y) as [Val, Val];
  const sign = signOf(f, a.xor(b));
  unlikely(isNan(f, a).or(isNan(f, b)), () => ret(nanOf(link, f, cpu, ctl, a, b)));
  unlikely(isInfinity(f, a), () => {
    unlikely(isInfinity(f, b), () => invalid(link, f, cpu, ctl));
    ret(sign.or(f.infinity));
  });
  unlikely(isInfinity(f, b), () => ret(sign));
  unlikely(isZero(f, b), () => {
    unlikely(isZero(f, a), () => invalid(link, f, cpu, ctl));
    raise(link, cpu, ctl, FPSR_BIT.dzc);
    ret(sign.or(f.infinity));
  });
  unlikely(isZero(f, a), () => ret(sign));
  const p = unpack(f, a);
  const q = unpack(f, b);
  // The correctly rounded quotient of the mantissas; a negative rest says that it was rounded up.
  const less = p.mant.ltU(q.mant);
  const quotient = op('f64.div', asDouble(p.mant), asDouble(q.mant));
  const n = op('i64.trunc_sat_f64_s', op('f64.mul', quotient, select(less, f64(2 ** 53), f64(2 ** 52))));
  const dividend = p.mant.shrU(10).shl(select(less, i64(53), i64(52)));
  const rest = dividend.sub(n.mul(q.mant.shrU(10)));
  const m = withRest(n, rest);
  const lead = m.clz().sub(1);
  ret(round(link, f, cpu, ctl, sign, p.exp.sub(q.exp).sub(less).sub(lead.lo32()), m.shl(lead)));
}
function root(link: Link, f: Format, cpu: Val, ctl: Val, x: Val): void {
  const [a] = operands(link, f, cpu, ctl, x) as [Val];
  unlikely(isNan(f, a), () => ret(nanOf(link, f, cpu, ctl, a)));
  unlikely(isZero(f, a), () => ret(a));
  unlikely(signOf(f, a).ne(0), () => invalid(link, f, cpu, ctl));
  unlikely(isInfinity(f, a), () => ret(a));
  const p = unpack(f, a);
  const odd = p.exp.and(1);
  const radicand = op('f64.mul', asDouble(p.mant), select(odd, f64(2), f64(1)));
  const n = op('i64.trunc_sat_f64_s', op('f64.mul', op('f64.sqrt', radicand), f64(2 ** 52)));
  const rest = p.mant.shrU(10).shl(odd.zext64().add(52)).sub(n.mul(n));
  const m = withRest(n, rest);
  const lead = m.clz().sub(1);
  ret(round(link, f, cpu, ctl, i64(0), p.exp.shrS(1).sub(lead.lo32()), m.shl(lead)));
}
