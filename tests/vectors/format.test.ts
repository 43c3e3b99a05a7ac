import { describe, expect, it } from 'vitest';
import { readVectors, recordedGroups } from './data.ts';
import { decodeVectors, encodeVectors } from './format.ts';
import { caseOf } from './recipe.ts';
import { definesFar, SLOT } from './state.ts';
import { changesOf, sampleCases } from './testing.ts';

describe('vector files', () => {
  it('give back what was put in', () => {
    const recipes = sampleCases(400);
    const expected = recipes.map((recipe, index) => changesOf(caseOf(recipe).input, index));
    const about = { group: 'sample', environment: 'plain', recorder: 'nobody' };
    const { header, vectors } = decodeVectors(encodeVectors(about, recipes, expected));
    expect(header).toMatchObject({ ...about, cases: recipes.length });
    vectors.forEach((vector, index) => {
      const { words, input } = caseOf(recipes[index]);
      expect(vector.words).toEqual(words);
      expect(vector.input.slots).toEqual(input.slots);
      expect(vector.expected.slots).toEqual(expected[index].slots);
    });
  });

  it.each(recordedGroups())('of group %s are sound', (group) => {
    const { header, vectors } = readVectors(group);
    expect(header.group).toBe(group);
    expect(header.recorder).toMatch(/^QEMU 11\.1/);
    expect(vectors.length).toBeGreaterThanOrEqual(1000);
    for (const { expected } of vectors) {
      // An exception has an address, and a fault address only if its class has one.
      expect(expected.esr === 0 && expected.pc !== 0n).toBe(false);
      expect(expected.far !== 0n && !definesFar(expected.esr)).toBe(false);
      expect(expected.slots[SLOT.vector]).toBe(0n);
    }
  });
});
