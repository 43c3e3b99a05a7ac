/** Loads and stores of general registers: base A64, exclusives, and LSE's atomics. */

import { extract, extractSigned, fromPattern, type MemoryAccess, type Template } from '../template.ts';

const memory = 'memory';
const exclusive = 'exclusive';
const atomic = 'atomic';

/** Bytes by size in bits 31 and 30. */
const size = (word: number) => 1 << extract(word, 30, 2);
const rt = (word: number) => extract(word, 0, 5);
const rn = (word: number) => extract(word, 5, 5);
const rt2 = (word: number) => extract(word, 10, 5);
const rs = (word: number) => extract(word, 16, 5);

/** Of a register and an immediate: opc 2 is signed to 64 bits or PRFM, 3 signed to 32 bits. */
const noSuchLoad = (word: number) => extract(word, 30, 2) >= 2 && extract(word, 22, 2) === 3;
const isPrefetch = (word: number) => extract(word, 30, 2) === 3 && extract(word, 22, 2) === 2;
const imm9 = (word: number) => BigInt(extractSigned(word, 12, 9));
const baseIsTarget = (word: number) => rn(word) === rt(word) && rn(word) !== 31;

const single = (rest: Partial<MemoryAccess>): MemoryAccess => ({ base: 'Rn', bytes: size, ...rest });

/** Rm extended by option and shifted by S. */
function indexValue(word: number, x: (index: number) => bigint): bigint {
  const value = x(rs(word));
  const option = extract(word, 13, 3);
  const shift = extract(word, 12, 1) === 1 ? BigInt(extract(word, 30, 2)) : 0n;
  const extended = option & 1 ? value : option & 4 ? BigInt.asIntN(32, value) : BigInt.asUintN(32, value);
  return extended << shift;
}

const pairSize = (word: number) => (extract(word, 31, 1) === 1 ? 8 : 4);
const imm7 = (word: number) => BigInt(extractSigned(word, 15, 7) * pairSize(word));
const pairTargets = (word: number) => extract(word, 22, 1) === 1 && rt(word) === rt2(word);
const pairWriteback = (word: number) => rn(word) !== 31 && (rn(word) === rt(word) || rn(word) === rt2(word));
/** opc 1 is LDPSW, but with L clear STGP, a matter of memory tagging. */
const storesTag = (word: number) => extract(word, 30, 2) === 1 && extract(word, 22, 1) === 0;
const pair = (rest: Partial<MemoryAccess>): MemoryAccess => ({
  base: 'Rn',
  bytes: (word) => 2 * pairSize(word),
  align: pairSize,
  ...rest,
});

const memoryTemplates: Template[] = [
  fromPattern('LDR/STR (unsigned offset)', memory, 'zz1110010o iiiiiiiiiiii NNNNN ttttt', {
    memory: single({ displacement: (word) => BigInt(extract(word, 10, 12) * size(word)) }),
  }),
  fromPattern('LDRS/PRFM (unsigned offset)', memory, 'zz1110011o iiiiiiiiiiii NNNNN ttttt', {
    memory: single({ displacement: (word) => BigInt(extract(word, 10, 12) * size(word)) }),
    reserved: noSuchLoad,
  }),
  fromPattern('LDUR/STUR', memory, 'zz111000oo0 iiiiiiiii 00 NNNNN ttttt', {
    memory: single({ displacement: imm9 }),
    reserved: noSuchLoad,
  }),
  fromPattern('LDR/STR (post-index)', memory, 'zz111000oo0 iiiiiiiii 01 NNNNN ttttt', {
    memory: single({ step: imm9 }),
    reserved: (word) => noSuchLoad(word) || isPrefetch(word),
    excluded: baseIsTarget,
  }),
  fromPattern('LDTR/STTR', memory, 'zz111000oo0 iiiiiiiii 10 NNNNN ttttt', {
    memory: single({ displacement: imm9, unprivileged: true }),
    reserved: (word) => noSuchLoad(word) || isPrefetch(word),
  }),
  fromPattern('LDR/STR (pre-index)', memory, 'zz111000oo0 iiiiiiiii 11 NNNNN ttttt', {
    memory: single({ displacement: imm9, step: imm9 }),
    reserved: (word) => noSuchLoad(word) || isPrefetch(word),
    excluded: baseIsTarget,
  }),
  fromPattern('LDR/STR (register)', memory, 'zz111000oo1 mmmmm f1ek10 NNNNN ttttt', {
    memory: single({ displacement: indexValue, index: 'Rm' }),
    reserved: noSuchLoad,
  }),
  fromPattern('unallocated register offset', memory, 'zz111000oo1 mmmmm f0ek10 NNNNN ttttt', {
    reserved: () => true,
  }),
  fromPattern('LDR (literal)', memory, 'oo011000 iiiiiiiiiiiiiiiiiii ttttt', { literal: 'i' }),
  fromPattern('LDNP/STNP', memory, 'oo10100 00l iiiiiii uuuuu NNNNN ttttt', {
    memory: pair({ displacement: imm7 }),
    reserved: (word) => extract(word, 30, 1) === 1,
    excluded: pairTargets,
  }),
  ...['post-index', 'offset', 'pre-index'].map((mode, index) =>
    fromPattern(
      `LDP/STP (${mode})`,
      memory,
      `oo10100${index < 1 ? '01' : index < 2 ? '10' : '11'}l iiiiiii uuuuu NNNNN ttttt`,
      {
        memory: pair({
          displacement: index === 0 ? undefined : imm7,
          step: index === 1 ? undefined : imm7,
        }),
        reserved: (word) => extract(word, 30, 2) === 3,
        excluded: (word) => storesTag(word) || pairTargets(word) || (index !== 1 && pairWriteback(word)),
      },
    ),
  ),
];

/** LDXR or LDXP with the size, order bit and base of this STXR or STXP, into its status register. */
const loadExclusive = (word: number) => {
  const isPair = extract(word, 21, 1) === 1;
  // The second register of a pair must be another one than the first, and not the base.
  const second = [31, 30, 29].find((register) => register !== rs(word) && register !== rn(word)) ?? 31;
  return ((word & ~0x001f_7c1f) | (1 << 22) | (0x1f << 16) | ((isPair ? second : 31) << 10) | rs(word)) >>> 0;
};

const statusClash = (word: number) => rs(word) === rt(word) || (rs(word) === rn(word) && rn(word) !== 31);
const exclusivePairBytes = (word: number) => (extract(word, 30, 1) === 1 ? 16 : 8);

const exclusiveTemplates: Template[] = [
  fromPattern('LDXR/LDAXR', exclusive, 'zz001000010 11111 o 11111 NNNNN ttttt', { memory: single({}) }),
  fromPattern('LDXP/LDAXP', exclusive, '1z001000011 11111 o uuuuu NNNNN ttttt', {
    memory: { base: 'Rn', bytes: exclusivePairBytes },
    excluded: (word) => rt(word) === rt2(word),
  }),
  fromPattern('STXR/STLXR', exclusive, 'zz001000000 wwwww o 11111 NNNNN ttttt', {
    memory: single({ safe: true }),
    before: (word) => [loadExclusive(word)],
    excluded: statusClash,
  }),
  fromPattern('STXP/STLXP', exclusive, '1z001000001 wwwww o uuuuu NNNNN ttttt', {
    memory: { base: 'Rn', bytes: exclusivePairBytes, safe: true },
    before: (word) => [loadExclusive(word)],
    excluded: (word) => statusClash(word) || rs(word) === rt2(word),
  }),
  fromPattern('LDAR/LDLAR/STLR/STLLR', exclusive, 'zz0010001l0 11111 o 11111 NNNNN ttttt', { memory: single({}) }),
];

const casPairBytes = (word: number) => (extract(word, 30, 1) === 1 ? 16 : 8);

const atomicTemplates: Template[] = [
  fromPattern('LDADD and the like', atomic, 'zz111000el1 wwwww 0ooo00 NNNNN ttttt', { memory: single({}) }),
  fromPattern('SWP', atomic, 'zz111000el1 wwwww 100000 NNNNN ttttt', { memory: single({}) }),
  fromPattern('CAS', atomic, 'zz0010001e1 wwwww l 11111 NNNNN ttttt', {
    memory: single({ compare: { fields: ['Rs'], each: size } }),
  }),
  fromPattern('CASP', atomic, '0z0010000e1 qqqqq l 11111 NNNNN ppppp', {
    memory: { base: 'Rn', bytes: casPairBytes, compare: { fields: ['Rs'], each: (word) => casPairBytes(word) / 2 } },
  }),
];

export const memoryAccessTemplates: Template[] = [...memoryTemplates, ...exclusiveTemplates, ...atomicTemplates];
