/** Pointer authentication. Half of what authenticates is preceded by what signs the same way. */

import { extract, fromPattern, type Template } from '../template.ts';

/** AUT…'s PAC…: the same instruction with one bit clear. */
const signer = (bit: number) => (word: number) => [(word & ~(1 << bit)) >>> 0];

const rn = (word: number) => extract(word, 5, 5);
const keyB = (word: number) => extract(word, 10, 1);
/** PACIA or PACIB of Xd with the modifier Xn or SP; PACIZA or PACIZB; PACDZA or PACDZB. */
const signCode = (register: number, modifier: number, b: number) =>
  (0xdac1_0000 | (b << 10) | (modifier << 5) | register) >>> 0;
const signCodeZero = (register: number, b: number) => (0xdac1_23e0 | (b << 10) | register) >>> 0;
const signDataZero = (register: number, b: number) => (0xdac1_2be0 | (b << 10) | register) >>> 0;

/** LDRAA's immediate: S (bit 22) and imm9, in units of 8 bytes. */
const loadOffset = (word: number) => BigInt(((extract(word, 22, 1) ? -512 : 0) + extract(word, 12, 9)) * 8);
const dataKeyB = (word: number) => extract(word, 23, 1);

const SYSTEM_HINT = '11010101000000110010';

export function pauthTemplates(group: string): Template[] {
  return [
    fromPattern('PAC', group, '11011010110 00001 0000kk NNNNN ddddd'),
    fromPattern('AUT', group, '11011010110 00001 0001kk NNNNN ddddd', { before: signer(12) }),
    fromPattern('PAC zero', group, '11011010110 00001 0010kk 11111 ddddd'),
    fromPattern('AUT zero', group, '11011010110 00001 0011kk 11111 ddddd', { before: signer(12) }),
    fromPattern('XPAC', group, '11011010110 00001 01000k 11111 ddddd'),
    fromPattern('PACGA', group, '10011010110 mmmmm 001100 nnnnn ddddd', { kinds: { m: ['Rm', 'xsp'] } }),
    fromPattern('XPACLRI', group, `${SYSTEM_HINT} 0000 111 11111`),
    fromPattern('PAC…1716', group, `${SYSTEM_HINT} 0001 0k0 11111`, { alone: true }),
    fromPattern('AUT…1716', group, `${SYSTEM_HINT} 0001 1k0 11111`, { alone: true, before: signer(7) }),
    fromPattern('PAC…Z, PAC…SP', group, `${SYSTEM_HINT} 0011 0ko 11111`),
    fromPattern('AUT…Z, AUT…SP', group, `${SYSTEM_HINT} 0011 1ko 11111`, { before: signer(7) }),
    fromPattern('BRAA/BLRAA', group, '110101110 0o 11111 00001k nnnnn MMMMM', {
      kinds: { M: ['Rm', 'xsp'] },
      branch: { register: 'Rn' },
      before: (word) => [signCode(rn(word), extract(word, 0, 5), keyB(word))],
      excluded: (word) => rn(word) === 31,
    }),
    fromPattern('BRAAZ/BLRAAZ', group, '110101100 0o 11111 00001k nnnnn 11111', {
      branch: { register: 'Rn' },
      before: (word) => [signCodeZero(rn(word), keyB(word))],
      excluded: (word) => rn(word) === 31,
    }),
    fromPattern('RETAA', group, '110101100 10 11111 00001k 11111 11111', {
      branch: { register: 30 },
      before: (word) => [signCode(30, 31, keyB(word))],
    }),
    fromPattern('LDRAA', group, '11111000ks1 iiiiiiiii w1 NNNNN ttttt', {
      kinds: { w: ['w', 'bits'] },
      memory: {
        base: 'Rn',
        bytes: () => 8,
        displacement: loadOffset,
        step: (word) => (extract(word, 11, 1) ? loadOffset(word) : 0n),
      },
      before: (word) => [signDataZero(rn(word), dataKeyB(word))],
      // SP can't be signed without another register; write-back to the register loaded is unpredictable.
      excluded: (word) => rn(word) === 31 || (extract(word, 11, 1) === 1 && rn(word) === extract(word, 0, 5)),
      alone: true,
    }),
  ];
}
