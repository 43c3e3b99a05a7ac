/** Advanced SIMD three same, floating point (C4.1.97), vector and scalar, half precision included. */

import { shuffle } from '../../wasm/value.ts';
import * as ops from '../float/operations.ts';
import type { Sem, Val } from '../semantics.ts';
import { type Form, formRegs, needs, SCALARS, topOf, VECTORS } from './fp-common.ts';
import { Group } from './pattern.ts';
import { elementBytes } from './simd-common.ts';

export const group = new Group('Advanced SIMD three same (floating point)', { fp: true });

type Run = (s: Sem, form: Form, n: Val, m: Val) => Val;

function define(forms: readonly Form[], name: string, u: number, a: number, opcode: string, run: Run): void {
  for (const form of forms) {
    const half = form.kind.format.bits === 16;
    const sz = form.kind.format.bits === 64 ? 1 : 0;
    // Half precision has the low three bits of the opcode.
    const middle = half ? `${a} 10 Vm 00 ${opcode.slice(2)}` : `${a} ${sz} 1 Vm ${opcode}`;
    group.insn(name, `${topOf(form, u)} ${middle} 1 Vn Vd:w`, {
      ...needs(form.kind),
      asm: `${name.toLowerCase()} ${formRegs(form, 'd n m')}`,
      run: (s) => form.shape.write(s, 'Vd', run(s, form, form.shape.read(s, 'Vn'), form.shape.read(s, 'Vm'))),
    });
  }
}
const simple =
  (f: ops.Binary): Run =>
  (s, form, n, m) =>
    f(s, form.shape, n, m);

/** Pairs of neighbours in the concatenation of the two operands. */
const pairwise =
  (f: ops.Binary): Run =>
  (s, form, n, m) => {
    const [even, odd] = neighbours(form, n, m);
    return f(s, form.shape, even, odd);
  };
function neighbours(form: Form, n: Val, m: Val): [Val, Val] {
  const per = form.shape.bytes >> form.size;
  const pick = (odd: number): Val => {
    // Elements of m follow those of a whole n in the numbering of shuffle.
    const elements = Array.from({ length: per }, (_, i) => {
      const at = 2 * i + odd;
      return at < per ? at : at - per + (16 >> form.size);
    });
    return shuffle(
      n,
      m,
      elementBytes(form.size, elements).map((b) => Math.max(b, 0)),
    );
  };
  return [pick(0), pick(1)];
}

const both = [...VECTORS, ...SCALARS];
define(VECTORS, 'FMAXNM', 0, 0, '11000', simple(ops.maxNum));
define(VECTORS, 'FMINNM', 0, 1, '11000', simple(ops.minNum));
define(VECTORS, 'FADD', 0, 0, '11010', simple(ops.add));
define(VECTORS, 'FSUB', 0, 1, '11010', simple(ops.sub));
define(both, 'FMULX', 0, 0, '11011', simple(ops.mulX));
define(both, 'FCMEQ', 0, 0, '11100', simple(ops.cmEq));
define(VECTORS, 'FMAX', 0, 0, '11110', simple(ops.max));
define(VECTORS, 'FMIN', 0, 1, '11110', simple(ops.min));
define(both, 'FRECPS', 0, 0, '11111', simple(ops.recipStep));
define(both, 'FRSQRTS', 0, 1, '11111', simple(ops.rsqrtStep));
define(VECTORS, 'FMUL', 1, 0, '11011', simple(ops.mul));
define(both, 'FCMGE', 1, 0, '11100', simple(ops.cmGe));
define(both, 'FCMGT', 1, 1, '11100', simple(ops.cmGt));
define(both, 'FACGE', 1, 0, '11101', simple(ops.acGe));
define(both, 'FACGT', 1, 1, '11101', simple(ops.acGt));
define(VECTORS, 'FDIV', 1, 0, '11111', simple(ops.div));
define(both, 'FABD', 1, 1, '11010', simple(ops.absoluteDifference));
define(VECTORS, 'FMAXNMP', 1, 0, '11000', pairwise(ops.maxNum));
define(VECTORS, 'FMINNMP', 1, 1, '11000', pairwise(ops.minNum));
define(VECTORS, 'FADDP', 1, 0, '11010', pairwise(ops.add));
define(VECTORS, 'FMAXP', 1, 0, '11110', pairwise(ops.max));
define(VECTORS, 'FMINP', 1, 1, '11110', pairwise(ops.min));
for (const [name, a, product] of [
  ['FMLA', 0, false],
  ['FMLS', 1, true],
] as const) {
  define(VECTORS, name, 0, a, '11001', (s, form, n, m) => ops.mulAdd(s, form.shape, [s.v('Vd'), n, m], { product }));
}
