/** Floating point by exact rational arithmetic on bigints: slow, plain, and independent of what it checks. */

export interface Format {
  readonly bits: number;
  readonly fraction: number;
}
export const FORMATS: Readonly<Record<'h' | 's' | 'd', Format>> = {
  h: { bits: 16, fraction: 10 },
  s: { bits: 32, fraction: 23 },
  d: { bits: 64, fraction: 52 },
};
const biasOf = ({ bits, fraction }: Format): number => 2 ** (bits - fraction - 2) - 1;
const topExponent = ({ bits, fraction }: Format): number => 2 ** (bits - fraction - 1) - 1;

/** sign × n ÷ d × 2^e; `n` 0 is a zero with its sign. */
export interface Exact {
  readonly negative: boolean;
  readonly n: bigint;
  readonly d: bigint;
  readonly e: number;
}

/** The finite number that the bits stand for. */
export function exactly(f: Format, x: bigint): Exact {
  const field = Number((x >> BigInt(f.fraction)) & BigInt(topExponent(f)));
  const fraction = x & ((1n << BigInt(f.fraction)) - 1n);
  const n = field ? fraction | (1n << BigInt(f.fraction)) : fraction;
  const e = Math.max(field, 1) - biasOf(f) - f.fraction;
  return { negative: x >> BigInt(f.bits - 1) !== 0n, n, d: 1n, e };
}
export function finite(f: Format, x: bigint): boolean {
  return Number((x >> BigInt(f.fraction)) & BigInt(topExponent(f))) !== topExponent(f);
}

const shifted = (n: bigint, by: number): bigint => n << BigInt(by);
export function sum(a: Exact, b: Exact, mode: number): Exact {
  const e = Math.min(a.e, b.e);
  const scaled = (x: Exact): bigint => shifted(x.n, x.e - e) * (x.negative ? -1n : 1n);
  const n = scaled(a) + scaled(b);
  // Both operands here have denominator 1.
  const negative = n < 0n || (n === 0n && (a.negative === b.negative ? a.negative : mode === 2));
  return { negative, n: n < 0n ? -n : n, d: 1n, e };
}
export const product = (a: Exact, b: Exact): Exact => ({
  negative: a.negative !== b.negative,
  n: a.n * b.n,
  d: 1n,
  e: a.e + b.e,
});
export const quotient = (a: Exact, b: Exact): Exact => ({
  negative: a.negative !== b.negative,
  n: a.n,
  d: b.n,
  e: a.e - b.e,
});

export interface Rounded {
  readonly bits: bigint;
  /** FPSR: OFC 4, UFC 8, IXC 16. */
  readonly flags: number;
}
/** Rounds in one of FPCR's modes: 0 nearest even, 1 up, 2 down, 3 towards zero. Tiny before rounding counts as underflow. */
export function rounded(f: Format, x: Exact, mode: number, sticky = false): Rounded {
  const sign = x.negative ? 1n << BigInt(f.bits - 1) : 0n;
  if (x.n === 0n) return { bits: sign, flags: 0 };
  const bias = biasOf(f);
  // Exponent of the leading bit: 2^lead ≤ value.
  let lead = x.n.toString(2).length - x.d.toString(2).length + x.e;
  const atLeast = (p: number): boolean => (p >= x.e ? x.n >= shifted(x.d, p - x.e) : shifted(x.n, x.e - p) >= x.d);
  while (!atLeast(lead)) lead--;
  while (atLeast(lead + 1)) lead++;
  const tiny = lead < 1 - bias;
  const unit = Math.max(lead, 1 - bias) - f.fraction;
  const scale = x.e - unit;
  const [n, d] = scale >= 0 ? [shifted(x.n, scale), x.d] : [x.n, shifted(x.d, -scale)];
  let q = n / d;
  const rest = n % d;
  const inexact = rest !== 0n || sticky;
  const twice = 2n * rest;
  const nearest = twice > d || (twice === d && (sticky || (q & 1n) === 1n));
  if (mode === 0 ? nearest : inexact && mode === (x.negative ? 2 : 1)) q++;
  let flags = inexact ? 16 : 0;
  if (inexact && tiny) flags |= 8;
  const bits = (BigInt(unit + f.fraction + bias - 1) << BigInt(f.fraction)) + q;
  const infinity = BigInt(topExponent(f)) << BigInt(f.fraction);
  if (bits >= infinity) {
    const toInfinity = mode === 0 || mode === (x.negative ? 2 : 1);
    return { bits: sign | (toInfinity ? infinity : infinity - 1n), flags: 4 | 16 };
  }
  return { bits: sign | bits, flags };
}
/** The square root, rounded. */
export function root(f: Format, x: Exact, mode: number): Rounded {
  // Enough bits that what is left over only matters by being there.
  const extra = 2 * 80 + (x.e & 1);
  const n = shifted(x.n, extra);
  let r = BigInt(Math.floor(Math.sqrt(Number(n))));
  for (;;) {
    const next = (r + n / r) >> 1n;
    if (next === r || next === r + 1n) break;
    r = next;
  }
  while (r * r > n) r--;
  while ((r + 1n) * (r + 1n) <= n) r++;
  return rounded(f, { negative: false, n: r, d: 1n, e: (x.e - extra) / 2 }, mode, r * r !== n);
}
