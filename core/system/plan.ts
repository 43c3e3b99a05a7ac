/** Where a machine's memory, devices and rings lie in shared memory: derived once from the configuration, sent to all threads. */
import { type PlannedDevice, planVirtio, type VirtioDeviceConfig } from '../devices/virtio/config.ts';
import type { MappedRegion } from '../engine/memory-map.ts';
import { dramOf, type MachineDescription } from '../machines/machine.ts';
import type { SystemConfig, VirtioConfig } from './api.ts';
import { CONSOLE_BYTES } from './console.ts';
import { stateWords } from './devices.ts';
import { HostFiles } from './host-files.ts';
import { IO_WORDS } from './io/control.ts';
import { TRACE_RING_BYTES } from './trace.ts';
import { watchRingBytes } from './watch-ring.ts';

/** A region of the machine's memory; `host` counts from the layout's arena. */
export interface PlannedRegion extends MappedRegion {
  readonly name: string;
}

export interface MachinePlan {
  readonly machine: MachineDescription;
  /** In the order of the machine's list. */
  readonly regions: readonly PlannedRegion[];
  /** Where operating systems live. */
  readonly ram: { readonly base: number; readonly size: number };
  /** Bytes of all regions. */
  readonly arenaBytes: number;
  /** `offset`s count from the layout's device memory. */
  readonly consoles: readonly { readonly id: number; readonly name: string; readonly offset: number }[];
  /** Handles of semihosting's files, common to all threads. */
  readonly files: number;
  /** Rings of the threads' traces; empty without tracing. */
  readonly traces: readonly number[];
  /** Rings of what the threads note for observers. */
  readonly watches: readonly number[];
  /** State of devices by name. */
  readonly states: Readonly<Record<string, number>>;
  /** Devices behind virtio transports. */
  readonly virtio: readonly PlannedDevice[];
  /** Words through which threads speak to the one that serves them. */
  readonly io: number;
}

/** Threads that run cores. */
export const threadsOf = (config: SystemConfig): number => (config.deterministic ? 1 : config.machine.cores);

export function planOf(config: SystemConfig): MachinePlan {
  const { machine } = config;
  let next = 0;
  const take = (bytes: number): number => {
    const at = next;
    next = (next + bytes + 63) & ~63;
    return at;
  };
  let host = 0;
  const regions = machine.memory.map(({ name, kind, base, size, pas }) => {
    const region = { name, base, size, pas, host, readOnly: kind === 'flash' };
    host += size;
    return region;
  });
  const slots = machine.devices.filter((d) => d.kind === 'virtio-mmio').length;
  const serial = machine.devices.filter((d) => d.kind === 'pl011').map((d) => d.name);
  const { configs, consoles } = virtioConsoles(config.virtio ?? [], serial.length);
  return {
    machine,
    regions,
    arenaBytes: host,
    ram: dramOf(machine),
    consoles: [...serial, ...consoles].map((name, id) => ({ id, name, offset: take(CONSOLE_BYTES) })),
    traces: config.trace ? Array.from({ length: threadsOf(config) }, () => take(TRACE_RING_BYTES)) : [],
    watches: Array.from({ length: threadsOf(config) }, () => take(watchRingBytes(threadsOf(config)))),
    files: take(HostFiles.BYTES),
    virtio: planVirtio(configs, slots),
    io: take(4 * IO_WORDS),
    states: Object.fromEntries(machine.devices.map((d) => [d.name, take(4 * stateWords(d, machine.cores))])),
  };
}

/** Consoles of virtio are numbered behind the serial ports'. */
function virtioConsoles(
  virtio: readonly VirtioConfig[],
  first: number,
): { configs: VirtioDeviceConfig[]; consoles: string[] } {
  const consoles: string[] = [];
  const configs = virtio.map((config): VirtioDeviceConfig => {
    if (config.type !== 'console') return config;
    consoles.push(`hvc${consoles.length}`);
    return { ...config, console: first + consoles.length - 1 };
  });
  return { configs, consoles };
}
