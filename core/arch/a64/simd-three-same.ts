/** Advanced SIMD three registers of the same type, integer (C4.1.97), vector and scalar. */
import type { Sem, Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { and, andNot, bitSelect, clip, extentOf, not, or, saturated, v2, xor, zero } from './simd-common.ts';
import {
  difference,
  greater,
  halvingAdd,
  halvingSub,
  maximum,
  minimum,
  multiply,
  pairwise,
  polynomialMultiply,
} from './simd-lanes.ts';
import { multiplyHigh, multiplyHighAccumulate } from './simd-multiply-high.ts';
import { addSaturating, type Saturated, subSaturating } from './simd-saturate.ts';
import { text } from './simd-text.ts';
import { shiftByElement, shiftPlain } from './simd-variable-shift.ts';

export const group = new Group('Advanced SIMD three same', { fp: true });

/** Sizes that are allocated, as a set of bits. */
const BHS = 0b0111;
const ALL = 0b1111;
const HS = 0b0110;
const B = 0b0001;
const D = 0b1000;
const NONE = 0;

type Plain = (size: number, n: Val, m: Val, d: () => Val) => Val;
type Saturating = (s: Sem, size: number, n: Val, m: Val, d: () => Val) => Saturated;

const titled = (name: string, kind: string): string => `${name} (${kind})`;
const operands = 'v<Vd>.<T>, v<Vn>.<T>, v<Vm>.<T>';
const scalarOperands = '<V><Vd>, <V><Vn>, <V><Vm>';
const hasSize = (sizes: number) => (f: Fields) => ((sizes >> f.size!) & 1) === 1 && !(f.size === 3 && f.Q === 0);

/** Defines the vector form and, where `scalar` names sizes, the scalar one. */
function define(
  name: string,
  u: number,
  opcode: string,
  sizes: number,
  scalar: number,
  run: (s: Sem, f: Fields) => void,
) {
  const low = name.toLowerCase();
  group.insn(titled(name, 'vector'), `0 Q ${u} 01110 size:2 1 Vm ${opcode} Vn Vd:w`, {
    where: hasSize(sizes),
    asm: text(`${low} ${operands}`),
    run,
  });
  if (scalar) {
    group.insn(titled(name, 'scalar'), `01 ${u} 11110 size:2 1 Vm ${opcode} Vn Vd:w`, {
      where: hasSize(scalar),
      asm: text(`${low} ${scalarOperands}`),
      run,
    });
  }
}
/** An operation whose result depends on each element alone: what lies beyond the extent is cleared afterwards. */
function plain(name: string, u: number, opcode: string, sizes: number, scalar: number, fn: Plain): void {
  define(name, u, `${opcode} 1`, sizes, scalar, (s, f) => {
    const v = fn(f.size!, s.v('Vn'), s.v('Vm'), () => s.v('Vd'));
    s.setV('Vd', clip(extentOf(f), f.size!, v));
  });
}
/** A saturating operation: its first source is cut to the extent, so that nothing saturates beyond it. */
function saturating(name: string, u: number, bits: string, sizes: number, scalar: number, fn: Saturating): void {
  define(name, u, bits, sizes, scalar, (s, f) => {
    const extent = extentOf(f);
    const cut = (v: Val): Val => clip(extent, f.size!, v);
    const { value, over } = fn(s, f.size!, cut(s.v('Vn')), cut(s.v('Vm')), () => cut(s.v('Vd')));
    saturated(s, over);
    s.setV('Vd', value);
  });
}
const signs = [
  ['S', 0, true],
  ['U', 1, false],
] as const;

plain('ADD', 0, '10000', ALL, D, (z, n, m) => v2('add', z, n, m));
plain('SUB', 1, '10000', ALL, D, (z, n, m) => v2('sub', z, n, m));
plain('CMGT', 0, '00110', ALL, D, (z, n, m) => greater(z, true, n, m));
plain('CMHI', 1, '00110', ALL, D, (z, n, m) => greater(z, false, n, m));
plain('CMGE', 0, '00111', ALL, D, (z, n, m) => greater(z, true, n, m, true));
plain('CMHS', 1, '00111', ALL, D, (z, n, m) => greater(z, false, n, m, true));
plain('CMTST', 0, '10001', ALL, D, (z, n, m) => not(v2('eq', z, and(n, m), zero())));
plain('CMEQ', 1, '10001', ALL, D, (z, n, m) => v2('eq', z, n, m));
plain('MLA', 0, '10010', BHS, NONE, (z, n, m, d) => v2('add', z, d(), multiply(z, n, m)));
plain('MLS', 1, '10010', BHS, NONE, (z, n, m, d) => v2('sub', z, d(), multiply(z, n, m)));
plain('MUL', 0, '10011', BHS, NONE, (z, n, m) => multiply(z, n, m));
plain('PMUL', 1, '10011', B, NONE, (_z, n, m) => polynomialMultiply(n, m));

for (const [letter, u, signed] of signs) {
  plain(`${letter}HADD`, u, '00000', BHS, NONE, (z, n, m) => halvingAdd(z, signed, n, m, false));
  plain(`${letter}RHADD`, u, '00010', BHS, NONE, (z, n, m) => halvingAdd(z, signed, n, m, true));
  plain(`${letter}HSUB`, u, '00100', BHS, NONE, (z, n, m) => halvingSub(z, signed, n, m));
  plain(`${letter}MAX`, u, '01100', BHS, NONE, (z, n, m) => maximum(z, signed, n, m));
  plain(`${letter}MIN`, u, '01101', BHS, NONE, (z, n, m) => minimum(z, signed, n, m));
  plain(`${letter}ABD`, u, '01110', BHS, NONE, (z, n, m) => difference(z, signed, n, m));
  plain(`${letter}ABA`, u, '01111', BHS, NONE, (z, n, m, d) => v2('add', z, d(), difference(z, signed, n, m)));
  saturating(`${letter}QADD`, u, '00001 1', ALL, ALL, (_s, z, n, m) => addSaturating(z, signed, n, m));
  saturating(`${letter}QSUB`, u, '00101 1', ALL, ALL, (_s, z, n, m) => subSaturating(z, signed, n, m));
  // Shifts by register.
  define(`${letter}SHL`, u, '01000 1', ALL, D, (s, f) =>
    s.setV('Vd', shiftPlain(s, extentOf(f), f.size!, signed, s.v('Vn'), s.v('Vm'))),
  );
  for (const [q, r, opcode] of [
    ['', 'R', '01010'],
    ['Q', '', '01001'],
    ['Q', 'R', '01011'],
  ] as const) {
    const how = { rounding: r === 'R', saturating: q === 'Q' };
    define(`${letter}${q}${r}SHL`, u, `${opcode} 1`, ALL, q ? ALL : D, (s, f) => {
      const n = clip(extentOf(f), f.size!, s.v('Vn'));
      const { value, over } = shiftByElement(s, f.size!, signed, n, s.v('Vm'), how);
      if (how.saturating) saturated(s, over);
      s.setV('Vd', value);
    });
  }
}

// Pairwise: neighbours of both sources in a row.
function pairs(
  name: string,
  u: number,
  opcode: string,
  sizes: number,
  fn: (size: number, a: Val, b: Val) => Val,
): void {
  define(name, u, `${opcode} 1`, sizes, NONE, (s, f) => {
    const v = pairwise(f.size!, f.Q!, s.v('Vn'), s.v('Vm'), (a, b) => fn(f.size!, a, b));
    s.setV('Vd', clip(extentOf(f), f.size!, v));
  });
}
pairs('ADDP', 0, '10111', ALL, (z, a, b) => v2('add', z, a, b));
for (const [letter, u, signed] of signs) {
  pairs(`${letter}MAXP`, u, '10100', BHS, (z, a, b) => maximum(z, signed, a, b));
  pairs(`${letter}MINP`, u, '10101', BHS, (z, a, b) => minimum(z, signed, a, b));
}

// Doubling multiplications that keep the upper half.
saturating('SQDMULH', 0, '10110 1', HS, HS, (_s, z, n, m) => multiplyHigh(z, n, m, false));
saturating('SQRDMULH', 1, '10110 1', HS, HS, (_s, z, n, m) => multiplyHigh(z, n, m, true));
for (const [name, opcode, minus] of [
  ['SQRDMLAH', '0000', false],
  ['SQRDMLSH', '0001', true],
] as const) {
  for (const [kind, bits] of [
    ['vector', '0 Q 1 01110'],
    ['scalar', '01 1 11110'],
  ] as const) {
    group.insn(titled(name, kind), `${bits} size:2 0 Vm 1 ${opcode} 1 Vn Vd:w`, {
      feature: 'RDM',
      where: hasSize(HS),
      asm: text(`${name.toLowerCase()} ${kind === 'vector' ? operands : scalarOperands}`),
      run: (s, f) => {
        const cut = (v: Val): Val => clip(extentOf(f), f.size!, v);
        const { value, over } = multiplyHighAccumulate(f.size!, cut(s.v('Vd')), cut(s.v('Vn')), cut(s.v('Vm')), minus);
        saturated(s, over);
        s.setV('Vd', value);
      },
    });
  }
}

// Bitwise, whatever the elements.
for (const [name, u, size, fn] of [
  ['AND', 0, '00', (n, m) => and(n, m)],
  ['BIC', 0, '01', (n, m) => andNot(n, m)],
  ['ORR', 0, '10', (n, m) => or(n, m)],
  ['ORN', 0, '11', (n, m) => or(n, not(m))],
  ['EOR', 1, '00', (n, m) => xor(n, m)],
  ['BSL', 1, '01', (n, m, d) => bitSelect(n, m, d())],
  ['BIT', 1, '10', (n, m, d) => bitSelect(n, d(), m)],
  ['BIF', 1, '11', (n, m, d) => bitSelect(d(), n, m)],
] as const satisfies readonly [string, number, string, (n: Val, m: Val, d: () => Val) => Val][]) {
  group.insn(titled(name, 'vector'), `0 Q ${u} 01110 ${size} 1 Vm 00011 1 Vn Vd:w`, {
    asm: text(`${name.toLowerCase()} v<Vd>.<B>, v<Vn>.<B>, v<Vm>.<B>`),
    run: (s, f) =>
      s.setV(
        'Vd',
        clip(
          extentOf(f),
          3,
          fn(s.v('Vn'), s.v('Vm'), () => s.v('Vd')),
        ),
      ),
  });
}
