/** Finds the pattern of an instruction word. */
import { fieldsOf, type Pattern } from './pattern.ts';

/** Top bits that index the first-level table. */
const TOP = 11;

function bitCount(v: number): number {
  let n = 0;
  for (let x = v >>> 0; x; x = (x & (x - 1)) >>> 0) n++;
  return n;
}

export class Decoder {
  private readonly buckets: Pattern[][] = [];

  /** `features`: names of implemented features; patterns of others are left out, so their words are UNDEFINED. */
  constructor(patterns: readonly Pattern[], features: ReadonlySet<string>) {
    const usable = patterns.filter((p) => {
      const needs = p.feature === undefined ? [] : typeof p.feature === 'string' ? [p.feature] : p.feature;
      return needs.every((f) => features.has(f));
    });
    // More fixed bits first: a special case stands before the general one it refines.
    const bits = new Map(usable.map((p) => [p, bitCount(p.mask)]));
    const ordered = usable.sort((a, b) => bits.get(b)! - bits.get(a)! || a.id - b.id);
    for (let top = 0; top < 1 << TOP; top++) this.buckets.push([]);
    for (const p of ordered) {
      const value = p.value >>> (32 - TOP);
      const free = ~(p.mask >>> (32 - TOP)) & ((1 << TOP) - 1);
      // All subsets of the free bits, upwards.
      for (let some = 0; ; some = (some - free) & free) {
        this.buckets[value | some]!.push(p);
        if (some === free) break;
      }
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
