/**
 * The memory protection engine's words in shared memory. Each page of DRAM has an owner: the encryption context in whose plain text
 * its bytes are now. `owners.ts` is the cores' side of it, `engine.ts` the host's.
 */

/** Block of words common to all threads, at a fixed address. */
export const PROTECTION = 0x1c00;
/** u32: which model is at work (`MODEL`). */
export const P_MODEL = 0;
/** u32: first of the owners, a u32 for each page of the Wasm memory. */
export const P_OWNERS = 4;
/**
 * u32: generations of the Realm contexts' keys, a u32 for each MECID: how often the key was renewed in [15:0], which restarts at
 * GENERATIONS; how often it did in [31:16].
 */
export const P_GENERATIONS = 8;
/** u32: host address of a page full of 0xdeadbeef. */
export const P_JUNK = 12;
/** Counts, u32 each: pages converted from one context to another; pages taken over because they were overwritten whole. */
export const P_CONVERTED = 16;
export const P_WIPED = 20;
/** u32: cores. */
export const P_CORES = 24;
/** 32 bytes: what all keys derive from. */
export const P_MASTER = 64;

/** What a context reads of another's memory: what hardware would return; 0xdeadbeef, as QEMU's RFC has it; the plain text. */
export const MODEL = { off: 0, exact: 1, deadbeef: 2 } as const;

/**
 * An owner: address space [1:0], MECID [17:2], generation of the key + 1 in [31:18]. 0: nobody has touched the page since power-on.
 * Values with all ones in [31:18] are no contexts: `busy` while the page is converted, `wiping` | n while core n overwrites it.
 */
export const OWNER = {
  none: 0,
  mecidShift: 2,
  generationShift: 18,
  busy: 0xffffffff,
  wiping: 0xfffc0000,
} as const;
/** Generations that fit into an owner. */
export const GENERATIONS = (1 << 14) - 2;

export const ownerOf = (pas: number, mecid: number, generation: number): number =>
  (((generation + 1) << OWNER.generationShift) | (mecid << OWNER.mecidShift) | pas) >>> 0;
/** Is it a context, not a state of transition or nobody? */
export const isContext = (owner: number): boolean => owner !== OWNER.none && owner >>> 0 < OWNER.wiping;
export const pasOf = (owner: number): number => owner & 3;
export const mecidOfOwner = (owner: number): number => (owner >>> OWNER.mecidShift) & 0xffff;
/** Non-secure memory is not encrypted. */
export const PLAIN = ownerOf(1, 0, 0);

/**
 * Who accesses a page, and how: address space [1:0], selector [4:2] (`MEC`), security state of the access [6:5], and flags:
 * all of a line is overwritten; it writes; the owner shall stay, and the page out of the TLB when that is another one.
 */
export const WHO = {
  selectorShift: 2,
  securityShift: 5,
  zero: 1 << 7,
  write: 1 << 8,
  observe: 1 << 9,
  /** Of a table (only `claimPage` is told). */
  walk: 1 << 10,
} as const;

/** Bytes of the lines by which a page is overwritten. */
export const LINE = 64;
