/** Identification registers of Arm PrimeCells: PeriphID0–3 and PCellID0–3, a byte in each word from 0xFE0. */
const FIRST = 0xfe0;
const CELL = [0x0d, 0xf0, 0x05, 0xb1];

/** The register at a word's offset from `ids`, the four bytes of PeriphID; null below the identification. */
export function identification(ids: readonly number[], offset: number): number | null {
  if (offset < FIRST) return null;
  return [...ids, ...CELL][(offset - FIRST) >> 2] ?? 0;
}
