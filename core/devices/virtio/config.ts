/** Virtio devices as a user configures them, and what each shows to the guest: plain data, made once, sent to all threads. */
import * as fs from 'node:fs';
import { fileReason, UserError } from '../../system/errors.ts';
import { DISCARD_SECTORS, DISCARD_SEGMENTS, SEGMENTS, ZERO_SECTORS, ZERO_SEGMENTS } from './block.ts';
import { consoleQueues } from './console.ts';
import { SECTOR } from './disk/disk.ts';
import { openImage } from './disk/raw.ts';
import { CONSOLE_FEATURE, DEVICE_ID, type DeviceShape, MAX_QUEUES } from './layout.ts';

/** Descriptors in the queue of a disk, as QEMU has it. */
export const BLOCK_QUEUE = 256;

export interface BlockConfig {
  readonly type: 'blk';
  /** A raw image, or a block device of the host. */
  readonly file: string;
  /** The guest sees a disk that cannot be written. */
  readonly readonly?: boolean;
  /** Writes go to a copy that is forgotten in the end; otherwise into the file. Default: true. */
  readonly overlay?: boolean;
  /** Up to 20 bytes of ASCII. */
  readonly serial?: string;
}
export interface ConsolePortConfig {
  /** What the guest finds as the port's name; null: none. */
  readonly name: string | null;
}
export interface ConsoleConfig {
  readonly type: 'console';
  /** Each with the number of the system's console that it is. */
  readonly ports: readonly (ConsolePortConfig & { readonly console: number })[];
}
export interface RngConfig {
  readonly type: 'rng';
}
/** How owners, modes and special files of the guest are kept; `mapped` and `mapped-xattr` mean the same as `mapped-file`. */
export const SECURITY_MODELS = ['mapped-file', 'mapped', 'mapped-xattr', 'passthrough', 'none'] as const;
export type SecurityModel = (typeof SECURITY_MODELS)[number];
export interface NinepConfig {
  readonly type: '9p';
  /** The host's folder that becomes the root. */
  readonly path: string;
  /** The name by which the guest mounts it, 1 to 255 bytes of UTF-8. */
  readonly tag: string;
  readonly readonly?: boolean;
  readonly securityModel: SecurityModel;
}
export type VirtioDeviceConfig = (BlockConfig | ConsoleConfig | RngConfig | NinepConfig) & {
  /** The transport (`virtio-mmio-bus.N` in QEMU's words). Default: the highest that is free, in the order given. */
  readonly slot?: number;
};

export interface PlannedDevice {
  readonly slot: number;
  readonly config: VirtioDeviceConfig;
  readonly shape: DeviceShape;
}

/** Feature bits of block devices (5.2.3), and the one of 9P, which the specification leaves to its drivers: the mount tag. */
const BLK_FEATURE = { segMax: 2, readonly: 5, blockSize: 6, flush: 9, discard: 13, writeZeroes: 14 } as const;
const NINEP_MOUNT_TAG = 0;

/**
 * The transport of each device, of `slots`: the one that it asks for, else the highest that is free, in the order given. Throws UserError
 * for one that is taken or not there, or when there are more devices.
 */
export function transportsOf(wanted: readonly { readonly slot?: number | undefined }[], slots: number): number[] {
  const taken = new Set<number>();
  for (const { slot } of wanted) {
    if (slot === undefined) continue;
    if (!(Number.isInteger(slot) && slot >= 0 && slot < slots)) {
      throw new UserError(`there is no virtio transport ${slot}: they are numbered 0 to ${slots - 1}`);
    }
    if (taken.has(slot)) throw new UserError(`two virtio devices want transport ${slot}`);
    taken.add(slot);
  }
  let next = slots - 1;
  return wanted.map(({ slot }) => {
    if (slot !== undefined) return slot;
    while (taken.has(next)) next--;
    if (next < 0) throw new UserError(`there are more virtio devices than transports (${slots})`);
    return next--;
  });
}

/**
 * Gives each device its transport of `slots`, and finds its configuration space. Throws UserError where transports are not to be had, for
 * files and folders that cannot be used, and for values that do not fit.
 */
export function planVirtio(configs: readonly VirtioDeviceConfig[], slots: number): PlannedDevice[] {
  const transports = transportsOf(configs, slots);
  return configs.map((config, n) => ({ slot: transports[n]!, config, shape: shapeOf(config) }));
}

function shapeOf(config: VirtioDeviceConfig): DeviceShape {
  switch (config.type) {
    case 'blk':
      return blockShape(config);
    case 'console':
      return consoleShape(config);
    case 'rng':
      return { deviceId: DEVICE_ID.entropy, features: 0, configuration: new Uint8Array(0), queueSizes: [8] };
    case '9p':
      return ninepShape(config);
  }
}

/** Whether the file is written, and whether a copy is. */
export function blockAccess(config: BlockConfig): 'read' | 'overlay' | 'write' {
  if (config.readonly) return 'read';
  return (config.overlay ?? true) ? 'overlay' : 'write';
}

function blockShape(config: BlockConfig): DeviceShape {
  const access = blockAccess(config);
  if (!/^[\x20-\x7e]{0,20}$/.test(config.serial ?? '')) {
    throw new UserError(`the serial number ${config.serial} of ${config.file} is not up to 20 characters of ASCII`);
  }
  const { fd, bytes } = openImage(config.file, access === 'write');
  fs.closeSync(fd);
  let features = (1 << BLK_FEATURE.segMax) | (1 << BLK_FEATURE.blockSize) | (1 << BLK_FEATURE.flush);
  if (access === 'read') features |= 1 << BLK_FEATURE.readonly;
  else features |= 1 << BLK_FEATURE.writeZeroes;
  if (access === 'overlay') features |= 1 << BLK_FEATURE.discard;
  // struct virtio_blk_config (5.2.4)
  const configuration = new Uint8Array(60);
  const view = new DataView(configuration.buffer);
  view.setBigUint64(0, BigInt(Math.ceil(bytes / SECTOR)), true);
  view.setUint32(12, SEGMENTS, true);
  view.setUint32(20, SECTOR, true);
  if (access === 'overlay') {
    view.setUint32(36, DISCARD_SECTORS, true);
    view.setUint32(40, DISCARD_SEGMENTS, true);
    view.setUint32(44, 1, true);
  }
  if (access !== 'read') {
    view.setUint32(48, ZERO_SECTORS, true);
    view.setUint32(52, ZERO_SEGMENTS, true);
    view.setUint8(56, access === 'overlay' ? 1 : 0);
  }
  return { deviceId: DEVICE_ID.block, features, configuration, queueSizes: [BLOCK_QUEUE] };
}

function consoleShape({ ports }: ConsoleConfig): DeviceShape {
  if (consoleQueues(ports.length) > MAX_QUEUES) {
    throw new UserError(`${ports.length} ports are too many for a virtio console: ${MAX_QUEUES / 2 - 1} is the most`);
  }
  // struct virtio_console_config (5.3.4): size of the terminal (not offered), max_nr_ports, emerg_wr (not offered)
  const configuration = new Uint8Array(12);
  new DataView(configuration.buffer).setUint32(4, Math.max(1, ports.length), true);
  return {
    deviceId: DEVICE_ID.console,
    features: 1 << CONSOLE_FEATURE.multiport,
    configuration,
    queueSizes: Array.from({ length: consoleQueues(Math.max(1, ports.length)) }, () => 128),
  };
}

/**
 * Names of consoles by device and port: as Linux numbers them, which meets the devices from the lowest transport on, the last one of the
 * command line first.
 */
export function hvcNames(portsOfDevices: readonly number[]): string[][] {
  let next = portsOfDevices.reduce((sum, ports) => sum + ports, 0);
  return portsOfDevices.map((ports) => {
    next -= ports;
    return Array.from({ length: ports }, (_, n) => `hvc${next + n}`);
  });
}

function ninepShape(config: NinepConfig): DeviceShape {
  const tag = new TextEncoder().encode(config.tag);
  if (tag.length < 1 || tag.length > 255)
    throw new UserError(`the mount tag '${config.tag}' is not 1 to 255 bytes long`);
  let folder = false;
  try {
    folder = fs.statSync(config.path).isDirectory();
  } catch (error) {
    throw new UserError(`cannot share the folder ${config.path}: ${fileReason(error)}`);
  }
  if (!folder) throw new UserError(`cannot share ${config.path}: it is not a folder`);
  const configuration = new Uint8Array(2 + tag.length);
  new DataView(configuration.buffer).setUint16(0, tag.length, true);
  configuration.set(tag, 2);
  return { deviceId: DEVICE_ID.ninep, features: 1 << NINEP_MOUNT_TAG, configuration, queueSizes: [128] };
}
