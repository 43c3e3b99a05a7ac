/** Advanced SIMD three registers of different types, integer (C4.1.97): long, wide and narrowing forms, vector and scalar. */
import type { Sem, Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { clip, each, saturated, v2 } from './simd-common.ts';
import { widen } from './simd-lanes.ts';
import {
  addLong,
  differenceLong,
  doublingLong,
  type Long,
  multiplyLong,
  polynomialLong,
  subLong,
} from './simd-long.ts';
import { setNarrow } from './simd-narrow.ts';
import { text } from './simd-text.ts';

export const group = new Group('Advanced SIMD three different', { fp: true });

const BHS = 0b0111;
const HS = 0b0110;
const B = 0b0001;

function define(
  name: string,
  u: number,
  opcode: string,
  sizes: number,
  operands: string,
  run: (s: Sem, f: Fields) => void,
): void {
  group.insn(`${name} (vector)`, `0 Q ${u} 01110 size:2 1 Vm ${opcode} 00 Vn Vd:w`, {
    where: (f) => ((sizes >> f.size!) & 1) === 1,
    asm: text(`${name.toLowerCase()}<2> ${operands}`),
    run,
  });
}
function long(name: string, u: number, opcode: string, sizes: number, fn: Long, saturating = false): void {
  define(name, u, opcode, sizes, 'v<Vd>.<W>, v<Vn>.<T>, v<Vm>.<T>', (s, f) => {
    const { value, over } = fn(f.size!, f.Q === 1, s.v('Vn'), s.v('Vm'), () => s.v('Vd'));
    if (saturating) saturated(s, over);
    s.setV('Vd', value);
  });
}
for (const [letter, u, signed] of [
  ['S', 0, true],
  ['U', 1, false],
] as const) {
  long(`${letter}ADDL`, u, '0000', BHS, addLong(signed));
  long(`${letter}SUBL`, u, '0010', BHS, subLong(signed));
  long(`${letter}ABAL`, u, '0101', BHS, differenceLong(signed, true));
  long(`${letter}ABDL`, u, '0111', BHS, differenceLong(signed, false));
  long(`${letter}MLAL`, u, '1000', BHS, multiplyLong(signed, 'add'));
  long(`${letter}MLSL`, u, '1010', BHS, multiplyLong(signed, 'sub'));
  long(`${letter}MULL`, u, '1100', BHS, multiplyLong(signed, null));
  for (const [name, opcode] of [
    ['add', '0001'],
    ['sub', '0011'],
  ] as const) {
    define(`${letter}${name.toUpperCase()}W`, u, opcode, BHS, 'v<Vd>.<W>, v<Vn>.<W>, v<Vm>.<T>', (s, f) => {
      const m = widen(f.size!, signed, s.v('Vm'), f.Q === 1);
      s.setV('Vd', v2(name, f.size! + 1, s.v('Vn'), m));
    });
  }
}
// The form of 64 bits is a cryptographic one.
long('PMULL', 0, '1110', B, polynomialLong);

// The upper half of each sum or difference.
for (const [name, u, opcode, which] of [
  ['ADDHN', 0, '0100', 'add'],
  ['RADDHN', 1, '0100', 'add'],
  ['SUBHN', 0, '0110', 'sub'],
  ['RSUBHN', 1, '0110', 'sub'],
] as const) {
  define(name, u, opcode, BHS, 'v<Vd>.<T>, v<Vn>.<W>, v<Vm>.<W>', (s, f) => {
    const wide = f.size! + 1;
    const v = v2(which, wide, s.v('Vn'), s.v('Vm'));
    const half = each(wide, 1n << BigInt((8 << f.size!) - 1));
    setNarrow(s, f, f.size!, u ? v2('add', wide, v, half) : v, true);
  });
}

for (const [name, opcode, accumulate] of [
  ['SQDMLAL', '1001', 'add'],
  ['SQDMLSL', '1011', 'sub'],
  ['SQDMULL', '1101', null],
] as const) {
  const fn = doublingLong(accumulate);
  long(name, 0, opcode, HS, fn, true);
  group.insn(`${name} (scalar)`, `01 0 11110 size:2 1 Vm ${opcode} 00 Vn Vd:w`, {
    where: (f) => f.size === 1 || f.size === 2,
    asm: text(`${name.toLowerCase()} <VW><Vd>, <V><Vn>, <V><Vm>`),
    run: (s, f) => scalarLong(s, f.size!, fn, s.v('Vm')),
  });
}
/** A saturating long operation on element 0 of Vn and `m`. */
export function scalarLong(s: Sem, size: number, fn: Long, m: Val): void {
  const n = clip('element', size, s.v('Vn'));
  const { value, over } = fn(size, false, n, m, () => clip('element', size + 1, s.v('Vd')));
  saturated(s, over);
  s.setV('Vd', value);
}
