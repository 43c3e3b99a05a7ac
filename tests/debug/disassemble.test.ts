import { describe, expect, it } from 'vitest';
import { Decoder } from '../../core/arch/a64/decoder.ts';
import { fieldsOf, type Group, type Pattern } from '../../core/arch/a64/pattern.ts';
import { groups } from '../../core/arch/a64/table.ts';
import { disassemble } from '../../core/debug/disassemble.ts';
import { Random } from '../vectors/random.ts';
import { hasObjdump, isUnknown, normalised, objdump } from './objdump.ts';

const PC = 0x4000_0000n;
const patterns = groups.flatMap((g) => g.patterns);
const decoder = new Decoder(patterns, new Set(patterns.flatMap((p) => p.feature ?? [])));

/** A word of the pattern that no other pattern takes, or undefined. */
function randomWord(random: Random, pattern: Pattern): number | undefined {
  let word = pattern.value;
  for (const { shift, width } of pattern.fields) {
    const ones = 2 ** width - 1;
    const value = random.oneIn(5) ? ones : random.oneIn(6) ? 0 : random.next() & ones;
    word |= value << shift;
  }
  word >>>= 0;
  if (decoder.find(word) !== pattern || pattern.imm?.(fieldsOf(pattern, word)) === null) return undefined;
  return word;
}
function wordsOf(group: Group, each: number): number[] {
  const random = new Random(group.patterns.length);
  return group.patterns.flatMap((pattern) => {
    const words: number[] = [];
    for (let tries = 0; words.length < each && tries < 40 * each; tries++) {
      const word = randomWord(random, pattern);
      if (word !== undefined) words.push(word);
    }
    return words;
  });
}

/** How many of the words binutils knows, and where the two texts differ. */
function compare(words: readonly number[], aliases: boolean): { known: number; wrong: string[] } {
  const theirs = objdump(words, PC, aliases);
  let known = 0;
  const wrong = words.flatMap((word, n) => {
    const their = theirs[n]!;
    if (isUnknown(their)) return [];
    known++;
    const mine = disassemble(word, PC + 4n * BigInt(n), { aliases });
    // The hint's name is CLRBHB; binutils had it wrong until 2.42.
    if (normalised(mine) === normalised(their).replace(/^clearbhb$/, 'clrbhb')) return [];
    return [`${word.toString(16)}: ${mine} | ${their.replace('\t', ' ')}`];
  });
  return { known, wrong };
}

describe('disassembler', () => {
  it('writes what people expect', () => {
    const texts: [number, string][] = [
      [0xd503201f, 'nop'],
      [0x910003fd, 'mov x29, sp'],
      [0xa9bf7bfd, 'stp x29, x30, [sp, #-16]!'],
      [0xd65f03c0, 'ret'],
      [0x54000040, 'b.eq 0x40000008'],
      [0xd3607c20, 'lsl x0, x1, #32'],
      [0x9a9f17e0, 'cset x0, eq'],
      [0xd4000001, 'svc #0x0'],
      [0xd5381000, 'mrs x0, sctlr_el1'],
      [0x4e284820, 'aese v0.16b, v1.16b'],
      [0x00000005, 'udf #5'],
      [0xffffffff, '.inst 0xffffffff'],
    ];
    for (const [word, text] of texts) expect(disassemble(word, PC)).toBe(text);
  });

  it('writes something for every word', () => {
    const random = new Random(1);
    for (let n = 0; n < 100_000; n++) {
      const word = random.next();
      expect(disassemble(word, PC), word.toString(16)).toMatch(/^\.?[a-z][\w.]*( [^<>]*)?$/);
    }
  });

  describe.skipIf(!hasObjdump())('agrees with objdump', () => {
    for (const group of groups) {
      it(`on ${group.name}`, () => {
        const words = wordsOf(group, 20);
        if (words.length) expect(compare(words, true).wrong).toEqual([]);
      });
    }
    // Without aliases, where patterns are not named by one themselves (hints, SYS).
    for (const name of ['data processing (immediate)', 'data processing (register)', 'atomics']) {
      it(`on ${name}, without aliases`, () => {
        const group = groups.find((g) => g.name === name)!;
        expect(compare(wordsOf(group, 20), false).wrong).toEqual([]);
      });
    }
    it('on all system registers', () => {
      const words = Array.from({ length: 1 << 16 }, (_, n) => (0xd5100000 | (n << 5) | (n % 31)) >>> 0)
        .flatMap((word) => [word, (word | 0x200000) >>> 0])
        .filter((word) => decoder.find(word)?.name.match(/^(MRS|MSR \(register\))$/));
      expect(words.length).toBeGreaterThan(200);
      expect(compare(words, true).wrong).toEqual([]);
    });
  });
});
