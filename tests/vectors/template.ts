/** What the generator knows of an instruction: its bits, its operand fields, what it does to memory and control flow. */

import type { Random } from './random.ts';
import type { Change } from './recipe.ts';
import type { State } from './state.ts';
import type { Style } from './values.ts';

/**
 * What a field names. `x`: a general register, 31 is XZR. `xsp`: 31 is SP. `xpair`: the even first of two. `v`: a
 * vector register. `bits`: anything else.
 */
export type FieldKind = 'x' | 'xsp' | 'xpair' | 'v' | 'bits';

export interface Field {
  name: string;
  low: number;
  width: number;
  kind: FieldKind;
}

/** An access to memory, as functions of the word. Registers are read as they are before the instruction. */
export interface MemoryAccess {
  /** The field of the base register, in which 31 is SP. */
  base: string;
  /** The bytes accessed, or the whole range that may be. */
  bytes: (word: number) => number;
  /** What is added to the base for the address; `x` reads a general register. */
  displacement?: (word: number, x: (index: number) => bigint) => bigint;
  /** What is added to the base register afterwards. */
  step?: (word: number, x: (index: number) => bigint) => bigint;
  /** The field of the index register, if there is one. */
  index?: string;
  /** Alignment that most cases keep to. Default: that of the bytes accessed, if a power of two up to 16. */
  align?: (word: number) => number;
  /** No faults, always aligned: where the order of checks is the implementation's choice. */
  safe?: boolean;
  /** Done with EL0's rights. */
  unprivileged?: boolean;
  /** Fields of registers that are compared with memory: half of all cases make them equal. Each of `each` bytes. */
  compare?: { fields: readonly string[]; each: (word: number) => number };
}

export interface Branch {
  /** The register that holds the target, or its field, or else the field of the immediate, in words from here. */
  register?: string | number;
  immediate?: string;
}

export interface Arranged {
  words: readonly number[];
  overrides: readonly Change[];
}

export interface Template {
  name: string;
  group: string;
  mask: number;
  value: number;
  fields: readonly Field[];
  memory?: MemoryAccess;
  branch?: Branch;
  /** The field of a distance in words from this instruction to a literal. */
  literal?: string;
  /** Makes the whole case instead of what the rest says: its words, and what registers hold. */
  arrange?: (word: number, random: Random, state: State) => Arranged | undefined;
  /** What must come first, now and then: words that this one depends on. */
  before?: (word: number) => readonly number[];
  /** Lanes of the vector registers; 'integer' when absent. */
  style?: Style;
  /** FPCR matters: cases take all kinds of it. */
  rounding?: boolean;
  /** Reads flags, modes or the like in a way that only fits a case of its own: not for programs. */
  alone?: boolean;
  /** True for words of this pattern that are unallocated, reserved or UNDEFINED: generated now and then. */
  reserved?: (word: number) => boolean;
  /** True for words whose effect is CONSTRAINED UNPREDICTABLE or depends on the implementation: never generated. */
  excluded?: (word: number) => boolean;
}

export function extract(word: number, low: number, width: number): number {
  return width === 32 ? word >>> 0 : (word >>> low) & (2 ** width - 1);
}

export function extractSigned(word: number, low: number, width: number): number {
  return (word << (32 - low - width)) >> (32 - width);
}

export function insert(word: number, field: Field, value: number): number {
  const mask = (2 ** field.width - 1) << field.low;
  return ((word & ~mask) | ((value << field.low) & mask)) >>> 0;
}

export function fieldOf(template: Template, name: string): Field {
  const found = template.fields.find((field) => field.name === name);
  if (!found) throw new Error(`${template.name} has no field ${name}`);
  return found;
}

/** Letters of patterns and what they mean when a pattern's list of fields doesn't say otherwise. */
const LETTERS: Record<string, [string, FieldKind]> = {
  d: ['Rd', 'x'],
  n: ['Rn', 'x'],
  m: ['Rm', 'x'],
  a: ['Ra', 'x'],
  t: ['Rt', 'x'],
  u: ['Rt2', 'x'],
  w: ['Rs', 'x'],
  D: ['Rd', 'xsp'],
  N: ['Rn', 'xsp'],
  p: ['Rt', 'xpair'],
  q: ['Rs', 'xpair'],
};

/**
 * Reads a pattern of 32 characters (spaces don't count): 0 and 1 are fixed, x is any bit of no name, a letter is a bit
 * of the field that LETTERS or `kinds` gives, else of a 'bits' field with that letter for its name. A field's bits are
 * adjacent.
 */
export function fromPattern(
  name: string,
  group: string,
  pattern: string,
  rest: Omit<Template, 'name' | 'group' | 'mask' | 'value' | 'fields'> & {
    kinds?: Readonly<Record<string, readonly [string, FieldKind]>>;
  } = {},
): Template {
  const { kinds, ...others } = rest;
  const characters = pattern.replaceAll(' ', '');
  if (characters.length !== 32) throw new Error(`${name}: a pattern of ${characters.length} bits`);
  let mask = 0;
  let value = 0;
  const fields = new Map<string, Field>();
  for (let index = 0; index < 32; index++) {
    const low = 31 - index;
    const character = characters[index];
    if (character === '0' || character === '1') {
      mask |= 1 << low;
      value |= Number(character) << low;
      continue;
    }
    const [fieldName, kind] = kinds?.[character] ??
      LETTERS[character] ?? [`${character}${character === 'x' ? low : ''}`, 'bits'];
    const field = fields.get(fieldName);
    if (!field) fields.set(fieldName, { name: fieldName, low, width: 1, kind });
    else if (field.low !== low + 1) throw new Error(`${name}: the bits of ${fieldName} are not adjacent`);
    else {
      field.low = low;
      field.width++;
    }
  }
  return { name, group, mask: mask >>> 0, value: value >>> 0, fields: [...fields.values()], ...others };
}
