/** What host calls (semihosting, PSCI) see of the core that made them. */
export interface CpuView {
  /** Number of the core. */
  readonly index: number;
  /** Exception level that called. */
  readonly el: number;
  /** X0–X30, unsigned. */
  x(n: number): bigint;
  setX(n: number, value: bigint): void;
  /** Memory as the core sees it at its exception level; null when a byte cannot be read. */
  readBytes(va: bigint, length: number): Uint8Array | null;
  /** False when a byte cannot be written. */
  writeBytes(va: bigint, bytes: Uint8Array): boolean;
}

/**
 * What the core does after a host call. `continue`: goes on after it; `wait`: the same, but asleep until an interrupt or event as
 * after WFI; `retry`: sleeps until console input, an interrupt, or a stop request, then makes the same call again; `off`: switches
 * off; `system`: the system ends or is reset, which the call has asked for.
 */
export type CallOutcome = 'continue' | 'wait' | 'retry' | 'off' | 'system';
