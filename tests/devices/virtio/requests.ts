/** Requests of the block device (virtio 1.2, 5.2.6), as tests give them to a queue. */

export const BLOCK = { read: 0, write: 1, flush: 4, id: 8, discard: 11, zeroes: 13 } as const;

/** Type, and the first sector. */
export function header(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}
/** What `discard` and `zeroes` are about. */
export function range(sector: number, count: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, count, true);
  view.setUint32(12, flags, true);
  return bytes;
}
