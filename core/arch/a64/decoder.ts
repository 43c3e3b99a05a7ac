/** Finds the pattern of an instruction word. */
import { fieldsOf, type Pattern } from './pattern.ts';

/** Top bits that index the first-level table. */
const TOP = 11;

export class Decoder {
  private readonly buckets: Pattern[][] = [];

  /** `features`: names of implemented features; patterns of others are left out, so their words are UNDEFINED. */
  constructor(patterns: readonly Pattern[], features: ReadonlySet<string>) {
    const usable = patterns.filter((p) => {
      const needs = p.feature === undefined ? [] : typeof p.feature === 'string' ? [p.feature] : p.feature;
      return needs.every((f) => features.has(f));
    });
    // More fixed bits first: a special case stands before the general one it refines.
    const bits = (v: number): number => {
      let n = 0;
      for (let x = v >>> 0; x; x = (x & (x - 1)) >>> 0) n++;
      return n;
    };
    const ordered = [...usable].sort((a, b) => bits(b.mask) - bits(a.mask) || a.id - b.id);
    for (let top = 0; top < 1 << TOP; top++) {
      const word = (top << (32 - TOP)) >>> 0;
      const topMask = (-1 << (32 - TOP)) >>> 0;
      this.buckets.push(ordered.filter((p) => ((word ^ p.value) & p.mask & topMask) === 0));
    }
  }

  /** The pattern of `word`, or null when it is unallocated. */
  find(word: number): Pattern | null {
    for (const p of this.buckets[word >>> (32 - TOP)]!) {
      if (((word & p.mask) ^ p.value) >>> 0) continue;
      if (p.where && !p.where(fieldsOf(p, word))) continue;
      return p;
    }
    return null;
  }
}
