/** CRC32 and CRC32C (C6.2, CRC32B and others): eight bytes at a time by tables of what each byte leaves behind. */
import { TABLES } from '../engine/layout.ts';
import { iff, load, ret } from '../wasm/build.ts';
import { Library } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
import type { Val } from '../wasm/value.ts';

export const crc = new Library();

/** Polynomials with their bits reversed, as the algorithm shifts right. */
const POLYNOMIALS = { crc32: 0xedb88320, crc32c: 0x82f63b78 } as const;
/** For each polynomial eight tables of 256 words: table n is the effect of a byte that n zero bytes follow. */
const TABLE = 1024;
const SET = 8 * TABLE;
export const CRC_BYTES = 2 * SET;

export function writeCrcTables(u8: Uint8Array, at: number): void {
  const words = new Uint32Array(u8.buffer, u8.byteOffset + at, CRC_BYTES / 4);
  Object.values(POLYNOMIALS).forEach((poly, set) => {
    const base = (set * SET) / 4;
    for (let byte = 0; byte < 256; byte++) {
      let v = byte;
      for (let bit = 0; bit < 8; bit++) v = v & 1 ? (v >>> 1) ^ poly : v >>> 1;
      words[base + byte] = v;
    }
    for (let n = 256; n < 8 * 256; n++) {
      const before = words[base + n - 256]!;
      words[base + n] = words[base + (before & 255)]! ^ (before >>> 8);
    }
  });
}

/** (CRC so far, data, bits of it: 8, 16, 32 or 64) → CRC. */
Object.keys(POLYNOMIALS).forEach((name, set) => {
  crc.define(name, [I32, I64, I32], I32, (_link, c, d, bits) => {
    const mixed = d!.xor(c!.zext64());
    const effect = (count: number): Val =>
      Array.from({ length: count }, (_, n) => {
        const byte = mixed
          .shrU(8 * n)
          .lo32()
          .and(255);
        return load('i32', byte.shl(2), TABLES + set * SET + (count - 1 - n) * TABLE);
      }).reduce((s, v) => s.xor(v));
    iff(bits!.eq(64), () => ret(effect(8)));
    iff(bits!.eq(32), () => ret(effect(4)));
    iff(bits!.eq(16), () => ret(effect(2).xor(c!.shrU(16))));
    ret(effect(1).xor(c!.shrU(8)));
  });
});
