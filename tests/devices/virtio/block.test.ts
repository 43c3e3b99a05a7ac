import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BlockConfig, planVirtio } from '../../../core/devices/virtio/config.ts';
import type { IoService } from '../../../core/system/io/service.ts';
import { randomNumbers } from '../../support/random.ts';
import { Driver, type Machine, type Part, type Submitted } from './driver.ts';
import { BLOCK, header, range } from './requests.ts';
import { served } from './served.ts';

let folder: string;
let file: string;
let content: Uint8Array;
let services: IoService[];
beforeEach(() => {
  services = [];
  folder = fs.mkdtempSync(path.join(tmpdir(), 'trireme-block-'));
  file = path.join(folder, 'image');
  const random = randomNumbers(9);
  content = Uint8Array.from({ length: 2048 * 512 }, () => random(256));
  fs.writeFileSync(file, content);
});
afterEach(() => {
  for (const s of services) s.close();
  fs.rmSync(folder, { recursive: true });
});

interface Bench {
  readonly m: Machine;
  readonly driver: Driver;
  readonly service: IoService;
  run(
    type: number,
    sector: number,
    parts: readonly Part[],
    indirect?: boolean,
  ): { status: number; length: number } & Submitted;
}
function bench(config: Partial<BlockConfig> = {}, features: bigint | null = null, legacy = false): Bench {
  const { m, service } = served({ type: 'blk', file, ...config }, legacy);
  services.push(service);
  const driver = new Driver(m, 1, features, 16);
  const run: Bench['run'] = (type, sector, parts, indirect = false) => {
    const submitted = driver.submit(0, [header(type, sector), ...parts, 1], indirect);
    const last = submitted.places.at(-1)!;
    m.ram.write(last[0], new Uint8Array([0xaa]));
    driver.notify(0);
    while (service.service());
    const [used] = driver.used(0);
    expect(used!.id).toBe(submitted.head);
    return { ...submitted, length: used!.length, status: driver.bytesAt(last)[0]! };
  };
  return { m, driver, service, run };
}
const { read: READ, write: WRITE, flush: FLUSH, id: ID, discard: DISCARD, zeroes: ZEROES } = BLOCK;

test('configuration: capacity, block size, limits', () => {
  const { driver } = bench();
  expect([driver.read(8), driver.read(0x100), driver.read(0x104), driver.read(0x10c), driver.read(0x114)]).toEqual([
    2, 2048, 0, 254, 512,
  ]);
  expect(driver.offered() & 0xffffn).toBe(BigInt((1 << 2) | (1 << 6) | (1 << 9) | (1 << 13) | (1 << 14)));
  expect(bench({ readonly: true }).driver.offered() & 0xffffn).toBe(BigInt((1 << 2) | (1 << 5) | (1 << 6) | (1 << 9)));
});

test.each([false, true])(
  'what is written is read back, whatever the buffers; the image stays as it was (legacy: %s)',
  (legacy) => {
    const { run, driver, m } = bench({}, null, legacy);
    const model = Buffer.from(content);
    const random = randomNumbers(3);
    for (let round = 0; round < 200; round++) {
      const sectors = 1 + random(random(3) ? 8 : 1024);
      const sector = random(2048 - sectors);
      const cut = random(sectors * 512);
      const lengths = [cut, sectors * 512 - cut];
      if (random(2)) {
        const bytes = new Uint8Array(sectors * 512).fill(round);
        const { status } = run(WRITE, sector, [bytes.subarray(0, cut), bytes.subarray(cut)], random(2) === 0);
        expect(status).toBe(0);
        model.set(bytes, sector * 512);
      } else {
        const { status, places, length } = run(READ, sector, lengths, random(2) === 0);
        expect([status, length]).toEqual([0, sectors * 512 + 1]);
        const got = Buffer.concat([driver.bytesAt(places[1]!), driver.bytesAt(places[2]!)]);
        expect(got.equals(model.subarray(sector * 512, (sector + sectors) * 512))).toBe(true);
      }
    }
    expect(m.levels.filter(Boolean).length).toBeGreaterThan(0);
    expect(fs.readFileSync(file).equals(content)).toBe(true);
  },
);

test('writing into the image, when that is asked for', () => {
  const { run } = bench({ overlay: false });
  expect(run(WRITE, 3, [new Uint8Array(512).fill(9)]).status).toBe(0);
  expect(run(FLUSH, 0, []).status).toBe(0);
  expect(run(ZEROES, 5, [range(5, 2)]).status).toBe(0);
  const now = fs.readFileSync(file);
  expect(now.subarray(1536, 2048)).toEqual(Buffer.alloc(512, 9));
  expect(now.subarray(2560, 3584)).toEqual(Buffer.alloc(1024));
  expect(run(DISCARD, 0, [range(0, 8)]).status).toBe(2);
});

test('ranges: write zeroes, discard, and their limits', () => {
  const { run, driver } = bench();
  expect(run(ZEROES, 0, [range(8, 16, 1)]).status).toBe(0);
  const { places } = run(READ, 7, [512 * 18]);
  const got = driver.bytesAt(places[1]!);
  expect([got[511], got[512], got[17 * 512 - 1], got[17 * 512]]).toEqual([content[4095], 0, 0, content[24 * 512]]);
  expect(run(DISCARD, 0, [range(0, 8), range(16, 8)]).status).toBe(0);
  const statuses = [
    run(DISCARD, 0, [range(0, 8, 1)]),
    run(ZEROES, 0, [range(0, 8, 2)]),
    run(ZEROES, 0, [range(0, 8), range(8, 8)]),
    run(ZEROES, 0, [range(0, 0x10000)]),
    run(ZEROES, 0, [range(2047, 2)]),
    run(ZEROES, 0, [range(2 ** 53, 2)]),
    run(DISCARD, 0, [range(0, 8).subarray(0, 8)]),
    run(DISCARD, 0, []),
  ].map((r) => r.status);
  expect(statuses).toEqual([2, 2, 1, 1, 1, 1, 1, 1]);
});

test('the serial number', () => {
  const { run, driver } = bench({ serial: 'disk-0' });
  const { places, length, status } = run(ID, 0, [20]);
  expect([status, length]).toEqual([0, 21]);
  expect(Buffer.from(driver.bytesAt(places[1]!)).toString('latin1')).toBe('disk-0'.padEnd(20, '\0'));
});

test('requests that cannot be done have a result that says so', () => {
  const { run, driver, m } = bench();
  const results = [
    run(READ, 2047, [1024]),
    run(READ, 2 ** 60, [512]),
    run(READ, 0, [100]),
    run(WRITE, 2048, [new Uint8Array(512)]),
    run(99, 0, [512]),
  ].map(({ status, length }) => [status, length]);
  expect(results).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
    [1, 1],
    [2, 1],
  ]);
  // Nothing but a result.
  driver.submit(0, [1]);
  driver.notify(0);
  expect(bench({ readonly: true }).run(WRITE, 0, [new Uint8Array(512)]).status).toBe(1);
  expect(m.transport.read(0x70, 4)).toBe(15);
});

test('without room for a result the device asks for a reset', () => {
  const { driver, service } = bench();
  driver.submit(0, [header(READ, 0)]);
  driver.notify(0);
  service.service();
  expect([driver.used(0), driver.read(0x70)]).toEqual([[], 15 | 64]);
});

test('data in memory that the device may not access: an error, and the disk unchanged', () => {
  const { driver, service, m, run } = bench();
  const { places } = driver.submit(0, [header(WRITE, 0), new Uint8Array(512).fill(1), 1]);
  m.ram.forbidden = [places[1]![0] + 100, 4];
  driver.notify(0);
  while (service.service());
  expect(driver.bytesAt(places[2]!)[0]).toBe(1);
  m.ram.forbidden = [0, 0];
  driver.used(0);
  const { places: after } = run(READ, 0, [512]);
  expect(Buffer.from(driver.bytesAt(after[1]!)).equals(content.subarray(0, 512))).toBe(true);
});

test('an image cut short by the host gives input errors; the system goes on', () => {
  const { run } = bench();
  fs.truncateSync(file, 512 * 100);
  expect([
    run(READ, 99, [512]).status,
    run(READ, 100, [512]).status,
    run(WRITE, 100, [new Uint8Array(512)]).status,
  ]).toEqual([0, 1, 1]);
});

test('the overlay outlives resets', () => {
  const { run, driver, m } = bench();
  run(WRITE, 1, [new Uint8Array(512).fill(5)]);
  m.transport.reset();
  driver.start(1, null);
  const { places } = run(READ, 1, [512]);
  expect(driver.bytesAt(places[1]!).every((byte) => byte === 5)).toBe(true);
});

test('a mistaken configuration is said in a line', () => {
  const plan = (...configs: Parameters<typeof planVirtio>[0]): number[] => planVirtio(configs, 32).map((d) => d.slot);
  expect(plan({ type: 'rng' }, { type: 'rng', slot: 30 }, { type: 'blk', file }, { type: 'rng' })).toEqual([
    31, 30, 29, 28,
  ]);
  expect(() => plan({ type: 'rng', slot: 3 }, { type: 'rng', slot: 3 })).toThrow('two virtio devices want transport 3');
  expect(() => plan({ type: 'rng', slot: 32 })).toThrow('0 to 31');
  expect(() => planVirtio([{ type: 'rng' }, { type: 'rng' }], 1)).toThrow('more virtio devices');
  expect(() => plan({ type: 'blk', file: path.join(folder, 'none') })).toThrow('no such file');
  expect(() => plan({ type: 'blk', file, serial: 'x'.repeat(21) })).toThrow('serial');
  expect(() => plan({ type: '9p', path: file, tag: 'a', securityModel: 'none' })).toThrow('not a folder');
  expect(() => plan({ type: '9p', path: folder, tag: '', securityModel: 'none' })).toThrow('mount tag');
});
