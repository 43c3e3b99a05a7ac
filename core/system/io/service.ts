/**
 * The I/O service: serves the queues of a system's virtio devices and does the host's work of files for them. It runs in a thread of its
 * own (`loop.ts`), or, in the deterministic mode, in the cores' thread, which calls `service` where its turns end.
 */

import type { GuestMemory } from '../../devices/device.ts';
import { NinepBackend } from '../../devices/virtio/9p/device.ts';
import { SharedFolder } from '../../devices/virtio/9p/folder.ts';
import { NinepServer } from '../../devices/virtio/9p/server.ts';
import { HostTree } from '../../devices/virtio/9p/tree.ts';
import type { Backend } from '../../devices/virtio/backend.ts';
import { BlockBackend } from '../../devices/virtio/block.ts';
import { type BlockConfig, blockAccess, type NinepConfig, type PlannedDevice } from '../../devices/virtio/config.ts';
import { ConsoleBackend, type ConsoleLine } from '../../devices/virtio/console.ts';
import type { Disk } from '../../devices/virtio/disk/disk.ts';
import { OverlayDisk } from '../../devices/virtio/disk/overlay.ts';
import { RawDisk } from '../../devices/virtio/disk/raw.ts';
import { W } from '../../devices/virtio/layout.ts';
import type { VirtioMmio } from '../../devices/virtio/mmio.ts';
import { VirtQueue } from '../../devices/virtio/queue.ts';
import { RngBackend } from '../../devices/virtio/rng.ts';

/** What the service's thread has built over the system's shared memory. */
export interface IoEnvironment {
  readonly devices: readonly PlannedDevice[];
  /** The transport of a slot, with its interrupt. */
  transport(slot: number): VirtioMmio;
  /** As devices see it: Non-secure. */
  readonly memory: GuestMemory;
  console(number: number): ConsoleLine;
  /** Fills with random bytes. */
  random(into: Uint8Array): void;
}

interface Served {
  readonly transport: VirtioMmio;
  readonly backend: Backend;
  resets: number;
}

export class IoService {
  private readonly served: readonly Served[];

  /** Opens files and folders; throws UserError. */
  constructor(environment: IoEnvironment) {
    const served: Served[] = [];
    this.served = served;
    try {
      for (const device of environment.devices) {
        const transport = environment.transport(device.slot);
        const queues = device.shape.queueSizes.map((_, n) => new VirtQueue(transport, n, environment.memory));
        const backend = backendOf(device, queues, environment);
        served.push({ transport, backend, resets: Atomics.load(transport.words, W.resets) });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Does some of what is due; false if nothing was. To be called again until then. */
  service(): boolean {
    let did = false;
    for (const device of this.served) if (this.serve(device)) did = true;
    return did;
  }

  close(): void {
    for (const { backend } of this.served) backend.close();
  }

  private serve(device: Served): boolean {
    const { transport, backend } = device;
    // Before the bits are taken: what is notified after a reset is for the session after it.
    const pending = Atomics.exchange(transport.words, W.pending, 0);
    const resets = Atomics.load(transport.words, W.resets);
    let did = false;
    if (resets !== device.resets) {
      device.resets = resets;
      backend.reset();
      did = true;
    }
    for (let n = 0; pending >>> n !== 0; n++) {
      if (!((pending >>> n) & 1)) continue;
      did = true;
      if (backend.serve(n)) Atomics.or(transport.words, W.pending, 1 << n);
    }
    return backend.poll?.() || did;
  }
}

function backendOf({ config }: PlannedDevice, queues: readonly VirtQueue[], environment: IoEnvironment): Backend {
  const queue = queues[0]!;
  switch (config.type) {
    case 'blk':
      return new BlockBackend(queue, diskOf(config), config.serial ?? '');
    case 'console':
      return new ConsoleBackend(
        queues,
        config.ports.map(({ name, console }) => ({ name, line: environment.console(console) })),
      );
    case 'rng':
      return new RngBackend(queue, (into) => environment.random(into));
    case '9p':
      return new NinepBackend(queue, serverOf(config));
  }
}

function diskOf(config: BlockConfig): Disk {
  const access = blockAccess(config);
  const raw = new RawDisk(config.file, access === 'write');
  return access === 'overlay' ? new OverlayDisk(raw) : raw;
}

function serverOf(config: NinepConfig): NinepServer {
  const tree = new HostTree(config.path);
  return new NinepServer(new SharedFolder(tree, config.securityModel, config.readonly ?? false));
}
