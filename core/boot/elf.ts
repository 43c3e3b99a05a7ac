/**
 * ELF64 executables for AArch64 (System V gABI, chapters 4 and 5; ELF for the Arm 64-bit Architecture).
 *
 * Loads what a bare machine can start: static, little-endian, ET_EXEC or ET_DYN, segments at their physical addresses.
 */
import type { Image } from '../system/api.ts';
import { UserError } from '../system/errors.ts';

/** RAM that segments have to fit into. */
export interface LoadArea {
  readonly base: number;
  readonly size: number;
}

export interface LoadedElf {
  readonly images: readonly Image[];
  /** Physical address to start at. */
  readonly entry: bigint;
  /** End of the highest segment. */
  readonly end: number;
}

const EI_CLASS = 4;
const EI_DATA = 5;
const EI_VERSION = 6;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_AARCH64 = 183;
const PT_LOAD = 1;
const PT_INTERP = 3;
/** Where a position-independent program goes that is linked outside of RAM: this far above its start. */
const DYN_OFFSET = 0x200000n;

const TYPES: Readonly<Record<number, string>> = {
  0: 'a file without type',
  1: 'a relocatable object, not a linked program',
  4: 'a core dump, not a program',
};
const MACHINES: Readonly<Record<number, string>> = {
  ...{ 3: 'x86', 8: 'MIPS', 20: 'PowerPC', 21: '64-bit PowerPC', 40: 'Arm (32-bit)', 62: 'x86-64' },
  ...{ 183: 'AArch64', 243: 'RISC-V', 258: 'LoongArch' },
};

interface Segment {
  readonly type: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly fileBytes: bigint;
  readonly memoryBytes: bigint;
}

/** True when the bytes begin as an ELF file does. */
export const isElf = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

const hex = (v: bigint): string => `0x${v.toString(16)}`;

/** Reads an ELF file; `name` is its name in messages. Throws UserError when it cannot be loaded. */
export function loadElf(bytes: Uint8Array, name: string, area: LoadArea): LoadedElf {
  const fail = (why: string): never => {
    throw new UserError(`${name}: ${why}`);
  };
  if (!isElf(bytes)) fail('not an ELF file');
  if (bytes.length < HEADER_BYTES) fail('truncated ELF file: the header is incomplete');
  if (bytes[EI_CLASS] !== 2) fail('not an AArch64 ELF file: it is 32-bit');
  if (bytes[EI_DATA] !== 1) fail('not a little-endian ELF file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (at: number): number => view.getUint16(at, true);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  const machine = u16(18);
  if (machine !== EM_AARCH64) fail(`not an AArch64 ELF file: it is for ${MACHINES[machine] ?? `machine ${machine}`}`);
  if (bytes[EI_VERSION] !== 1 || view.getUint32(20, true) !== 1) fail('unknown ELF version');
  const type = u16(16);
  if (type !== ET_EXEC && type !== ET_DYN) fail(`cannot be loaded: ${TYPES[type] ?? `ELF type ${type}`}`);

  const segments = readSegments(bytes, view, u64(32), u16(54), u16(56), fail);
  if (segments.some((s) => s.type === PT_INTERP)) fail('dynamically linked: a bare machine needs a static program');
  const loads = segments.filter((s) => s.type === PT_LOAD && s.memoryBytes > 0n);
  if (loads.length === 0) fail('nothing to load: it has no PT_LOAD segment');

  const [base, limit] = [BigInt(area.base), BigInt(area.base) + BigInt(area.size)];
  const inside = (s: Segment, bias: bigint): boolean =>
    s.paddr + bias >= base && s.paddr + bias + s.memoryBytes <= limit;
  const bias = type === ET_DYN && !loads.every((s) => inside(s, 0n)) ? base + DYN_OFFSET : 0n;
  const images: Image[] = [];
  let end = 0n;
  for (const s of loads) {
    const [from, to] = [s.paddr + bias, s.paddr + bias + s.memoryBytes];
    if (!inside(s, bias)) {
      const where = `${hex(from)} to ${hex(to - 1n)}`;
      const ram = `RAM (${hex(base)} to ${hex(limit - 1n)})`;
      fail(
        from >= base && from < limit
          ? `too large for memory: a segment at ${where} ends outside of ${ram}`
          : `a segment at ${where} is outside of ${ram}`,
      );
    }
    const start = Number(s.offset);
    images.push({
      address: Number(from),
      bytes: new Uint8Array(bytes.subarray(start, start + Number(s.fileBytes))),
      memoryBytes: Number(s.memoryBytes),
    });
    if (to > end) end = to;
  }
  return { images, entry: entryOf(u64(24), loads, bias, fail), end: Number(end) };
}

function readSegments(
  bytes: Uint8Array,
  view: DataView,
  offset: bigint,
  entryBytes: number,
  count: number,
  fail: (why: string) => never,
): Segment[] {
  if (count === 0) fail('nothing to load: it has no program headers');
  if (entryBytes < SEGMENT_BYTES) fail(`damaged ELF file: program headers of ${entryBytes} bytes`);
  const size = BigInt(bytes.length);
  if (offset + BigInt(entryBytes) * BigInt(count) > size) fail('truncated ELF file: program headers are missing');
  return Array.from({ length: count }, (_, i) => {
    const at = Number(offset) + i * entryBytes;
    const u64 = (field: number): bigint => view.getBigUint64(at + field, true);
    const s: Segment = {
      type: view.getUint32(at, true),
      offset: u64(8),
      vaddr: u64(16),
      paddr: u64(24),
      fileBytes: u64(32),
      memoryBytes: u64(40),
    };
    if (s.type !== PT_LOAD) return s;
    if (s.offset + s.fileBytes > size) fail(`truncated ELF file: the contents of segment ${i} are missing`);
    if (s.fileBytes > s.memoryBytes) fail(`damaged ELF file: segment ${i} is larger in the file than in memory`);
    return s;
  });
}

/** The entry is a virtual address: the physical one follows from the segment that holds it. */
function entryOf(entry: bigint, loads: readonly Segment[], bias: bigint, fail: (why: string) => never): bigint {
  if (entry & 3n) fail(`the entry point ${hex(entry)} is not a multiple of 4`);
  const home = loads.find((s) => entry >= s.vaddr && entry - s.vaddr < s.memoryBytes);
  return home ? entry - home.vaddr + home.paddr + bias : fail(`the entry point ${hex(entry)} is in no segment`);
}
