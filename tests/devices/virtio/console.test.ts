import { expect, test } from 'vitest';
import { planVirtio } from '../../../core/devices/virtio/config.ts';
import { ConsoleBackend } from '../../../core/devices/virtio/console.ts';
import { VirtQueue } from '../../../core/devices/virtio/queue.ts';
import { RngBackend } from '../../../core/devices/virtio/rng.ts';
import { Driver, machine } from './driver.ts';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

function setUp() {
  const [device] = planVirtio([{ type: 'console', console: 1 }], 32);
  const m = machine(device!.shape);
  const driver = new Driver(m, 2);
  const shown: string[] = [];
  const line = {
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
  const queues = [0, 1].map((n) => new VirtQueue(m.transport, n, m.ram));
  return { m, driver, line, shown, backend: new ConsoleBackend(queues, line) };
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
  driver.start(2, null);
  backend.reset();
  line.room = 100;
  driver.submit(1, [text('new')]);
  backend.serve(1);
  expect(shown.join('')).toBe('new');
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
