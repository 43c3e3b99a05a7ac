import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { planVirtio } from '../../../core/devices/virtio/config.ts';
import { VirtioMmio } from '../../../core/devices/virtio/mmio.ts';
import { IO_WORDS, IoControl, ringIo } from '../../../core/system/io/control.ts';
import { Driver, type Machine, Ram } from '../../devices/virtio/driver.ts';
import { header } from '../../devices/virtio/requests.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'trireme-io-'));
  file = path.join(folder, 'image');
  fs.writeFileSync(file, new Uint8Array(1 << 20));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** VERSION_1 and flushing; without the event index each request interrupts. */
const FEATURES = (1n << 32n) | (1n << 9n);

function start() {
  const [device] = planVirtio([{ type: 'blk', file, overlay: false }], 32);
  const words = new Int32Array(new SharedArrayBuffer(4 * IO_WORDS));
  const state = new Int32Array(new SharedArrayBuffer(4 * VirtioMmio.WORDS));
  const ram = new Ram();
  const transport = new VirtioMmio(
    state,
    device!.shape,
    () => ringIo(words),
    () => {},
  );
  transport.reset();
  const worker = new Worker(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
    workerData: { device, words, state, ram: ram.bytes },
  });
  const exit = new Promise<number>((resolve) => worker.once('exit', resolve));
  const m: Machine = { ram, transport, levels: [], rings: 0 };
  return { driver: new Driver(m, 1, FEATURES, 16), control: new IoControl(words), exit, transport };
}
const until = async (done: () => boolean): Promise<void> => {
  const limit = performance.now() + 20_000;
  while (!done()) {
    if (performance.now() > limit) throw new Error('nothing happened');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

test('a thread of its own serves requests, rests, goes on, survives resets, and ends', async () => {
  const { driver, control, exit, transport } = start();
  const write = async (sector: number): Promise<void> => {
    driver.submit(0, [header(1, sector), new Uint8Array(512).fill(sector), 1]);
    driver.notify(0);
    await until(() => driver.used(0).length === 1);
    expect(driver.read(0x60)).toBe(1);
    driver.write(0x64, 1);
  };
  for (let sector = 1; sector <= 20; sector++) await write(sector);
  expect(await control.rest()).toBe(true);
  driver.submit(0, [header(1, 21), new Uint8Array(512).fill(21), 1]);
  driver.notify(0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(driver.used(0)).toEqual([]);
  control.resume();
  await until(() => driver.used(0).length === 1);
  await control.rest();
  transport.reset();
  control.resume();
  driver.start(1, FEATURES);
  await write(22);
  expect(await control.end()).toBe(true);
  expect(await exit).toBe(0);
  const written = fs.readFileSync(file);
  expect(Array.from({ length: 24 }, (_, sector) => written[512 * sector + 511])).toEqual([
    ...Array.from({ length: 23 }, (_, sector) => sector),
    0,
  ]);
});
