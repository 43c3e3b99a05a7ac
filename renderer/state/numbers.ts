/** Numbers as the Arm manuals write them. */

/** `0x4010_0000`: at least `digits` hexadecimal digits, in groups of four. */
export function hex(value: bigint | string, digits = 8): string {
  const text = BigInt(value).toString(16).padStart(digits, '0');
  return `0x${text.replace(/(?<=.)(?=(?:.{4})+$)/g, '_')}`;
}
/** The same, as programs take it. */
export const plainHex = (value: bigint | string): string => `0x${BigInt(value).toString(16)}`;

/** An address that a user typed: hexadecimal with `0x` or underscores, else decimal; null when it is none. */
export function parseAddress(text: string): bigint | null {
  const clean = text.trim().replaceAll('_', '');
  if (!/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(clean)) return null;
  const value = BigInt(clean);
  return value < 1n << 64n ? value : null;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let n = 0;
  while (bytes >= 1024 && n < units.length - 1) {
    bytes /= 1024;
    n++;
  }
  return `${Number.isInteger(bytes) ? bytes : bytes.toFixed(1)} ${units[n]}`;
}

/** Seconds as `12.345 s`, `3:04.5`. */
export function secondsText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds % 60).toFixed(0).padStart(2, '0')}`;
}

export const countText = (n: number): string =>
  n >= 1e9 ? `${(n / 1e9).toFixed(2)} G` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} M` : n.toLocaleString('en');
