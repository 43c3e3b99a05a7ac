/**
 * The granule protection table and its controls (D9.3, D24.2.56): facts that the cores' check (`check.ts`) and the host's model
 * (`model.ts`) share. Physical address spaces are numbered {NSE, NS}: 0 Secure, 1 Non-secure, 2 Root, 3 Realm.
 */
import type { TranslationFeatures } from '../translation/features.ts';

/** Granule protection information: who may access a granule. Codes 8 to 11 name the address space in their low bits. */
export const GPI = { none: 0, secure: 8, nonSecure: 9, root: 10, realm: 11, nonSecureOnly: 13, any: 15 } as const;

/** Bit n: code n is valid. Secure needs Secure state (FEAT_SEL2), `nonSecureOnly` GPCCR_EL3.NSO. */
export const validGpis = (secure: boolean): number =>
  (1 << GPI.none) |
  (1 << GPI.nonSecure) |
  (1 << GPI.root) |
  (1 << GPI.realm) |
  (1 << GPI.any) |
  (secure ? 1 << GPI.secure : 0);

/** Bits [3:0] of an entry. In level 1 everything that is not `block` (there: contiguous) is sixteen codes. */
export const ENTRY = { block: 1, table: 3 } as const;

/** Bits of GPCCR_EL3. */
export const GPCCR = {
  PPS: 0,
  PPS3: 3,
  RLPAD: 5,
  NSPAD: 6,
  SPAD: 7,
  IRGN: 8,
  ORGN: 10,
  SH: 12,
  PGS: 14,
  GPC: 16,
  NSO: 19,
  L0GPTSZ: 20,
  APPSAA: 24,
  GPCBW: 29,
} as const;

/** Bits of the protected address size by {PPS3, PPS}. The values from 7 on are FEAT_RME_GPC3's. */
const PPS_BITS = [32, 36, 40, 42, 44, 48, 52, 56, 46, 47];
const PPS_BEFORE_GPC3 = 7;
/** Bits of a granule by PGS; 0 is reserved. */
export const PGS_BITS = [12, 16, 14, 0] as const;
const PGS_FEATURES = ['TGran4', 'TGran64', 'TGran16'] as const;

/** What of the table and its controls depends on the CPU. Sizes in bits, 0 where the value is reserved. */
export interface GranuleRules {
  /** By {PPS3, PPS}: sixteen. A size that the CPU's physical addresses do not reach is reserved too. */
  readonly pps: readonly number[];
  /** By PGS: four. */
  readonly granule: readonly number[];
  /** There is Secure state, and so its code. */
  readonly secure: boolean;
}
export function granuleRules({ paBits, has }: TranslationFeatures): GranuleRules {
  const known = has('RME_GPC3') ? PPS_BITS.length : PPS_BEFORE_GPC3;
  return {
    pps: Array.from({ length: 16 }, (_, i) => (i < known && PPS_BITS[i]! <= paBits ? PPS_BITS[i]! : 0)),
    granule: PGS_BITS.map((bits, i) => (PGS_FEATURES[i] !== undefined && has(PGS_FEATURES[i]) ? bits : 0)),
    secure: has('SEL2'),
  };
}

/** GPCBW_EL3: bits of the window's size and of the stride by their fields; 0 is reserved (D24.2.55). */
export const GPCBW = { ADDR_BITS: 26, ADDR_SHIFT: 30, STRIDE: 32, SIZE: 37 } as const;
export const WINDOW_BITS = [30, 31, 32, 34, 36, 0, 0, 0] as const;
/** Stride by its field: 2^(40 + field), for the fields that are not reserved. */
export const STRIDE_FIELDS = [0, 2, 4, 6, 7, 8, 9, 10, 16] as const;
export const STRIDE_SHIFT = 40;

/** GPCSC, bits [19:14] of the ISS of a granule protection check exception: these with the table's level in bit 0. */
export const GPCSC = { addressSize: 0, walk: 4, fail: 12, externalAbort: 20 } as const;

/** Address bits by the SIZE field of TLBI RPAOS and RPALOS; 0 is reserved (C5.5.69). */
export const TLBI_SIZE_BITS = [12, 14, 16, 21, 25, 29, 30, 34, 36, 39, 0, 0, 0, 0, 0, 0] as const;

/** Bit that takes an address space away: of GPCCR_EL3, by address space; Root has none. */
export const PAS_DISABLE = [GPCCR.SPAD, GPCCR.NSPAD, null, GPCCR.RLPAD] as const;
/** MFAR_EL3 and operands of DC by physical address: {NS, NSE} in bits 63 and 62. */
export const mfarSpace = (pas: number): bigint => (BigInt(pas & 1) << 63n) | (BigInt(pas >> 1) << 62n);
