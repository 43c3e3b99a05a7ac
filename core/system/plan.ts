/** Where a machine's memory, devices and rings lie in shared memory: derived once from the configuration, sent to all threads. */
import { Gicv3 } from '../devices/gic/gicv3.ts';
import { Pl011 } from '../devices/pl011.ts';
import type { MappedRegion } from '../engine/memory-map.ts';
import { type DeviceDescription, dramOf, type MachineDescription } from '../machines/machine.ts';
import type { SystemConfig } from './api.ts';
import { CONSOLE_BYTES } from './console.ts';
import { HostFiles } from './host-files.ts';
import { TRACE_RING_BYTES } from './trace.ts';

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
  /** State of devices by name. */
  readonly states: Readonly<Record<string, number>>;
}

/** 32-bit words of state that a device has in shared memory. */
function stateWords(device: DeviceDescription, cores: number): number {
  switch (device.kind) {
    case 'pl011':
      return Pl011.WORDS;
    case 'gicv3':
      return Gicv3.words(cores, device.spiCount);
    default:
      return 0;
  }
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
  const serial = machine.devices.filter((d) => d.kind === 'pl011');
  return {
    machine,
    regions,
    arenaBytes: host,
    ram: dramOf(machine),
    consoles: serial.map(({ name }, id) => ({ id, name, offset: take(CONSOLE_BYTES) })),
    traces: config.trace ? Array.from({ length: threadsOf(config) }, () => take(TRACE_RING_BYTES)) : [],
    files: take(HostFiles.BYTES),
    states: Object.fromEntries(machine.devices.map((d) => [d.name, take(4 * stateWords(d, machine.cores))])),
  };
}
