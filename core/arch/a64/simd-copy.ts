/** Advanced SIMD copy and modified immediate (C4.1.97): DUP, INS, SMOV, UMOV; MOVI, MVNI, ORR, BIC, FMOV. */

import { constOf, isConst } from '../../wasm/value.ts';
import { op, type Sem, type Val } from '../semantics.ts';
import { type Fields, Group } from './pattern.ts';
import {
  and,
  bitSelect,
  broadcast,
  bytes16,
  clip,
  elementImm,
  iota,
  LANES,
  lane,
  lowElement,
  lowHalf,
  or,
  shuffle,
  v128,
  zero,
} from './simd-common.ts';
import { arrangement, letterOf, text } from './simd-text.ts';

export const group = new Group('Advanced SIMD copy and immediate', { fp: true });

const SIZES = [0, 1, 2, 3] as const;
/** imm5: the index above a one that marks the size. */
const imm5 = (name: string, size: number): string => `${name}:${4 - size} ${'1'.padEnd(size + 1, '0')}`;

for (const size of SIZES) {
  const t = letterOf(size);
  const index = (f: Fields): bigint => elementImm(size, f.immindex!);
  const vector = size === 3 ? '0 1 0' : '0 Q 0';
  const q = (f: Fields): number => f.Q ?? 1;
  group.insn('DUP (element)', `${vector} 01110000 ${imm5('immindex', size)} 000001 Vn Vd:w`, {
    imm: index,
    asm: text(`dup v<Vd>.<A>, v<Vn>.${t}[<immindex>]`, { A: (f) => arrangement(size, q(f)) }),
    run: (s, f) => {
      const v = broadcast(s, size, s.v('Vn'));
      s.setV('Vd', q(f) ? v : lowHalf(v));
    },
  });
  group.insn('DUP (element, scalar)', `01 0 11110000 ${imm5('immindex', size)} 000001 Vn Vd:w`, {
    imm: index,
    asm: text(`dup ${t}<Vd>, v<Vn>.${t}[<immindex>]`),
    run: (s) => s.setV('Vd', lowElement(size, broadcast(s, size, s.v('Vn')))),
  });
  group.insn('DUP (general)', `${vector} 01110000 ${imm5('immindex', size)} 000011 Rn Vd:w`, {
    asm: text(`dup v<Vd>.<A>, <${size === 3 ? 'X' : 'W'}n>`, { A: (f) => arrangement(size, q(f)) }),
    run: (s, f) => {
      const v = op(`${LANES[size]}.splat`, size === 3 ? s.x('Rn') : s.w('Rn'));
      s.setV('Vd', q(f) ? v : lowHalf(v));
    },
  });
  group.insn('INS (general)', `0 1 0 01110000 ${imm5('index', size)} 000111 Rn Vd:w`, {
    asm: text(`ins v<Vd>.${t}[<index>], <${size === 3 ? 'X' : 'W'}n>`),
    run: (s, f) => {
      const x = size === 3 ? s.x('Rn') : s.w('Rn');
      s.setV('Vd', lane(`${LANES[size]}.replace_lane`, s.v('Vd'), f.index!, x));
    },
  });
  const source = size === 0 ? 'immsrc:4' : `immsrc:${4 - size} immlow:${size}`;
  group.insn('INS (element)', `0 1 1 01110000 ${imm5('immindex', size)} 0 ${source} 1 Vn Vd:w`, {
    imm: (f) => (f.immsrc! << size) | (f.immindex! << 8),
    asm: text(`ins v<Vd>.${t}[<immindex>], v<Vn>.${t}[<immsrc>]`),
    run: (s) => s.setV('Vd', insertElement(s, size, s.v('Vd'), s.v('Vn'))),
  });
  const to = size === 3 ? 'i64x2.extract_lane' : size === 2 ? 'i32x4.extract_lane' : `${LANES[size]}.extract_lane_`;
  group.insn('UMOV', `0 ${size === 3 ? 1 : 0} 0 01110000 ${imm5('index', size)} 001111 Vn Rd:w`, {
    asm: text(`umov <${size === 3 ? 'X' : 'W'}d>, v<Vn>.${t}[<index>]`),
    run: (s, f) => {
      const v = lane(size < 2 ? `${to}u` : to, s.v('Vn'), f.index!);
      if (size === 3) s.setX('Rd', v);
      else s.setW('Rd', v);
    },
  });
  if (size < 3) {
    group.insn('SMOV', `0 ${size === 2 ? 1 : 'Q'} 0 01110000 ${imm5('index', size)} 001011 Vn Rd:w`, {
      asm: text(`smov <R>, v<Vn>.${t}[<index>]`, {
        R: (f) => `${q(f) ? 'x' : 'w'}${f.Rd === 31 ? 'zr' : f.Rd}`,
      }),
      run: (s, f) => {
        const v = lane(size < 2 ? `${to}s` : to, s.v('Vn'), f.index!);
        if (q(f)) s.setX('Rd', v.sext64());
        else s.setW('Rd', v);
      },
    });
  }
}

/** `d` with one element replaced: the immediate's byte 0 is the source's first byte, byte 1 the destination's index. */
function insertElement(s: Sem, size: number, d: Val, n: Val): Val {
  const imm = s.imm32();
  const inElement = iota(16).map((i) => i & ((1 << size) - 1));
  const index = iota(16).map((i) => i >> size);
  if (isConst(imm)) {
    const [from, to] = [Number(constOf(imm)) & 255, Number(constOf(imm)) >> 8];
    const lanes = iota(16).map((i) => (index[i] === to ? 16 + from + inElement[i]! : i));
    return shuffle(d, n, lanes);
  }
  const order = op('i8x16.add', op('i8x16.splat', imm), bytes16(inElement));
  const here = op('i8x16.eq', op('i8x16.splat', imm.shrU(8)), bytes16(index));
  return bitSelect(op('i8x16.swizzle', n, order), d, here);
}

/** AdvSIMDExpandImm: the 64 bits that op, cmode and imm8 stand for. */
export function expandImmediate(opBit: number, cmode: number, imm8: number): bigint {
  const twice = (x: number): bigint => BigInt(x >>> 0) * 0x1_0000_0001n;
  const wide = BigInt(imm8);
  switch (cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3:
      return twice(imm8 << (8 * (cmode >> 1)));
    case 4:
    case 5:
      return BigInt(imm8 << (8 * ((cmode >> 1) & 1))) * 0x0001_0001_0001_0001n;
    case 6:
      return twice(cmode & 1 ? (imm8 << 16) | 0xffff : (imm8 << 8) | 0xff);
  }
  if ((cmode & 1) === 0) {
    if (!opBit) return wide * 0x0101_0101_0101_0101n;
    let x = 0n;
    for (let i = 0; i < 8; i++) if (imm8 & (1 << i)) x |= 0xffn << BigInt(8 * i);
    return x;
  }
  const [sign, b, low] = [imm8 >> 7, (imm8 >> 6) & 1, imm8 & 63];
  if (!opBit) return twice((sign << 31) | ((b ? 0x1f : 0x20) << 25) | (low << 19));
  return (BigInt(sign) << 63n) | ((b ? 0xffn : 0x100n) << 54n) | (BigInt(low) << 48n);
}
/** The same for half precision: VFPExpandImm of 16 bits, in four elements. */
function expandHalf(imm8: number): bigint {
  const [sign, b, low] = [imm8 >> 7, (imm8 >> 6) & 1, imm8 & 63];
  return BigInt((sign << 15) | ((b ? 3 : 4) << 12) | (low << 6)) * 0x0001_0001_0001_0001n;
}

const imm8Of = (f: Fields): number => (f.immabc! << 5) | f.immdefgh!;
/** The immediate as a vector; the upper half stays clear when Q is 0. */
function immediateVector(s: Sem, q: number): Val {
  const imm = s.imm();
  if (isConst(imm)) return v128(constOf(imm), q ? constOf(imm) : 0n);
  return q ? op('i64x2.splat', imm) : lane('i64x2.replace_lane', zero(), 0, imm);
}
const hex = (f: Fields): string => `#0x${imm8Of(f).toString(16)}`;

/** One row of the modified immediate table: cmode bits, arrangement, how the shift is written. */
const rows = [
  {
    bits: (low: number) => `0 immshift:2 ${low}`,
    size: 2,
    cmode: (f: Fields, low: number) => (f.immshift! << 1) | low,
  },
  {
    bits: (low: number) => `10 immshift:1 ${low}`,
    size: 1,
    cmode: (f: Fields, low: number) => 8 | (f.immshift! << 1) | low,
  },
] as const;
for (const row of rows) {
  const shifted = (f: Fields): string => (f.immshift ? `, lsl #${8 * f.immshift}` : '');
  const own = { A: (f: Fields) => arrangement(row.size, f.Q!), imm: hex, shifted };
  for (const [name, opBit, low] of [
    ['MOVI', 0, 0],
    ['MVNI', 1, 0],
    ['ORR', 0, 1],
    ['BIC', 1, 1],
  ] as const) {
    group.insn(`${name} (vector, immediate)`, `0 Q ${opBit} 0111100000 immabc:3 ${row.bits(low)} 01 immdefgh:5 Vd:w`, {
      imm: (f) => {
        const x = expandImmediate(opBit, row.cmode(f, low), imm8Of(f));
        return opBit ? ~x : x;
      },
      asm: text(`${name.toLowerCase()} v<Vd>.<A>, <imm><shifted>`, own),
      run: (s, f) => {
        const v = immediateVector(s, f.Q!);
        if (!low) s.setV('Vd', v);
        else if (opBit) s.setV('Vd', and(s.v('Vd'), v));
        else s.setV('Vd', clip(f.Q ? 'full' : 'half', 3, or(s.v('Vd'), v)));
      },
    });
  }
}
for (const [name, opBit] of [
  ['MOVI', 0],
  ['MVNI', 1],
] as const) {
  group.insn(`${name} (shifting ones)`, `0 Q ${opBit} 0111100000 immabc:3 110 immshift:1 01 immdefgh:5 Vd:w`, {
    imm: (f) => {
      const x = expandImmediate(opBit, 12 | f.immshift!, imm8Of(f));
      return opBit ? ~x : x;
    },
    asm: text(`${name.toLowerCase()} v<Vd>.<A>, <imm>, msl #<n>`, {
      A: (f) => arrangement(2, f.Q!),
      imm: hex,
      n: (f) => 8 << f.immshift!,
    }),
    run: (s, f) => s.setV('Vd', immediateVector(s, f.Q!)),
  });
}
/** The expanded constants that take no shift. */
function constant(
  name: string,
  bits: string,
  imm: (f: Fields) => bigint,
  asm: (f: Fields) => string,
  feature?: string,
) {
  group.insn(name, bits, {
    ...(feature ? { feature } : {}),
    imm,
    asm,
    run: (s, f) => s.setV('Vd', immediateVector(s, f.Q ?? 1)),
  });
}
constant(
  'MOVI (bytes)',
  '0 Q 0 0111100000 immabc:3 1110 01 immdefgh:5 Vd:w',
  (f) => expandImmediate(0, 14, imm8Of(f)),
  text('movi v<Vd>.<B>, <imm>', { imm: hex }),
);
constant(
  'MOVI (64 bits)',
  '0 Q 1 0111100000 immabc:3 1110 01 immdefgh:5 Vd:w',
  (f) => expandImmediate(1, 14, imm8Of(f)),
  text('movi <D>, #0x<imm>', {
    D: (f) => (f.Q ? `v${f.Vd}.2d` : `d${f.Vd}`),
    imm: (f) => expandImmediate(1, 14, imm8Of(f)).toString(16),
  }),
);
/** The decimal value of an 8-bit floating-point immediate. */
export function floatImmediate(imm8: number): string {
  const exponent = ((imm8 >> 4) & 7) ^ 4;
  const value = ((imm8 & 128 ? -1 : 1) * (16 + (imm8 & 15)) * 2 ** (exponent - 3)) / 16;
  const [mantissa, e] = value.toExponential(18).split('e') as [string, string];
  return `${mantissa}e${e[0]}${e.slice(1).padStart(2, '0')}`;
}
const float = { imm: (f: Fields) => floatImmediate(imm8Of(f)) };
constant(
  'FMOV (vector, immediate)',
  '0 Q 0 0111100000 immabc:3 1111 01 immdefgh:5 Vd:w',
  (f) => expandImmediate(0, 15, imm8Of(f)),
  text('fmov v<Vd>.<A>, #<imm>', { ...float, A: (f) => arrangement(2, f.Q!) }),
);
constant(
  'FMOV (vector, immediate)',
  '0 1 1 0111100000 immabc:3 1111 01 immdefgh:5 Vd:w',
  (f) => expandImmediate(1, 15, imm8Of(f)),
  text('fmov v<Vd>.2d, #<imm>', float),
);
constant(
  'FMOV (vector, immediate, half precision)',
  '0 Q 0 0111100000 immabc:3 1111 11 immdefgh:5 Vd:w',
  (f) => expandHalf(imm8Of(f)),
  text('fmov v<Vd>.<A>, #<imm>', { ...float, A: (f) => arrangement(1, f.Q!) }),
  'FP16',
);
