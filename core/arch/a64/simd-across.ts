/** Advanced SIMD across lanes, integer, and scalar pairwise ADDP (C4.1.97). */
import { op, type Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { clip, lowHalf, v2 } from './simd-common.ts';
import { addLongPairs, maximum, minimum, rotateBytes, widen } from './simd-lanes.ts';
import { text } from './simd-text.ts';

export const group = new Group('Advanced SIMD across lanes', { fp: true });

/** Combines all elements of the lower `bytes` bytes into element 0; other elements hold anything. */
function reduce(size: number, bytes: number, v: Val, fn: (a: Val, b: Val) => Val): Val {
  for (let half = bytes / 2; half >= 1 << size; half /= 2) v = fn(v, rotateBytes(v, half));
  return v;
}
/** Sums over all elements, at least 32 bits wide. */
function sum(size: number, signed: boolean, v: Val): Val {
  for (; size < 2; size++) v = addLongPairs(size, signed, v);
  return reduce(size, 16, v, (a, b) => v2('add', size, a, b));
}
const allocated = (f: Fields): boolean => f.size! < 2 || (f.size === 2 && f.Q === 1);
function define(name: string, u: number, opcode: string, letter: 'V' | 'VW', fn: (f: Fields, n: Val) => Val): void {
  group.insn(name, `0 Q ${u} 01110 size:2 11000 ${opcode} 10 Vn Vd:w`, {
    where: allocated,
    asm: text(`${name.toLowerCase()} <${letter}><Vd>, v<Vn>.<T>`),
    run: (s, f) => s.setV('Vd', clip('element', f.size! + (letter === 'VW' ? 1 : 0), fn(f, s.v('Vn')))),
  });
}
const upperCleared = (f: Fields, v: Val): Val => (f.Q ? v : lowHalf(v));
define('ADDV', 0, '11011', 'V', (f, n) => sum(f.size!, false, upperCleared(f, n)));
for (const [letter, u, signed] of [
  ['S', 0, true],
  ['U', 1, false],
] as const) {
  define(`${letter}ADDLV`, u, '00011', 'VW', (f, n) => {
    if (f.size! < 2) return sum(f.size!, signed, upperCleared(f, n));
    const wide = op('i64x2.add', widen(2, signed, n), widen(2, signed, n, true));
    return reduce(3, 16, wide, (a, b) => v2('add', 3, a, b));
  });
  for (const [name, opcode, fn] of [
    ['MAXV', '01010', maximum],
    ['MINV', '11010', minimum],
  ] as const) {
    define(`${letter}${name}`, u, opcode, 'V', (f, n) =>
      reduce(f.size!, f.Q ? 16 : 8, n, (a, b) => fn(f.size!, signed, a, b)),
    );
  }
}

group.insn('ADDP (scalar)', '01 0 11110 11 11000 11011 10 Vn Vd:w', {
  asm: text('addp d<Vd>, v<Vn>.2d'),
  run: (s) => {
    const n = s.v('Vn');
    s.setV('Vd', lowHalf(op('i64x2.add', n, rotateBytes(n, 8))));
  },
});
