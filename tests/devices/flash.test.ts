import { beforeEach, describe, expect, test } from 'vitest';
import { FLASH_BLOCK, Flash } from '../../core/devices/flash.ts';

const SIZE = 64 << 20;
const READY = 0x00800080;
let contents: Uint8Array;
let state: Int32Array;
let modes: boolean[];
let flash: Flash;

const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
const instance = (readOnly = false): Flash => new Flash(state, contents, (mode) => void modes.push(mode), readOnly);

beforeEach(() => {
  // The table tells of 64 MiB; a sparse buffer costs nothing until it is written.
  contents = new Uint8Array(shared(SIZE));
  state = new Int32Array(shared(4 * Flash.WORDS));
  modes = [];
  flash = instance();
  flash.reset();
});

const read = (offset: number, size = 4): number => flash.read(offset, size) >>> 0;
const write = (offset: number, value: number, size = 4): void => flash.write(offset, value, size);
/** A command for both chips. */
const both = (command: number): number => command | (command << 16);
const word = (offset: number): number => new DataView(contents.buffer).getUint32(offset, true);

describe('reading', () => {
  test('after reset the contents are there', () => {
    contents.set([1, 2, 3, 4], 8);
    expect(flash.arrayMode).toBe(true);
    expect([read(8), read(10, 2), read(9, 1)]).toEqual([0x04030201, 0x0403, 0x02]);
    expect(modes).toEqual([]);
  });
  test('the query table, as of a 64 MiB bank of two 16-bit Intel chips', () => {
    write(0x55 * 4, both(0x98));
    expect(modes).toEqual([false]);
    const chip = (n: number): number => {
      const value = read(4 * n);
      expect(value >>> 16).toBe(value & 0xffff);
      return value & 0xffff;
    };
    expect(String.fromCharCode(chip(0x10), chip(0x11), chip(0x12))).toBe('QRY');
    expect(chip(0x13) | (chip(0x14) << 8)).toBe(1);
    // Two chips of 2^25 bytes; 16-bit interface; 2048-byte buffer.
    expect([chip(0x27), chip(0x28), chip(0x29), chip(0x2a), chip(0x2b)]).toEqual([25, 2, 0, 11, 0]);
    // One region: 256 blocks of 0x200 × 256 bytes in each chip.
    expect([chip(0x2c), chip(0x2d), chip(0x2e), chip(0x2f), chip(0x30)]).toEqual([1, 0xff, 0, 0, 2]);
    const at = chip(0x15);
    expect(String.fromCharCode(...[0, 1, 2, 3, 4].map((n) => chip(at + n)))).toBe('PRI10');
    expect(chip(0x3e0)).toBe(0);
    write(0, both(0xff));
    expect(modes).toEqual([false, true]);
    expect(read(0x40)).toBe(0);
  });
  test('the identifiers', () => {
    write(0, both(0x90));
    expect([read(0), read(4), read(8)]).toEqual([0x00890089, 0x00180018, 0]);
  });
  test.each([0xff, 0xf0, 0x00, 0x33])('command 0x%s leads back to the array', (command) => {
    write(0, both(0x90));
    write(0, both(command));
    expect(flash.arrayMode).toBe(true);
  });
});

describe('programming', () => {
  test('a word', () => {
    write(0x1000, both(0x40));
    expect(word(0x1000)).toBe(0);
    write(0x1000, 0x12345678);
    expect(read(0)).toBe(READY);
    expect(read(0, 2)).toBe(0x80);
    expect(word(0x1000)).toBe(0x12345678);
    expect(flash.arrayMode).toBe(false);
    write(0, both(0xff));
    expect(read(0x1000)).toBe(0x12345678);
  });
  test('a buffer is stored when it is confirmed, and not before', () => {
    write(0x2000, both(0xe8));
    expect(read(0x2000)).toBe(READY);
    write(0x2000, both(2));
    for (const n of [0, 1, 2]) write(0x2000 + 4 * n, 0x01010101 * (n + 1));
    expect(word(0x2000)).toBe(0);
    write(0x2000, both(0xd0));
    expect(read(0)).toBe(READY);
    expect([word(0x2000), word(0x2004), word(0x2008), word(0x200c)]).toEqual([0x01010101, 0x02020202, 0x03030303, 0]);
  });
  test('a buffer that is not confirmed is dropped', () => {
    write(0x2000, both(0xe8));
    write(0x2000, both(0));
    write(0x2000, 0x77777777);
    write(0x2000, both(0xff));
    expect(flash.arrayMode).toBe(true);
    expect(word(0x2000)).toBe(0);
  });
  test('a buffer that leaves its piece fails and stores nothing', () => {
    write(0x2ffc, both(0xe8));
    write(0x2ffc, both(1));
    write(0x2ffc, 0x11111111);
    write(0x3000, 0x22222222);
    expect(read(0) & 0x10).toBe(0x10);
    write(0x2ffc, both(0xd0));
    expect([word(0x2ffc), word(0x3000)]).toEqual([0, 0]);
    write(0, both(0x70));
    expect(read(0) & 0x10).toBe(0x10);
    write(0, both(0x50));
    write(0, both(0x70));
    expect(read(0)).toBe(READY);
  });
  test('another thread may go on with a command', () => {
    write(0x2000, both(0xe8));
    write(0x2000, both(0));
    flash = instance();
    write(0x2000, 0x99999999);
    flash = instance();
    write(0x2000, both(0xd0));
    expect(word(0x2000)).toBe(0x99999999);
  });
});

describe('erasing', () => {
  test('one block, when it is confirmed', () => {
    write(FLASH_BLOCK + 0x44, both(0x20));
    expect(contents[FLASH_BLOCK]).toBe(0);
    write(FLASH_BLOCK + 0x44, both(0xd0));
    expect(read(0)).toBe(READY);
    expect([
      contents[FLASH_BLOCK - 1],
      contents[FLASH_BLOCK],
      contents[2 * FLASH_BLOCK - 1],
      contents[2 * FLASH_BLOCK],
    ]).toEqual([0, 0xff, 0xff, 0]);
  });
  test('anything else instead of the confirmation stops it', () => {
    write(0, both(0x20));
    write(0, both(0x70));
    expect(contents[0]).toBe(0);
    expect(flash.arrayMode).toBe(true);
  });
});

test('read-only: programming and erasing change nothing, and say so as QEMU 11.1 does', () => {
  flash = instance(true);
  contents.set([1, 2, 3, 4]);
  const status = (...writes: number[]): number => {
    write(0, both(0x50));
    for (const value of writes) write(0, value);
    return read(0);
  };
  expect(status(both(0x40), 0x11223344)).toBe(0x00900090);
  expect(status(both(0x20), both(0xd0))).toBe(0x00a000a0);
  expect(status(both(0xe8), 0, 0x55667788)).toBe(0x00900090);
  // A confirmation after an error leads back to the contents.
  expect(status(both(0xe8), 0, 0x55667788, both(0xd0))).toBe(0x04030201);
  expect(flash.arrayMode).toBe(true);
  expect(status(both(0x90))).toBe(0x00890089);
});

test('locking and unlocking commands are taken, and change nothing', () => {
  for (const second of [0xd0, 0x01]) {
    write(0, both(0x60));
    write(0, both(second));
    expect(read(0)).toBe(READY);
  }
  write(0, both(0x60));
  write(0, both(0x42));
  expect(flash.arrayMode).toBe(true);
});
