/** Where the value of each system register lies in a core's state. */
import { STATE_END } from '../state.ts';

const slots = new Map<string, number>();

/** Byte offset of a 64-bit slot for the register (or internal value) `name`; allotted on first use. */
export function regOffset(name: string): number {
  let at = slots.get(name);
  if (at === undefined) {
    at = STATE_END + 8 * slots.size;
    slots.set(name, at);
  }
  return at;
}
/** First byte behind all registers. */
export const registersEnd = (): number => STATE_END + 8 * slots.size;
