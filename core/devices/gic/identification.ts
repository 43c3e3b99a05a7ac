/** What the GIC says of itself, as QEMU's does where the same is there: an implementation by Arm of GICv3. */

/** GICD_IIDR, GICR_IIDR: implementer Arm. */
export const IIDR = 0x43b;

/** PIDR4–7, PIDR0–3 and CIDR0–3, from 0xffd0 on; PIDR0 differs between distributor and redistributors. */
export function identification(offset: number, part: number): number {
  const BYTES = [0x44, 0, 0, 0, part, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1];
  return BYTES[(offset - 0xffd0) >> 2] ?? 0;
}
export const PART_DISTRIBUTOR = 0x92;
export const PART_REDISTRIBUTOR = 0x93;
