/**
 * Goes through all 2^32 instruction words without looking at each: words that differ only in bits that no pattern in question looks
 * at decode alike, so one of them stands for all. Bits that nothing looks at are register fields, apart from those that a `where`,
 * an `imm` or a `target` was seen to read.
 */
import { Decoder } from '../../core/arch/a64/decoder.ts';
import { type Fields, fieldsOf, type Pattern } from '../../core/arch/a64/pattern.ts';
import { groups } from '../../core/arch/a64/table.ts';
import { cpuOf } from '../../core/arch/registers/reset.ts';

export const maxFeatures = (): ReadonlySet<string> => cpuOf('max', {}).features;

export const groupOf = new Map<Pattern, string>(groups.flatMap((g) => g.patterns.map((p) => [p, g.name] as const)));

export function decoderOf(features: ReadonlySet<string>): Decoder {
  return new Decoder([...groupOf.keys()], features);
}

export class SweepError extends Error {}

/** Evaluates all of a word's decoding; yields its pattern, or null when it is unallocated. Throws on what must not be. */
export function evaluate(decoder: Decoder, word: number): Pattern | null {
  const wrong = (p: Pattern, what: string): never => {
    throw new SweepError(`0x${word.toString(16).padStart(8, '0')}, ${p.name}: ${what}`);
  };
  const p = decoder.find(word);
  if (!p) return null;
  if (((word & p.mask) ^ p.value) >>> 0 !== 0) wrong(p, 'does not match its own bits');
  const f = fieldsOf(p, word);
  if (p.target) {
    const t = p.target(f);
    if (!Number.isInteger(t.offset) || t.offset % 4 !== 0 || Math.abs(t.offset) > 2 ** 27)
      wrong(p, `target ${t.offset}`);
    if (t.aux !== undefined && !(t.aux >= 0 && t.aux <= 255)) wrong(p, `aux ${t.aux}`);
  } else if (p.imm) {
    const v = p.imm(f);
    if (v === null) return null;
    if (typeof v === 'number' && !Number.isSafeInteger(v)) wrong(p, `immediate ${v}`);
    // Taken modulo 2^64.
    if (v <= -(2n ** 64n) || v >= 2n ** 64n) wrong(p, `immediate ${v}`);
  }
  return p;
}

/** Names of the fields that a pattern's functions read, as found by trying many words. */
function fieldsRead(p: Pattern): ReadonlySet<string> {
  const seen = new Set<string>();
  const watch = (f: Fields): Fields =>
    new Proxy(f, {
      get: (o, name) => {
        seen.add(String(name));
        return o[String(name)];
      },
    });
  let random = 12345;
  for (let i = 0; i < 1000; i++) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    const mixed = (random ^ (random >>> 15) ^ (random << 11)) >>> 0;
    const word = ((mixed & ~p.mask) | p.value) >>> 0;
    const f = fieldsOf(p, word);
    p.where?.(watch(f));
    if (p.where?.(f) ?? true) {
      p.imm?.(watch(f));
      p.target?.(watch(f));
    }
  }
  return seen;
}

const known = new Map<Pattern, number>();
/** Bits of a word that decoding by this pattern depends on. */
function looksAt(p: Pattern): number {
  let bits = known.get(p);
  if (bits === undefined) {
    const read = fieldsRead(p);
    bits = p.mask | p.shapeMask;
    for (const { name, shift, width } of p.fields) if (read.has(name)) bits |= (2 ** width - 1) << shift;
    known.set(p, bits);
  }
  return bits;
}

const TOP = 11;
const LOW = 32 - TOP;

export interface Found {
  /** Null: unallocated. */
  readonly pattern: Pattern | null;
  /** A word, and how many decode as it does. */
  readonly word: number;
  readonly count: number;
  /** The bits in which they differ. */
  readonly free: number;
}

/** All classes of words whose top 11 bits are in [from, to). */
export function* sweep(features: ReadonlySet<string>, from = 0, to = 1 << TOP): Generator<Found> {
  const decoder = decoderOf(features);
  const usable = [...groupOf.keys()].filter((p) => [p.feature ?? []].flat().every((f) => features.has(f)));
  for (let top = from; top < to; top++) {
    const high = (top << LOW) >>> 0;
    const topMask = (-1 << LOW) >>> 0;
    let bits = 0;
    for (const p of usable) if (((high ^ p.value) & p.mask & topMask) === 0) bits |= looksAt(p);
    const low = bits & (2 ** LOW - 1);
    let count = 2 ** LOW;
    for (let m = low; m; m &= m - 1) count /= 2;
    const free = (2 ** LOW - 1) & ~low;
    // All subsets of the bits that matter.
    let sub = 0;
    do {
      const word = (high | sub) >>> 0;
      yield { pattern: evaluate(decoder, word), word, count, free };
      sub = (sub - low) & low;
    } while (sub !== 0);
  }
}
