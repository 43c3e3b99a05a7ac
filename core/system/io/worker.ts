/** Entry of the thread that serves the queues of virtio devices. */
import { parentPort, workerData } from 'node:worker_threads';
import { layoutOf } from '../../engine/layout.ts';
import type { SystemConfig } from '../api.ts';
import { Clock } from '../clock.ts';
import { ConsolePort } from '../console.ts';
import { MachineDevices } from '../devices.ts';
import { CoreLines } from '../lines.ts';
import type { MachinePlan } from '../plan.ts';
import { hostProtection } from '../protection.ts';
import { ENTROPY_STREAM, randomFiller, randomSource } from '../random.ts';
import { RequesterWatch } from '../watch-requests.ts';
import { WatchWriter } from '../watch-ring.ts';
import { IO_WORDS } from './control.ts';
import { serveIo } from './loop.ts';
import { IoService } from './service.ts';

export interface IoSetup {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  /** Arguments of `layoutOf`. */
  readonly arrangement: readonly [cores: number, spaces: number, arenaBytes: number];
  readonly plan: MachinePlan;
  readonly config: Pick<SystemConfig, 'deterministic' | 'seed'>;
  /** As in `ThreadSetup`. */
  readonly epoch: number;
}

const { memory, arrangement, plan, config, epoch } = workerData as IoSetup;
const layout = layoutOf(...arrangement);
const lines = new CoreLines(new Int32Array(memory.buffer), layout);
const bell = { ring: () => parentPort!.postMessage('bell') };
const consoles = plan.consoles.map((c) => new ConsolePort(memory.buffer, layout.devices + c.offset, bell));
const clock = new Clock(new Int32Array(memory.buffer), layout, config, epoch);
const writer = new WatchWriter(memory.buffer, layout.devices, plan.watches.at(-1)!, bell);
const protection = hostProtection(memory, layout, plan);
const requests = new RequesterWatch({
  memory: memory.buffer,
  writer,
  now: () => clock.now(layout.core(0)),
  ownerWord: (address) => protection?.ownerWord(address) ?? 0,
});
if (protection) protection.onTransfer = (transfer) => requests.tookOver(transfer);
const unused = (): void => {};
const devices = new MachineDevices({
  memory,
  layout,
  plan,
  fwCfg: [],
  protection: () => protection,
  refused: (address, writes) => requests.refused(address, writes),
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
  random: randomFiller(randomSource(config, ENTROPY_STREAM)),
});
parentPort!.postMessage('ready');
const serving = {
  service: () => {
    const did = service.service();
    writer.flush();
    return did;
  },
  close: () => service.close(),
};
serveIo(serving, new Int32Array(memory.buffer, layout.devices + plan.io, IO_WORDS));
process.exit(0);
