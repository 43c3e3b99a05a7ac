/** Damaged input, for a fixed time each; `npm run fuzz` takes longer, and other seeds. */
import { describe, expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const SECONDS = 2;

describe('nothing hangs, fails in a way that is not foreseen, or passes its bound of memory', () => {
  test.each(TARGETS.map(({ name }) => name))('%s', async (name) => {
    const { rounds, taken } = await fuzz(name, SECONDS, 1);
    // Both happen, or the damage would test nothing.
    expect(taken).toBeGreaterThan(0);
    expect(rounds - taken).toBeGreaterThan(0);
  });
});
