/**
 * Native arithmetic where it is exact, the routines where it may not be.
 *
 * With FPCR's default rounding, no flushing, and FPSR.IXC set already, WebAssembly's result is the architecture's unless it
 * is a NaN, or raises a flag; a cheap test of the result tells (`judge.ts`). While IXC is still clear, error-free
 * transformations tell in addition whether the result is exact.
 */
import { unlikely, variable } from '../control.ts';
import type { Sem, Val } from '../semantics.ts';
import * as state from '../state.ts';
import { relaxedMaddFuses } from './fused.ts';

/** Fields of the mode word that decide, as one field: rounding, FZ, (DN, FZ16, AH,) inexactWanted. */
const FP_MODE = [state.MODE_FIELD.rounding[0], 7] as const;
const MODE_BIT = { rounding: 0b11, fz: 0b100, inexact: 0b1000000 } as const;

/**
 * What the mode asks of an operation. In compiled code a plain answer; in the interpreter there is also a value to test.
 * `exact`: only exact results may be kept.
 */
export interface ModeOf {
  readonly way: 'fast' | 'exact' | 'slow';
  /** FPCR.FZ: denormal operands and results need the routine. */
  readonly flush: boolean;
  /** Interpreter: non-zero when the routine must be called whatever the result. */
  readonly test: Val | null;
}
/** For operations that round, or not; and that may be inexact, or not. Flushing matters to all. */
export function modeOf(s: Sem, matters: { readonly rounding: boolean; readonly inexact: boolean }): ModeOf {
  if (s.interpreting) {
    const bits = MODE_BIT.fz | (matters.rounding ? MODE_BIT.rounding : 0) | (matters.inexact ? MODE_BIT.inexact : 0);
    return { way: 'fast', flush: false, test: s.mode(FP_MODE).and(bits) };
  }
  const set = (field: readonly [number, number]): boolean => Number(s.mode(field).k) !== 0;
  const flush = set(state.MODE_FIELD.fz);
  if (matters.rounding && set(state.MODE_FIELD.rounding)) return { way: 'slow', flush, test: null };
  return { way: matters.inexact && set(state.MODE_FIELD.inexactWanted) ? 'exact' : 'fast', flush, test: null };
}
/** Arithmetic: rounds, may be inexact. */
export const arithmeticMode = (s: Sem): ModeOf => modeOf(s, { rounding: true, inexact: true });
/** Comparison, maximum and the like: only flushing matters. */
export const flushMode = (s: Sem): ModeOf => modeOf(s, { rounding: false, inexact: false });
/** Without a fused operation of the host, what needs one always goes the slow way. */
export function fusedMode(s: Sem): ModeOf {
  const mode = arithmeticMode(s);
  return relaxedMaddFuses() ? mode : { ...mode, way: 'slow' };
}
/** Exactness of products, quotients and roots is found out with a fused operation. */
export function residueMode(s: Sem): ModeOf {
  const mode = arithmeticMode(s);
  return mode.way === 'exact' && !relaxedMaddFuses() ? { ...mode, way: 'slow' } : mode;
}

/** FPCR as the routines' control word. */
export const control = (s: Sem): Val => s.state('i32', state.FPCR);

/** How one operation is done natively, and what makes that not good enough (tests are i32, non-zero when it is not). */
export interface Parts {
  readonly mode: ModeOf;
  readonly compute: () => Val;
  /** May the result be wrong, or raise a flag other than Inexact? */
  readonly bad: ((r: Val) => Val) | null;
  /** May the result be inexact? Absent: only the routine knows. */
  readonly inexact?: ((r: Val) => Val) | undefined;
  /** With FZ, in place of `bad`: also when an operand or the result is denormal. Absent: there is nothing to flush. */
  readonly flushed?: (r: Val) => Val;
  /** Calls the routine, for a value of the same type. */
  readonly slow: () => Val;
}
export function guarded({ mode, compute, bad, inexact, flushed, slow }: Parts): Val {
  if (mode.way === 'slow' || (mode.way === 'exact' && !inexact)) return slow();
  const value = compute();
  const tests: Val[] = [];
  const first = mode.flush && flushed ? flushed : bad;
  if (first) tests.push(first(value));
  if (mode.way === 'exact') tests.push(inexact!(value));
  if (mode.test) tests.push(mode.test);
  if (!tests.length) return value;
  const r = variable(value.ty, value);
  unlikely(
    tests.reduce((a, b) => a.or(b)),
    () => r.set(slow()),
  );
  return r.get();
}
