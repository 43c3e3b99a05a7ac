/** The I/O thread of a system that has one disk, for tests. */
import { workerData } from 'node:worker_threads';
import type { PlannedDevice } from '../../../core/devices/virtio/config.ts';
import { VirtioMmio } from '../../../core/devices/virtio/mmio.ts';
import { serveIo } from '../../../core/system/io/loop.ts';
import { Ram } from '../../devices/virtio/driver.ts';
import { serviceOf } from '../../devices/virtio/served.ts';

const { device, words, state, ram } = workerData as {
  device: PlannedDevice;
  words: Int32Array;
  state: Int32Array;
  ram: Uint8Array;
};
const transport = new VirtioMmio(
  state,
  device.shape,
  () => {},
  () => {},
);
serveIo(serviceOf(device, transport, new Ram(ram)), words);
