/** Where the value of each system register lies in a core's state. */
import { STATE_END } from '../state.ts';
import { INTERNAL } from './internal.ts';
import { maskVaries } from './masks.ts';
import { registers } from './table.ts';

const slots = new Map<string, number>();
let end = STATE_END;

function allot(name: string): number {
  const at = end;
  slots.set(name, at);
  end += 8;
  return at;
}
for (const r of registers) if (r.storedAs === undefined) allot(r.name);
for (const r of registers) if (!r.alias && maskVaries(r)) allot(`mask ${r.name}`);
for (let n = 0; n < 16; n++) allot(`cache ${n}`);
for (const name of INTERNAL) allot(name);
for (const r of registers) if (r.storedAs !== undefined) slots.set(r.name, slots.get(r.storedAs)!);

const unlisted: string[] = [];

/**
 * Byte offset of the 64-bit slot of a register, or of an internal value (`internal.ts`). A name that is neither gets a slot too, but
 * where depends on what was imported before: only tests may rely on such.
 */
export function regOffset(name: string): number {
  const at = slots.get(name);
  if (at !== undefined) return at;
  unlisted.push(name);
  return allot(name);
}
/** Offset of the mask of writable bits of a register whose mask depends on the CPU. */
export const maskOffset = (name: string): number => regOffset(`mask ${name}`);
/** First byte behind all registers. */
export const registersEnd = (): number => end;
/** Names that were asked for and are not listed. */
export const unlistedNames = (): readonly string[] => unlisted;
