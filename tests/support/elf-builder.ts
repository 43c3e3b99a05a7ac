/** Makes small ELF files for tests. */

export interface ElfSegment {
  readonly type?: number;
  readonly address: number;
  readonly virtual?: number;
  readonly bytes: Uint8Array;
  readonly memoryBytes?: number;
}

export interface ElfOptions {
  readonly type?: number;
  readonly machine?: number;
  readonly entry?: number;
  readonly segments: readonly ElfSegment[];
}

/** An ELF64 file, little-endian, with these segments. */
export function buildElf({ type = 2, machine = 183, entry, segments }: ElfOptions): Uint8Array {
  const headers = 64 + 56 * segments.length;
  const size = headers + segments.reduce((sum, s) => sum + s.bytes.length, 0);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry ?? segments[0]?.virtual ?? segments[0]?.address ?? 0), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let at = headers;
  segments.forEach((s, i) => {
    const h = 64 + 56 * i;
    const u64 = (field: number, v: number): void => view.setBigUint64(h + field, BigInt(v), true);
    view.setUint32(h, s.type ?? 1, true);
    view.setUint32(h + 4, 7, true);
    u64(8, at);
    u64(16, s.virtual ?? s.address);
    u64(24, s.address);
    u64(32, s.bytes.length);
    u64(40, s.memoryBytes ?? s.bytes.length);
    u64(48, 4096);
    file.set(s.bytes, at);
    at += s.bytes.length;
  });
  return file;
}

/** Instruction words as bytes. */
export function code(...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}
