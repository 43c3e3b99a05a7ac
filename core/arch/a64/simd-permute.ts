/** Advanced SIMD extract, table lookup and permute (C4.1.97): EXT, TBL, TBX, ZIP, UZP, TRN. */
import { op, type Sem, type Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { bitSelect, bytes16, each, elementBytes, iota, known, lowHalf, or, shuffle } from './simd-common.ts';
import { list, text } from './simd-text.ts';

export const group = new Group('Advanced SIMD permute', { fp: true });

/** The two sources' bytes in a row, as lane numbers of a shuffle, when each source is `bytes` long. */
const laneOf = (k: number, bytes: number): number => (k < bytes ? k : 16 + ((k - bytes) & 15));

for (const q of [0, 1]) {
  const length = q ? 16 : 8;
  group.insn('EXT', `0 ${q} 101110 00 0 Vm 0 ${q ? 'imm4:4' : '0 imm4:3'} 0 Vn Vd:w`, {
    imm: (f) => f.imm4!,
    asm: text(`ext v<Vd>.${length}b, v<Vn>.${length}b, v<Vm>.${length}b, #<imm4>`),
    run: (s) => {
      const [n, m, at] = [s.v('Vn'), s.v('Vm'), s.immByte(0)];
      const start = known(at);
      let v: Val;
      if (start !== null) {
        v = shuffle(
          n,
          m,
          iota(16).map((i) => laneOf(i + start, length)),
        );
      } else {
        // Bytes from `at` on of the first, then of the second source: numbers beyond a source select zero.
        const order = op('i8x16.add', op('i8x16.splat', at), bytes16(iota(16)));
        const first = q ? n : lowHalf(n);
        const second = op('i8x16.sub', order, each(0, length));
        v = or(op('i8x16.swizzle', first, order), op('i8x16.swizzle', m, second));
      }
      s.setV('Vd', q ? v : lowHalf(v));
    },
  });
}

for (const [name, bit] of [
  ['TBL', 0],
  ['TBX', 1],
] as const) {
  group.insn(name, `0 Q 001110 00 0 Vm 0 len:2 ${bit} 00 Vn Vd:w`, {
    asm: text(`${name.toLowerCase()} v<Vd>.<B>, <list>, v<Vm>.<B>`, { list: (f) => list(f.Vn!, f.len! + 1, '16b') }),
    run: (s, f) => {
      const index = s.v('Vm');
      let v = op('i8x16.swizzle', s.v('Vn'), index);
      for (let k = 1; k <= f.len!; k++) {
        const rest = op('i8x16.sub', index, each(0, 16 * k));
        v = or(v, op('i8x16.swizzle', s.vPlus('Vn', k), rest));
      }
      if (bit) v = bitSelect(v, s.v('Vd'), op('i8x16.lt_u', index, each(0, 16 * (f.len! + 1))));
      s.setV('Vd', f.Q ? v : lowHalf(v));
    },
  });
}

/** Element numbers over both sources in a row (`n` elements each) that a permute takes. */
const orders: readonly [string, string, (n: number) => number[]][] = [
  ['UZP1', '001', (n) => iota(n, 0, 2)],
  ['TRN1', '010', (n) => iota(n).map((i) => (i & 1 ? n + i - 1 : i))],
  ['ZIP1', '011', (n) => iota(n).map((i) => (i & 1 ? n : 0) + (i >> 1))],
  ['UZP2', '101', (n) => iota(n, 1, 2)],
  ['TRN2', '110', (n) => iota(n).map((i) => (i & 1 ? n + i : i + 1))],
  ['ZIP2', '111', (n) => iota(n).map((i) => (i & 1 ? n : 0) + (n >> 1) + (i >> 1))],
];
for (const [name, opcode, elements] of orders) {
  group.insn(name, `0 Q 001110 size:2 0 Vm 0 ${opcode} 10 Vn Vd:w`, {
    where: (f) => !(f.size === 3 && !f.Q),
    asm: text(`${name.toLowerCase()} v<Vd>.<T>, v<Vn>.<T>, v<Vm>.<T>`),
    run: (s, f) => s.setV('Vd', permuted(s, f, elements)),
  });
}
function permuted(s: Sem, f: Fields, elements: (n: number) => number[]): Val {
  const bytes = f.Q ? 16 : 8;
  const order = elementBytes(f.size!, elements(bytes >> f.size!)).map((k) => (k < 0 ? 0 : laneOf(k, bytes)));
  const v = shuffle(s.v('Vn'), s.v('Vm'), order);
  return f.Q ? v : lowHalf(v);
}
