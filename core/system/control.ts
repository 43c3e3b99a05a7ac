/**
 * Words in shared memory through which threads steer each other. Offsets in bytes; everything is 32 bits unless said.
 *
 * Order of things when a core stops listening (waits, is off, is parked): it publishes `quiet`, sleeps on `wake`, and on waking
 * clears `quiet` *before* it looks into its inbox. A sender puts its message in *before* it looks at `quiet`. So either the
 * sender sees a quiet core, whose next act is to read the message, or it waits for the answer.
 */
import { CORE_CONTROL, GLOBAL_CONTROL, type Layout } from '../engine/layout.ts';
import { EXCLUSIVE, PARK, QUIET, STILL } from '../engine/standstill.ts';

/** Per core, from the core's control block. */
export const CTL = {
  /** 0 off, 1 on, 2 asked to start. */
  run: 0,
  /** Sequence number that changes with each wake-up. */
  wake: 4,
  quiet: QUIET,
  /** Inbox: entries written, entries read, lock of writers; `lost` (bits of LOST) when a quiet core's inbox overflowed. */
  written: 12,
  read: 16,
  lock: 20,
  lost: 24,
  /** Non-zero on a thread's first core when commands of the host wait for the thread. */
  attention: 28,
  /** Where CPU_ON starts the core: address, context (64 bits each), exception level. */
  entry: 32,
  context: 40,
  level: 48,
  /** 1 while the core waits in WFI, WFE or for input. */
  waits: 60,
  /** 1 while the core stands still, or its thread does what leaves guest memory alone (`Mailbox.aside`). */
  still: STILL,
  // 64: `PAIR_PAGE` of engine/pair-pages.ts.
  /** What drives the core's IRQ input on a machine without interrupt controller: bit 0 devices, bit 1 timers. */
  sources: 52,
  ring: 128,
} as const;
export const RING_ENTRIES = 128;
/** One message: kind, three operands (i32 each), 64-bit operand. */
export const RING_ENTRY = 24;

/** For all cores together, from GLOBAL_CONTROL. */
export const GLOBAL = {
  /** Held while one core does what others must not see half done (16-byte atomics, re-keying). */
  exclusive: EXCLUSIVE,
  /** Cores that have to stand still: changes wake them. */
  park: PARK,
  /** Held during a device access. */
  device: 12,
  /** Held while a requester accesses memory that granule protection or encryption guards. */
  requester: 16,
} as const;

/** Index into an Int32Array of a global word. */
export const globalIndex = (offset: number): number => (GLOBAL_CONTROL + offset) >> 2;
/** Index into an Int32Array of a core's control word. */
export const controlIndex = (layout: Layout, core: number, offset: number): number =>
  (layout.core(core) + CORE_CONTROL + offset) >> 2;
