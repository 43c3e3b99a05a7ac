/**
 * Decompression of kernels: gzip files, and Linux's EFI zboot images (a PE file that carries the compressed Image). Output is
 * bounded before it is made: a small file must not become a large memory.
 */
import * as zlib from 'node:zlib';
import { UserError } from '../system/errors.ts';

/** Most bytes that a compressed kernel may have when it is unpacked; QEMU has the same bound. */
export const UNPACKED_LIMIT = 256 << 20;

type Unpack = (input: Uint8Array, options: { maxOutputLength: number; finishFlush?: number }) => Uint8Array;

/** By the name that EFI zboot images have for a method. */
const METHODS: Readonly<Record<string, Unpack | undefined>> = {
  gzip: zlib.gunzipSync,
  // Node has it since 22.15.
  zstd: (zlib as { zstdDecompressSync?: Unpack }).zstdDecompressSync,
};

export const isGzip = (bytes: Uint8Array): boolean => bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;

function unpack(bytes: Uint8Array, method: string, name: string): Uint8Array {
  const work = METHODS[method];
  if (!work) throw new UserError(`${name}: compressed with ${JSON.stringify(method)}, which cannot be unpacked here`);
  try {
    return work(bytes, { maxOutputLength: UNPACKED_LIMIT });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new UserError(
      tooLarge
        ? `${name}: larger than ${UNPACKED_LIMIT >> 20} MiB when unpacked`
        : `${name}: damaged or truncated ${method} data`,
    );
  }
}

// The header of EFI zboot images (drivers/firmware/efi/libstub/zboot-header.S in Linux).
const ZBOOT_MAGIC = [0x7a, 0x69, 0x6d, 0x67];
const ZBOOT_OFFSET = 8;
const ZBOOT_SIZE = 12;
const ZBOOT_METHOD = 24;
const ZBOOT_METHOD_BYTES = 32;
const ZBOOT_HEADER = 64;

export const isZboot = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && bytes[0] === 0x4d && bytes[1] === 0x5a && ZBOOT_MAGIC.every((b, n) => bytes[4 + n] === b);

function unpackZboot(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length < ZBOOT_HEADER) throw new UserError(`${name}: truncated EFI zboot image: the header is incomplete`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [at, size] = [view.getUint32(ZBOOT_OFFSET, true), view.getUint32(ZBOOT_SIZE, true)];
  if (at + size > bytes.length) throw new UserError(`${name}: truncated EFI zboot image: its kernel is incomplete`);
  const field = bytes.subarray(ZBOOT_METHOD, ZBOOT_METHOD + ZBOOT_METHOD_BYTES);
  const end = field.indexOf(0);
  const method = String.fromCharCode(...field.subarray(0, end < 0 ? field.length : end));
  return unpack(bytes.subarray(at, at + size), method, name);
}

/** The bytes without a gzip or zboot wrapping, if they have one; `name` is for messages. Throws UserError. */
export function unwrapped(bytes: Uint8Array, name: string): Uint8Array {
  if (isZboot(bytes)) return unpackZboot(bytes, name);
  return isGzip(bytes) ? gunzipped(bytes, name) : bytes;
}

/** The contents of a gzip file. Throws UserError. */
export const gunzipped = (bytes: Uint8Array, name: string): Uint8Array => unpack(bytes, 'gzip', name);
