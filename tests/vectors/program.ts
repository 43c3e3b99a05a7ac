/**
 * Random straight-line programs: several instructions, with branches forward.
 *
 * Three registers are set aside, two pointers into the window and an index, whose values are known throughout: only
 * accesses through them change them, and only in programs without branches.
 */

import { END_WORDS, MAX_WORDS, WINDOW, WINDOW_BYTES } from './environment.ts';
import { placeLiteral, randomFpcr, randomWord, type Source } from './generate.ts';
import type { Random } from './random.ts';
import type { Recipe } from './recipe.ts';
import { SLOT } from './state.ts';
import { extract, fieldOf, insert, type Template } from './template.ts';

const TRIES = 60;
const NOP = END_WORDS[0];

interface Program {
  words: number[];
  length: number;
  /** What the registers set aside hold at this point. */
  known: Map<number, bigint>;
  pointers: readonly number[];
  index: number;
  branches: boolean;
}

/** Whether every general register named is free, but for those of the access itself. */
function keepsReserved(template: Template, word: number, program: Program): boolean {
  return template.fields.every((field) => {
    if (field.kind === 'bits' || field.kind === 'v') return true;
    if (field.name === template.memory?.base || field.name === template.memory?.index) return true;
    const register = extract(word, field.low, field.width);
    return !program.known.has(register) && !(field.kind === 'xpair' && program.known.has(register + 1));
  });
}

function smallImmediates(random: Random, template: Template, word: number): number {
  for (const field of template.fields) {
    if (field.kind !== 'bits' || field.width < 7) continue;
    word = insert(word, field, random.below(16) - (random.oneIn(2) ? 8 : 0));
  }
  return word;
}

function placeAccess(random: Random, template: Template, word: number, program: Program): number | undefined {
  const { base, index, displacement, step, bytes, align, safe } = template.memory!;
  const pointer = random.pick(program.pointers);
  word = insert(word, fieldOf(template, base), pointer);
  if (index) word = insert(word, fieldOf(template, index), program.index);
  const reads = (register: number) => program.known.get(register) ?? 0n;
  const address = BigInt.asUintN(64, reads(pointer) + (displacement?.(word, reads) ?? 0n));
  const length = bytes(word);
  if (address < BigInt(WINDOW) || address + BigInt(length) > BigInt(WINDOW + WINDOW_BYTES)) return undefined;
  const unit = align?.(word) ?? Math.min(length, 16);
  if (Number(address) % unit !== 0 && (safe || !random.oneIn(8))) return undefined;
  const stepped = step ? BigInt.asUintN(64, reads(pointer) + step(word, reads)) : undefined;
  if (stepped !== undefined && program.branches) return undefined;
  if (template.excluded?.(word) || !keepsReserved(template, word, program)) return undefined;
  if (stepped !== undefined) program.known.set(pointer, stepped);
  return word;
}

function addInstruction(random: Random, template: Template, program: Program): void {
  for (let tries = 0; tries < TRIES; tries++) {
    let word = randomWord(random, template, false);
    if (word === undefined || !keepsReserved(template, word, program)) continue;
    if (tries > 4 && template.memory) {
      word = smallImmediates(random, template, word);
      if (template.excluded?.(word) || template.reserved?.(word)) continue;
    }
    const at = program.words.length;
    const rest = program.length - at;
    if (template.branch) word = insert(word, fieldOf(template, template.branch.immediate!), 1 + random.below(rest));
    if (template.literal) word = placeLiteral(random, template, word, at, false);
    if (word !== undefined && template.memory) word = placeAccess(random, template, word, program);
    if (word === undefined) continue;
    const before = template.before?.(word) ?? [];
    if (before.length + 1 > rest) return;
    program.words.push(...before, word);
    return;
  }
}

/** A program of some of these instructions. */
export function generateProgram(source: Source, templates: readonly Template[]): Recipe {
  const { random } = source;
  const pointers = [random.below(15), 15 + random.below(7)];
  const index = 22 + random.below(7);
  const known = new Map<number, bigint>();
  for (const pointer of pointers) known.set(pointer, BigInt(WINDOW + 64 + 8 * random.below(48)));
  known.set(index, BigInt.asUintN(64, BigInt(random.below(16) - 8)));
  const overrides = [...known].map(([slot, value]) => ({ slot, value }));
  overrides.push({ slot: SLOT.fpcr, value: BigInt(randomFpcr(source)) });
  const branches = random.oneIn(2);
  const program: Program = { words: [], length: 3 + random.below(MAX_WORDS - 2), known, pointers, index, branches };
  const usable = templates.filter(
    ({ alone, branch, memory }) =>
      !alone && !memory?.unprivileged && branch?.register === undefined && !(branch !== undefined && !branches),
  );
  if (usable.length === 0) throw new Error('no instruction here fits a program');
  for (let tries = 0; tries < 1000 && program.words.length < program.length; tries++) {
    addInstruction(random, random.pick(usable), program);
  }
  if (program.words.length === 0) throw new Error('no program can be made of these instructions');
  // Branches count on the length that was planned.
  while (program.words.length < program.length) program.words.push(NOP);
  return { words: program.words, seed: source.nextSeed(), style: 'mixed', overrides };
}
