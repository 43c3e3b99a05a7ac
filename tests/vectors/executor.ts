/** Whoever can run test cases: QEMU with the rig, or Trireme. */

import type { Environment } from './environment.ts';
import type { State } from './state.ts';

export interface Case {
  /** 1 to MAX_WORDS instruction words. They lie at CODE, END_WORDS follow the last one, then zeros. */
  words: readonly number[];
  /** The state before the first word. Executors don't change it. */
  input: State;
}

export interface Executor {
  /** What it is, in messages. */
  readonly name: string;
  /**
   * Runs each case on its own in the executor's environment (environment.ts), and returns the state after each.
   *
   * Before a case the registers are those of `input`: X0 to X30, SP (SP_EL1), SP_EL0, PSTATE (by exception return from
   * EL1, so the local exclusive monitor is clear), FPCR, FPSR, V0 to V31; the 512 bytes at WINDOW are its memory; the
   * environment's reset registers hold their values. MAPPINGS says what is mapped, and how.
   *
   * A case ends with the first synchronous exception to EL1. If that is the SVC of END_WORDS (syndrome END_SYNDROME),
   * it ran to its end, and esr, far, pc are 0. Else esr is ESR_EL1, pc is ELR_EL1, and far is FAR_EL1 where the
   * exception's class defines it (definesFar), else 0. Always: pstate is SPSR_EL1, the other registers and memory are
   * as the exception found them, vector is 0, system holds what the environment captures, else 0.
   */
  run(cases: readonly Case[]): State[];
}

/** How Trireme runs: by its interpreter only, with everything compiled at once, or as it would by itself. */
export const MODES = ['interpreter', 'compiled', 'normal'] as const;
export type Mode = (typeof MODES)[number];

/** What tests/vectors/trireme-executor.ts exports as `createExecutor`. Close what it returned when done with it. */
export type CreateExecutor = (
  environment: Environment,
  mode: Mode,
) => (Executor & Partial<Disposable>) | Promise<Executor & Partial<Disposable>>;
