/** Linux kernels for arm64 (Documentation/arch/arm64/booting.rst): the Image's header, and where QEMU puts it. */
import { UserError } from '../system/errors.ts';

const TEXT_OFFSET = 8;
const IMAGE_SIZE = 16;
const MAGIC_AT = 56;
const MAGIC = 0x644d5241;
/** Without a header or a size (Linux before 3.17) kernels want to be this far above the start of memory. */
const OLD_OFFSET = 0x80000;
/** Room that the start stub needs at the start of memory; a kernel that wants to be there goes up by 2 MiB. */
export const STUB_ROOM = 4096;
const ALIGNMENT = 2 << 20;

export interface KernelPlace {
  /** Bytes above the start of memory at which the image is loaded, and entered. */
  readonly offset: number;
  /** Bytes of memory that it occupies, with its zero-initialised part. */
  readonly size: number;
}

/** Whether the bytes have the header of an arm64 Image. */
export const isImage = (bytes: Uint8Array): boolean =>
  bytes.length >= MAGIC_AT + 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC_AT, true) === MAGIC;

/**
 * Where an unpacked kernel goes. A file without the header is taken as a kernel of the old sort, as QEMU does. Throws UserError for
 * an offset or size that no machine has.
 */
export function placeKernel(bytes: Uint8Array, name: string): KernelPlace {
  if (!isImage(bytes)) return { offset: OLD_OFFSET, size: bytes.length };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = view.getBigUint64(IMAGE_SIZE, true);
  if (size === 0n) return { offset: OLD_OFFSET, size: bytes.length };
  const offset = view.getBigUint64(TEXT_OFFSET, true);
  if (offset >= 1n << 48n || size >= 1n << 48n)
    throw new UserError(`${name}: damaged Image: its header has no sensible size`);
  const wanted = Number(offset);
  return {
    offset: wanted < STUB_ROOM ? wanted + ALIGNMENT : wanted,
    size: Math.max(Number(size), bytes.length),
  };
}

/**
 * Code that starts a kernel at `entry` as it wants to be started: X0 is the address of the device tree, X1 to X3 are 0. Two
 * addresses follow the code.
 */
export function startStub(entry: number, deviceTree: number): Uint8Array {
  const code = [
    0x580000c0, // LDR X0, .+24
    0xaa1f03e1, // MOV X1, XZR
    0xaa1f03e2, // MOV X2, XZR
    0xaa1f03e3, // MOV X3, XZR
    0x58000084, // LDR X4, .+16
    0xd61f0080, // BR X4
  ];
  const bytes = new Uint8Array(4 * code.length + 16);
  const view = new DataView(bytes.buffer);
  code.forEach((word, n) => {
    view.setUint32(4 * n, word, true);
  });
  view.setBigUint64(4 * code.length, BigInt(deviceTree), true);
  view.setBigUint64(4 * code.length + 8, BigInt(entry), true);
  return bytes;
}
