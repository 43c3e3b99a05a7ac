/** Advanced SIMD by element, floating point (C4.1.97), vector and scalar. */
import * as ops from '../float/operations.ts';
import type { Sem, Val } from '../semantics.ts';
import { type Form, needs, SCALARS, topOf, VECTORS } from './fp-common.ts';
import { type Fields, Group } from './pattern.ts';
import { broadcast, elementImm } from './simd-common.ts';

export const group = new Group('Advanced SIMD by element (floating point)', { fp: true });

type Run = (s: Sem, form: Form, n: Val, m: Val) => Val;

/** Index of the element: H:L:M, H:L or H. Half precision has bit 20 for M, and V0 to V15 only. */
function indexOf(form: Form, f: Fields): number {
  if (form.size === 3) return f.immH!;
  return form.size === 2 ? (f.immH! << 1) | f.immL! : (f.immH! << 2) | (f.immL! << 1) | (f.Vm! >> 4);
}
function define(forms: readonly Form[], name: string, u: number, opcode: string, run: Run): void {
  for (const form of forms) {
    const sizes = { 1: '00 immL', 2: '10 immL', 3: '11 0' } as Record<number, string>;
    const top = topOf(form, u).replace(/0$/, '1');
    // Two patterns for half precision: as Vm stands, and with bit 20 set, when the register is 16 less.
    for (const upper of form.size === 1 ? [false, true] : [false]) {
      group.insn(name, `${top} ${sizes[form.size]} Vm ${opcode} immH 0 Vn Vd:w`, {
        ...needs(form.kind),
        ...(form.size === 1 ? { where: (f: Fields) => f.Vm! >= 16 === upper } : {}),
        imm: (f) => elementImm(form.size, indexOf(form, f)),
        asm: (f) => text(name, form, f),
        run: (s) => {
          const all = broadcast(s, form.size, upper ? s.vPlus('Vm', 16) : s.v('Vm'));
          const m = form.shape.scalar ? form.shape.element(all, 0) : all;
          form.shape.write(s, 'Vd', run(s, form, form.shape.read(s, 'Vn'), m));
        },
      });
    }
  }
}
function text(name: string, form: Form, f: Fields): string {
  const letter = form.kind.letter.toLowerCase();
  const reg = (n: number): string => {
    if (form.shape.scalar) return `${letter}${n}`;
    return `v${n}.${(8 * form.shape.bytes) / form.kind.format.bits}${letter}`;
  };
  const m = form.size === 1 ? f.Vm! & 15 : f.Vm!;
  return `${name.replace(/ .*/, '').toLowerCase()} ${reg(f.Vd!)}, ${reg(f.Vn!)}, v${m}.${letter}[${indexOf(form, f)}]`;
}

const both = [...VECTORS, ...SCALARS];
define(both, 'FMUL (by element)', 0, '1001', (s, form, n, m) => ops.mul(s, form.shape, n, m));
define(both, 'FMULX (by element)', 1, '1001', (s, form, n, m) => ops.mulX(s, form.shape, n, m));
for (const [name, opcode, product] of [
  ['FMLA (by element)', '0001', false],
  ['FMLS (by element)', '0101', true],
] as const) {
  define(both, name, 0, opcode, (s, { shape }, n, m) => {
    return ops.mulAdd(s, shape, [shape.read(s, 'Vd'), n, m], { product });
  });
}
