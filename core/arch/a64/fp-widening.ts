/** Products of narrow elements added to single precision: FMLAL, FMLSL (FEAT_FHM), BFDOT, BFMMLA, BFMLAL (FEAT_BF16). */

import { lane } from '../../wasm/value.ts';
import { control } from '../float/fast.ts';
import { SINGLE } from '../float/format.ts';
import { pair } from '../float/lanes.ts';
import * as ops from '../float/operations.ts';
import { Shape } from '../float/shape.ts';
import { i32, i64, op, type Sem, type Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import { broadcast, elementImm } from './simd-common.ts';

export const group = new Group('Advanced SIMD widening products (floating point)', { fp: true });

const element = (f: Fields): number => (f.immH! << 2) | (f.immL! << 1) | (f.Vm! >> 4);
/** By element of 16 bits: bit 20 belongs to the index; two patterns, as in the integer group. */
function byElement(
  name: string,
  bits: (place: string) => string,
  feature: string,
  asm: (f: Fields) => string,
  run: (s: Sem, f: Fields, m: Val) => void,
): void {
  for (const upper of [false, true]) {
    group.insn(`${name} (by element)`, bits('immL Vm'), {
      feature,
      where: (f) => f.Vm! >= 16 === upper,
      imm: (f) => elementImm(1, element(f)),
      asm: (f) => `${asm(f)}, v${f.Vm! & 15}.h[${element(f)}]`,
      run: (s, f) => run(s, f, broadcast(s, 1, upper ? s.vPlus('Vm', 16) : s.v('Vm'))),
    });
  }
}

// Half precision: the lower or the upper half of the source.
const singles = (q: number): Shape => new Shape(SINGLE, q ? 16 : 8);
function widen(s: Sem, v: Val, q: number, upper: boolean): Val {
  const word = lane('i64x2.extract_lane', v, q && upper ? 1 : 0);
  return s.helper('fpWidenAll', s.cpu, control(s), !q && upper ? word.shrU(32) : word);
}
function accumulateHalves(s: Sem, q: number, upper: boolean, product: boolean, m: Val): void {
  const o = singles(q);
  const n = widen(s, s.v('Vn'), q, upper);
  o.write(s, 'Vd', ops.mulAdd(s, o, [s.v('Vd'), n, m], { product }));
}
for (const [name, u, a, upper, product] of [
  ['FMLAL', 0, 0, false, false],
  ['FMLSL', 0, 1, false, true],
  ['FMLAL2', 1, 0, true, false],
  ['FMLSL2', 1, 1, true, true],
] as const) {
  const low = name.toLowerCase();
  for (const q of [0, 1]) {
    const regs = (f: Fields): string => `${low} v${f.Vd}.${2 << q}s, v${f.Vn}.${2 << q}h`;
    group.insn(name, `0 ${q} ${u} 01110 ${a} 01 Vm ${u ? '110011' : '111011'} Vn Vd:w`, {
      feature: 'FHM',
      asm: (f) => `${regs(f)}, v${f.Vm}.${2 << q}h`,
      run: (s) => accumulateHalves(s, q, upper, product, widen(s, s.v('Vm'), q, upper)),
    });
    const opcode = `${u}${a}00`;
    byElement(
      name,
      (place) => `0 ${q} ${u} 01111 10 ${place} ${opcode} immH 0 Vn Vd:w`,
      'FHM',
      regs,
      (s, _f, m) => {
        accumulateHalves(s, q, upper, product, widen(s, m, q, false));
      },
    );
  }
}

// BFloat16.
const word = (v: Val, n: number): Val => lane('i32x4.extract_lane', v, n).zext64();
const dot = (s: Sem, a: Val, n: Val, m: Val): Val => s.helper('fpDotBF', s.cpu, a, n, m);
function dotProduct(s: Sem, q: number, m: (n: number) => Val): void {
  const [d, n] = [s.v('Vd'), s.v('Vn')];
  const one = (k: number): Val => dot(s, word(d, k), word(n, k), m(k));
  const two = (k: number): Val => one(k).or(one(k + 1).shl(32));
  s.setV('Vd', pair(two(0), q ? two(2) : i64(0)));
}
for (const q of [0, 1]) {
  const regs = (f: Fields): string => `bfdot v${f.Vd}.${2 << q}s, v${f.Vn}.${4 << q}h`;
  group.insn('BFDOT', `0 ${q} 1 01110 01 0 Vm 111111 Vn Vd:w`, {
    feature: 'BF16',
    asm: (f) => `${regs(f)}, v${f.Vm}.${4 << q}h`,
    run: (s) => dotProduct(s, q, (k) => word(s.v('Vm'), k)),
  });
  group.insn('BFDOT (by element)', `0 ${q} 0 01111 01 L Vm 1111 H 0 Vn Vd:w`, {
    feature: 'BF16',
    asm: (f) => `${regs(f)}, v${f.Vm}.2h[${(f.H! << 1) | f.L!}]`,
    run: (s, f) => {
      const m = word(s.v('Vm'), (f.H! << 1) | f.L!);
      dotProduct(s, q, () => m);
    },
  });
}
group.insn('BFMMLA', '0 1 1 01110 01 0 Vm 111011 Vn Vd:w', {
  feature: 'BF16',
  asm: 'bfmmla <Vd.4S>, <Vn.8H>, <Vm.8H>',
  run: (s) => {
    const [d, n, m] = [s.v('Vd'), s.v('Vn'), s.v('Vm')];
    // Row i of n with row j of m, two pairs each.
    const sum = (i: number, j: number): Val => {
      const first = dot(s, word(d, 2 * i + j), word(n, 2 * i), word(m, 2 * j));
      return dot(s, first, word(n, 2 * i + 1), word(m, 2 * j + 1));
    };
    const row = (i: number): Val => sum(i, 0).or(sum(i, 1).shl(32));
    const top = row(0);
    s.setV('Vd', pair(top, row(1)));
  },
});
/** The even or odd elements as singles. */
const brains = (v: Val, top: number): Val =>
  top ? op('v128.and', v, new Shape(SINGLE, 16).bits(0xffff0000n)) : op('i32x4.shl', v, i32(16));
for (const top of [0, 1]) {
  const letter = top ? 't' : 'b';
  const regs = (f: Fields): string => `bfmlal${letter} v${f.Vd}.4s, v${f.Vn}.8h`;
  const o = new Shape(SINGLE, 16);
  const run = (s: Sem, m: Val): void => {
    o.write(s, 'Vd', ops.mulAdd(s, o, [s.v('Vd'), brains(s.v('Vn'), top), m]));
  };
  group.insn(`BFMLAL${letter.toUpperCase()}`, `0 ${top} 1 01110 11 0 Vm 111111 Vn Vd:w`, {
    feature: 'BF16',
    asm: (f) => `${regs(f)}, v${f.Vm}.8h`,
    run: (s) => run(s, brains(s.v('Vm'), top)),
  });
  const bits = (place: string): string => `0 ${top} 0 01111 11 ${place} 1111 immH 0 Vn Vd:w`;
  byElement(`BFMLAL${letter.toUpperCase()}`, bits, 'BF16', regs, (s, _f, m) => run(s, brains(m, 0)));
}
