/** Advanced SIMD shift by immediate, integer (C4.1.97), vector and scalar. */
import type { Sem, Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { bitSelect, bitsOf, clip, each, extentOf, known, ones, saturated, shift, v2 } from './simd-common.ts';
import { shiftRight, widen } from './simd-lanes.ts';
import { setNarrow } from './simd-narrow.ts';
import { boundToNarrow, type Narrowing, narrow, shiftLeftSaturating } from './simd-saturate.ts';
import { arrangement, letterOf, text } from './simd-text.ts';

export const group = new Group('Advanced SIMD shift by immediate', { fp: true });

/** immh:immb: a one whose place gives the element size, then the bits that make the amount. */
const immhb = (size: number): string => `${'1'.padStart(4 - size, '0')} immshift:${3 + size}`;
/** The byte that the meaning sees: amounts to the right count down from the width. */
const rightAmount = (size: number) => (f: Fields) => bitsOf(size) - f.immshift!;
const leftAmount = (f: Fields): number => f.immshift!;
const amountOf = (s: Sem): Val => s.immByte(0);

type Run = (s: Sem, f: Fields, size: number, n: Val, amount: Val) => void;
interface Shape {
  /** Sizes of the vector and of the scalar form, as sets of bits. */
  readonly vector: number;
  readonly scalar: number;
  readonly right: boolean;
  readonly operands: (size: number) => string;
  readonly scalarOperands?: (size: number) => string;
}
const ALL = 0b1111;
const BHS = 0b0111;
const D = 0b1000;
const NONE = 0;

function define(name: string, u: number, opcode: string, shape: Shape, run: Run): void {
  for (let size = 0; size < 4; size++) {
    const imm = shape.right ? rightAmount(size) : leftAmount;
    const own = {
      A: (f: Fields) => arrangement(size, f.Q ?? 1),
      W: () => arrangement(size + 1, 1),
      amount: imm,
    };
    const meaning = (s: Sem, f: Fields): void => run(s, f, size, s.v('Vn'), amountOf(s));
    const low = name.toLowerCase();
    if ((shape.vector >> size) & 1) {
      const q = size === 3 ? '1' : 'Q';
      group.insn(`${name} (vector)`, `0 ${q} ${u} 011110 ${immhb(size)} ${opcode} 1 Vn Vd:w`, {
        imm,
        asm: text(`${low}${shape.operands(size)}`, own),
        run: size === 3 ? (s, f) => meaning(s, { ...f, Q: 1 }) : meaning,
      });
    }
    if ((shape.scalar >> size) & 1) {
      group.insn(`${name} (scalar)`, `01 ${u} 111110 ${immhb(size)} ${opcode} 1 Vn Vd:w`, {
        imm,
        asm: text(`${low}${(shape.scalarOperands ?? same)(size)}`, own),
        run: meaning,
      });
    }
  }
}
const same = (size: number): string => ` ${letterOf(size)}<Vd>, ${letterOf(size)}<Vn>, #<amount>`;
const vectors = (): string => ' v<Vd>.<A>, v<Vn>.<A>, #<amount>';

function plain(
  name: string,
  u: number,
  opcode: string,
  right: boolean,
  fn: (size: number, n: Val, amount: Val, d: () => Val) => Val,
) {
  define(name, u, opcode, { vector: ALL, scalar: D, right, operands: vectors }, (s, f, size, n, amount) => {
    const v = fn(size, n, amount, () => s.v('Vd'));
    s.setV('Vd', clip(extentOf(f), size, v));
  });
}
const signs = [
  ['S', 0, true],
  ['U', 1, false],
] as const;
for (const [letter, u, signed] of signs) {
  for (const [r, rounding, opcode, accumulating] of [
    ['', false, '00000', '00010'],
    ['R', true, '00100', '00110'],
  ] as const) {
    plain(`${letter}${r}SHR`, u, opcode, true, (z, n, a) => shiftRight(z, signed, n, a, rounding));
    plain(`${letter}${r}SRA`, u, accumulating, true, (z, n, a, d) =>
      v2('add', z, d(), shiftRight(z, signed, n, a, rounding)),
    );
  }
}
const byAmount = (amount: Val): Val | number => known(amount) ?? amount;
plain('SHL', 0, '01010', false, (z, n, a) => shift('shl', z, n, byAmount(a)));
plain('SLI', 1, '01010', false, (z, n, a, d) =>
  bitSelect(shift('shl', z, n, byAmount(a)), d(), shift('shl', z, ones(), byAmount(a))),
);
plain('SRI', 1, '01000', true, (z, n, a, d) =>
  bitSelect(shiftRight(z, false, n, a, false), d(), shiftRight(z, false, ones(), a, false)),
);

for (const [name, u, opcode, kind] of [
  ['SQSHL', 0, '01110', 'ss'],
  ['UQSHL', 1, '01110', 'uu'],
  ['SQSHLU', 1, '01100', 'su'],
] as const) {
  const shape = { vector: ALL, scalar: ALL, right: false, operands: vectors };
  define(name, u, opcode, shape, (s, f, size, n, amount) => {
    const { value, over } = shiftLeftSaturating(size, kind, clip(extentOf(f), size, n), amount);
    saturated(s, over);
    s.setV('Vd', value);
  });
}

// Narrowing: `size` is that of the result.
const narrowShape = (scalar: number): Shape => ({
  vector: BHS,
  scalar,
  right: true,
  operands: () => '<2> v<Vd>.<A>, v<Vn>.<W>, #<amount>',
  scalarOperands: (size) => ` ${letterOf(size)}<Vd>, ${letterOf(size + 1)}<Vn>, #<amount>`,
});
define('SHRN', 0, '10000', narrowShape(NONE), (s, f, size, n, amount) =>
  setNarrow(s, f, size, shift('shr_u', size + 1, n, byAmount(amount))),
);
define('RSHRN', 0, '10001', narrowShape(NONE), (s, f, size, n, amount) => {
  const constant = known(amount);
  // The carry out of the wide element does not reach the bits that are kept.
  const v =
    constant === null
      ? shiftRight(size + 1, false, n, amount, true)
      : shift('shr_u', size + 1, v2('add', size + 1, n, each(size + 1, 1n << BigInt(constant - 1))), constant);
  setNarrow(s, f, size, v);
});
const saturatingNarrows: readonly [string, number, string, Narrowing, boolean][] = [
  ['SQSHRN', 0, '10010', 'ss', false],
  ['UQSHRN', 1, '10010', 'uu', false],
  ['SQRSHRN', 0, '10011', 'ss', true],
  ['UQRSHRN', 1, '10011', 'uu', true],
  ['SQSHRUN', 1, '10000', 'su', false],
  ['SQRSHRUN', 1, '10001', 'su', true],
];
for (const [name, u, opcode, kind, rounding] of saturatingNarrows) {
  define(name, u, opcode, narrowShape(BHS), (s, f, size, n, amount) => {
    const scalar = f.Q === undefined;
    const source = scalar ? clip('element', size + 1, n) : n;
    const shifted = shiftRight(size + 1, kind !== 'uu', source, amount, rounding);
    const { value, over } = boundToNarrow(size, kind, shifted);
    saturated(s, over);
    if (scalar) s.setV('Vd', narrow(size, value));
    else setNarrow(s, f, size, value);
  });
}

// Widening.
for (const [letter, u, signed] of signs) {
  const shape: Shape = {
    vector: BHS,
    scalar: NONE,
    right: false,
    operands: () => '<2> v<Vd>.<W>, v<Vn>.<A>, #<amount>',
  };
  define(`${letter}SHLL`, u, '10100', shape, (s, f, size, n, amount) =>
    s.setV('Vd', shift('shl', size + 1, widen(size, signed, n, f.Q === 1), byAmount(amount))),
  );
}
