/** Advanced SIMD two-register miscellaneous, integer (C4.1.97), vector and scalar. */
import { op, type Sem, type Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { bitsOf, clip, extentOf, iota, not, permute, saturated, v1, v2, zero } from './simd-common.ts';
import { addLongPairs, greater, leadingSigns, leadingZeros, reverseBits } from './simd-lanes.ts';
import { setNarrow } from './simd-narrow.ts';
import {
  addSignedToUnsigned,
  addUnsignedToSigned,
  boundToNarrow,
  narrow,
  oppositeSaturating,
  type Saturated,
} from './simd-saturate.ts';
import { arrangement, text } from './simd-text.ts';

export const group = new Group('Advanced SIMD two-register miscellaneous', { fp: true });

const BHS = 0b0111;
const BH = 0b0011;
const ALL = 0b1111;
const D = 0b1000;
const B = 0b0001;
const H = 0b0010;
const NONE = 0;

const hasSize = (sizes: number) => (f: Fields) => ((sizes >> f.size!) & 1) === 1 && !(f.size === 3 && f.Q === 0);

interface Form {
  /** Operands of the vector form after the mnemonic. */
  readonly operands?: string;
  readonly scalarOperands?: string;
}
function define(
  name: string,
  u: number,
  opcode: string,
  sizes: number,
  scalar: number,
  run: (s: Sem, f: Fields) => void,
  form: Form = {},
): void {
  const low = name.toLowerCase();
  group.insn(`${name} (vector)`, `0 Q ${u} 01110 size:2 10000 ${opcode} 10 Vn Vd:w`, {
    where: hasSize(sizes),
    asm: text(`${low}${form.operands ?? ' v<Vd>.<T>, v<Vn>.<T>'}`, own),
    run,
  });
  if (scalar) {
    group.insn(`${name} (scalar)`, `01 ${u} 11110 size:2 10000 ${opcode} 10 Vn Vd:w`, {
      where: hasSize(scalar),
      asm: text(`${low}${form.scalarOperands ?? ' <V><Vd>, <V><Vn>'}`, own),
      run,
    });
  }
}
const own = {
  /** Elements twice as wide, as many as fit into the same extent. */
  WQ: (f: Fields) => arrangement(f.size! + 1, f.Q!),
  shift: (f: Fields) => bitsOf(f.size!),
};
function plain(
  name: string,
  u: number,
  opcode: string,
  sizes: number,
  scalar: number,
  fn: (size: number, n: Val, d: () => Val) => Val,
  form: Form = {},
): void {
  const run = (s: Sem, f: Fields): void => {
    const v = fn(f.size!, s.v('Vn'), () => s.v('Vd'));
    s.setV('Vd', clip(extentOf(f), f.size!, v));
  };
  define(name, u, opcode, sizes, scalar, run, form);
}
function saturating(
  name: string,
  u: number,
  opcode: string,
  fn: (size: number, n: Val, d: () => Val) => Saturated,
): void {
  define(name, u, opcode, ALL, ALL, (s, f) => {
    const cut = (v: Val): Val => clip(extentOf(f), f.size!, v);
    const { value, over } = fn(f.size!, cut(s.v('Vn')), () => cut(s.v('Vd')));
    saturated(s, over);
    s.setV('Vd', value);
  });
}

// Elements in reverse order within containers of 64, 32 and 16 bits.
for (const [name, u, opcode, container, sizes] of [
  ['REV64', 0, '00000', 3, BHS],
  ['REV32', 1, '00000', 2, BH],
  ['REV16', 0, '00001', 1, B],
] as const) {
  plain(name, u, opcode, sizes, NONE, (size, n) => {
    const flip = (1 << container) - (1 << size);
    return permute(
      n,
      iota(16).map((i) => i ^ flip),
    );
  });
}
plain('CNT', 0, '00101', B, NONE, (_z, n) => op('i8x16.popcnt', n));
plain('CLS', 0, '00100', BHS, NONE, leadingSigns);
plain('CLZ', 1, '00100', BHS, NONE, leadingZeros);
plain('NOT', 1, '00101', B, NONE, (_z, n) => not(n));
plain('RBIT', 1, '00101', H, NONE, (_z, n) => reverseBits(n), { operands: ' v<Vd>.<B>, v<Vn>.<B>' });
plain('ABS', 0, '01011', ALL, D, (z, n) => v1('abs', z, n));
plain('NEG', 1, '01011', ALL, D, (z, n) => v1('neg', z, n));

const against0 = { operands: ' v<Vd>.<T>, v<Vn>.<T>, #0', scalarOperands: ' <V><Vd>, <V><Vn>, #0' };
plain('CMGT', 0, '01000', ALL, D, (z, n) => greater(z, true, n, zero()), against0);
plain('CMEQ', 0, '01001', ALL, D, (z, n) => v2('eq', z, n, zero()), against0);
plain('CMLT', 0, '01010', ALL, D, (z, n) => greater(z, true, zero(), n), against0);
plain('CMGE', 1, '01000', ALL, D, (z, n) => greater(z, true, n, zero(), true), against0);
plain('CMLE', 1, '01001', ALL, D, (z, n) => greater(z, true, zero(), n, true), against0);

const pairsForm = { operands: ' v<Vd>.<WQ>, v<Vn>.<T>' };
for (const [letter, u, signed] of [
  ['S', 0, true],
  ['U', 1, false],
] as const) {
  plain(`${letter}ADDLP`, u, '00010', BHS, NONE, (z, n) => addLongPairs(z, signed, n), pairsForm);
  const accumulate = (z: number, n: Val, d: () => Val): Val => v2('add', z + 1, d(), addLongPairs(z, signed, n));
  plain(`${letter}ADALP`, u, '00110', BHS, NONE, accumulate, pairsForm);
}

saturating('SUQADD', 0, '00011', (z, n, d) => addUnsignedToSigned(z, d(), n));
saturating('USQADD', 1, '00011', (z, n, d) => addSignedToUnsigned(z, d(), n));
saturating('SQABS', 0, '00111', (z, n) => oppositeSaturating('abs', z, n));
saturating('SQNEG', 1, '00111', (z, n) => oppositeSaturating('neg', z, n));

// To half the width.
const narrowForm = { operands: '<2> v<Vd>.<T>, v<Vn>.<W>', scalarOperands: ' <V><Vd>, <VW><Vn>' };
define('XTN', 0, '10010', BHS, NONE, (s, f) => setNarrow(s, f, f.size!, s.v('Vn')), narrowForm);
for (const [name, u, opcode, kind] of [
  ['SQXTN', 0, '10100', 'ss'],
  ['UQXTN', 1, '10100', 'uu'],
  ['SQXTUN', 1, '10010', 'su'],
] as const) {
  const run = (s: Sem, f: Fields): void => {
    const scalar = f.Q === undefined;
    const { value, over } = boundToNarrow(f.size!, kind, scalar ? clip('element', f.size! + 1, s.v('Vn')) : s.v('Vn'));
    saturated(s, over);
    if (scalar) s.setV('Vd', narrow(f.size!, value));
    else setNarrow(s, f, f.size!, value);
  };
  define(name, u, opcode, BHS, BHS, run, narrowForm);
}
// To twice the width, shifted all the way up.
const run = (s: Sem, f: Fields): void => {
  const bytes = 1 << f.size!;
  const from = f.Q ? 8 : 0;
  const order = iota(16).map((i) => (i & bytes ? from + (((i >> (f.size! + 1)) << f.size!) | (i & (bytes - 1))) : -1));
  s.setV('Vd', permute(s.v('Vn'), order));
};
define('SHLL', 1, '10011', BHS, NONE, run, { operands: '<2> v<Vd>.<W>, v<Vn>.<T>, #<shift>' });
