/**
 * Layout of one core's state in shared memory: byte offsets from the core's base address.
 *
 * General registers: slots 0–30 are X0–X30, slot 31 is the stack pointer in use (SP_ELx of the current selection), slot 32
 * always reads as zero, slot 33 swallows writes: so register 31 needs no test at run time (decode picks the slot).
 *
 * Flags are kept as QEMU-like words rather than as NZCV, because they are written far more often than read:
 * N = sign of `nf`, Z = (`zf` is 0), C = `cf` (0 or 1), V = sign of `vf`.
 */
let next = 0;
function field(bytes: number, count = 1): number {
  next = (next + bytes - 1) & -bytes;
  const at = next;
  next += bytes * count;
  return at;
}

export const SLOT_SP = 31;
export const SLOT_ZERO = 32;
export const SLOT_SINK = 33;

export const X = field(8, 34);
export const NF = field(8);
export const ZF = field(8);
export const VF = field(8);
export const CF = field(4);
/** Non-zero when the core has to leave guest code soon: interrupt, stop request, cross-core message. Set atomically by others. */
export const PENDING = field(4);
/** Instructions left of the granted slice; current while outside of guest code (inside it travels as a parameter). */
export const BUDGET = field(4);
/** Address of the first record of the page that is executing. */
export const REC_BASE = field(4);
/** Virtual address of the page that is executing. */
export const PC_PAGE = field(8);
/** PC while outside of guest code. */
export const PC = field(8);
/** What compiled code may assume of the core's state; see `mode.ts`. */
export const MODE = field(4);
/** TLB bank in use for accesses at the current privilege, and for unprivileged ones. */
export const BANK = field(4);
export const BANK_UNPRIV = field(4);
/** Alignment bits that an ordinary data access is tested for: 0, or 15 when SCTLR.A is set or stage 1 is off. */
export const ALIGN_TEST = field(8);
// PSTATE, apart from NZCV. Each is the bare value of its field.
export const EL = field(4);
/** PSTATE.SP: 0 = SP_EL0 is in use, 1 = SP_ELx. Slot 31 holds the one in use, the registers SP_ELx the others. */
export const SPSEL = field(4);
/** D, A, I, F in bits 3–0. */
export const DAIF = field(4);
export const PAN = field(4);
export const UAO = field(4);
export const DIT = field(4);
export const SSBS = field(4);
export const BTYPE = field(4);
export const IL = field(4);
/** PSTATE.SS: software step. */
export const SS = field(4);
/** Security state below EL3 and of EL3: 0 Secure, 1 Non-secure, 2 Root, 3 Realm. */
export const SECURITY = field(4);
export const FPCR = field(4);
export const FPSR = field(4);
/** A fault found by a slow path: 0 none, otherwise to be delivered before anything else happens. */
export const FAULT = field(4);
export const FAULT_ISS = field(4);
export const FAULT_ADDR = field(8);
export const FAULT_IPA = field(8);
/** Exclusive monitor: host address (0 = open), size in bytes, loaded value. */
export const EXCL_ADDR = field(4);
export const EXCL_SIZE = field(4);
export const EXCL_LO = field(8);
export const EXCL_HI = field(8);
/** Scratch of slow paths: second half of a 16-byte load. */
export const SCRATCH_HI = field(8);
/** The same for accesses of many elements. */
export const SCRATCH_AREA = field(16, 4);
/** Result of the last translation: output address, what it permits (PERM bits), non-zero when Device memory. */
export const TR_PA = field(8);
/** Virtual address of the device access under way, for an external abort. */
export const TR_VA = field(8);
/**
 * Record of the instruction whose access went the slow way last, for who wants its PC. 0: compiled code's, which gives up and has the
 * interpreter repeat it where the PC is wanted; 1: a fetch from TR_VA; 2: unknown.
 */
export const SLOW_REC = field(4);
export const TR_PERM = field(4);
export const TR_DEVICE = field(4);
/** More of it: memory attributes (MAIR byte, shareability in [9:8]), PA space (numbered as SECURITY), BTI guard (GP). */
export const TR_ATTR = field(4);
export const TR_PAS = field(4);
export const TR_GUARDED = field(4);
/** log2 of the mapping's size in stage 1, and what else decides how it may be cached (`TR` bits in translation/fields.ts). */
export const TR_LEAF_SIZE = field(4);
export const TR_NOTE = field(4);
/** Encryption context of the output: which MECID register holds it (0: the default context). */
export const TR_MEC = field(4);
/** The translation context in use (`CTX` bits in translation/fields.ts); `selectBanks` computes it. */
export const TR_CTX = field(4);
/** TLB banks of this core (set once at reset). */
export const TLB_AREA = field(4);
/**
 * Non-zero when other cores share its translations and code (set once at reset). Bits [31:1]: number of cores, when each runs in
 * a thread of its own.
 */
export const PEERS = field(4);
/** Non-zero while the page that is executing is guarded (FEAT_BTI). */
export const PAGE_GUARD = field(4);
/** Base of the map from host page to records of the code space that runs this core. */
export const REC_MAP = field(4);
/** Address of the words of pages with 16-byte atomics (u32 for each host page), see `engine/pair-pages.ts`. */
export const PAIR_MAP = field(4);
/** Address of the words of the GIC's virtual interface that belong to this core (`KEPT_WORDS`), or 0: the host is asked. */
export const GIC_VIRTUAL = field(4);
/** Templates of records (`engine/templates.ts`) of that code space, or 0 while the host is asked about each record. */
export const TEMPLATES = field(4);
/** Records filled. */
export const DECODED = field(4);
/** Instructions granted since reset; executed = granted − BUDGET. */
export const GRANTED = field(8);
/** Number of this core. */
export const INDEX = field(4);
/** Physical address and PAS of a granule protection fault, as MFAR_EL3 shows them. */
export const FAULT_PA = field(8);
/**
 * What `contextChanged` found, remembered by exception level, PAN and UAO (`switchContext`): 16 entries of 64 bytes, valid while
 * they carry the present value of CONTEXT_AGE.
 */
export const CONTEXTS = field(64, 16);
export const CONTEXT_AGE = field(8);
/** The same for EL3, whose context does not depend on the registers of lower levels. */
export const CONTEXT_AGE_EL3 = field(8);
/** Exception level of the translation regime that pointer authentication's layout is of. */
export const LAST_REGIME = field(4);
/** Interrupt lines (`LINE` bits). Set and cleared atomically by devices and other threads, which then set PEND.irq in PENDING. */
export const IRQ_LINES = field(4);
/** ISS of a pending physical SError. */
export const SERROR_ISS = field(4);
/** The Event Register (C1.6.1): 1 when an event is recorded. Others set it atomically. */
export const EVENT = field(4);
/** What the core waits for after it left with EXIT.wait (`WAIT`), and until when (counter value; all ones: no limit). */
export const WAIT_KIND = field(4);
export const WAIT_DEADLINE = field(8);
/** Non-zero while other cores have still to answer this core's TLB and cache maintenance: DSB waits (routine `dsb`). */
export const DSB_WAIT = field(4);
/** Software step: 1 while the stepped instruction runs, 3 when it is a load-exclusive; PSTATE.SS is still to be cleared. */
export const STEPPING = field(4);
/** Two instruction records: what is stepped runs from here. */
export const STEP_RECORDS = field(16, 2);
/** Non-zero while some watchpoint is enabled: data accesses call `watchpointCheck`, watched pages stay out of the TLB. */
export const WATCH_ACTIVE = field(4);
/** Non-zero while a debugger of the host has watchpoints set. */
export const HOST_WATCH = field(4);
/** What this core lacks or has beyond the rule (`CONFIG`), set once at reset. */
export const CONFIG_FLAGS = field(4);
/** SPSR bits that this CPU does not implement (FEAT_PAN, UAO, DIT, SSBS, BTI): they read as zero and are never set. */
export const PSTATE_ABSENT = field(4);
/** What a core that left with EXIT.host wants (`HOST_CALL`); PC is behind the instruction. */
export const HOST_CALL_KIND = field(4);
/** Synchronous exceptions since the last exception return, and preferred return address and ESR of the first of them. */
export const NESTED = field(4);
export const FIRST_PC = field(8);
export const FIRST_ESR = field(8);
/** For each page of the Wasm memory a u32: which entries of this core's TLB map it (`encryption/tracking.ts`). */
export const MAPPED = field(4);
/**
 * Host pages that this core has found to be its own and may be accessing: of the last table fetched, and of data, by parity of the
 * virtual page. Who converts a page looks here (`encryption/owners.ts`).
 */
export const IN_FLIGHT = field(4, 3);
/** The page that this core overwrites line by line: host address (0: none), whose it becomes and was, lines done. */
export const WIPE_PAGE = field(4);
export const WIPE_OWNER = field(4);
export const WIPE_OLD = field(4);
export const WIPE_DONE = field(8);
/** Its virtual address and the translation context, while these are known to lead there; −1 otherwise. */
export const WIPE_VA = field(8);
export const WIPE_KEY = field(8);
/** By security state: how often EL3 was entered from it, and left for it; instructions that ran in it, and all when that was noted. */
export const WORLD_ENTRIES = field(4, 4);
export const WORLD_EXITS = field(4, 4);
export const WORLD_RAN = field(8, 4);
export const WORLD_NOTED = field(8);
/** For traces: where HVC (first four) and SMC calls return to, by security state; see `core/system/tracing.ts`. */
export const TRACE_CALLS = field(8, 8);
/** V0–V31. */
export const V = field(16, 32);
export const STATE_END = field(16);

/**
 * Bits of IRQ_LINES: physical IRQ, FIQ, SError, and the virtual ones (HCR_EL2.VI, VF, VSE act beside these). Then interrupts of a
 * GIC by group: 0, Secure 1, Non-secure 1, each of which is an IRQ or an FIQ by where the core is (`allLines`).
 */
export const LINE = {
  irq: 1,
  fiq: 2,
  serror: 4,
  virq: 8,
  vfiq: 16,
  vserror: 32,
  group0: 64,
  group1s: 128,
  group1ns: 256,
} as const;
/** Values of WAIT_KIND; `monitor`: WFE while the exclusive monitor is open, which a store of another core would end. */
export const WAIT = { interrupt: 1, event: 2, monitor: 3 } as const;
/** Bits of CONFIG_FLAGS. */
export const CONFIG = {
  noEl2: 1,
  noEl3: 2,
  /** FEAT_RME: EL3 is Root state. */
  rme: 4,
  /** HVC, SMC are calls to the host (PSCI without firmware); `HLT #0xf000` is a semihosting call. */
  hostHvc: 8,
  hostSmc: 16,
  semihosting: 32,
  /** FEAT_IDST: EL0 reads of ID registers trap as EC 0x18. */
  idst: 64,
} as const;
/** Values of HOST_CALL_KIND. */
export const HOST_CALL = { semihosting: 1, hvc: 2, smc: 3 } as const;

/** Bits of TR_PERM. */
export const PERM = { read: 1, write: 2, exec: 4 } as const;

/**
 * The mode word (MODE): what decoding and compiled code may depend on, in one place. Fields as [lowest bit, width].
 * The routine `contextChanged` computes it after every change of what it derives from.
 */
export const MODE_FIELD = {
  /** Ordinary data accesses must be aligned: SCTLR.A, or stage 1 off. */
  align: [0, 1],
  el: [1, 2],
  security: [3, 2],
  /** SIMD and floating point trap at this exception level. */
  fpTrapped: [5, 1],
  /** FPCR: RMode, FZ, DN, FZ16, AH. */
  rounding: [6, 2],
  fz: [8, 1],
  dn: [9, 1],
  fz16: [10, 1],
  ah: [11, 1],
  /** FPSR.IXC is still clear, so inexactness has to be found out. */
  inexactWanted: [12, 1],
  /**
   * Pointer authentication, as the routine `pauthMode(cpu)` → i32 gives all these bits in place: `contextChanged` ORs them in.
   * Keys that SCTLR_ELx turns off; using a key traps; not the fast algorithm with all features.
   */
  pauthOffIA: [13, 1],
  pauthOffIB: [14, 1],
  pauthOffDA: [15, 1],
  pauthOffDB: [16, 1],
  pauthTrapped: [17, 1],
  pauthGeneral: [18, 1],
  /** A stack pointer that serves as base address must be a multiple of 16 (SCTLR.SA, SA0). */
  spAlign: [19, 1],
} as const;
