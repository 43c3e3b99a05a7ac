/**
 * Vector files: tests/vectors/data/<group>.bin, gzip.
 *
 * Inside: a header as a length and JSON, then columns, each with its length, in this order (numbers are LEB128, words
 * little-endian):
 *
 * 1. seeds      a case: a number, its seed less the one before, modulo 2^32 (before the first: 0)
 * 2. styles     a case: a byte, its index in the header's list
 * 3. counts     a case: three numbers, of words, of overrides, of changes
 * 4. words      a word each
 * 5. slots      overrides, then changes, case after case: a byte each, the slot
 * 6. kinds      the same: a byte, how many bytes follow in column 7, plus 16 if they are to be XORed with the slot's
 *               value so far, plus 32 if all 64 bits are to be inverted
 * 7. values     the same: the value's low bytes; what is above them is zero
 *
 * An override is against the state that follows from the seed (values.ts); a change is the expected state (state.ts)
 * against the input.
 */

import { gunzipSync, gzipSync } from 'node:zlib';
import { ByteReader, ByteWriter } from './bytes.ts';
import type { Case } from './executor.ts';
import { applyChanges, type Change, changesBetween, type Recipe } from './recipe.ts';
import type { State } from './state.ts';
import { STYLES, type Style, stateFromSeed } from './values.ts';

const VERSION = 1;
const XORED = 16;
const INVERTED = 32;
const COLUMNS = 7;

export interface VectorHeader {
  version: number;
  group: string;
  /** The environment's name (environment.ts). */
  environment: string;
  /** Whose answers these are. */
  recorder: string;
  cases: number;
  styles: readonly Style[];
}

export interface Vector extends Case {
  expected: State;
}

export interface VectorFile {
  header: VectorHeader;
  vectors: Vector[];
}

const byteLength = (value: bigint) => (value === 0n ? 0 : Math.ceil(value.toString(16).length / 2));

function writeChange(change: Change, before: bigint, slots: ByteWriter, kinds: ByteWriter, values: ByteWriter): void {
  const forms: [number, bigint][] = [
    [0, change.value],
    [XORED, change.value ^ before],
    [INVERTED, BigInt.asUintN(64, ~change.value)],
  ];
  const [kind, value] = forms.reduce((best, form) => (byteLength(form[1]) < byteLength(best[1]) ? form : best));
  const length = byteLength(value);
  slots.byte(change.slot);
  kinds.byte(kind | length);
  for (let rest = value, index = 0; index < length; index++, rest >>= 8n) values.byte(Number(rest & 255n));
}

function readChange(state: State, slots: ByteReader, kinds: ByteReader, values: ByteReader): void {
  const slot = slots.byte();
  const kind = kinds.byte();
  let value = 0n;
  for (let index = 0; index < (kind & 15); index++) value |= BigInt(values.byte()) << BigInt(8 * index);
  if (kind & XORED) value ^= state.slots[slot];
  if (kind & INVERTED) value = BigInt.asUintN(64, ~value);
  state.slots[slot] = value;
}

export function encodeVectors(
  about: Pick<VectorHeader, 'group' | 'environment' | 'recorder'>,
  recipes: readonly Recipe[],
  expected: readonly State[],
): Uint8Array {
  const columns = Array.from({ length: COLUMNS }, () => new ByteWriter());
  const [seeds, styles, counts, words, slots, kinds, values] = columns;
  let lastSeed = 0;
  recipes.forEach((recipe, index) => {
    seeds.number((recipe.seed - lastSeed) >>> 0);
    lastSeed = recipe.seed;
    styles.byte(STYLES.indexOf(recipe.style));
    const state = stateFromSeed(recipe.seed, recipe.style);
    const overrides = recipe.overrides.filter(({ slot, value }) => state.slots[slot] !== value);
    const input = applyChanges(state.copy(), overrides);
    const changes = changesBetween(input, expected[index]);
    for (const count of [recipe.words.length, overrides.length, changes.length]) counts.number(count);
    for (const word of recipe.words) words.word(word);
    for (const change of overrides) writeChange(change, state.slots[change.slot], slots, kinds, values);
    for (const change of changes) writeChange(change, input.slots[change.slot], slots, kinds, values);
  });
  const header: VectorHeader = { version: VERSION, ...about, cases: recipes.length, styles: STYLES };
  const file = new ByteWriter();
  const text = new TextEncoder().encode(JSON.stringify(header));
  file.number(text.length);
  file.bytes(text);
  for (const column of columns) {
    const bytes = column.finish();
    file.number(bytes.length);
    file.bytes(bytes);
  }
  return gzipSync(file.finish(), { level: 9 });
}

export function decodeVectors(compressed: Uint8Array): VectorFile {
  const file = new ByteReader(gunzipSync(compressed));
  const header: VectorHeader = JSON.parse(new TextDecoder().decode(file.bytes(file.number())));
  if (header.version !== VERSION) throw new Error(`a vector file of version ${header.version}`);
  const columns = Array.from({ length: COLUMNS }, () => new ByteReader(file.bytes(file.number())));
  const [seeds, styles, counts, wordColumn, slots, kinds, values] = columns;
  const vectors: Vector[] = [];
  let seed = 0;
  for (let index = 0; index < header.cases; index++) {
    seed = (seed + seeds.number()) >>> 0;
    const input = stateFromSeed(seed, header.styles[styles.byte()]);
    const [wordCount, overrides, changes] = [counts.number(), counts.number(), counts.number()];
    const words = Array.from({ length: wordCount }, () => wordColumn.word());
    for (let count = 0; count < overrides; count++) readChange(input, slots, kinds, values);
    const expected = input.copy();
    for (let count = 0; count < changes; count++) readChange(expected, slots, kinds, values);
    vectors.push({ words, input, expected });
  }
  return { header, vectors };
}
