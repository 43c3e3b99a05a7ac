/** Data processing, immediate (C4.1.93): PC-relative, add/subtract, logical, move wide, bitfield, extract. */
import { AddFlags, LogicFlags, SubFlags } from '../flags.ts';
import { I64, i32, op, type Sem, type Val } from '../semantics.ts';
import { decodeBitMask } from './bitmask.ts';
import { type Fields, Group, signed } from './pattern.ts';

export const group = new Group('data processing (immediate)');

group.insn('ADR', '0 immlo:2 10000 immhi:19 Rd:w', {
  imm: (f) => signed((f.immhi! << 2) | f.immlo!, 21),
  asm: 'adr <Xd>, <label>',
  run: (s) => s.setX('Rd', s.pc().add(s.imm())),
});
group.insn('ADRP', '1 immlo:2 10000 immhi:19 Rd:w', {
  imm: (f) => BigInt(signed((f.immhi! << 2) | f.immlo!, 21)) << 12n,
  asm: 'adrp <Xd>, <label>',
  run: (s) => s.setX('Rd', s.pc().and(~0xfffn).add(s.imm())),
});

const addImm = (f: Fields): number => (f.immsh ? f.imm12! << 12 : f.imm12!);
const immOf = (s: Sem, sf: number): Val => (sf ? s.imm() : s.imm32());

group.insn('ADD (immediate)', 'sf 0 0 100010 immsh imm12:12 Rn:s Rd:s', {
  imm: addImm,
  asm: 'add <Rd|SP>, <Rn|SP>, <shifted-imm>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Rn').add(immOf(s, f.sf!))),
});
group.insn('ADDS (immediate)', 'sf 0 1 100010 immsh imm12:12 Rn:s Rd:w', {
  imm: addImm,
  asm: 'adds <Rd>, <Rn|SP>, <shifted-imm>',
  run: (s, f) => adds(s, f.sf!, s.r(f.sf!, 'Rn'), immOf(s, f.sf!)),
});
group.insn('SUB (immediate)', 'sf 1 0 100010 immsh imm12:12 Rn:s Rd:s', {
  imm: addImm,
  asm: 'sub <Rd|SP>, <Rn|SP>, <shifted-imm>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Rn').sub(immOf(s, f.sf!))),
});
group.insn('SUBS (immediate)', 'sf 1 1 100010 immsh imm12:12 Rn:s Rd:w', {
  imm: addImm,
  asm: 'subs <Rd>, <Rn|SP>, <shifted-imm>',
  run: (s, f) => subs(s, f.sf!, s.r(f.sf!, 'Rn'), immOf(s, f.sf!)),
});

/** Rd = a + b with flags. */
export function adds(s: Sem, sf: number, a: Val, b: Val): void {
  const res = a.add(b);
  s.setR(sf, 'Rd', res);
  s.setFlags(new AddFlags(a, b, res));
}
/** Rd = a − b with flags. */
export function subs(s: Sem, sf: number, a: Val, b: Val): void {
  const res = a.sub(b);
  s.setR(sf, 'Rd', res);
  s.setFlags(new SubFlags(a, b, res));
}

const logicImm = (f: Fields): bigint | null => decodeBitMask(f.sf! === 1, f.immN!, f.imms!, f.immr!);
group.insn('AND (immediate)', 'sf 00 100100 immN immr:6 imms:6 Rn Rd:s', {
  imm: logicImm,
  asm: 'and <Rd|SP>, <Rn>, <bitmask>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Rn').and(immOf(s, f.sf!))),
});
group.insn('ORR (immediate)', 'sf 01 100100 immN immr:6 imms:6 Rn Rd:s', {
  imm: logicImm,
  asm: 'orr <Rd|SP>, <Rn>, <bitmask>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Rn').or(immOf(s, f.sf!))),
});
group.insn('EOR (immediate)', 'sf 10 100100 immN immr:6 imms:6 Rn Rd:s', {
  imm: logicImm,
  asm: 'eor <Rd|SP>, <Rn>, <bitmask>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Rn').xor(immOf(s, f.sf!))),
});
group.insn('ANDS (immediate)', 'sf 11 100100 immN immr:6 imms:6 Rn Rd:w', {
  imm: logicImm,
  asm: 'ands <Rd>, <Rn>, <bitmask>',
  run: (s, f) => {
    const res = s.r(f.sf!, 'Rn').and(immOf(s, f.sf!));
    s.setR(f.sf!, 'Rd', res);
    s.setFlags(new LogicFlags(res));
  },
});

const wide = (f: Fields): bigint | null =>
  f.sf === 0 && f.immhw! > 1 ? null : BigInt(f.imm16!) << BigInt(16 * f.immhw!);
group.insn('MOVN', 'sf 00 100101 immhw:2 imm16:16 Rd:w', {
  imm: (f) => {
    const w = wide(f);
    return w === null ? null : ~w;
  },
  asm: 'movn <Rd>, <wide-imm>',
  run: (s, f) => s.setR(f.sf!, 'Rd', immOf(s, f.sf!)),
});
group.insn('MOVZ', 'sf 10 100101 immhw:2 imm16:16 Rd:w', {
  imm: wide,
  asm: 'movz <Rd>, <wide-imm>',
  run: (s, f) => s.setR(f.sf!, 'Rd', immOf(s, f.sf!)),
});
group.insn('MOVK', 'sf 11 100101 hw:2 imm16:16 Rd:x', {
  where: (f) => f.sf === 1 || f.hw! < 2,
  imm: (f) => BigInt(f.imm16!) << BigInt(16 * f.hw!),
  asm: 'movk <Rd>, <wide-imm>',
  run: (s, f) =>
    s.setR(
      f.sf!,
      'Rd',
      s
        .r(f.sf!, 'Rd')
        .and(~(0xffffn << BigInt(16 * f.hw!)))
        .or(immOf(s, f.sf!)),
    ),
});

// Bitfield moves are two shifts: left so that the field's top bit becomes the register's, then right to its place.
// The immediate packs the left count in byte 0 and the right count in byte 1.
const bitfieldOk = (f: Fields): boolean => f.sf === f.N && (f.sf === 1 || (f.immr! < 32 && f.imms! < 32));
function bitfieldShifts(f: Fields): number {
  const width = f.sf ? 64 : 32;
  const left = width - 1 - f.imms!;
  const right = f.imms! >= f.immr! ? left + f.immr! : left - (width - f.immr!);
  return left | (right << 8);
}
const count = (s: Sem, f: Fields, n: number): Val => (f.sf ? s.immByte(n).zext64() : s.immByte(n));
group.insn('SBFM', 'sf 00 100110 N immr:6 imms:6 Rn Rd:w', {
  where: bitfieldOk,
  imm: bitfieldShifts,
  asm: 'sbfm <Rd>, <Rn>, #<immr>, #<imms>',
  run: (s, f) =>
    s.setR(
      f.sf!,
      'Rd',
      s
        .r(f.sf!, 'Rn')
        .shl(count(s, f, 0))
        .shrS(count(s, f, 1)),
    ),
});
group.insn('UBFM', 'sf 10 100110 N immr:6 imms:6 Rn Rd:w', {
  where: bitfieldOk,
  imm: bitfieldShifts,
  asm: 'ubfm <Rd>, <Rn>, #<immr>, #<imms>',
  run: (s, f) =>
    s.setR(
      f.sf!,
      'Rd',
      s
        .r(f.sf!, 'Rn')
        .shl(count(s, f, 0))
        .shrU(count(s, f, 1)),
    ),
});
group.insn('BFM', 'sf 01 100110 N immr:6 imms:6 Rn Rd:x', {
  where: bitfieldOk,
  imm: bitfieldShifts,
  asm: 'bfm <Rd>, <Rn>, #<immr>, #<imms>',
  run: (s, f) => {
    const ones = f.sf ? op('i64.extend_i32_s', i32(-1)) : i32(-1);
    const mask = ones.shl(count(s, f, 0)).shrU(count(s, f, 1));
    const field = s
      .r(f.sf!, 'Rn')
      .shl(count(s, f, 0))
      .shrU(count(s, f, 1));
    s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Rd').and(mask.not()).or(field));
  },
});
group.insn('EXTR', 'sf 00 100111 N 0 Rm imms:6 Rn Rd:w', {
  where: (f) => f.sf === f.N && (f.sf === 1 || f.imms! < 32),
  imm: (f) => f.imms!,
  asm: 'extr <Rd>, <Rn>, <Rm>, #<imms>',
  run: (s, f) => {
    const n = s.r(f.sf!, 'Rn');
    const m = s.r(f.sf!, 'Rm');
    const lsb = count(s, f, 0);
    // A shift by the whole width is not a shift by zero here: go by one and then the rest.
    const width = f.sf ? 63 : 31;
    s.setR(f.sf!, 'Rd', m.shrU(lsb).or(n.shl(1).shl(lsb.xor(width))));
  },
});

/** Type of a general register at width `sf`. */
export const widthType = (sf: number): number => (sf ? I64 : 0x7f);
