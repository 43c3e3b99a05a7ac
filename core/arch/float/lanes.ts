/**
 * Vector forms of the scalar routines. `fpAdd.s.v(cpu, ctl, bytes, a, b)` works on the low `bytes` (8 or 16) of the vectors and
 * leaves the rest undefined; further parameters of the scalar routine (`how`) follow the vectors.
 */

import { brIf, call, load, loop, ret } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { type Ty, V128 } from '../../wasm/opcodes.ts';
import { i64, lane } from '../../wasm/value.ts';
import { iff, select, variable } from '../control.ts';
import { I32, I64, op, type Val } from '../semantics.ts';
import * as state from '../state.ts';
import { FORMATS, type Format, FPCR_BIT, FPSR_BIT, RMODE_MASK } from './format.ts';
import { relaxedMaddFuses } from './fused.ts';
import { UNSIGNED } from './integral.ts';
import { abnormal } from './judge.ts';
import { Shape } from './shape.ts';

/** Routines with a vector form: how many vectors they take, and whether a `how` comes last. */
const VECTOR_FORMS: readonly [name: string, vectors: number, how: boolean][] = [
  ...['Add', 'Sub', 'Abd', 'Mul', 'MulX', 'Div', 'Max', 'Min', 'MaxNum', 'MinNum', 'RecpS', 'RSqrtS'].map(
    (n): [string, number, boolean] => [`fp${n}`, 2, false],
  ),
  ...['CmEq', 'CmGe', 'CmGt', 'AcGe', 'AcGt'].map((n): [string, number, boolean] => [`fp${n}`, 2, false]),
  ...['Sqrt', 'RecpE', 'RSqrtE'].map((n): [string, number, boolean] => [`fp${n}`, 1, false]),
  ...['RoundInt', 'ToInt', 'FromInt'].map((n): [string, number, boolean] => [`fp${n}`, 1, true]),
  ['fpMulAdd', 3, false],
];

export function defineLanes(lib: Library): void {
  for (const f of FORMATS) {
    for (const [name, vectors, how] of VECTOR_FORMS) {
      const operands = Array.from({ length: vectors }, (): Ty => V128);
      const params: Ty[] = [I32, I32, I32, ...operands, ...(how ? ([I32] as const) : [])];
      lib.define(`${name}.${f.name}.v`, params, V128, (link, cpu, ctl, bytes, ...rest) => {
        if (f.bits > 16 && (name === 'fpMul' || name === 'fpMulAdd')) zeroProducts(f, cpu!, ctl!, bytes!, rest);
        const integers = name === 'fpFromInt';
        perLane(
          link,
          `${name}.${f.name}`,
          f,
          cpu!,
          ctl!,
          bytes!,
          rest.slice(0, vectors),
          rest.slice(vectors),
          integers,
        );
      });
    }
    if (f.bits !== 16) {
      lib.define(`fpRoundIntN.${f.name}.v`, [I32, I32, I32, V128, I32], V128, (link, cpu, ctl, bytes, a, how) => {
        perLane(link, `fpRoundIntN.${f.name}`, f, cpu!, ctl!, bytes!, [a!], [how!], false);
      });
    }
  }
}

/**
 * Products of zero are common in vectors, and the fast path takes them for underflows: when nothing else is the matter, and
 * neither mode nor flags ask for more, the native result stands.
 */
function zeroProducts(f: Format, cpu: Val, ctl: Val, bytes: Val, vectors: readonly Val[]): void {
  const o = new Shape(f, 16);
  const [n, m] = vectors.slice(-2) as [Val, Val];
  const simple = ctl.and(RMODE_MASK | FPCR_BIT.fz).eqz();
  const inexactKnown = load('i32', cpu, state.FPSR).and(FPSR_BIT.ixc).ne(0);
  if (vectors.length === 3 && !relaxedMaddFuses()) return;
  iff(simple.and(inexactKnown), () => {
    const r = vectors.length === 3 ? o.fused(false, n, m, vectors[0]!) : o.op('mul', n, m);
    const finite = o.op('eq', o.op('sub', r, r), o.num(0));
    const zero = o.both(o.either(o.op('eq', n, o.num(0)), o.op('eq', m, o.num(0))), finite);
    const wrong = op('v128.andnot', abnormal(o, r), zero);
    const upper = lane('i64x2.extract_lane', wrong, 1);
    const counts = lane('i64x2.extract_lane', wrong, 0).or(select(bytes.eq(16), upper, i64(0)));
    iff(counts.eqz(), () => ret(r));
  });
}

const low = (v: Val): Val => lane('i64x2.extract_lane', v, 0);
const high = (v: Val): Val => lane('i64x2.extract_lane', v, 1);
/** A vector of two 64-bit halves. */
export function pair(lo: Val, hi: Val): Val {
  return lane('i64x2.replace_lane', op('i64x2.splat', lo), 1, hi);
}

function perLane(
  link: Link,
  routine: string,
  f: Format,
  cpu: Val,
  ctl: Val,
  bytes: Val,
  vectors: readonly Val[],
  tail: readonly Val[],
  integers: boolean,
): void {
  const one = (xs: readonly Val[]): Val => call(link(routine), cpu, ctl, ...xs, ...tail);
  if (f.bits === 64) {
    const lo = one(vectors.map(low));
    const hi = one(vectors.map(high));
    ret(pair(lo, hi));
    return;
  }
  // The vectors and the result move down by a lane at a time.
  const n = f.bits;
  const halves = vectors.map((v) => [variable(I64, low(v)), variable(I64, high(v))] as const);
  const [lo, hi] = [variable(I64, 0), variable(I64, 0)];
  const left = variable(I32, bytes);
  const mask = (1n << BigInt(n)) - 1n;
  loop((again) => {
    const xs = halves.map(([l]) => {
      const x = l.get().and(mask);
      if (!integers) return x;
      const signed = x.shl(64 - n).shrS(64 - n);
      return select(tail[0]!.and(UNSIGNED), x, signed);
    });
    const r = one(xs);
    for (const [l, h] of halves) {
      l.set(
        l
          .get()
          .shrU(n)
          .or(h.get().shl(64 - n)),
      );
      h.set(h.get().shrU(n));
    }
    lo.set(
      lo
        .get()
        .shrU(n)
        .or(hi.get().shl(64 - n)),
    );
    hi.set(
      hi
        .get()
        .shrU(n)
        .or(r.shl(64 - n)),
    );
    const rest = left.get().sub(n / 8);
    left.set(rest);
    brIf(rest.ne(0), again);
  });
  const done = bytes.eq(16);
  ret(pair(select(done, lo.get(), hi.get()), select(done, hi.get(), i64(0))));
}
