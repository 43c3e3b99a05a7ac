/** Where the value of each system register lies in a core's state. */
import { STATE_END } from '../state.ts';
import { maskVaries } from './masks.ts';
import { registers } from './table.ts';

/** Values that have a slot though no register is named so. */
const INTERNAL = ['SP_EL3', 'ticks a nanosecond', 'pmu executed', 'pmu active', 'pmu in use', 'pmu width'] as const;

const slots = new Map<string, number>();
const aliases = new Map<string, string>();

function allot(name: string): number {
  const at = STATE_END + 8 * slots.size;
  slots.set(name, at);
  return at;
}
// The order of the table, so that every thread lays the state out alike.
for (const r of registers) {
  if (r.storedAs !== undefined) aliases.set(r.name, r.storedAs);
  else allot(r.name);
}
for (const r of registers) if (!r.alias && maskVaries(r)) allot(`mask ${r.name}`);
for (let n = 0; n < 16; n++) allot(`cache ${n}`);
for (const name of INTERNAL) allot(name);

/** Byte offset of a 64-bit slot for the register (or internal value) `name`; internal ones are allotted on first use. */
export function regOffset(name: string): number {
  const own = aliases.get(name) ?? name;
  return slots.get(own) ?? allot(own);
}
/** Offset of the mask of writable bits of a register whose mask depends on the CPU. */
export const maskOffset = (name: string): number => regOffset(`mask ${name}`);
/** First byte behind all registers. */
export const registersEnd = (): number => STATE_END + 8 * slots.size;
