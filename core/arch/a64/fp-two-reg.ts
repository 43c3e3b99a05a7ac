/** Advanced SIMD two-register miscellaneous, across lanes and scalar pairwise, floating point (C4.1.97). */
import { control } from '../float/fast.ts';
import { type Format, RMODE } from '../float/format.ts';
import { ROUND, sizeBits } from '../float/integral.ts';
import * as ops from '../float/operations.ts';
import { type Shape, scalarShape } from '../float/shape.ts';
import { i32, type Sem, type Val } from '../semantics.ts';
import { type Form, formRegs, KINDS, needs, SCALARS, topOf, VECTORS } from './fp-common.ts';
import { Group } from './pattern.ts';

export const group = new Group('Advanced SIMD two-register (floating point)', { fp: true });

type Run = (s: Sem, o: Shape, a: Val) => Val;
interface Options {
  readonly feature?: string;
  /** What follows the registers in assembly. */
  readonly tail?: string;
}
function define(
  forms: readonly Form[],
  name: string,
  u: number,
  a: number,
  opcode: string,
  run: Run,
  { feature, tail = '' }: Options = {},
): void {
  for (const form of forms) {
    const { bits } = form.kind.format;
    const middle = bits === 16 ? `${a} 1111 00` : `${a} ${bits === 64 ? 1 : 0} 10000`;
    group.insn(name, `${topOf(form, u)} ${middle} ${opcode} 10 Vn Vd:w`, {
      ...needs(form.kind, ...(feature ? [feature] : [])),
      asm: `${name.toLowerCase().replace(/ .*/, '')} ${formRegs(form, 'd n')}${tail}`,
      run: (s) => form.shape.write(s, 'Vd', run(s, form.shape, form.shape.read(s, 'Vn'))),
    });
  }
}
const both = [...VECTORS, ...SCALARS];

define(VECTORS, 'FABS', 0, 1, '01111', (_s, o, a) => o.abs(a));
define(VECTORS, 'FNEG', 1, 1, '01111', (_s, o, a) => o.neg(a));
define(VECTORS, 'FSQRT', 1, 1, '11111', ops.sqrt);
define(both, 'FRECPE', 0, 1, '11101', (s, o, a) => o.routine(s, 'fpRecpE', a));
define(both, 'FRSQRTE', 1, 1, '11101', (s, o, a) => o.routine(s, 'fpRSqrtE', a));
define(SCALARS, 'FRECPX', 0, 1, '11111', (s, o, a) => o.routine(s, 'fpRecpX', a));

for (const [name, u, a, opcode, rounding, exact] of [
  ['FRINTN', 0, 0, '11000', ROUND.nearest, false],
  ['FRINTM', 0, 0, '11001', ROUND.down, false],
  ['FRINTP', 0, 1, '11000', ROUND.up, false],
  ['FRINTZ', 0, 1, '11001', ROUND.zero, false],
  ['FRINTA', 1, 0, '11000', ROUND.away, false],
  ['FRINTX', 1, 0, '11001', 'current', true],
  ['FRINTI', 1, 1, '11001', 'current', false],
] as const) {
  define(VECTORS, name, u, a, opcode, (s, o, v) => ops.roundToIntegral(s, o, v, rounding, exact));
}
const notHalf = (form: Form): boolean => form.kind.format.bits !== 16;
for (const [name, u, opcode, size] of [
  ['FRINT32Z', 0, '11110', 32],
  ['FRINT32X', 1, '11110', 32],
  ['FRINT64Z', 0, '11111', 64],
  ['FRINT64X', 1, '11111', 64],
] as const) {
  const run: Run = (s, o, v) => {
    const how = u ? control(s).bits(RMODE, 2) : i32(ROUND.zero);
    return o.routine(s, 'fpRoundIntN', v, how.or(sizeBits(size)));
  };
  define(VECTORS.filter(notHalf), name, u, 0, opcode, run, { feature: 'FRINTTS' });
}

// Comparisons with zero; those for less are greater the other way round.
const zero = (o: Shape): Val => (o.scalar && !o.soft ? o.num(0) : o.bits(0n));
for (const [name, u, opcode, compare, swapped] of [
  ['FCMGT (zero)', 0, '01100', ops.cmGt, false],
  ['FCMEQ (zero)', 0, '01101', ops.cmEq, false],
  ['FCMLT (zero)', 0, '01110', ops.cmGt, true],
  ['FCMGE (zero)', 1, '01100', ops.cmGe, false],
  ['FCMLE (zero)', 1, '01101', ops.cmGe, true],
] as const) {
  const run: Run = (s, o, v) => (swapped ? compare(s, o, zero(o), v) : compare(s, o, v, zero(o)));
  define(both, name, u, 1, opcode, run, { tail: ', #0.0' });
}

/** Combines elements as the manual's Reduce does: halves first, then the lower with the upper. */
function reduce(s: Sem, o: Shape, f: ops.Binary, elements: readonly Val[]): Val {
  if (elements.length === 1) return elements[0]!;
  const half = elements.length / 2;
  return f(s, o, reduce(s, o, f, elements.slice(0, half)), reduce(s, o, f, elements.slice(half)));
}
function acrossLanes(s: Sem, f: Format, count: number, run: ops.Binary): void {
  const o = scalarShape(f);
  const v = s.v('Vn');
  const elements = Array.from({ length: count }, (_, i) => o.element(v, i));
  o.write(s, 'Vd', reduce(s, o, run, elements));
}
for (const [name, a, opcode, run] of [
  ['FMAXNM', 0, '01100', ops.maxNum],
  ['FMINNM', 1, '01100', ops.minNum],
  ['FMAX', 0, '01111', ops.max],
  ['FMIN', 1, '01111', ops.min],
  ['FADD', 0, '01101', ops.add],
] as const) {
  const low = name.toLowerCase();
  for (const k of KINDS) {
    const half = k.format.bits === 16;
    // Two neighbours of one register.
    const sz = k.format.bits === 64 ? 1 : 0;
    group.insn(`${name}P (scalar)`, `01 ${half ? 0 : 1} 11110 ${a} ${sz} 11000 ${opcode} 10 Vn Vd:w`, {
      ...needs(k),
      asm: `${low}p <${k.letter}d>, <Vn.2${k.letter}>`,
      run: (s) => acrossLanes(s, k.format, 2, run),
    });
    if (name === 'FADD' || k.format.bits === 64) continue;
    for (const q of half ? [0, 1] : [1]) {
      const count = (64 << q) / k.format.bits;
      group.insn(`${name}V`, `0 ${q} ${half ? 0 : 1} 01110 ${a} 0 11000 ${opcode} 10 Vn Vd:w`, {
        ...needs(k),
        asm: `${low}v <${k.letter}d>, <Vn.${count}${k.letter}>`,
        run: (s) => acrossLanes(s, k.format, count, run),
      });
    }
  }
}
