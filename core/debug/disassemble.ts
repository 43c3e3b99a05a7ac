/**
 * Disassembler: the instruction table's own patterns and texts, with the preferred aliases of the manual (C6.2).
 * It knows every instruction the table has, whatever features a CPU lacks.
 */
import { Decoder } from '../arch/a64/decoder.ts';
import { fieldsOf, type Pattern } from '../arch/a64/pattern.ts';
import { groups } from '../arch/a64/table.ts';
import { aliasOf, rewritten } from './aliases.ts';
import type { Context } from './operands.ts';
import { compileTemplate } from './template.ts';

type Writer = (c: Context) => string;

const patterns: readonly Pattern[] = groups.flatMap((g) => g.patterns);
let decoder: Decoder | null = null;
const writers = new Map<string, Writer>();

function find(word: number): Pattern | null {
  decoder ??= new Decoder(patterns, new Set(patterns.flatMap((p) => p.feature ?? [])));
  const pattern = decoder.find(word);
  // A null immediate is how a pattern says that the rest of its encodings are unallocated.
  return pattern?.imm && pattern.imm(fieldsOf(pattern, word)) === null ? null : pattern;
}

function writerOf(pattern: Pattern, template: string): Writer {
  const key = `${pattern.id} ${template}`;
  let writer = writers.get(key);
  if (!writer) {
    writer = compileTemplate(template, pattern);
    writers.set(key, writer);
  }
  return writer;
}

export interface DisassembleOptions {
  /** False: `orr x0, xzr, x1` rather than `mov x0, x1`. */
  readonly aliases?: boolean;
}

/** The text of an instruction, as an assembler takes it; `.inst 0x…` for words that the table does not have. */
export function disassemble(word: number, pc = 0n, { aliases = true }: DisassembleOptions = {}): string {
  const pattern = find(word >>> 0);
  // UDF, C6.2: never an instruction, but it has a name.
  if (word >>> 16 === 0) return `udf #${word}`;
  if (!pattern) return `.inst 0x${(word >>> 0).toString(16).padStart(8, '0')}`;
  const fields = fieldsOf(pattern, word);
  const template = (aliases ? aliasOf(pattern, fields) : null) ?? pattern.asm;
  if (template === undefined) return pattern.name.toLowerCase();
  if (typeof template === 'function') {
    // An offset of zero is left out, as templates do it.
    const text = template(fields, pc).replace(/, #0\](?!!)/, ']');
    return aliases ? rewritten(pattern, text) : text;
  }
  return writerOf(pattern, template)({ word: word >>> 0, pc, pattern, fields });
}
