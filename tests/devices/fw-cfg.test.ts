import { beforeEach, describe, expect, test } from 'vitest';
import { fwCfgItems } from '../../core/boot/fw-cfg-items.ts';
import type { GuestMemory } from '../../core/devices/device.ts';
import { FwCfg } from '../../core/devices/fw-cfg.ts';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const RAM = 0x40000000;
let ram: Uint8Array;
let device: FwCfg;

const memory: GuestMemory = {
  read: (address, length) =>
    address >= RAM && address + length <= RAM + ram.length ? ram.slice(address - RAM, address - RAM + length) : null,
  write: (address, bytes) => {
    if (address < RAM || address + bytes.length > RAM + ram.length) return false;
    ram.set(bytes, address - RAM);
    return true;
  },
  view: () => null,
};

beforeEach(() => {
  ram = new Uint8Array(4096).fill(0xee);
  const items = [
    ...fwCfgItems({ cores: 4, uuid: null, kernel: text('KERNEL!'), initrd: text('rd'), commandLine: 'a=b' }),
    { file: 'opt/zebra', bytes: text('zzz') },
  ];
  device = new FwCfg(new Int32Array(new SharedArrayBuffer(4 * FwCfg.WORDS)), items, memory);
  device.reset();
});

const select = (key: number): void => device.write(8, ((key & 0xff) << 8) | (key >> 8), 2);
const bytes = (count: number): number[] => Array.from({ length: count }, () => device.read(0, 1));
const string = (count: number): string => String.fromCharCode(...bytes(count));
const number = (key: number, count = 4): number => {
  select(key);
  return bytes(count).reduce((v, b, n) => v + b * 256 ** n, 0);
};
/** The directory, read as firmware does. */
function directory(): Record<string, { key: number; size: number }> {
  select(0x19);
  const big = (count: number): number => bytes(count).reduce((v, b) => v * 256 + b, 0);
  const count = big(4);
  const files: Record<string, { key: number; size: number }> = {};
  for (let n = 0; n < count; n++) {
    const [size, key] = [big(4), big(2)];
    big(2);
    files[string(56).replace(/\0+$/, '')] = { key, size };
  }
  return files;
}
function dma(control: number, length: number, address: number): number {
  const view = new DataView(ram.buffer);
  view.setUint32(0, control, false);
  view.setUint32(4, length, false);
  view.setBigUint64(8, BigInt(address), false);
  // The register is big-endian: the high word's bytes come first.
  device.write(16, 0, 4);
  device.write(20, RAM >>> 24, 4);
  return view.getUint32(0, false);
}

describe('selector and data', () => {
  test('signature, features, cores', () => {
    select(0);
    expect(string(4)).toBe('QEMU');
    expect(number(1)).toBe(3);
    expect(number(5, 2)).toBe(4);
  });
  test('data comes in the order of the item at any width', () => {
    select(0x11);
    expect(device.read(0, 4) >>> 0).toBe(0x4e52454b);
    expect(device.read(0, 2)).toBe(0x4c45);
    select(0x11);
    expect(device.readWide(0)).toEqual([0x4e52454b, 0x00214c45]);
  });
  test('kernel, initial RAM disk and command line with their sizes', () => {
    expect([number(8), number(0xb), number(0x14)]).toEqual([7, 2, 4]);
    select(0x12);
    expect(string(2)).toBe('rd');
    select(0x15);
    expect(string(4)).toBe('a=b\0');
  });
  test('behind the end of an item, and in one that is not there, are zeros', () => {
    select(0x12);
    expect(bytes(4)).toEqual([0x72, 0x64, 0, 0]);
    select(0x7777);
    expect(bytes(2)).toEqual([0, 0]);
  });
  test('the directory is sorted by name and leads to the files', () => {
    const files = directory();
    expect(Object.keys(files)).toEqual(['bootorder', 'etc/boot-fail-wait', 'opt/zebra']);
    expect(files['opt/zebra']).toEqual({ key: 0x22, size: 3 });
    select(files['opt/zebra']!.key);
    expect(string(3)).toBe('zzz');
    expect(number(files['etc/boot-fail-wait']!.key)).toBe(0xffffffff);
  });
});

describe('DMA', () => {
  test('the register shows that it is there', () => {
    const at = [16, 20].map((offset) => device.read(offset, 4));
    expect(Buffer.from(new Int32Array(at).buffer).toString()).toBe('QEMU CFG');
    expect(device.readWide(16)).toEqual(at);
  });
  test('select and read; zeros behind the end', () => {
    expect(dma((0x11 << 16) | 8 | 2, 10, RAM + 0x100)).toBe(0);
    expect([...ram.subarray(0x100, 0x10b)]).toEqual([...text('KERNEL!'), 0, 0, 0, 0xee]);
  });
  test('skip, then read on', () => {
    expect(dma((0x11 << 16) | 8 | 4, 3, 0)).toBe(0);
    expect(dma(2, 2, RAM + 0x100)).toBe(0);
    expect([...ram.subarray(0x100, 0x103)]).toEqual([...text('NE'), 0xee]);
  });
  test('8-byte accesses', () => {
    new DataView(ram.buffer).setUint32(0, (0x12 << 16) | 8 | 2, false);
    new DataView(ram.buffer).setUint32(4, 2, false);
    new DataView(ram.buffer).setBigUint64(8, BigInt(RAM + 0x200), false);
    device.writeWide(16, 0, 0x40);
    expect([...ram.subarray(0x200, 0x203)]).toEqual([...text('rd'), 0xee]);
  });
  test('writing, and memory that is not there, are errors', () => {
    expect(dma((0x11 << 16) | 8 | 16, 4, RAM + 0x100)).toBe(1);
    expect(dma((0x11 << 16) | 8 | 2, 4, 0x1000)).toBe(1);
    expect([...ram.subarray(0x100, 0x104)]).toEqual([0xee, 0xee, 0xee, 0xee]);
  });
  test('a request outside of memory is ignored', () => {
    const before = ram.slice();
    device.write(16, 0, 4);
    device.write(20, 0x50, 4);
    expect(ram).toEqual(before);
  });
});
