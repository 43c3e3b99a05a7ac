/** Where a machine's devices are, and where their shared state lies: derived once from the configuration, sent to all threads. */
import { Pl011 } from '../devices/pl011.ts';
import type { SystemConfig } from './api.ts';
import { CONSOLE_BYTES } from './console.ts';
import { HostFiles } from './host-files.ts';
import { TRACE_RING_BYTES } from './trace.ts';

export interface MachinePlan {
  readonly ram: { readonly base: number; readonly size: number };
  /** `offset`: of the shared state, from the layout's device memory. */
  readonly consoles: readonly { readonly id: number; readonly name: string; readonly offset: number }[];
  /** Handles of semihosting's files, common to all threads. */
  readonly files: number;
  /** Rings of the threads' traces; empty without tracing. */
  readonly traces: readonly number[];
  readonly uarts: readonly {
    readonly name: string;
    readonly base: number;
    readonly offset: number;
    /** Index into `consoles`. */
    readonly console: number;
  }[];
}

/** The bare machine: RAM, and a PL011 where QEMU's `virt` has its first. */
export function bareMachine(config: SystemConfig): MachinePlan {
  const threads = config.deterministic ? 1 : config.cores;
  let next = 0;
  const take = (bytes: number): number => {
    const at = next;
    next = (next + bytes + 63) & ~63;
    return at;
  };
  return {
    ram: { base: config.ramBase ?? 0x40000000, size: config.memoryBytes },
    consoles: [{ id: 0, name: 'uart0', offset: take(CONSOLE_BYTES) }],
    traces: config.trace ? Array.from({ length: threads }, () => take(TRACE_RING_BYTES)) : [],
    files: take(HostFiles.BYTES),
    uarts: [{ name: 'uart0', base: 0x09000000, offset: take(4 * Pl011.WORDS), console: 0 }],
  };
}
