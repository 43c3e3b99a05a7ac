/** From an instruction word to what its record holds. */
import type { Decoder } from '../arch/a64/decoder.ts';
import { fieldsOf, type Pattern } from '../arch/a64/pattern.ts';
import * as state from '../arch/state.ts';

/** An instruction as decoded: what goes into its record. */
export interface Decoded {
  readonly pattern: Pattern;
  /** Slots of the register fields, as the record holds them. */
  readonly ops: readonly number[];
  readonly immLo: number;
  readonly immHi: number;
  /** Byte offset of a direct branch's target. */
  readonly target: number | null;
  /** Bit i: operand i is the stack pointer as a base address, or a register that is read and written and is XZR. */
  readonly zr: number;
}

/** Upper half of a 64-bit immediate given as a number: such are whole, and have 53 bits at most. */
const upper = (v: number): number => Math.floor(v / 0x1_0000_0000) | 0;

/** What `word` means, or null when it is unallocated. */
export function analyse(decoder: Decoder, word: number): Decoded | null {
  const pattern = decoder.find(word);
  if (!pattern) return null;
  let immLo = 0;
  let immHi = 0;
  let target: number | null = null;
  if (pattern.target) {
    const t = pattern.target(fieldsOf(pattern, word));
    target = t.offset;
    immHi = (t.aux ?? 0) << 16;
  } else if (pattern.imm) {
    const v = pattern.imm(fieldsOf(pattern, word));
    if (v === null) return null;
    if (typeof v === 'number') [immLo, immHi] = [v | 0, upper(v)];
    else [immLo, immHi] = [Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n))];
  }
  let zr = 0;
  const ops: number[] = [];
  for (const [i, o] of pattern.operands.entries()) {
    const r = (word >>> o.shift) & 31;
    if (o.vector || r !== 31) ops.push(r);
    else if (o.role === 'sp') {
      // A stack pointer that is a base address is a handler of its own, which checks it.
      if (pattern.spBase && o.name === 'Rn') zr |= 1 << i;
      ops.push(r);
    } else if (o.role === 'both') {
      zr |= 1 << i;
      ops.push(state.SLOT_SINK);
    } else ops.push(o.role === 'read' ? state.SLOT_ZERO : state.SLOT_SINK);
  }
  return { pattern, ops, immLo, immHi, target, zr };
}
