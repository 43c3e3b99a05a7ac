/** Linux kernels for arm64 (Documentation/arch/arm64/booting.rst): the Image's header, and where QEMU puts it. */
import { UserError } from '../system/errors.ts';

const TEXT_OFFSET = 8;
const IMAGE_SIZE = 16;
const MAGIC_AT = 56;
const MAGIC = 0x644d5241;
/** `PE\0\0` */
const PE_MAGIC = 0x4550;
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
 * A kernel that is an EFI application, too, says where its parts are in the file (PE/COFF: the address of its header at 60; there
 * the number of sections at 6, the size of the optional header at 20; sections of 40 bytes, with the size at 16 and the place at 20;
 * in the optional header of PE32+ the place and size of signatures at 144). Throws UserError where the file ends before they do.
 */
function checkWhole(bytes: Uint8Array, name: string): void {
  if (bytes[0] !== 0x4d || bytes[1] !== 0x5a) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const needs = (length: number): void => {
    if (length > bytes.length)
      throw new UserError(
        `${name}: truncated kernel: it has ${bytes.length} bytes, and goes on to ${length} or further`,
      );
  };
  needs(64);
  const header = view.getUint32(60, true);
  if (!isImage(bytes) || header === 0) return;
  needs(header + 24);
  if (view.getUint32(header, true) !== PE_MAGIC) return;
  const optional = view.getUint16(header + 20, true);
  const sections = header + 24 + optional;
  const count = view.getUint16(header + 6, true);
  needs(sections + 40 * count);
  for (let n = 0; n < count; n++) {
    const section = sections + 40 * n;
    needs(view.getUint32(section + 16, true) + view.getUint32(section + 20, true));
  }
  if (optional >= 152) needs(view.getUint32(header + 168, true) + view.getUint32(header + 172, true));
}

/**
 * Where an unpacked kernel goes. A file without the header is taken as a kernel of the old sort, as QEMU does. Throws UserError for
 * an offset or size that no machine has, and for a file that was cut off where that can be seen.
 */
export function placeKernel(bytes: Uint8Array, name: string): KernelPlace {
  checkWhole(bytes, name);
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
