/**
 * Layout of a core's TLB area: the banks, behind them a directory that says what each bank holds, then a small cache of the
 * choices last made.
 */

import { TLB_BANK_BYTES } from '../../engine/abi.ts';
import { BANKS_PER_CORE, TLB_DIRECTORY_BYTES } from '../../engine/layout.ts';
import { load } from '../../wasm/build.ts';
import type { Val } from '../../wasm/value.ts';
import { TLB_AREA } from '../state.ts';

export const BANK_COUNT = BANKS_PER_CORE;
export const BANK_SHIFT = Math.log2(TLB_BANK_BYTES);
/** Offset of the directory in the area. */
export const DIRECTORY = BANK_COUNT * TLB_BANK_BYTES;

// An entry of the directory: 128 bytes.
export const DIR_SHIFT = 7;
export const DIR_ENTRY = 1 << DIR_SHIFT;
/** i64: key (`KEY`), 0 when the bank is free. */
export const DIR_KEY = 0;
/** i32: when it was last selected. */
export const DIR_TICK = 8;
/** u8: log2 of the largest mapping up to 64 KiB that has entries here. */
export const DIR_SMALL = 12;
/** u8: non-zero when there are entries that hold for every ASID. */
export const DIR_GLOBAL = 13;
/** u8: non-zero when mappings larger than 1 GiB have entries. */
export const DIR_HUGE = 14;
/** u8: count of short-lived entries. */
export const DIR_VOLATILE = 15;
/** i64: which groups of 16 entries may hold something. */
export const DIR_DIRTY = 16;
/** i64: which gigabytes, modulo 64, have mappings of more than 2 MiB. */
export const DIR_GIGA = 24;
/** 64 bytes: which 2 MiB, modulo 512, have mappings of more than 64 KiB. */
export const DIR_MEGA = 32;
/** i32: what the short-lived entries depend on (CTX_TAG). */
export const DIR_TAG = 96;
/** u16 each: indices of the short-lived entries. */
export const DIR_LIST = 100;
export const LIST_LENGTH = 14;

/** Choices: key (i64), epoch, bank, bank for unprivileged accesses, directory entry of the first. */
export const CHOICES = DIRECTORY + BANK_COUNT * DIR_ENTRY;
export const CHOICE_BITS = 5;
export const CHOICE_SHIFT = 5;
export const CHOICE_KEY = 0;
export const CHOICE_EPOCH = 8;
export const CHOICE_BANK = 12;
export const CHOICE_UNPRIVILEGED = 16;

/** Tables of stage 1 that were walked through lately; see `table-cache.ts`. */
export const TABLE_CACHE = CHOICES + (1 << (CHOICE_BITS + CHOICE_SHIFT));
export const TABLE_ENTRIES = 128;
export const TABLE_SHIFT = 5;
/** What granule protection tables said lately: 16 bytes each; see `granules/check.ts`. */
export const GRANULE_CACHE = TABLE_CACHE + (TABLE_ENTRIES << TABLE_SHIFT);
export const GRANULE_LINES = 64;
if (GRANULE_CACHE + (GRANULE_LINES << 4) > DIRECTORY + TLB_DIRECTORY_BYTES) {
  throw new Error('the TLB directory outgrew its place');
}

/**
 * Keys: bits [10:0] as in TR_CTX (regime, security state, stages, EL0, PAN, DC), `valid`, `byAsid`, VMECID_P_EL2 in [31:16], ASID in [47:32],
 * VMID in [63:48].
 */
export const KEY = { valid: 1 << 15, byAsid: 1 << 14 } as const;

export const area = (cpu: Val): Val => load('i32', cpu, TLB_AREA);
/** Directory entry of the bank that a TLB entry lies in. */
export const dirOf = (base: Val, entry: Val): Val =>
  base.add(entry.sub(base).shrU(BANK_SHIFT).shl(DIR_SHIFT)).add(DIRECTORY);
/** Bank of a directory entry. */
export const bankOf = (base: Val, dir: Val): Val =>
  base.add(dir.sub(base).sub(DIRECTORY).shrU(DIR_SHIFT).shl(BANK_SHIFT));
