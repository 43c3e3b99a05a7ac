/** Words that the routines of translation hand to each other, and where they keep them in a core's state. */
import { INFO } from '../../engine/access.ts';
import { regOffset } from '../registers/storage.ts';

/** Translation regimes: those below 2 have an unprivileged level and two ranges of addresses. */
export const REGIME = { el10: 0, el20: 1, el2: 2, el3: 3 } as const;
/** PA spaces and security states, numbered as {NSE, NS}. */
export const PAS = { secure: 0, nonSecure: 1, root: 2, realm: 3 } as const;

/** Bits of TR_CTX: what decides how an address is translated, apart from the registers that a walk reads itself. */
export const CTX = {
  regime: 3,
  /** Security state, in bits [3:2]. */
  ssShift: 2,
  /** Stage 1 is enabled. */
  s1: 1 << 4,
  /** Stage 2 is enabled (HCR_EL2.VM or DC). */
  s2: 1 << 5,
  /** Accesses are those of EL0. */
  el0: 1 << 6,
  /** Accesses marked unprivileged are those of EL0 (AArch64.IsUnprivAccessPriv). */
  unprivileged: 1 << 7,
  /** PSTATE.PAN keeps privileged accesses from user memory. */
  pan: 1 << 8,
  /** HCR_EL2.DC: stage 1 off means Normal memory. */
  dc: 1 << 9,
  /** EL2 is enabled in this security state. */
  el2: 1 << 10,
} as const;
export const CTX_SS = 3 << CTX.ssShift;

/**
 * What an access is: the engine's INFO bits, and beyond them kinds that only translation knows.
 * Bits [2:0] are log2 of its size.
 */
export const ACC = {
  ...INFO,
  /** Cache maintenance by address: CM and WnR are set in its faults. */
  cache: 1 << 16,
  /** Address translation instruction: no dirty state is written. */
  at: 1 << 17,
  /** No permission check (cache maintenance above EL0, AT S1E1A and its like). */
  anyPermission: 1 << 18,
  /** DC ZVA: faults on Device memory. */
  zero: 1 << 19,
  /** A descriptor of stage 1 is fetched, or updated too (in stage 2); the other bits say what the walk is for. */
  walk: 1 << 20,
  update: 1 << 21,
  /** The host looks: memory is taken as it is, whosever it is. */
  observe: 1 << 22,
} as const;

/** Bits of TR_NOTE. */
export const NOTE = {
  /** The entry holds for every ASID. */
  global: 1,
  /** What it permits to a privileged access depends on PSTATE.PAN. */
  pan: 2,
} as const;

/** Values of TR_MEC: the register that names the encryption context. */
export const MEC = { none: 0, p0: 1, a0: 2, p1: 3, a1: 4, vp: 5, va: 6, rl: 7 } as const;

// Results of stage 2 for the routines of stage 1, and other scratch.
const scratch = (name: string): number => regOffset(`translation.${name}`);
export const S2_PA = scratch('s2pa');
/** Permission (PERM bits), PA space, attributes (MemAttr[3:0], SH in [9:8]), encryption context. */
export const S2_PERM = scratch('s2perm');
export const S2_PAS = S2_PERM + 4;
export const S2_ATTR = scratch('s2attr');
export const S2_MEC = S2_ATTR + 4;
/** Entry of the memory map that served the last access of a walk. */
export const LAST_MAP = scratch('lastMap');
/** ISS2 bits of the last fault (DirtyBit and its like). */
export const FAULT_ISS2 = LAST_MAP + 4;
/** Key of the bank directory for the present context, and its parts. */
export const CTX_KEY = scratch('ctxKey');
/** What entries of the table cache must agree with: key without privilege, and an epoch in [31:16]. */
export const TABLE_CONTEXT = scratch('tableContext');
/** Count of selections, for finding the least recently used bank. */
export const TICK = scratch('tick');
/** Advances when a bank changes its owner: remembered choices from before are void. */
export const BANK_EPOCH = TICK + 4;
/** Non-zero: privileged contexts have a bank for each ASID and value of PAN too. */
export const BY_ASID = scratch('byAsid');
/** What a shared privileged bank's short-lived entries depend on: ASID and PAN of the present context. */
export const CTX_TAG = BY_ASID + 4;
/** Which cache maintenance by address needs a look at traps first (`CACHE_TRAP`). */
export const CACHE_TRAPS = scratch('cacheTraps');
/** DC ZVA (set too while data accesses are to Device memory), clean to the point of coherency, to that of unification. */
export const CACHE_TRAP = { zero: 1, coherency: 2, unification: 4 } as const;

/** What the granule cache was filled under (`granules/check.ts`). */
export const GRANULES_SEEN = scratch('granulesSeen');
/** Why `walkTable` found nothing: 0 external abort, else as `GRANULE`; address and PA space of the last failed check. */
export const WALK_FAULT = scratch('walkFault');
export const WALK_PAS = WALK_FAULT + 4;
export const WALK_PA = scratch('walkPa');

/** Values of MECID registers that TLB entries were made with, i32 each by value of `MEC`. */
export const MEC_SEEN = regOffset('mec.seen 0');
/** Entries made through the registers that change often (`encryption/tracking.ts`): how many, and their addresses, i32 each. */
export const MEC_LISTED = regOffset('mec.listed');
export const MEC_LIST = regOffset('mec.list 0');
export const MEC_LIST_LENGTH = 8;
