/** Whole programs for systems of tests: stage 1 on, vectors, an exit; what `tests/engine/asm.ts` can say. */
import type { SystemConfig } from '../../core/system/api.ts';
import { RAM } from '../support/system-run.ts';
import { Code } from './asm.ts';

export const CODE = RAM + 0x10000;
export const VECTORS = RAM + 0x8000;
/** Vectors for exceptions that stay at EL1. */
export const SYNC = 0x200;
export const IRQ = 0x280;
const TABLE = RAM + 0x4000;
const EXIT_BLOCK = RAM + 0x1000;
/** Memory of the program, 4 MB. Its descriptors of pages: `descriptorOf`. */
export const DATA = RAM + 0x200000;
const PAGES = RAM + 0x100000;
export const UART = 0x09000000;

export const descriptorOf = (address: number): number => PAGES + 8 * ((address - DATA) >>> 12);
export const pageAt = (address: number): number => address | 0x703;

/** Turns translation on: RAM by blocks and pages, below it devices. Uses X0. */
export function start(a: Code): Code {
  const set = (value: number | bigint, ...code: readonly [number, number, number, number, number]): void => {
    a.movImm(0, value).msr(0, ...code);
  };
  // MAIR: 0 Normal write-back, 1 Device-nGnRE. TCR: 39 bits, 4 KB.
  set(0x04ff, 3, 0, 10, 2, 0);
  set(0x5_0080_3519n, 3, 0, 2, 0, 2);
  set(TABLE, 3, 0, 2, 0, 0);
  set(VECTORS, 3, 0, 12, 0, 0);
  a.barrier('isb');
  set(0x30d0_1805n, 3, 0, 1, 0, 0);
  return a.barrier('isb').movImm(0, 0);
}
/** SYS_EXIT with 0, or with what X2 holds. */
export function exit(a: Code, fromX2 = false): Code {
  a.movImm(1, EXIT_BLOCK);
  if (fromX2) a.strAt(2, 1, 8);
  return a.movImm(0, 0x18).semihost();
}
/** Xd = the number of this core. */
export const whoAmI = (a: Code, d: number): Code => a.mrs(d, 3, 0, 0, 0, 5).andImmLow(d, d, 8) as Code;

/** Image and entry of a program, with what is at some vectors (offset: code). The others end the run with status 99. */
export function program(
  main: Code,
  vectors: Readonly<Record<number, Code>> = {},
): Pick<SystemConfig, 'images' | 'entry'> {
  const image = new Uint8Array(0x110000);
  const view = new DataView(image.buffer);
  const put = (address: number, words: readonly number[]): void =>
    words.forEach((w, i) => {
      view.setUint32(address - RAM + 4 * i, w, true);
    });
  const wide = (address: number, v: bigint): void => view.setBigUint64(address - RAM, v, true);
  put(CODE, main.finish());
  const unexpected = new Code();
  exit(unexpected.movImm(2, 99) as Code, true);
  for (let at = 0; at < 0x800; at += 0x80) put(VECTORS + at, (vectors[at] ?? unexpected).finish());
  // Gigabyte 0: devices. Gigabyte 1: a table of 2 MB blocks; the 4 MB of DATA by pages.
  const level2 = TABLE + 0x1000;
  wide(TABLE, 0x705n | (3n << 53n));
  wide(TABLE + 8, BigInt(level2) | 3n);
  for (let i = 0; i < 512; i++) wide(level2 + 8 * i, BigInt(RAM + i * 0x200000) | 0x701n);
  for (const i of [1, 2]) wide(level2 + 8 * i, BigInt(PAGES + 0x1000 * (i - 1)) | 3n);
  for (let at = DATA; at < DATA + 0x400000; at += 4096) wide(descriptorOf(at), BigInt(pageAt(at)));
  wide(EXIT_BLOCK, 0x20026n);
  return { images: [{ address: RAM, bytes: image }], entry: BigInt(CODE) };
}
