/**
 * Unpacks gzip files (RFC 1952). Other than Node's function it takes the first member only and does not mind what is behind it:
 * kernels may have signatures or sizes there.
 */
import * as zlib from 'node:zlib';

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const DEFLATE = 8;
/** Flags of the header: parts that follow it. */
const FLAG = { headerCheck: 2, extra: 4, name: 8, comment: 16 } as const;

export const isGzip = (bytes: Uint8Array): boolean => bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Where the compressed data begins; may be behind the end of damaged files. */
function dataAt(bytes: Uint8Array): number {
  const flags = bytes[3]!;
  let at = HEADER_BYTES;
  const skipText = (): void => {
    const end = bytes.indexOf(0, at);
    at = end < 0 ? bytes.length : end + 1;
  };
  if (flags & FLAG.extra) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  if (flags & FLAG.name) skipText();
  if (flags & FLAG.comment) skipText();
  return flags & FLAG.headerCheck ? at + 2 : at;
}

/**
 * The contents, at most `maxOutputLength` bytes. Throws Error for damaged files; its `code` is ERR_BUFFER_TOO_LARGE, as that of
 * Node's functions, for what would be larger.
 */
export function gunzip(bytes: Uint8Array, { maxOutputLength }: { readonly maxOutputLength: number }): Uint8Array {
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES || !isGzip(bytes) || bytes[2] !== DEFLATE)
    throw new Error('no gzip file');
  const packed = bytes.subarray(Math.min(dataAt(bytes), bytes.length));
  // With `info` the engine is there, too; the declared type leaves that out.
  const { buffer, engine } = zlib.inflateRawSync(packed, { maxOutputLength, info: true }) as unknown as {
    buffer: Uint8Array;
    engine: { bytesWritten: number };
  };
  const end = engine.bytesWritten;
  if (end + TRAILER_BYTES > packed.length) throw new Error('truncated');
  const trailer = new DataView(packed.buffer, packed.byteOffset + end, TRAILER_BYTES);
  if (trailer.getUint32(0, true) !== zlib.crc32(buffer) || trailer.getUint32(4, true) !== buffer.length % 2 ** 32) {
    throw new Error('wrong check sum');
  }
  return buffer;
}
