/** What a CPU's pointer authentication is like, and where the core's state holds what the instructions need. */
import { regOffset } from '../registers/storage.ts';
import { MODE_FIELD } from '../state.ts';

/**
 * Bits of the configuration word. Features build on each other: EPAC, PAuth2, FPAC, FPACCOMBINE (ID_AA64ISAR1_EL1.API, 1 to 5).
 */
export const PAUTH = {
  implemented: 1,
  qarma5: 2,
  qarma3: 4,
  epac: 8,
  pauth2: 16,
  fpac: 32,
  fpacCombine: 64,
  constPacField: 128,
  /** Limits of TCR_ELx.TxSZ: FEAT_TTST, LVA, LPA2. */
  ttst: 256,
  lva: 512,
  lpa2: 1024,
  /** Anything but the fast algorithm with FPACCOMBINE: instructions call routines. */
  general: 2048,
} as const;

const BY_FEATURE: Readonly<Record<string, number>> = {
  PAuth: PAUTH.implemented,
  PACQARMA5: PAUTH.qarma5,
  PACQARMA3: PAUTH.qarma3,
  EPAC: PAUTH.epac,
  PAuth2: PAUTH.pauth2 | PAUTH.epac,
  FPAC: PAUTH.fpac | PAUTH.pauth2 | PAUTH.epac,
  FPACCOMBINE: PAUTH.fpacCombine | PAUTH.fpac | PAUTH.pauth2 | PAUTH.epac,
  CONSTPACFIELD: PAUTH.constPacField,
  TTST: PAUTH.ttst,
  LVA: PAUTH.lva,
  LPA2: PAUTH.lpa2,
};

/** The configuration word of a CPU with these features (FEAT_ names without prefix); 0 without FEAT_PAuth. */
export function pauthConfig(features: ReadonlySet<string>): number {
  if (!features.has('PAuth')) return 0;
  let config = 0;
  for (const [name, bits] of Object.entries(BY_FEATURE)) if (features.has(name)) config |= bits;
  const fast = (config & (PAUTH.qarma5 | PAUTH.qarma3)) === 0 && (config & PAUTH.fpacCombine) !== 0;
  return fast ? config : config | PAUTH.general;
}

/** The configuration word: set once, before the core runs. */
export const CONFIG = regOffset('PAUTH_CONFIG');
/** Non-zero after `pauthAuth` found that FEAT_FPAC makes an exception of a wrong pointer. */
export const FAILED = regOffset('PAUTH_FAILED');
/** Register values that the fields below were computed from. */
export const SEEN_TCR = regOffset('PAUTH_SEEN_TCR');
export const SEEN_REGIME = regOffset('PAUTH_SEEN_REGIME');

/**
 * Of pointers to instructions and of pointers to data in the current regime: the extension field (bits that hold the PAC, with
 * bit 55) of the lower address range; where that of the upper range differs; and by how much a pointer is shifted left to have the
 * bit on top that selects the range when it is signed (0: bit 63, 8: bit 55).
 */
function fields(kind: string): { readonly low: number; readonly diff: number; readonly shift: number } {
  const at = (name: string): number => regOffset(`PAUTH_${kind}_${name}`);
  const found = { low: at('LOW'), diff: at('DIFF'), shift: at('SHIFT') };
  if (found.diff !== found.low + DIFF || found.shift !== found.low + SHIFT) throw new Error('PAuth fields are apart');
  return found;
}
/** Distances of `diff` and `shift` from `low`. */
export const DIFF = 8;
export const SHIFT = 16;
export const INSTRUCTION = fields('INSTRUCTION');
export const DATA = fields('DATA');
export type PointerFields = typeof DATA;

/** One of the four keys for pointers. */
export interface PauthKey {
  /** Of the registers, without Lo_EL1 and Hi_EL1. */
  readonly name: string;
  readonly data: boolean;
  readonly b: boolean;
  /** Where the mode word says that the key is off. */
  readonly off: readonly [number, number];
  readonly fields: PointerFields;
}
export const PAUTH_KEYS = {
  IA: { name: 'APIAKey', data: false, b: false, off: MODE_FIELD.pauthOffIA, fields: INSTRUCTION },
  IB: { name: 'APIBKey', data: false, b: true, off: MODE_FIELD.pauthOffIB, fields: INSTRUCTION },
  DA: { name: 'APDAKey', data: true, b: false, off: MODE_FIELD.pauthOffDA, fields: DATA },
  DB: { name: 'APDBKey', data: true, b: true, off: MODE_FIELD.pauthOffDB, fields: DATA },
} as const satisfies Record<string, PauthKey>;
export const GENERIC_KEY = 'APGAKey';
