/** Data processing on general registers: base A64 and CRC32. */

import { extract, fromPattern, type Template } from '../template.ts';

const sf = (word: number) => extract(word, 31, 1);
const immediateGroup = 'integer-immediate';
const registerGroup = 'integer-register';

/** N:immr:imms that stand for no bitmask. */
function badBitmask(word: number): boolean {
  const n = extract(word, 22, 1);
  const imms = extract(word, 10, 6);
  if (n === 1 && sf(word) === 0) return true;
  const length = 31 - Math.clz32((n << 6) | (~imms & 63));
  if (length < 1) return true;
  const levels = 2 ** length - 1;
  return (imms & levels) === levels;
}

const badBitfield = (word: number) =>
  extract(word, 22, 1) !== sf(word) || (sf(word) === 0 && ((word & (1 << 21)) !== 0 || (word & (1 << 15)) !== 0));
const badShift = (word: number) => sf(word) === 0 && extract(word, 15, 1) === 1;

export const integerTemplates: Template[] = [
  fromPattern('ADR', immediateGroup, '0ll10000 iiiiiiiiiiiiiiiiiii ddddd'),
  fromPattern('ADRP', immediateGroup, '1ll10000 iiiiiiiiiiiiiiiiiii ddddd'),
  fromPattern('ADD/SUB (immediate)', immediateGroup, 'so0100010h iiiiiiiiiiii NNNNN DDDDD'),
  fromPattern('ADDS/SUBS (immediate)', immediateGroup, 'so1100010h iiiiiiiiiiii NNNNN ddddd'),
  ...['AND', 'ORR', 'EOR', 'ANDS'].map((name, opc) =>
    fromPattern(
      `${name} (immediate)`,
      immediateGroup,
      `s${opc >> 1}${opc & 1}100100 k rrrrrr iiiiii nnnnn ${name === 'ANDS' ? 'ddddd' : 'DDDDD'}`,
      { reserved: badBitmask },
    ),
  ),
  ...['MOVN', 'MOVZ', 'MOVK'].map((name, index) =>
    fromPattern(name, immediateGroup, `s${['0o', '10', '11'][index]}100101 hh iiiiiiiiiiiiiiii ddddd`, {
      reserved: (word) => extract(word, 29, 2) === 1 || (sf(word) === 0 && extract(word, 22, 1) === 1),
    }),
  ),
  ...['SBFM', 'BFM', 'UBFM'].map((name, index) =>
    fromPattern(name, immediateGroup, `s${['00', '01', '1o'][index]}100110 k rrrrrr iiiiii nnnnn ddddd`, {
      reserved: (word) => extract(word, 29, 2) === 3 || badBitfield(word),
    }),
  ),
  fromPattern('EXTR', immediateGroup, 's00100111 k0 mmmmm iiiiii nnnnn ddddd', {
    reserved: (word) => extract(word, 22, 1) !== sf(word) || badShift(word),
  }),

  ...['AND/BIC', 'ORR/ORN', 'EOR/EON', 'ANDS/BICS'].map((name, opc) =>
    fromPattern(
      `${name} (shifted register)`,
      registerGroup,
      `s${opc >> 1}${opc & 1}01010 hh o mmmmm iiiiii nnnnn ddddd`,
      { reserved: badShift },
    ),
  ),
  fromPattern('ADD/SUB (shifted register)', registerGroup, 'sof01011 hh0 mmmmm iiiiii nnnnn ddddd', {
    reserved: (word) => extract(word, 22, 2) === 3 || badShift(word),
  }),
  fromPattern('ADD/SUB (extended register)', registerGroup, 'so001011001 mmmmm eee iii NNNNN DDDDD', {
    reserved: (word) => extract(word, 10, 3) > 4,
  }),
  fromPattern('ADDS/SUBS (extended register)', registerGroup, 'so101011001 mmmmm eee iii NNNNN ddddd', {
    reserved: (word) => extract(word, 10, 3) > 4,
  }),
  fromPattern('ADC/SBC', registerGroup, 'sof11010000 mmmmm 000000 nnnnn ddddd'),
  fromPattern('CCMN/CCMP (register)', registerGroup, 'so111010010 mmmmm cccc 00 nnnnn 0 zzzz'),
  fromPattern('CCMN/CCMP (immediate)', registerGroup, 'so111010010 iiiii cccc 10 nnnnn 0 zzzz'),
  fromPattern('CSEL/CSINC', registerGroup, 's0011010100 mmmmm cccc 0o nnnnn ddddd'),
  fromPattern('CSINV/CSNEG', registerGroup, 's1011010100 mmmmm cccc 0o nnnnn ddddd'),
  ...['RBIT', 'REV16', 'REV/REV32', 'REV64', 'CLZ', 'CLS'].map((name, opc) =>
    fromPattern(name, registerGroup, `s101101011000000000${opc.toString(2).padStart(3, '0')} nnnnn ddddd`, {
      reserved: (word) => opc === 3 && sf(word) === 0,
    }),
  ),
  fromPattern('UDIV/SDIV', registerGroup, 's0011010110 mmmmm 00001o nnnnn ddddd'),
  fromPattern('LSLV/LSRV/ASRV/RORV', registerGroup, 's0011010110 mmmmm 0010oo nnnnn ddddd'),
  fromPattern('CRC32', registerGroup, 's0011010110 mmmmm 010czz nnnnn ddddd', {
    reserved: (word) => (extract(word, 10, 2) === 3) !== (sf(word) === 1),
  }),
  fromPattern('MADD/MSUB', registerGroup, 's0011011000 mmmmm o aaaaa nnnnn ddddd'),
  fromPattern('SMADDL/SMSUBL', registerGroup, '10011011001 mmmmm o aaaaa nnnnn ddddd'),
  fromPattern('UMADDL/UMSUBL', registerGroup, '10011011101 mmmmm o aaaaa nnnnn ddddd'),
  fromPattern('SMULH/UMULH', registerGroup, '10011011o10 mmmmm 0 11111 nnnnn ddddd'),
];
