import { expect, test } from 'vitest';
import { decoderOf, evaluate, groupOf, maxFeatures, sweep } from './encodings.ts';
import { generate, MODES } from './generate.ts';

const features = maxFeatures();

test('random words decode without an internal error', () => {
  const decoder = decoderOf(features);
  let x = 0x2545f491;
  let allocated = 0;
  for (let n = 0; n < 300_000; n++) {
    x = (x ^ (x << 13)) >>> 0;
    x = (x ^ (x >>> 17)) >>> 0;
    x = (x ^ (x << 5)) >>> 0;
    if (evaluate(decoder, x)) allocated++;
  }
  // As many as all 2^32 have, about 31 %.
  expect(allocated / 300_000).toBeGreaterThan(0.25);
  expect(allocated / 300_000).toBeLessThan(0.4);
});

test('classes of words cover what they stand for, and decode as each of their words', () => {
  const decoder = decoderOf(features);
  // Blocks of 2^21 words: loads, SIMD; of each class a few of its other words.
  for (const top of [0x1c5, 0x272]) {
    let sum = 0;
    let x = 1;
    for (const { pattern, word, count, free } of sweep(features, top, top + 1)) {
      sum += count;
      x = (Math.imul(x, 1103515245) + 12345) >>> 0;
      if (x >>> 28 !== 0) continue;
      for (const other of [word | free, word | (free & x)]) {
        if (evaluate(decoder, other >>> 0) !== pattern)
          throw new Error(`0x${word.toString(16)} and 0x${other.toString(16)}`);
      }
    }
    expect(sum).toBe(2 ** 21);
  }
});

test('handlers and regions of shapes of every pattern are valid WebAssembly', () => {
  // Of each pattern the shapes that come first when its shape bits are varied; at most LIMIT.
  const FULL = process.env.TRIREME_FULL === '1';
  const LIMIT = FULL ? 4096 : 2;
  const decoder = decoderOf(features);
  const words: number[] = [];
  const patterns = new Set<string>();
  for (const p of groupOf.keys()) {
    let [found, tried, sub] = [0, 0, 0];
    do {
      // Fields that are not shape: zero, then something, then ones.
      for (const rest of [0, 0x5a5a5a5a, -1]) {
        const word = (p.value | sub | (rest & ~p.mask & ~p.shapeMask)) >>> 0;
        if (evaluate(decoder, word) !== p) continue;
        words.push(word);
        patterns.add(p.name);
        found++;
        break;
      }
      sub = (sub - p.shapeMask) & p.shapeMask;
    } while (sub !== 0 && found < LIMIT && ++tried < 5000);
  }
  expect(patterns.size).toBeGreaterThan(1000);
  const { handlers, regions } = generate(words, features, FULL ? MODES : MODES.slice(1, 2));
  expect(handlers).toBeGreaterThan(0.9 * words.length);
  expect(regions).toBeGreaterThan(0.3 * words.length);
});
