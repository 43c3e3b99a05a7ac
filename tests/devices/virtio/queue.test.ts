import { describe, expect, test } from 'vitest';
import { VirtQueue } from '../../../core/devices/virtio/queue.ts';
import { BASE, Driver, type Machine, machine } from './driver.ts';

const EVENT = 1n << 29n;
const INDIRECT = 1n << 28n;
const MODERN = 1n << 32n;
const NEEDS_RESET = 64;

function setUp(features: bigint | null = null, legacy = false): { m: Machine; driver: Driver; queue: VirtQueue } {
  const m = machine({ deviceId: 4, features: 0, configuration: new Uint8Array(0), queueSizes: [8] }, legacy);
  return { m, driver: new Driver(m, 1, features), queue: new VirtQueue(m.transport, 0, m.ram) };
}
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

describe.each([
  ['with event index', null, false, true],
  ['without features', MODERN, false, true],
  ['legacy', 0n, true, true],
  ['through copies', null, false, false],
] as const)('requests %s', (_name, features, legacy, views) => {
  test('data over several buffers, both ways, many times round the ring and past 2^16', () => {
    const { m, driver, queue } = setUp(features, legacy);
    m.ram.views = views;
    driver.beginAt(0, 65_000);
    for (let round = 0; round < 2_000; round++) {
      const { head, places } = driver.submit(0, [text('ab'), text('cde'), 3, 4]);
      const request = queue.pop()!;
      expect(queue.pop()).toBe(null);
      const got = new Uint8Array(4);
      expect(queue.gather(request, 1, got)).toBe(true);
      expect(new TextDecoder().decode(got)).toBe('bcde');
      expect(queue.scatter(request, 2, text('12345'))).toBe(true);
      queue.push(request, 7);
      expect(driver.used(0)).toEqual([{ id: head, length: 7 }]);
      expect(driver.bytesAt(places[2]!)[2]).toBe(0x31);
      expect(new TextDecoder().decode(driver.bytesAt(places[3]!))).toBe('2345');
    }
    expect(driver.read(0x70) & NEEDS_RESET).toBe(0);
  });
});

test('indirect tables', () => {
  const { driver, queue } = setUp();
  driver.submit(0, [text('xy'), 5, 6], true);
  const request = queue.pop()!;
  expect([request.readable.total, request.writable.total]).toEqual([2, 11]);
});

describe('interrupts and notifications', () => {
  test('without the event index: flags', () => {
    const { m, driver, queue } = setUp(MODERN);
    driver.setHalf(driver.availableRing(0), 1);
    driver.submit(0, [1]);
    queue.push(queue.pop()!, 0);
    expect(m.levels).toEqual([]);
    driver.setHalf(driver.availableRing(0), 0);
    driver.submit(0, [1]);
    driver.submit(0, [1]);
    const first = queue.pop()!;
    expect(driver.half(driver.usedRing(0))).toBe(1);
    queue.push(first, 0);
    expect(m.levels).toEqual([true]);
    queue.pop();
    expect(queue.pop()).toBe(null);
    expect(driver.half(driver.usedRing(0))).toBe(0);
  });
  test('with it: at the entry that the other side names', () => {
    const { m, driver, queue } = setUp(EVENT | MODERN);
    driver.setHalf(driver.availableRing(0) + 4 + 2 * 8, 2);
    for (let n = 0; n < 4; n++) driver.submit(0, [1]);
    const raised: boolean[] = [];
    for (let n = 0; n < 4; n++) {
      queue.push(queue.pop()!, 0);
      raised.push(m.levels.at(-1) ?? false);
      driver.write(0x64, 1);
    }
    expect(raised).toEqual([false, false, true, false]);
    const event = (): number => driver.half(driver.usedRing(0) + 4 + 8 * 8);
    expect(event()).toBe(0);
    expect(queue.pop()).toBe(null);
    expect(event()).toBe(4);
  });
});

test('a reset makes requests void: nothing more is written', () => {
  const { driver, queue } = setUp();
  const { places } = driver.submit(0, [text('q'), 4]);
  const request = queue.pop()!;
  driver.start(1, null);
  expect(queue.scatter(request, 0, text('late'))).toBe(false);
  expect(queue.gather(request, 0, new Uint8Array(1))).toBe(false);
  queue.push(request, 4);
  queue.breakDown(request);
  expect(driver.used(0)).toEqual([]);
  expect([...driver.bytesAt(places[1]!)]).toEqual([0, 0, 0, 0]);
  expect(driver.read(0x70)).toBe(15);
});

describe('rings that break the rules stop the device, until it is reset', () => {
  const cases: Record<string, (driver: Driver) => void> = {
    'more entries than the ring has': (d) => d.setHalf(d.availableRing(0) + 2, 9),
    'a head outside the table': (d) => d.offer(0, 8),
    'a next outside the table': (d) => {
      d.descriptor(d.descriptorTable(0), 0, BASE, 4, 1, 99);
      d.offer(0, 0);
    },
    'a loop': (d) => {
      d.descriptor(d.descriptorTable(0), 0, BASE, 4, 1, 1);
      d.descriptor(d.descriptorTable(0), 1, BASE, 4, 1, 0);
      d.offer(0, 0);
    },
    'something to read after something to write': (d) => void d.submit(0, [4, text('x')]),
    'a table of no whole number of entries': (d) => {
      d.descriptor(d.descriptorTable(0), 0, BASE, 17, 4, 0);
      d.offer(0, 0);
    },
    'an empty table': (d) => {
      d.descriptor(d.descriptorTable(0), 0, BASE, 0, 4, 0);
      d.offer(0, 0);
    },
    'a table of 2^28 entries': (d) => {
      d.descriptor(d.descriptorTable(0), 0, BASE, 0xfffffff0, 4, 0);
      d.offer(0, 0);
    },
    'a table in a table': (d) => {
      d.descriptor(BASE + 0x2000, 0, BASE + 0x2000, 16, 4, 0);
      d.descriptor(d.descriptorTable(0), 0, BASE + 0x2000, 16, 4, 0);
      d.offer(0, 0);
    },
    'a table outside memory': (d) => {
      d.descriptor(d.descriptorTable(0), 0, 2 ** 50, 16, 4, 0);
      d.offer(0, 0);
    },
    'more than 2^32 bytes': (d) => {
      for (let i = 0; i < 3; i++) d.descriptor(d.descriptorTable(0), i, BASE, 0x80000000, i < 2 ? 3 : 2, i + 1);
      d.offer(0, 0);
    },
    'rings in memory that the device may not access': (d) => {
      d.submit(0, [1]);
      d.ram.forbidden = [d.usedRing(0), 4];
    },
  };
  test.each(Object.keys(cases))('%s', (name) => {
    const { m, driver, queue } = setUp();
    cases[name]!(driver);
    expect(queue.pop()).toBe(null);
    expect(driver.read(0x70)).toBe(15 | NEEDS_RESET);
    expect([driver.read(0x60), m.levels]).toEqual([2, [true]]);
    // The driver cannot take it back but by a reset.
    driver.write(0x70, 15);
    expect(driver.read(0x70)).toBe(15 | NEEDS_RESET);
    expect(m.ram.longest).toBeLessThan(1 << 17);
    m.ram.forbidden = [0, 0];
    driver.start(1, null);
    driver.submit(0, [text('ok')]);
    expect(queue.pop()?.readable.total).toBe(2);
  });
  test('tables in tables need the feature', () => {
    const { driver, queue } = setUp(MODERN & ~INDIRECT);
    driver.submit(0, [text('xy')], true);
    expect(queue.pop()).toBe(null);
    expect(driver.read(0x70) & NEEDS_RESET).toBe(NEEDS_RESET);
  });
});

test('data outside memory fail, the queue goes on', () => {
  const { driver, queue } = setUp();
  driver.descriptor(driver.descriptorTable(0), 0, 0xfffff000, 0x2000, 2, 0);
  driver.offer(0, 0);
  const request = queue.pop()!;
  expect(queue.scatter(request, 0, new Uint8Array(16))).toBe(false);
  queue.push(request, 0);
  expect(driver.used(0)).toEqual([{ id: 0, length: 0 }]);
});
