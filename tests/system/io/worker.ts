/** The I/O thread of a system that has one disk, for tests. */
import { workerData } from 'node:worker_threads';
import type { GuestMemory } from '../../../core/devices/device.ts';
import type { PlannedDevice } from '../../../core/devices/virtio/config.ts';
import { VirtioMmio } from '../../../core/devices/virtio/mmio.ts';
import { serveIo } from '../../../core/system/io/loop.ts';
import { IoService } from '../../../core/system/io/service.ts';

const BASE = 0x40000000;
const { device, words, state, ram } = workerData as {
  device: PlannedDevice;
  words: Int32Array;
  state: Int32Array;
  ram: Uint8Array;
};
const view = (address: number, length: number): Uint8Array | null =>
  address >= BASE && address + length <= BASE + ram.length
    ? ram.subarray(address - BASE, address - BASE + length)
    : null;
const memory: GuestMemory = {
  view,
  read: (address, length) => view(address, length)?.slice() ?? null,
  write: (address, bytes) => {
    const window = view(address, bytes.length);
    window?.set(bytes);
    return window !== null;
  },
};
const transport = new VirtioMmio(
  state,
  device.shape,
  () => {},
  () => {},
);
const none = (): never => {
  throw new Error('no console here');
};
serveIo(
  new IoService({ devices: [device], transport: () => transport, memory, console: none, random: () => {} }),
  words,
);
