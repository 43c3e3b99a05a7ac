/** The VMSAv8-64 descriptor formats, as far as both stages share them: a granule is 4, 16 or 64 KiB (12, 14 or 16 bits). */
import { i64, select, type Val } from '../../wasm/value.ts';
import type { TranslationFeatures } from './features.ts';

export type Granule = 12 | 14 | 16;
export const GRANULES: readonly Granule[] = [12, 14, 16];

/** Bits of an address that one level resolves. */
export const strideOf = (g: Granule): number => g - 3;
/** Least TxSZ (AArch64.S1MinTxSZ): 52-bit addresses need LVA with 64 KiB, DS otherwise. */
export const minTsz = (f: TranslationFeatures, g: Granule): number => (g === 16 && f.has('LVA') ? 12 : 16);
export const maxTsz = (f: TranslationFeatures, g: Granule): number => (f.has('TTST') ? (g === 16 ? 47 : 48) : 39);

/**
 * Size of the output address by the PS or IPS field, as bytes of a constant (AArch64.PhysicalAddressSize): what the CPU has
 * bounds it, and so do 48 bits where the granule has no format for more.
 */
export function addressSizes(f: TranslationFeatures, g: Granule): bigint {
  const wide = g === 16 ? f.has('LPA') : f.has('LPA2');
  const limit = Math.min(wide ? 52 : 48, f.paBits);
  return [32, 36, 40, 42, 44, 48, 52, 52].reduce(
    (v, bits, i) => v | (BigInt(Math.min(bits, limit)) << BigInt(8 * i)),
    0n,
  );
}

const field = (hi: number, lo: number): bigint => ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);

/** Address in a descriptor from bit `low` up: [47:low], and [51:48] where the format has them (AArch64.LeafBase, NextTableBase). */
export function outputBits(f: TranslationFeatures, g: Granule, desc: Val, ds: Val | null, low: Val | null): Val {
  let base = desc.and(field(47, g));
  if (g === 16 && f.has('LPA')) base = base.or(desc.and(field(15, 12)).shl(36));
  else if (ds) {
    const wide = desc.and(field(49, g)).or(desc.and(field(9, 8)).shl(42));
    base = select(ds, wide, base);
  }
  return low ? base.and(i64(-1).shl(low)) : base;
}

/** First level at which a block descriptor is valid (AArch64.BlockDescSupported). */
export function firstBlockLevel(f: TranslationFeatures, g: Granule, ds: Val | null, level: (n: number) => Val): Val {
  if (g === 12) return ds ? select(ds, level(0), level(1)) : level(1);
  if (g === 14) return ds ? select(ds, level(1), level(2)) : level(2);
  return level(f.paBits >= 52 ? 1 : 2);
}

/** log2 of the entries of a contiguous group, by level; 0 where the bit has no meaning (AArch64.ContiguousBit). */
export function contiguousBits(g: Granule, level: number): number {
  if (g === 12) return level >= 1 ? 4 : 0;
  if (g === 14) return level === 3 ? 7 : level === 2 ? 5 : 0;
  return level >= 2 ? 5 : 0;
}
export const DESC_CONTIGUOUS = 52;
