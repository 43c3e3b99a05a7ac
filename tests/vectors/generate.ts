/** Random cases of one instruction, from its template. Programs of several are in program.ts. */

import { CODE, EXECUTABLE_BLOCKS, MAPPINGS, VIEWS, type View, WINDOW_BYTES } from './environment.ts';
import { Random } from './random.ts';
import { applyChanges, type Change, type Recipe } from './recipe.ts';
import { SLOT, type State } from './state.ts';
import { extract, type Field, fieldOf, insert, type Template } from './template.ts';
import { stateFromSeed } from './values.ts';

/** What a run of the generator goes by. */
export class Source {
  readonly random: Random;
  /** FPCR.AH, FIZ and NEP are among the bits tried (FEAT_AFP). */
  readonly afp: boolean;
  #seed: number;

  constructor(seed: number, afp = false) {
    this.random = new Random(seed);
    this.afp = afp;
    this.#seed = this.random.next();
  }

  /** The next case's seed. They follow each other, so that files store them in a byte. */
  nextSeed(): number {
    this.#seed = (this.#seed + 1) >>> 0;
    return this.#seed;
  }
}

const ADDRESS = 0xff_ffff_ffff_ffffn;
/** The words copied to CODE: a case's, the end's, zeros. */
const CODE_WORDS = 20;

const AHP = 1 << 26;
const DN = 1 << 25;
const FZ = 1 << 24;
const FZ16 = 1 << 19;
const NEP = 1 << 2;
const AH = 1 << 1;
const FIZ = 1 << 0;
/** FPSR.IXC. */
const IXC = 1 << 4;

export function randomFpcr({ random, afp }: Source): number {
  let fpcr = random.oneIn(2) ? 0 : random.below(4) << 22;
  for (const bit of [AHP, DN, FZ, FZ16]) if (random.oneIn(4)) fpcr |= bit;
  if (afp) for (const bit of [NEP, AH, FIZ]) if (random.oneIn(4)) fpcr |= bit;
  return fpcr;
}

/** A value for a field: registers sometimes the same as another one, immediates sometimes special. */
function fieldValue(random: Random, field: Field, registers: number[]): number {
  if (field.kind === 'bits') {
    const all = 2 ** field.width;
    if (field.width < 5 || !random.oneIn(4)) return random.below(all);
    return random.pick([0, 1, all - 1, all / 2, all / 2 - 1]);
  }
  const chosen = random.oneIn(12)
    ? 31
    : registers.length > 0 && random.oneIn(6)
      ? random.pick(registers)
      : random.below(32);
  registers.push(chosen);
  return field.kind === 'xpair' ? chosen & 30 : chosen;
}

/** A word of this template, or undefined if the random one will not do. */
export function randomWord(random: Random, template: Template, reserved: boolean): number | undefined {
  let word = template.value;
  const registers: number[] = [];
  for (const field of template.fields) word = insert(word, field, fieldValue(random, field, registers));
  if (template.excluded?.(word)) return undefined;
  if (template.reserved?.(word) && !reserved) return undefined;
  return word;
}

export function readsOf(state: State): (index: number) => bigint {
  return (index) => state.x(index);
}

/** Addresses where nothing is mapped. */
const WILD = [0n, 0x4700_2008n, 0x3fff_fff0n, 0x7fff_ffff_0000n, 0x1_0000_0000_0000n, 0x80_0000_0000_0000n] as const;

function chooseView(random: Random, template: Template): View {
  if (template.memory?.safe) return VIEWS[0];
  if (template.memory?.unprivileged && !random.oneIn(4)) return VIEWS[VIEWS.length - 1];
  return random.oneIn(8) ? random.pick(VIEWS) : VIEWS[0];
}

function defaultAlignment(bytes: number): number {
  return bytes <= 16 && (bytes & (bytes - 1)) === 0 ? bytes : 1;
}

/** Points the base register at the window. Undefined if the word's registers make that impossible. */
function placeMemory(random: Random, template: Template, word: number, state: State): Change[] | undefined {
  const access = template.memory!;
  const baseField = fieldOf(template, access.base);
  const base = extract(word, baseField.low, baseField.width);
  const reads = readsOf(state);
  if (access.index) {
    const indexField = fieldOf(template, access.index);
    if (extract(word, indexField.low, indexField.width) === base && base !== 31) return undefined;
  }
  const bytes = access.bytes(word);
  const displacement = access.displacement?.(word, reads) ?? 0n;
  const view = chooseView(random, template);
  const room = WINDOW_BYTES - bytes;
  // Around the page boundary now and then, and always where half of the window is missing.
  const near = view.mapped !== 'both' || random.oneIn(4);
  let offset = near ? WINDOW_BYTES / 2 - bytes + random.below(2 * bytes) - (bytes >> 1) : random.below(room + 1);
  const align = access.align?.(word) ?? defaultAlignment(bytes);
  if (access.safe || random.below(8) < 5) offset -= offset % align;
  offset = Math.max(0, Math.min(room, offset));
  let address = BigInt(view.address + offset);
  if (!access.safe) {
    if (random.oneIn(48)) address = random.pick(WILD);
    else if (random.oneIn(32)) address |= BigInt(random.next() & 0xff) << 56n;
  }
  let pointer = BigInt.asUintN(64, address - displacement);
  if (base === 31) {
    // The stack pointer is checked for alignment. If aligning it moves the access out of the window, try again.
    if (access.safe || !random.oneIn(4)) {
      const moved = pointer & 15n;
      if (BigInt(offset) < moved || (access.safe && (offset - Number(moved)) % align !== 0)) return undefined;
      pointer -= moved;
      offset -= Number(moved);
    }
    return [{ slot: SLOT.sp, value: pointer }];
  }
  const changes = [{ slot: base, value: pointer }];
  if (access.compare && random.oneIn(2)) changes.push(...matchMemory(random, template, word, state, offset, base));
  return changes;
}

/** Makes the registers that are compared with memory equal to it, whatever is above the bytes compared. */
function matchMemory(
  random: Random,
  template: Template,
  word: number,
  state: State,
  offset: number,
  base: number,
): Change[] {
  const { fields, each } = template.memory!.compare!;
  const changes: Change[] = [];
  const length = each(word);
  let at = offset;
  for (const name of fields) {
    const field = fieldOf(template, name);
    const first = extract(word, field.low, field.width);
    for (let register = first; register <= first + (field.kind === 'xpair' ? 1 : 0); register++) {
      let value = random.next64();
      for (let index = 0; index < length; index++) {
        const shift = BigInt(8 * index);
        value = (value & ~(0xffn << shift)) | (BigInt(state.memory[at + index]) << shift);
      }
      at += length;
      if (register < 31 && register !== base) changes.push({ slot: register, value });
    }
  }
  return changes;
}

function isMapped(address: bigint, executable: boolean): boolean {
  return MAPPINGS.some(
    ({ virtual, bytes, execute }) =>
      address >= BigInt(virtual) - 64n && address < BigInt(virtual + bytes) && (!executable || execute !== 'none'),
  );
}

/** Whether a branch to this address ends at once, with an exception. */
export function branchFaults(address: bigint): boolean {
  const plain = address & ADDRESS;
  const inRig = EXECUTABLE_BLOCKS.some(([start, end]) => plain >= BigInt(start) - 64n && plain < BigInt(end));
  return !inRig && !isMapped(plain, true);
}

/** ADD Xn, Xn, #1, or with `shifted` 4096. */
const marker = (register: number, amount: number) => (0x91000000 | (amount << 10) | (register << 5) | register) >>> 0;
const branchForward = (words: number) => (0x14000000 | words) >>> 0;

/** The frame of a branch: it stands in the middle, and each path leaves its own mark in a register. */
const BEFORE_BRANCH = 3;
const AFTER_BRANCH = 3;

function placeBranch(random: Random, template: Template, word: number, state: State) {
  const { register, immediate } = template.branch!;
  const far = random.oneIn(8);
  const before = template.before && !random.oneIn(3) ? template.before(word) : [];
  const branchAt = BEFORE_BRANCH + before.length;
  // The first marker, or any place after the branch, the end included.
  const target = random.oneIn(5) ? 1 : branchAt + 1 + random.below(AFTER_BRANCH + 1);
  const overrides: Change[] = [];
  let used = typeof register === 'number' ? register : 30;
  if (immediate) {
    const field = fieldOf(template, immediate);
    if (far) {
      const distance = (extract(word, field.low, field.width) << (32 - field.width)) >> (32 - field.width);
      if (!branchFaults(BigInt(CODE + 4 * (branchAt + distance)))) return undefined;
    } else word = insert(word, field, target - branchAt);
  } else {
    if (typeof register === 'string') {
      const field = fieldOf(template, register);
      used = extract(word, field.low, field.width);
    }
    if (far || used === 31) {
      if (!branchFaults(state.x(used)) || !branchFaults(state.x(used) + 2n)) return undefined;
    } else {
      const tag = random.oneIn(6) ? BigInt(random.next() & 0xff) << 56n : 0n;
      overrides.push({ slot: used, value: BigInt(CODE + 4 * target) | tag });
    }
  }
  const marked = [18, 19].find((candidate) => candidate !== used)!;
  const words = [
    branchForward(BEFORE_BRANCH),
    marker(marked, 1),
    branchForward(branchAt + 1 + AFTER_BRANCH - 2),
    ...before,
    word,
    marker(marked, 16),
    marker(marked, 256),
    marker(marked, 2048),
  ];
  return { words, overrides };
}

/** Gives a literal's distance such that it lies in the code, or where nothing is. */
export function placeLiteral(random: Random, template: Template, word: number, at: number, far: boolean) {
  const field = fieldOf(template, template.literal!);
  if (far) {
    const distance = (extract(word, field.low, field.width) << (32 - field.width)) >> (32 - field.width);
    return isMapped(BigInt(CODE + 4 * (at + distance)), false) ? undefined : word;
  }
  return insert(word, field, random.below(CODE_WORDS - 1) - at);
}

function attempt(source: Source, template: Template): Recipe | undefined {
  const { random } = source;
  let word = randomWord(random, template, random.oneIn(32));
  if (word === undefined) return undefined;
  const seed = source.nextSeed();
  const style = template.style ?? 'integer';
  const state = stateFromSeed(seed, style);
  const overrides: Change[] = [];
  let words: readonly number[] = [];
  if (template.rounding) {
    overrides.push({ slot: SLOT.fpcr, value: BigInt(randomFpcr(source)) });
    // Inexact results are the usual thing; what is done about them differs once the flag is set.
    if (random.oneIn(2)) overrides.push({ slot: SLOT.fpsr, value: BigInt(state.fpsr | IXC) });
  }
  if (template.arrange) {
    const arranged = template.arrange(word, random, state);
    if (!arranged) return undefined;
    return { words: arranged.words, seed, style, overrides: [...overrides, ...arranged.overrides] };
  }
  if (template.memory) {
    const placed = placeMemory(random, template, word, state);
    if (!placed) return undefined;
    overrides.push(...placed);
  }
  if (template.branch) {
    const placed = placeBranch(random, template, word, applyChanges(state, overrides));
    if (!placed) return undefined;
    overrides.push(...placed.overrides);
    words = placed.words;
  } else if (template.before && !random.oneIn(3)) words = [...template.before(word), word];
  else {
    if (template.literal) word = placeLiteral(random, template, word, 0, random.oneIn(8));
    if (word === undefined) return undefined;
    words = [word];
  }
  return { words, seed, style, overrides };
}

/** One random case of this instruction. */
export function generateCase(source: Source, template: Template): Recipe {
  for (let tries = 0; tries < 10_000; tries++) {
    const recipe = attempt(source, template);
    if (recipe) return recipe;
  }
  throw new Error(`${template.name}: no case can be made`);
}

/** So many cases, the templates taking turns. */
export function generateCases(source: Source, templates: readonly Template[], count: number): Recipe[] {
  return Array.from({ length: count }, (_, index) => generateCase(source, templates[index % templates.length]));
}
