/** Where things lie in the shared memory of a system. All addresses are byte offsets into the Wasm memory. */
import { STATE_END } from '../arch/state.ts';
import { PAGE_STRIDE, TEMPLATE_BYTES, TLB_BANK_BYTES } from './abi.ts';

const KB = 1024;
const MB = 1024 * KB;

/** The table of RAM-like regions of the physical address space: 16 entries of 32 bytes. */
export const MEMMAP = 0x1000;
export const MEMMAP_ENTRIES = 16;
export const MEMMAP_ENTRY = 32;
/**
 * Entry fields: first address, last address + 1 (i64 each; equal: nothing), host address − physical address (low 32 bits), flags
 * (`MM_FLAG`; from bit MM_PAS on the set of physical address spaces in which the region answers). See `memory-map.ts`.
 */
export const MM_BASE = 0;
export const MM_END = 8;
export const MM_DELTA = 16;
export const MM_FLAGS = 20;
/** `encrypted`: behind the memory protection engine, which is at work. */
export const MM_FLAG = { readOnly: 1, encrypted: 2 } as const;
export const MM_PAS = 8;

/** Constant tables of the architecture's routines, see `core/arch/tables.ts`. */
export const TABLES = 0x2000;
export const TABLES_END = 0xf000;

/** State of cores. */
export const CORES = 64 * KB;
export const CORE_STRIDE = 32 * KB;
/** Offset from a core's state of its control block: run state and messages, see `core/system/control.ts`. */
export const CORE_CONTROL = CORE_STRIDE - 4 * KB;
if (STATE_END > CORE_CONTROL) throw new Error('core state outgrew its place');
/** Words that all cores of a system share; see `core/system/control.ts`. */
export const GLOBAL_CONTROL = 0x1800;
/**
 * One of them, for observers: bits [3:1] are exception levels whose entries and returns are recorded; bit 0, granule faults and
 * context mismatches. 0: nobody watches.
 */
export const WATCH = GLOBAL_CONTROL + 128;
/** Memory for the state of devices and for rings between threads. */
export const DEVICE_BYTES = 16 * MB;

export const BANKS_PER_CORE = 64;
/** Behind a core's banks: what is in which of them; see `arch/translation/directory.ts`. */
export const TLB_DIRECTORY_BYTES = 16 * KB;

export interface Layout {
  readonly cores: number;
  /** Code spaces: one for each thread that runs cores. */
  readonly spaces: number;
  /** Cores run in parallel, each in a thread of its own. */
  readonly parallel: boolean;
  core(n: number): number;
  /** State of a core that there is not, for compilers to call code with that must do nothing. */
  readonly nobody: number;
  /** TLB banks of a core. */
  banks(n: number): number;
  /** Templates of records of code space n, see `templates.ts`. */
  templates(space: number): number;
  /** Pool of record pages of code space n. */
  records(space: number): number;
  readonly recordPages: number;
  /** Map from host page to records of code space n (u32 each). */
  recordMap(space: number): number;
  /** Owners of pages (u32 for each host page), see `arch/encryption`. */
  readonly owners: number;
  /** Which cores may write to pages with 16-byte atomics (u32 for each host page), see `pair-pages.ts`. */
  readonly pairs: number;
  /** Which TLB entries of core n map a host page (u32 each). */
  mapped(core: number): number;
  /** Generations of Realm keys (u32 for each MECID), and one page that the memory protection engine shows instead of others. */
  readonly generations: number;
  readonly junk: number;
  /** State of devices, DEVICE_BYTES long. */
  readonly devices: number;
  /** Guest memory: first byte, size. */
  readonly arena: number;
  readonly arenaBytes: number;
  /** Total size in 64 KiB pages. */
  readonly pages: number;
}

const align = (v: number, to: number): number => Math.ceil(v / to) * to;

/** Lays out memory for `cores` cores, `spaces` code spaces and `arenaBytes` of guest memory (all RAM-like regions together). */
export function layoutOf(cores: number, spaces: number, arenaBytes: number): Layout {
  const nobody = CORES + cores * CORE_STRIDE;
  const banksAt = align(nobody + CORE_STRIDE, 64 * KB);
  // Entries are found by the low bits of their addresses: the banks of every core are aligned to their size.
  const banksBytes = align(BANKS_PER_CORE * TLB_BANK_BYTES + TLB_DIRECTORY_BYTES, TLB_BANK_BYTES);
  const devices = align(banksAt + cores * banksBytes, 64 * KB);
  const templatesAt = devices + DEVICE_BYTES;
  const recordsAt = templatesAt + spaces * TEMPLATE_BYTES;
  const recordBytes = 48 * MB;
  const mapsAt = align(recordsAt + spaces * recordBytes, 64 * KB);
  // Maps are indexed by host page over the whole memory, so that an index needs no subtraction: records, owners, pairs, TLB entries.
  const generationBytes = 256 * KB;
  const arenaAt = (mapBytes: number): number => mapsAt + (spaces + 2 + cores) * mapBytes + generationBytes + 64 * KB;
  const total = (mapBytes: number): number => arenaAt(mapBytes) + align(arenaBytes, 64 * KB);
  let mapBytes = 0;
  while (mapBytes < (total(mapBytes) / 4096) * 4) mapBytes += 64 * KB;
  const ownersAt = mapsAt + spaces * mapBytes;
  const pairs = ownersAt + mapBytes;
  const mappedAt = pairs + mapBytes;
  const generations = mappedAt + cores * mapBytes;
  const arena = arenaAt(mapBytes);
  const bytes = total(mapBytes);
  if (bytes > 4096 * MB - 64 * KB) throw new RangeError(`${Math.ceil(bytes / MB)} MiB do not fit into 4 GiB`);
  return {
    cores,
    spaces,
    parallel: cores > 1 && spaces > 1,
    core: (n) => CORES + n * CORE_STRIDE,
    nobody,
    banks: (n) => banksAt + n * banksBytes,
    templates: (n) => templatesAt + n * TEMPLATE_BYTES,
    records: (n) => recordsAt + n * recordBytes,
    recordPages: Math.floor(recordBytes / PAGE_STRIDE),
    recordMap: (n) => mapsAt + n * mapBytes,
    owners: ownersAt,
    pairs,
    mapped: (n) => mappedAt + n * mapBytes,
    generations,
    junk: generations + generationBytes,
    devices,
    arena,
    arenaBytes,
    pages: bytes / (64 * KB),
  };
}
