/**
 * How pieces of generated code meet: the signature of handlers and regions, the layout of instruction records and of TLB
 * entries, and the reasons for leaving guest code.
 */
import type { Sig } from '../wasm/build.ts';
import { I32 } from '../wasm/opcodes.ts';

/**
 * Handlers and regions: (cpu, rec, n) → exit reason. `cpu` is the core's state, `rec` the record of the instruction to run,
 * `n` the instructions left of the granted slice (negative: leave at the next chance).
 */
export const HANDLER: Sig = { params: [I32, I32, I32], result: I32 };

// A record: 16 bytes for each instruction of a page.
/** u16, table index of what runs: the interpreter's handler, or a region, or a special entry. */
export const REC_ACTIVE = 0;
/** u16, table index of the interpreter's handler. */
export const REC_BASE_HANDLER = 2;
/** Four register slots, a byte each. */
export const REC_OPS = 4;
/** The 64-bit immediate. Direct branches: i32 distance (in records when near, in bytes when far), u16 heat, u8 extra. */
export const REC_IMM = 8;
export const REC_HEAT = 12;
export const REC_SIZE = 16;
export const REC_SHIFT = 4;

/**
 * A page of records: 1024 of them, one more that crosses to the next page, heat counters of jump targets (u16), the word that each
 * record was filled from (u32), and the host address of the page that they stand for.
 */
export const PAGE_RECORDS = 1024;
export const PAGE_SENTINEL = PAGE_RECORDS * REC_SIZE;
export const PAGE_HEAT = PAGE_SENTINEL + REC_SIZE;
export const PAGE_WORDS = PAGE_HEAT + 2 * PAGE_RECORDS;
export const PAGE_HOST = PAGE_WORDS + 4 * PAGE_RECORDS;
export const PAGE_STRIDE = PAGE_HOST + 16;
/** Record `index` of a page whose records begin at `base`. */
export const recordAddress = (base: number, index: number): number => base + (index << REC_SHIFT);

/**
 * A template of a record: 32 bytes. u32 each: the instruction's word; handlers, in [15:0] its own, in [31:16] that of a branch inside
 * its page (0: not known); operands; the immediate's low half, or the branch's distance; its high half; non-zero: a direct branch.
 */
export const TEMPLATE_WORD = 0;
export const TEMPLATE_HANDLERS = 4;
export const TEMPLATE_OPS = 8;
export const TEMPLATE_LO = 12;
export const TEMPLATE_HI = 16;
export const TEMPLATE_BRANCH = 20;
export const TEMPLATE_SHIFT = 5;
/** A direct-mapped table of 2^15 of them; the place of a word: the upper bits of its product with TEMPLATE_HASH. */
export const TEMPLATE_BITS = 15;
export const TEMPLATE_HASH = 0x9e3779b1;
export const TEMPLATE_BYTES = 1 << (TEMPLATE_BITS + TEMPLATE_SHIFT);

// A TLB entry: 32 bytes. A tag is the page's virtual address (all 64 bits), or −1.
export const TLB_READ = 0;
export const TLB_WRITE = 8;
export const TLB_EXEC = 16;
/** i32: host address − virtual address (low 32 bits). */
export const TLB_ADDEND = 24;
/** u32: records of the page, valid with TLB_EXEC; bit 0: the page is guarded (FEAT_BTI). Bits [3:1]: encryption context (`MEC`). */
export const TLB_RECORDS = 28;
export const GUARDED = 1;
export const TLB_ENTRY = 32;
export const TLB_ENTRY_SHIFT = 5;
export const TLB_ENTRIES = 1024;
export const TLB_BANK_BYTES = TLB_ENTRIES * TLB_ENTRY;
/** Mask for `va >>> (12 - TLB_ENTRY_SHIFT)`. */
export const TLB_INDEX_MASK = (TLB_ENTRIES - 1) << TLB_ENTRY_SHIFT;

/** Special table entries. */
export const H_DECODE = 0;
export const H_CROSS_PAGE = 1;
export const H_STOP = 2;
/** A breakpoint may be here: the host tells by the virtual address. */
export const H_BREAK = 3;
/** An instruction that is traced: the run loop steps over it. */
export const H_TRACE = 4;
export const H_FIRST_FREE = 8;
/** Table entries from here on are regions: a record whose active entry is below is interpreted. */
export const FIRST_REGION = 8192;
/** Size of the function table. */
export const TABLE_SIZE = 65536;

/** Why guest code was left. */
export const EXIT = {
  /** The slice is used up, or something is pending. PC is where to go on. */
  pending: 1,
  /** WFI or WFE: nothing to do until an event. */
  wait: 2,
  /** The core switched itself off (PSCI CPU_OFF). */
  off: 3,
  /** The system was powered off or reset by the guest. */
  system: 4,
  /** A call that only the host can answer (semihosting, PSCI); the host changes state and goes on. */
  host: 5,
  /** A breakpoint, or one instruction done in stepping. */
  debug: 6,
  /** PC is at an instruction that is traced. */
  trace: 7,
} as const;

/** Bits of the word `PENDING`. */
export const PEND = {
  /** An interrupt may be deliverable. */
  irq: 1,
  /** The host wants the core to stop. */
  stop: 2,
  /** Messages from other cores. */
  inbox: 4,
  /** Execute one instruction, then leave. */
  step: 8,
  /** Self-hosted debug looks at each instruction: software step, breakpoints (routine `debugCheck`). */
  debug: 16,
  /** Another core wants to be alone for a moment: stand still (`standstill.ts`). */
  park: 32,
} as const;

/** Taken branches to one target before it is compiled. */
export const HOT = 8_000;

/** The memory that generated modules import; sizes in 64 KiB pages. */
export const MEMORY_TYPE = { min: 1, max: 65536, shared: true } as const;
