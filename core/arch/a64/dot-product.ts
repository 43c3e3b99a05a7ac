/** Dot products and matrix multiplication of 8-bit integers: FEAT_DotProd, FEAT_I8MM. */
import { low64, pick32 } from '../crypto/lanes.ts';
import { op, type Sem, type Val } from '../semantics.ts';
import { Group } from './pattern.ts';

export const group = new Group('dot product', { fp: true });

/** Widened bytes as 16-bit lanes: the low or the high half of a vector. */
const widened = (v: Val, half: 'low' | 'high', unsigned: boolean): Val =>
  op(`i16x8.extend_${half}_i8x16_${unsigned ? 'u' : 's'}`, v);
/** Sums of neighbouring 32-bit lanes: those of a, then those of b. */
const pairSums = (a: Val, b: Val): Val => op('i32x4.add', pick32(a, b, 0, 2, 4, 6), pick32(a, b, 1, 3, 5, 7));
/** Products of 16-bit lanes, added in pairs; widened bytes never overflow, whatever their signs. */
const products = (a: Val, b: Val): Val => op('i32x4.dot_i16x8_s', a, b);

/** Adds to each word of Vd the dot product of four bytes. */
function dot(s: Sem, q: number, m: Val, unsignedN: boolean, unsignedM: boolean): void {
  const n = s.v('Vn');
  const half = (h: 'low' | 'high'): Val => products(widened(n, h, unsignedN), widened(m, h, unsignedM));
  const sum = op('i32x4.add', s.v('Vd'), pairSums(half('low'), half('high')));
  s.setV('Vd', q ? sum : low64(sum));
}

for (const [name, feature, u, opcode, unsignedN, unsignedM] of [
  ['SDOT', 'DotProd', '0', '0010', false, false],
  ['UDOT', 'DotProd', '1', '0010', true, true],
  ['USDOT', 'I8MM', '0', '0011', true, false],
] as const) {
  group.insn(`${name} (vector)`, `0 Q ${u} 01110 10 0 Vm 1 ${opcode} 1 Vn Vd:x`, {
    feature,
    asm: `${name.toLowerCase()} <Vd.nS>, <Vn.nB>, <Vm.nB>`,
    run: (s, f) => dot(s, f.Q!, s.v('Vm'), unsignedN, unsignedM),
  });
}
for (const [name, feature, u, size, opcode, unsignedN, unsignedM] of [
  ['SDOT', 'DotProd', '0', '10', '1110', false, false],
  ['UDOT', 'DotProd', '1', '10', '1110', true, true],
  ['USDOT', 'I8MM', '0', '10', '1111', true, false],
  ['SUDOT', 'I8MM', '0', '00', '1111', false, true],
] as const) {
  group.insn(`${name} (by element)`, `0 Q ${u} 01111 ${size} L Vm ${opcode} H 0 Vn Vd:x`, {
    feature,
    asm: `${name.toLowerCase()} <Vd.nS>, <Vn.nB>, <Vm.4B>[<H:L>]`,
    run: (s, f) => {
      const at = f.H! * 2 + f.L!;
      const m = s.v('Vm');
      dot(s, f.Q!, pick32(m, m, at, at, at, at), unsignedN, unsignedM);
    },
  });
}

for (const [name, u, opcode, unsignedN, unsignedM] of [
  ['SMMLA', '0', '0100', false, false],
  ['UMMLA', '1', '0100', true, true],
  ['USMMLA', '0', '0101', true, false],
] as const) {
  group.insn(name, `0 1 ${u} 01110 10 0 Vm 1 ${opcode} 1 Vn Vd:x`, {
    feature: 'I8MM',
    asm: `${name.toLowerCase()} <Vd.4S>, <Vn.16B>, <Vm.16B>`,
    run: (s) => {
      // Rows of eight bytes: word 2·i + j of the result is row i of Vn times row j of Vm.
      const row = (field: string, unsigned: boolean): Val[] =>
        (['low', 'high'] as const).map((h) => widened(s.v(field), h, unsigned));
      const [n, m] = [row('Vn', unsignedN), row('Vm', unsignedM)];
      const [upper, lower] = n.map((r) => pairSums(products(r, m[0]!), products(r, m[1]!))) as [Val, Val];
      s.setV('Vd', op('i32x4.add', s.v('Vd'), pairSums(upper, lower)));
    },
  });
}
