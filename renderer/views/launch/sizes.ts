/** Sizes of memory as they are typed: `512M`, `2G`. */
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes, or null when it is no size; a number alone is MiB, as QEMU takes it. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  return match ? Number(match[1]) * UNITS[(match[2] || 'M').toUpperCase()]! : null;
}
export function sizeText(bytes: number): string {
  if (bytes % UNITS.G! === 0) return `${bytes / UNITS.G!}G`;
  return bytes % UNITS.M! === 0 ? `${bytes / UNITS.M!}M` : `${bytes / UNITS.K!}K`;
}
