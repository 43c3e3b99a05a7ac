/** Complex numbers: FCADD, FCMLA (FEAT_FCMA). Real parts are the even elements. */
import * as ops from '../float/operations.ts';
import type { Shape } from '../float/shape.ts';
import type { Sem, Val } from '../semantics.ts';
import { op } from '../semantics.ts';
import { type Form, formRegs, needs, topOf, VECTORS } from './fp-common.ts';
import { type Fields, Group } from './pattern.ts';
import { elementBytes, iota, permute, v128 } from './simd-common.ts';

export const group = new Group('Advanced SIMD complex numbers', { fp: true });

/** Elements in another order within each pair: element e of the result is element `from(e)`. */
const arrange = (form: Form, v: Val, from: (e: number) => number): Val =>
  permute(v, elementBytes(form.size, iota(16 >> form.size).map(from)));
const realsTwice = (e: number): number => e & ~1;
const imaginariesTwice = (e: number): number => e | 1;
const swapped = (e: number): number => e ^ 1;
/** Negates the real or the imaginary parts, or both (bit 0, bit 1). */
function negate(o: Shape, v: Val, which: number): Val {
  if (!which) return v;
  const { bits, sign } = o.f;
  const signs = Array.from({ length: 128 / bits }, (_, e) => ((which >> (e & 1)) & 1 ? sign << BigInt(e * bits) : 0n));
  const mask = signs.reduce((all, one) => all | one, 0n);
  return op('v128.xor', v, v128(BigInt.asUintN(64, mask), mask >> 64n));
}

/** FCMLA by a quarter of turns: m turned, n's parts that it is multiplied with, and which parts are negated. */
const TURNS = [
  { n: realsTwice, swap: false, negated: 0 },
  { n: imaginariesTwice, swap: true, negated: 1 },
  { n: realsTwice, swap: false, negated: 3 },
  { n: imaginariesTwice, swap: true, negated: 2 },
] as const;
function multiplyAdd(s: Sem, form: Form, rot: number, n: Val, m: Val): Val {
  const turn = TURNS[rot]!;
  const factor = negate(form.shape, turn.swap ? arrange(form, m, swapped) : m, turn.negated);
  return ops.mulAdd(s, form.shape, [s.v('Vd'), arrange(form, n, turn.n), factor]);
}

for (const form of VECTORS) {
  const size = ['', '01', '10', '11'][form.size]!;
  group.insn('FCADD', `${topOf(form, 1)} ${size} 0 Vm 111 rot 01 Vn Vd:w`, {
    ...needs(form.kind, 'FCMA'),
    asm: (f) => expand(form, `fcadd ${formRegs(form, 'd n m')}, #${f.rot ? 270 : 90}`, f),
    run: (s, f) => {
      const m = negate(form.shape, arrange(form, s.v('Vm'), swapped), f.rot ? 2 : 1);
      form.shape.write(s, 'Vd', ops.add(s, form.shape, s.v('Vn'), m));
    },
  });
  group.insn('FCMLA', `${topOf(form, 1)} ${size} 0 Vm 110 rot:2 1 Vn Vd:w`, {
    ...needs(form.kind, 'FCMA'),
    asm: (f) => expand(form, `fcmla ${formRegs(form, 'd n m')}, #${90 * f.rot!}`, f),
    run: (s, f) => form.shape.write(s, 'Vd', multiplyAdd(s, form, f.rot!, s.v('Vn'), s.v('Vm'))),
  });
  if (form.size === 3 || (form.size === 2 && form.shape.bytes === 8)) continue;
  // By element: the index names a pair; a half vector has only two of half precision.
  const top = topOf(form, 1).replace(/0$/, '1');
  const place = form.size === 2 ? '10 0 Vm 0 rot:2 1 H' : `01 L Vm 0 rot:2 1 ${form.shape.bytes === 8 ? 0 : 'H'}`;
  const indexOf = (f: Fields): number => (form.size === 2 ? f.H! : ((f.H ?? 0) << 1) | f.L!);
  group.insn('FCMLA (by element)', `${top} ${place} 0 Vn Vd:w`, {
    ...needs(form.kind, 'FCMA'),
    asm: (f) => {
      const at = `v${f.Vm}.${form.kind.letter.toLowerCase()}[${indexOf(f)}]`;
      return expand(form, `fcmla ${formRegs(form, 'd n')}, ${at}, #${90 * f.rot!}`, f);
    },
    run: (s, f) => {
      const at = 2 * indexOf(f);
      const m = arrange(form, s.v('Vm'), (e) => at + (e & 1));
      form.shape.write(s, 'Vd', multiplyAdd(s, form, f.rot!, s.v('Vn'), m));
    },
  });
}
/** Fills register operands in. */
function expand(form: Form, template: string, f: Fields): string {
  const lanes = (8 * form.shape.bytes) / form.kind.format.bits;
  const suffix = `.${lanes}${form.kind.letter.toLowerCase()}`;
  return template.replace(/<V(\w)\.\w+>/g, (_all, field: string) => `v${f[`V${field}`]}${suffix}`);
}
