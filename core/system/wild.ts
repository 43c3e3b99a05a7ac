/**
 * Guests that run wild: a core whose exceptions are only ever followed by further ones, and never returned from, can do nothing but
 * fault for ever (a vector in no memory, a handler that faults itself).
 */
import * as state from '../arch/state.ts';
import { exceptionClass } from './trace-names.ts';

/** Synchronous exceptions in a row, without a return from any, that no sound guest takes. */
const LIMIT = 20_000;

/** Looks at a core between two turns; its state lies at `cpu`. */
export const runsWild = (i32: Int32Array, cpu: number): boolean => i32[(cpu + state.NESTED) >> 2]! > LIMIT;

const hex = (v: bigint): string => `0x${v.toString(16)}`;
const what = (esr: bigint): string =>
  exceptionClass(Number((esr >> 26n) & 63n)) ?? `exception class ${hex((esr >> 26n) & 63n)}`;

/** One line about it, and where it began; `core`: its number. */
export function describeWild(view: DataView, cpu: number, core: number): { message: string; origin: bigint } {
  const pc = view.getBigUint64(cpu + state.PC, true);
  const origin = view.getBigUint64(cpu + state.FIRST_PC, true);
  const syndrome = view.getBigUint64(cpu + state.FIRST_ESR, true);
  const first = `${what(syndrome)} at ${hex(origin)} (ESR ${hex(syndrome)})`;
  return { message: `core ${core} takes exceptions without end at ${hex(pc)}; the first was: ${first}`, origin };
}
