import { expect, test } from 'vitest';
import { hvcNames, planVirtio } from '../../../core/devices/virtio/config.ts';
import { ConsoleBackend } from '../../../core/devices/virtio/console.ts';
import { VirtQueue } from '../../../core/devices/virtio/queue.ts';
import { RngBackend } from '../../../core/devices/virtio/rng.ts';
import { Driver, machine } from './driver.ts';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

/** A line of the host's with what was shown and typed on it. */
function makeLine() {
  const shown: string[] = [];
  const line = {
    shown,
    typed: [] as number[],
    room: 1 << 20,
    sendSome(bytes: Uint8Array): number {
      const count = Math.min(this.room, bytes.length);
      this.room -= count;
      shown.push(Buffer.from(bytes.subarray(0, count)).toString());
      return count;
    },
    receiveSome(limit: number): Uint8Array {
      return Uint8Array.from(this.typed.splice(0, limit));
    },
    get waiting(): number {
      return this.typed.length;
    },
  };
  return line;
}

/** A device with ports of these names, and a driver that accepts `features` (null: all). */
function setUp(names: readonly (string | null)[] = [null], features: bigint | null = 1n << 32n) {
  const [device] = planVirtio([{ type: 'console', ports: names.map((name, n) => ({ name, console: n })) }], 32);
  const m = machine(device!.shape);
  const queues = m.transport.shape!.queueSizes.map((_, n) => new VirtQueue(m.transport, n, m.ram));
  const driver = new Driver(m, queues.length, features);
  const lines = names.map(makeLine);
  const backend = new ConsoleBackend(
    queues,
    names.map((name, n) => ({ name, line: lines[n]! })),
  );
  return { m, driver, lines, line: lines[0]!, shown: lines[0]!.shown, backend };
}

test('what the guest writes comes out in order; a line without room holds it, and nothing is lost', () => {
  const { driver, line, shown, backend } = setUp();
  expect(driver.read(8)).toBe(3);
  driver.submit(1, [text('hello '), text('world')]);
  driver.submit(1, [text('x'.repeat(10_000))]);
  line.room = 20;
  backend.serve(1);
  expect(shown.join('')).toBe(`hello world${'x'.repeat(9)}`);
  expect(driver.used(1).length).toBe(1);
  expect(backend.poll()).toBe(false);
  line.room = 1 << 20;
  expect(backend.poll()).toBe(true);
  expect(shown.join('')).toBe(`hello world${'x'.repeat(10_000)}`);
  expect(driver.used(1).length).toBe(1);
});

test('input waits for buffers, and fills them', () => {
  const { driver, line, backend, m } = setUp();
  line.typed.push(...text('typed text'));
  expect(backend.poll()).toBe(false);
  const first = driver.submit(0, [4]);
  const second = driver.submit(0, [100]);
  expect(backend.serve(0)).toBe(true);
  expect(driver.used(0)).toEqual([
    { id: first.head, length: 4 },
    { id: second.head, length: 6 },
  ]);
  expect(Buffer.from(driver.bytesAt(second.places[0]!)).toString().slice(0, 6)).toBe('d text');
  expect(m.levels).toEqual([true]);
});

test('a reset drops what was held', () => {
  const { driver, line, shown, backend } = setUp();
  line.room = 0;
  driver.submit(1, [text('old')]);
  backend.serve(1);
  driver.start(4, null);
  backend.reset();
  line.room = 100;
  driver.submit(1, [text('new')]);
  backend.serve(1);
  expect(shown.join('')).toBe('new');
});

/** A control message: port, event, value. */
function control(id: number, event: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id, true);
  view.setUint16(4, event, true);
  view.setUint16(6, value, true);
  return bytes;
}

test('ports tell of themselves to a driver that knows of several, and each has a line', () => {
  const { driver, lines, backend } = setUp([null, 'org.second'], null);
  expect(driver.read(0x104)).toBe(2);
  const rooms = Array.from({ length: 7 }, () => driver.submit(2, [64]));
  const told = (): [number, number, number, string][] =>
    driver.used(2).map(({ id, length }) => {
      const bytes = driver.bytesAt(rooms.find((r) => r.head === id)!.places[0]!).subarray(0, length);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const name = Buffer.from(bytes.subarray(8)).toString();
      return [view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true), name];
    });
  // DEVICE_READY: both ports are added. PORT_READY: it is a console, has a name, is open.
  driver.submit(3, [control(0, 0, 1)]);
  backend.serve(3);
  expect(told()).toEqual([
    [0, 1, 0, ''],
    [1, 1, 0, ''],
  ]);
  driver.submit(3, [control(0, 3, 1)]);
  driver.submit(3, [control(1, 3, 1)]);
  driver.submit(3, [control(9, 3, 1)]);
  backend.serve(3);
  expect(told()).toEqual([
    [0, 4, 1, ''],
    [0, 6, 1, ''],
    [1, 4, 1, ''],
    [1, 7, 1, 'org.second\0'],
    [1, 6, 1, ''],
  ]);
  driver.submit(1, [text('first')]);
  driver.submit(5, [text('second')]);
  backend.serve(1);
  backend.serve(5);
  expect(lines.map((l) => l.shown.join(''))).toEqual(['first', 'second']);
  lines[1]!.typed.push(...text('keys'));
  const { places } = driver.submit(4, [10]);
  expect(backend.poll()).toBe(true);
  expect(Buffer.from(driver.bytesAt(places[0]!)).toString().slice(0, 4)).toBe('keys');
});

test('messages wait for room, and a reset forgets them; a driver of one port hears none', () => {
  const { driver, backend } = setUp(['a'], null);
  driver.submit(3, [control(0, 0, 1)]);
  backend.serve(3);
  driver.submit(2, [64]);
  expect(backend.serve(2)).toBe(true);
  expect(driver.used(2).length).toBe(1);
  driver.submit(3, [control(0, 3, 1)]);
  backend.serve(3);
  driver.start(4, null);
  backend.reset();
  driver.submit(2, [64]);
  expect(backend.serve(2)).toBe(false);
  const single = setUp(['a']);
  single.driver.submit(3, [control(0, 0, 1)]);
  single.driver.submit(2, [64]);
  single.backend.serve(3);
  expect(single.driver.used(2)).toEqual([]);
});

test('names of consoles, and too many ports', () => {
  expect(hvcNames([0, 2, 1])).toEqual([[], ['hvc1', 'hvc2'], ['hvc0']]);
  const ports = Array.from({ length: 15 }, (_, n) => ({ name: null, console: n }));
  expect(() => planVirtio([{ type: 'console', ports }], 32)).toThrow(/14 is the most/);
});

test('entropy fills the room, up to 4096 bytes at once', () => {
  const [device] = planVirtio([{ type: 'rng' }], 32);
  const m = machine(device!.shape);
  const driver = new Driver(m, 1);
  let next = 0;
  const fill = (into: Uint8Array): void => {
    for (let i = 0; i < into.length; i++) into[i] = ++next;
  };
  const backend = new RngBackend(new VirtQueue(m.transport, 0, m.ram), fill);
  const { places } = driver.submit(0, [3, 5]);
  driver.submit(0, [10_000]);
  driver.submit(0, [text('nothing to fill')]);
  backend.serve();
  expect(driver.used(0).map((u) => u.length)).toEqual([8, 4096, 0]);
  expect([...driver.bytesAt(places[0]!), ...driver.bytesAt(places[1]!)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});
