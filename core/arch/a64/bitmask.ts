/** DecodeBitMasks (shared pseudocode, J1): the immediates of the logical instructions. */

/** The 64-bit (or 32-bit, zero-extended) mask, or null when reserved. Fields: N 1 bit, imms and immr 6 bits. */
export function decodeBitMask(is64: boolean, n: number, imms: number, immr: number): bigint | null {
  if (!is64 && n === 1) return null;
  const len = 31 - Math.clz32((n << 6) | (~imms & 0x3f));
  if (len < 1) return null;
  const size = 1 << len;
  const levels = size - 1;
  const s = imms & levels;
  const r = immr & levels;
  if (s === levels) return null;
  const esize = BigInt(size);
  const ones = (1n << BigInt(s + 1)) - 1n;
  const rot = BigInt(r);
  const element = ((ones >> rot) | (ones << (esize - rot))) & ((1n << esize) - 1n);
  let mask = 0n;
  for (let at = 0n; at < 64n; at += esize) mask |= element << at;
  return is64 ? mask : mask & 0xffffffffn;
}
