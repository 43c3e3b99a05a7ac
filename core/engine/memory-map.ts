/** The table of RAM-like regions, as the host writes it. Translation and the slow paths of accesses read it. */
import {
  MEMMAP,
  MEMMAP_ENTRIES,
  MEMMAP_ENTRY,
  MM_BASE,
  MM_DELTA,
  MM_END,
  MM_FLAG,
  MM_FLAGS,
  MM_PAS,
} from './layout.ts';

export interface MappedRegion {
  /** Physical address and size in bytes. */
  readonly base: number;
  readonly size: number;
  /** Where its bytes are in the Wasm memory. */
  readonly host: number;
  /** Bit n: it answers in physical address space n. */
  readonly pas: number;
  /** Writes go to the device at the address. */
  readonly readOnly: boolean;
  /** Behind the memory protection engine. */
  readonly encrypted?: boolean;
}

/** Fills the table; RangeError when there are more regions than entries. */
export function writeMemoryMap(view: DataView, regions: readonly MappedRegion[]): void {
  if (regions.length > MEMMAP_ENTRIES) throw new RangeError(`${regions.length} regions are too many`);
  for (let i = 0; i < MEMMAP_ENTRIES; i++) {
    const at = MEMMAP + i * MEMMAP_ENTRY;
    const r = regions[i];
    view.setBigUint64(at + MM_BASE, BigInt(r?.base ?? 0), true);
    view.setBigUint64(at + MM_END, BigInt(r ? r.base + r.size : 0), true);
    view.setInt32(at + MM_DELTA, r ? (r.host - r.base) | 0 : 0, true);
    const flags = (r?.readOnly ? MM_FLAG.readOnly : 0) | (r?.encrypted ? MM_FLAG.encrypted : 0);
    view.setInt32(at + MM_FLAGS, r ? (r.pas << MM_PAS) | flags : 0, true);
  }
}

/** Takes region `index` out of the table or puts it back: while a flash is not in read-array mode, reads go to the device. */
export function showRegion(view: DataView, index: number, region: MappedRegion, shown: boolean): void {
  const end = shown ? region.base + region.size : region.base;
  view.setBigUint64(MEMMAP + index * MEMMAP_ENTRY + MM_END, BigInt(end), true);
}
