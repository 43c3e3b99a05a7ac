/** Entry of the thread that serves the queues of virtio devices. */
import { parentPort, workerData } from 'node:worker_threads';
import { layoutOf } from '../../engine/layout.ts';
import type { SystemConfig } from '../api.ts';
import { ConsolePort } from '../console.ts';
import { MachineDevices } from '../devices.ts';
import { CoreLines } from '../lines.ts';
import type { MachinePlan } from '../plan.ts';
import { ENTROPY_STREAM, randomFiller, randomSource } from '../random.ts';
import { IO_WORDS } from './control.ts';
import { serveIo } from './loop.ts';
import { IoService } from './service.ts';

export interface IoSetup {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  /** Arguments of `layoutOf`. */
  readonly arrangement: readonly [cores: number, spaces: number, arenaBytes: number];
  readonly plan: MachinePlan;
  readonly randomness: Pick<SystemConfig, 'deterministic' | 'seed'>;
}

const { memory, arrangement, plan, randomness } = workerData as IoSetup;
const layout = layoutOf(...arrangement);
const lines = new CoreLines(new Int32Array(memory.buffer), layout);
const bell = { ring: () => parentPort!.postMessage('bell') };
const consoles = plan.consoles.map((c) => new ConsolePort(memory.buffer, layout.devices + c.offset, bell));
const unused = (): void => {};
const devices = new MachineDevices({
  memory,
  layout,
  plan,
  fwCfg: [],
  console: (id) => consoles[id]!,
  setLines: (core, bits, mask) => lines.set(core, bits, mask),
  // Only transports are used here.
  ...{ line: unused, showFlash: unused, powerOff: unused, reset: unused, seconds: () => 0 },
});
const service = new IoService({
  devices: plan.virtio,
  transport: (slot) => devices.transports[slot]!,
  memory: devices.requesters,
  console: (id) => consoles[id]!,
  random: randomFiller(randomSource(randomness, ENTROPY_STREAM)),
});
parentPort!.postMessage('ready');
serveIo(service, new Int32Array(memory.buffer, layout.devices + plan.io, IO_WORDS));
process.exit(0);
