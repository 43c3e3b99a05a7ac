/** AddPAC, Auth and Strip in plain arithmetic: what the tests of pointer authentication compare with. */

const ONES = (1n << 64n) - 1n;
const bit = (v: bigint, n: number): bigint => (v >> BigInt(n)) & 1n;
const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);

/** The fast algorithm (`core/arch/pauth/fast.ts`). */
export function fastCode(data: bigint, modifier: bigint, low: bigint, high: bigint): bigint {
  const a = u64((data ^ low) * 0x6a09e667f3bcc909n);
  const b = u64((modifier + high) * 0xbb67ae8584caa73bn);
  return u64((a ^ u64((b << 32n) | (b >> 32n))) * 0x3c6ef372fe94f82bn);
}

/** Regime: translation with one address range or two, and its TCR. */
export interface Regime {
  readonly two: boolean;
  readonly tcr: bigint;
}
export interface Level {
  readonly epac: boolean;
  readonly pauth2: boolean;
}

function tagged({ two, tcr }: Regime, upper: bigint, data: boolean): boolean {
  const tbi = two ? bit(tcr, upper ? 38 : 37) : bit(tcr, 20);
  const tbid = two ? bit(tcr, upper ? 52 : 51) : bit(tcr, 29);
  return tbi === 1n && (data || tbid === 0n);
}
function bottomBit({ two, tcr }: Regime, upper: bigint): number {
  const second = two && upper === 1n;
  const size = Number((tcr >> (second ? 16n : 0n)) & 63n);
  const large = second ? ((tcr >> 30n) & 3n) === 3n : ((tcr >> 14n) & 3n) === 1n;
  return 64 - Math.min(Math.max(size, large ? 12 : 16), large ? 47 : 48);
}
/** Bits of the extension field. */
function field(regime: Regime, upper: bigint, tbi: boolean): bigint {
  const all = ONES & ~((1n << BigInt(bottomBit(regime, upper))) - 1n);
  return tbi ? all & 0xff_ffff_ffff_ffffn : all;
}
const extend = (pointer: bigint, upper: bigint, mask: bigint): bigint => (pointer & ~mask & ONES) | (upper ? mask : 0n);

export function signModel(
  pointer: bigint,
  code: (canonical: bigint) => bigint,
  regime: Regime,
  level: Level,
  data: boolean,
): bigint {
  const tbi = tagged(regime, bit(pointer, 55), data);
  const anyTags = regime.two ? tagged(regime, 0n, data) || tagged(regime, 1n, data) : tbi;
  const upper = anyTags ? bit(pointer, 55) : bit(pointer, 63);
  const mask = field(regime, upper, tbi);
  let pac = code(extend(pointer, upper, mask));
  const rest = (pointer & ~mask & ONES) | (upper << 55n);
  const pacBits = mask & ~(1n << 55n);
  if (level.pauth2) return rest | ((pointer ^ pac) & pacBits);
  const extension = pointer & mask;
  if (extension !== 0n && extension !== mask) pac = level.epac ? 0n : pac ^ (1n << (tbi ? 54n : 62n));
  return rest | (pac & pacBits);
}

export function authModel(
  pointer: bigint,
  code: (canonical: bigint) => bigint,
  regime: Regime,
  level: Level,
  data: boolean,
  keyB: boolean,
): { readonly result: bigint; readonly right: boolean } {
  const upper = bit(pointer, 55);
  const tbi = tagged(regime, upper, data);
  const mask = field(regime, upper, tbi);
  const canonical = extend(pointer, upper, mask);
  const wrong = (code(canonical) ^ pointer ^ (level.pauth2 ? canonical : 0n)) & mask & ~(1n << 55n);
  if (wrong === 0n) return { result: canonical, right: true };
  if (level.pauth2) return { result: canonical ^ wrong, right: false };
  const at = tbi ? 53n : 61n;
  return { result: (canonical & ~(3n << at)) | ((keyB ? 2n : 1n) << at), right: false };
}

export function stripModel(pointer: bigint, regime: Regime, data: boolean): bigint {
  const upper = bit(pointer, 55);
  return extend(pointer, upper, field(regime, upper, tagged(regime, upper, data)));
}
