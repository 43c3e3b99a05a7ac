/** Where a machine's memory, devices and rings lie in shared memory: derived once from the configuration, sent to all threads. */

import { type GranuleRules, granuleRules } from '../arch/granules/format.ts';
import { cpuOf } from '../arch/registers/reset.ts';
import { translationFeatures } from '../arch/translation/features.ts';
import { EVERY_PAS, PAS, type PasSet } from '../devices/device.ts';
import { hvcNames, type PlannedDevice, planVirtio, type VirtioDeviceConfig } from '../devices/virtio/config.ts';
import { DEVICE_BYTES, type Layout, layoutOf } from '../engine/layout.ts';
import type { MappedRegion } from '../engine/memory-map.ts';
import { dramOf, type MachineDescription } from '../machines/machine.ts';
import type { ConsoleInfo, SystemConfig, VirtioConfig } from './api.ts';
import { CONSOLE_BYTES } from './console.ts';
import type { World } from './console-tag.ts';
import { stateWords } from './devices.ts';
import { UserError } from './errors.ts';
import { HostFiles } from './host-files.ts';
import { IO_WORDS } from './io/control.ts';
import { protectionCpu } from './protection.ts';
import { TRACE_RING_BYTES } from './trace.ts';
import { IO_WATCH_CAPACITY, type WatchRing, watchCapacity, watchRingBytes } from './watch-ring.ts';

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
  readonly consoles: readonly (ConsoleInfo & { readonly offset: number })[];
  /** Handles of semihosting's files, common to all threads. */
  readonly files: number;
  /** Rings of the threads' traces; empty without tracing. */
  readonly traces: readonly number[];
  /** Rings of what the threads note for observers: those that run cores, then the one that serves virtio devices. */
  readonly watches: readonly WatchRing[];
  /** What granule protection tables may hold. */
  readonly granules: GranuleRules;
  /** State of devices by name. */
  readonly states: Readonly<Record<string, number>>;
  /** Devices behind virtio transports. */
  readonly virtio: readonly PlannedDevice[];
  /** Their transports speak version 1. */
  readonly virtioLegacy: boolean;
  /** Words through which threads speak to the one that serves them. */
  readonly io: number;
}

const MIB = 1 << 20;

/** Threads that run cores. */
export const threadsOf = (config: SystemConfig): number => (config.deterministic ? 1 : config.machine.cores);

/** Security states in the order in which their consoles are shown. */
const WORLDS_SHOWN: readonly World[] = ['normal', 'realm', 'root', 'secure'];
/** Physical address spaces that a security state can access (D8.2 of the manual, "physical address spaces"). */
const REACH: Readonly<Record<World, PasSet>> = {
  normal: 1 << PAS.nonSecure,
  secure: (1 << PAS.secure) | (1 << PAS.nonSecure),
  realm: (1 << PAS.realm) | (1 << PAS.nonSecure),
  root: EVERY_PAS,
};

/** Security states that the cores have. */
function worldsOf(config: SystemConfig, features: ReadonlySet<string>): readonly World[] {
  if (!config.machine.el3) return ['normal'];
  return features.has('RME') ? WORLDS_SHOWN : ['normal', 'secure'];
}

/** The CPU has to be known. */
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
  const { options, sizes } = protectionCpu(config);
  const cpu = cpuOf(config.cpuModel, options, sizes);
  const worlds = worldsOf(config, cpu.features);
  const serial = machine.devices
    .filter((d) => d.kind === 'pl011')
    .map(({ name, pas }, n) => ({
      ...{ name, worlds: worlds.filter((world) => (REACH[world] & pas) !== 0) },
      ...config.serials?.[n],
    }));
  const { configs, consoles } = virtioConsoles(config.virtio ?? [], serial.length);
  const plan: MachinePlan = {
    machine,
    regions,
    arenaBytes: host,
    ram: dramOf(machine),
    consoles: [...serial, ...consoles].map((info, id) => ({ ...info, id, offset: take(CONSOLE_BYTES) })),
    traces: config.trace ? Array.from({ length: threadsOf(config) }, () => take(TRACE_RING_BYTES)) : [],
    watches: [
      ...new Array<number>(threadsOf(config)).fill(watchCapacity(threadsOf(config))),
      ...(config.virtio?.length && !config.deterministic ? [IO_WATCH_CAPACITY] : []),
    ].map((capacity) => ({ at: take(watchRingBytes(capacity)), capacity })),
    files: take(HostFiles.BYTES),
    virtio: planVirtio(configs, slots),
    virtioLegacy: config.virtioLegacy ?? false,
    io: take(4 * IO_WORDS),
    granules: granuleRules(translationFeatures(cpu)),
    states: Object.fromEntries(machine.devices.map((d) => [d.name, take(4 * stateWords(d, machine.cores))])),
  };
  if (next > DEVICE_BYTES) throw new UserError(`${plan.consoles.length} consoles are too many`);
  return plan;
}

/** Where everything lies; UserError where memory does not fit, with as much as does. */
export function layoutFor(config: SystemConfig, { arenaBytes, ram }: MachinePlan): Layout {
  const { cores } = config.machine;
  const fits = (bytes: number): Layout | null => {
    try {
      return layoutOf(cores, threadsOf(config), arenaBytes - ram.size + bytes);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  };
  const layout = fits(ram.size);
  if (layout) return layout;
  let mebibytes = Math.min(Math.floor(ram.size / MIB), 4096);
  // In steps that people would choose.
  do mebibytes = 64 * (Math.ceil(mebibytes / 64) - 1);
  while (mebibytes > 0 && !fits(mebibytes * MIB));
  const most = mebibytes > 0 ? `${mebibytes} MiB are the most` : 'there are too many cores for any';
  throw new UserError(
    `${ram.size / MIB} MiB of memory are too many: with ${cores} core${cores === 1 ? '' : 's'} ${most}`,
  );
}

/** Consoles of virtio are numbered behind the serial ports'. */
function virtioConsoles(
  virtio: readonly VirtioConfig[],
  first: number,
): { configs: VirtioDeviceConfig[]; consoles: { readonly name: string }[] } {
  const names = hvcNames(virtio.map((config) => (config.type === 'console' ? config.ports.length : 0)));
  const consoles: { name: string }[] = [];
  const configs = virtio.map((config, device): VirtioDeviceConfig => {
    if (config.type !== 'console') return config;
    const ports = config.ports.map((port, n) => {
      consoles.push({ name: names[device]![n]! });
      return { ...port, console: first + consoles.length - 1 };
    });
    return { ...config, ports };
  });
  return { configs, consoles };
}
