import { describe, expect, test } from 'vitest';
import { Driver, machine } from './driver.ts';

const shape = {
  deviceId: 2,
  features: 1 << 9,
  configuration: new Uint8Array([1, 2, 3, 4, 5, 6]),
  queueSizes: [16, 8],
};

describe('version 2', () => {
  test('identification; the configuration space by bytes, halves and words', () => {
    const { transport } = machine(shape);
    expect([0, 4, 8, 12].map((at) => transport.read(at, 4))).toEqual([0x74726976, 2, 2, 0x554d4551]);
    expect([transport.read(0x100, 4), transport.read(0x104, 4), transport.read(0x102, 2)]).toEqual([
      0x04030201, 0x0605, 0x0403,
    ]);
    expect(transport.read(0x105, 1)).toBe(6);
    expect(transport.read(0x1fc, 4)).toBe(0);
    // Registers are words.
    expect([transport.read(0x4, 1), transport.read(0x6, 2), transport.read(0x70, 8)]).toEqual([0, 0, 0]);
    expect(transport.read(0xb0, 4)).toBe(-1);
  });

  test('a transport without a device says so, and takes nothing', () => {
    const m = machine(null);
    expect([0, 4, 8, 12].map((at) => m.transport.read(at, 4))).toEqual([0x74726976, 2, 0, 0x554d4551]);
    for (let at = 0; at < 0x200; at += 4) m.transport.write(at, -1, 4);
    for (let at = 0x10; at < 0x200; at += 4) expect(m.transport.read(at, 4)).toBe(0);
    expect([m.rings, m.levels]).toEqual([0, []]);
  });

  test('features: FEATURES_OK stays only with VERSION_1 and nothing that was not offered', () => {
    const m = machine(shape);
    const { transport: t } = m;
    const attempt = (low: number, high: number): number => {
      t.write(0x70, 0, 4);
      t.write(0x24, 0, 4);
      t.write(0x20, low, 4);
      t.write(0x24, 1, 4);
      t.write(0x20, high, 4);
      t.write(0x70, 11, 4);
      return t.read(0x70, 4);
    };
    expect(attempt(1 << 9, 1)).toBe(11);
    expect(attempt(1 << 9, 0)).toBe(3);
    expect(attempt(1 << 10, 1)).toBe(3);
    expect(attempt(0, 3)).toBe(3);
    t.write(0x14, 0, 4);
    expect(t.read(0x10, 4)).toBe((1 << 9) | (1 << 28) | (1 << 29));
    t.write(0x14, 1, 4);
    expect(t.read(0x10, 4)).toBe(1);
    t.write(0x14, 2, 4);
    expect(t.read(0x10, 4)).toBe(0);
    // Fixed from then on.
    attempt(0, 1);
    t.write(0x20, 0, 4);
    expect(t.accepted(32)).toBe(true);
  });

  test('queues: sizes, selection, readiness; an impossible size is not made ready', () => {
    const { transport: t } = machine(shape);
    const sizeOf = (queue: number): number => {
      t.write(0x30, queue, 4);
      return t.read(0x34, 4);
    };
    expect([0, 1, 2, -1].map(sizeOf)).toEqual([16, 8, 0, 0]);
    t.write(0x30, 1, 4);
    for (const [size, ready] of [
      [16, 0],
      [0, 0],
      [7, 0],
      [-8, 0],
      [4, 1],
    ]) {
      t.write(0x38, size!, 4);
      t.write(0x44, 1, 4);
      expect(t.read(0x44, 4)).toBe(ready);
    }
    t.write(0x30, 0, 4);
    expect(t.read(0x44, 4)).toBe(0);
    t.write(0x70, 0, 4);
    t.write(0x30, 1, 4);
    expect(t.read(0x44, 4)).toBe(0);
  });

  test('a notification only rings the doorbell; the interrupt line follows the status', () => {
    const m = machine(shape);
    const driver = new Driver(m, 2);
    const before = m.rings;
    driver.notify(1);
    expect(m.rings).toBe(before + 1);
    driver.notify(2);
    driver.write(0x50, 0xffffffff);
    expect(m.rings).toBe(before + 1);
    m.transport.locked(() => m.transport.interrupt(1));
    m.transport.locked(() => m.transport.interrupt(2));
    expect([driver.read(0x60), m.levels]).toEqual([3, [true]]);
    driver.write(0x64, 1);
    expect([driver.read(0x60), m.levels]).toEqual([2, [true]]);
    driver.write(0x64, 2);
    expect(m.levels).toEqual([true, false]);
    m.transport.locked(() => m.transport.interrupt(1));
    driver.write(0x70, 0);
    expect([driver.read(0x60), driver.read(0x70), m.levels]).toEqual([0, 0, [true, false, true, false]]);
  });
});

test('version 1: 32 features, queues by page', () => {
  const m = machine(shape, true);
  const driver = new Driver(m, 2);
  expect(driver.read(4)).toBe(1);
  expect(driver.offered()).toBe((1n << 9n) | (7n << 27n));
  driver.write(0x30, 1);
  expect(driver.read(0x40)).toBe(driver.descriptorTable(1) / 4096);
  expect([driver.read(0x44), driver.read(0xb0)]).toEqual([0, 0]);
  driver.write(0x40, 0);
  expect(driver.read(0x40)).toBe(0);
});
