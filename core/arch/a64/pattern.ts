/**
 * Instruction patterns: bits, operands, and meaning in one place.
 *
 * A pattern is written as tokens from bit 31 down: binary literals (`100010`), `name:width`, a one-bit `name`, and register
 * fields, which are 5 bits wide and begin with R (general) or V (vector). A register field's role follows a colon:
 *   `Rn`    read; 31 is XZR          `Rd:w`  written; 31 is XZR
 *   `Rn:s`  31 is SP, read or written  `Rs:x`  read and written; 31 is XZR (becomes part of the shape)
 * Fields that begin with `imm` only feed the pattern's `imm` function. All other fields are *shape*: plain numbers when the
 * meaning runs, one handler of the interpreter for each combination that is met.
 *
 * Assembly text (`asm`), as `core/debug/disassemble.ts` reads it: text as it is, operands in <>, and {} around what is left out
 * when every operand in it is zero or the default; groups nest. Operands:
 *   `<Rd>`           general register of field Rd, W or X by field `sf`; `<Wd>`, `<Xd>`: of field Rd at that width;
 *   `<Xd+1>`         the one after it; `|SP` behind any of these: 31 is the stack pointer
 *   `<Bd> … <Qd>`    scalar of field Vd; `<Vd.16B>`, `<Vd.4S>`, `<Vd.S>`: field Vd with that arrangement; `<Vn+1.16B>`
 *   `<Vd.nS>`        2S or 4S by field `Q`; likewise nB, nH, nD
 *   `<Vd.T>`         arrangement 8B 16B 4H 8H 2S 4S 1D 2D by fields `size` and `Q`; `<Vd.Tw>`: twice as wide elements, always
 *                    128 bits; `<Vd.Tn>`: half as wide ones; `<Vd.Ts>`: only the element's letter
 *   `<cond>`, `<shift>`, `<extend>`, `<bitmask>`, …   names with a meaning: the list is NAMED in `core/debug/operands.ts`
 *   `<label>`, `<target>`   address from `imm` and from `target`
 *   `<imm>`          what `imm` computes, signed decimal; `<immx>`: in hexadecimal
 *   `<name>`         otherwise: field `name` as a number; `<H:L>`: fields put together
 * Templates are plain instructions (UBFM, ORR); preferred aliases (LSL, MOV) are in `core/debug/aliases.ts`.
 */
import type { Sem } from '../semantics.ts';

/** Raw field values, by name. */
export type Fields = Readonly<Record<string, number>>;

export interface PatternSpec {
  /** Architectural feature (FEAT_ name without the prefix) that must be implemented; several: all of them. */
  readonly feature?: string | readonly string[];
  /** Allocated only when this holds (reserved field combinations). */
  readonly where?: (f: Fields) => boolean;
  /** The 64-bit immediate that the meaning sees through `imm()`. Yielding null: unallocated. */
  readonly imm?: (f: Fields) => number | bigint | null;
  /** Direct branches: target as byte offset from the instruction; `aux` is a byte that comes along (`immByte(6)`). */
  readonly target?: (f: Fields) => { readonly offset: number; readonly aux?: number };
  /** Assembly text: a template as described above, or a function where a template cannot say it. */
  readonly asm?: string | ((f: Fields, pc: bigint) => string);
  /** Accesses memory at Rn: as stack pointer it is checked for alignment first (CheckSPAlignment; set by the group). */
  readonly spBase?: boolean;
  /** How control leaves, for instructions that do not simply go on to the next. */
  readonly flow?: 'jump' | 'call' | 'branch' | 'indirect' | 'indirectCall' | 'return';
  /** Uses the SIMD and floating-point registers: trapped as CPACR_EL1, CPTR_EL2 and CPTR_EL3 say (set by the group). */
  readonly fp?: boolean;
  /** Never compiled: the region ends before it (system instructions, exceptions). */
  readonly interpretOnly?: boolean;
  /** The meaning. */
  readonly run: (s: Sem, f: Fields) => void;
}

export interface Operand {
  readonly name: string;
  readonly shift: number;
  readonly vector: boolean;
  readonly role: 'read' | 'write' | 'sp' | 'both';
}

export interface Pattern extends PatternSpec {
  readonly name: string;
  readonly bits: string;
  /** Its number; in `table.ts` its place there, which is the same in every thread. */
  id: number;
  /** Fixed bits: word & mask == value. */
  readonly mask: number;
  readonly value: number;
  readonly fields: readonly { readonly name: string; readonly shift: number; readonly width: number }[];
  readonly operands: readonly Operand[];
  /** Bits of the word that are shape. */
  readonly shapeMask: number;
}

/** Collects the patterns of one instruction group. */
export class Group {
  readonly name: string;
  readonly patterns: Pattern[] = [];
  private readonly common: { readonly fp?: boolean; readonly spBase?: boolean };
  /** `common`: properties that all patterns of the group share. */
  constructor(name: string, common: { readonly fp?: boolean; readonly spBase?: boolean } = {}) {
    this.name = name;
    this.common = common;
  }
  /** Adds a pattern; `name` is the manual's heading, e.g. `ADD (immediate)`. */
  insn(name: string, bits: string, spec: PatternSpec): void {
    this.patterns.push(parse(name, bits, { ...this.common, ...spec }));
  }
}

let nextId = 0;

/** `Rn`, `Vd`, …: not `R`, `V` or a name in capitals. */
const isRegister = (field: string): boolean =>
  (field[0] === 'R' || field[0] === 'V') && field[1] !== undefined && field[1] >= 'a' && field[1] <= 'z';

function parse(name: string, bits: string, spec: PatternSpec): Pattern {
  let at = 32;
  let mask = 0;
  let value = 0;
  let shapeMask = 0;
  const fields: { name: string; shift: number; width: number }[] = [];
  const operands: Operand[] = [];
  // Every thread does this for every pattern when it starts: no regular expressions.
  for (const token of bits.split(' ')) {
    if (token[0] === '0' || token[0] === '1') {
      at -= token.length;
      const ones = ((2 ** token.length - 1) << at) >>> 0;
      mask |= ones;
      value |= (Number.parseInt(token, 2) << at) >>> 0;
      continue;
    }
    const [field, tail] = token.split(':') as [string, string | undefined];
    if (isRegister(field)) {
      at -= 5;
      const role = tail === 'w' ? 'write' : tail === 's' ? 'sp' : tail === 'x' ? 'both' : 'read';
      operands.push({ name: field, shift: at, vector: field[0] === 'V', role });
      fields.push({ name: field, shift: at, width: 5 });
      continue;
    }
    const width = tail === undefined ? 1 : Number(tail);
    at -= width;
    fields.push({ name: field, shift: at, width });
    if (!field.startsWith('imm')) shapeMask |= ((2 ** width - 1) << at) >>> 0;
  }
  if (at !== 0) throw new Error(`${name}: pattern covers ${32 - at} bits`);
  if (operands.length > 4) throw new Error(`${name}: more than four register fields`);
  // Literals have no base register, and nothing to check.
  const spBase = (spec.spBase ?? false) && operands.some((o) => o.name === 'Rn' && o.role === 'sp');
  return {
    ...spec,
    spBase,
    name,
    bits,
    id: nextId++,
    mask: mask >>> 0,
    value: value >>> 0,
    fields,
    operands,
    shapeMask: shapeMask >>> 0,
  };
}

/** All field values of `word` under pattern `p`. */
export function fieldsOf(p: Pattern, word: number): Record<string, number> {
  const f: Record<string, number> = {};
  for (const { name, shift, width } of p.fields) f[name] = (word >>> shift) & (width === 32 ? -1 : 2 ** width - 1);
  return f;
}

/** Sign-extends the low `bits` of a number. */
export function signed(v: number, bits: number): number {
  return (v << (32 - bits)) >> (32 - bits);
}
