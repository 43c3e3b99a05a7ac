/** What a machine is made of, as plain data that any thread can build it from. */
import type { CoreOptions } from '../arch/registers/reset.ts';

export type EngineMode = 'normal' | 'interpreter' | 'compiled';

/** A RAM-like region of the physical address space. Bytes; `base` and `size` multiples of 4096. */
export interface Region {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly readOnly?: boolean;
}

/** Everything that the threads of a system agree on. */
export interface MachineConfig {
  readonly machine: 'bare';
  readonly cores: number;
  readonly regions: readonly Region[];
  readonly core: CoreOptions;
  readonly engine: EngineMode;
  /** All cores on one thread, time counted in instructions. */
  readonly deterministic: boolean;
  /** Seed of what would be random, in the deterministic mode. */
  readonly seed: number;
  readonly semihosting: boolean;
  readonly psci: 'hvc' | 'smc' | 'none';
}
