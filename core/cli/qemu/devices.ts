/** `-drive`, `-blockdev`, `-device`, `-virtfs` and what belongs to them. */
import { BLOCK_QUEUE } from '../../devices/virtio/config.ts';
import { SECTOR } from '../../devices/virtio/disk/disk.ts';
import { refuseForeign } from '../../devices/virtio/disk/format.ts';
import type { ConsoleTarget, LoaderLaunch } from '../../machines/launch.ts';
import { Answer, listed } from './answer.ts';
import type { DiskAccess, Draft, Drive } from './draft.ts';
import { Properties, wholeNumber } from './keyval.ts';

/** How QEMU reaches files of the host: nothing that a guest sees. */
const HOST_SIDE = [
  ...['cache', 'aio', 'discard', 'detect-zeroes', 'werror', 'rerror', 'copy-on-read', 'locking', 'auto-read-only'],
  ...['media', 'index', 'bus', 'x-check-cache-dropped', 'force-share', 'throttling.group'],
  /^(cache|file)\./,
  /^(bps|iops)/,
];

function access(p: Properties, readOnly: boolean): DiskAccess {
  const snapshot = p.takeFlag('snapshot');
  if (readOnly) return 'read-only';
  // Images stay as they are unless writing is asked for, by QEMU's word for it.
  return snapshot === false ? 'write' : 'overlay';
}
/** Block drivers: of raw images, and of the host's files below them. */
const RAW = ['raw', 'file', 'host_device'];
/** Takes what says how an image is read; yields whether anything does. */
function rawOnly(p: Properties, ...names: readonly string[]): boolean {
  const said = names.flatMap((name) => p.take(name) ?? []);
  const other = said.find((driver) => !RAW.includes(driver));
  if (other !== undefined) p.fail(`${other}: only raw images in files are read so far`);
  return said.length > 0;
}
/** The first of these that is there, and not empty. */
const firstOf = (p: Properties, ...names: readonly string[]): string | undefined =>
  names.map((name) => p.take(name)).find((value) => value) ?? undefined;

export function addDrive(draft: Draft, text: string): void {
  const p = Properties.parse('-drive', text, 'file');
  const kind = p.take('if') ?? 'virtio';
  const isRaw = rawOnly(p, 'format', 'driver', 'file.driver');
  const file = draft.path(firstOf(p, 'file', 'filename', 'file.filename') ?? p.fail('file= is missing'));
  if (!isRaw) refuseForeign(file);
  const cdrom = p.take('media') === 'cdrom';
  const readOnly = p.takeFlag('readonly') ?? p.takeFlag('read-only') ?? cdrom;
  const unit = p.takeNumber('unit', 0, 1) ?? (kind === 'pflash' ? p.takeNumber('index', 0, 1) : null);
  const drive: Drive = { id: p.take('id'), file, access: access(p, readOnly), serial: p.take('serial') };
  p.ignore(...HOST_SIDE);
  p.end();
  if (drive.id !== null) {
    if (draft.drives.has(drive.id)) p.fail(`there are two with id=${drive.id}`);
    draft.drives.set(drive.id, drive);
  }
  if (kind === 'none') return;
  if (kind === 'virtio') draft.disks.push(drive);
  else if (kind === 'pflash') {
    const bank = unit ?? (draft.pflash[0] ? 1 : 0);
    if (draft.pflash[bank] || bank > 1) p.fail('there are two flash banks');
    draft.pflash[bank] = drive;
  } else p.fail(`if=${kind}: there are virtio, pflash and none`);
}

/** Disks by an option of their own: `-hda` … `-hdd`, `-cdrom`, `-pflash`. */
export function addImage(draft: Draft, file: string, more: string): void {
  addDrive(draft, `file=${file.replaceAll(',', ',,')}${more}`);
}

/** Nodes: protocol (`file`) and, on top of it, format (`raw`). */
export function addBlockdev(draft: Draft, text: string): void {
  const p = Properties.read('-blockdev', text, 'driver');
  if (!rawOnly(p, 'driver')) p.fail('driver= is missing');
  rawOnly(p, 'file.driver');
  const id = p.take('node-name');
  const inner = p.take('file');
  let below: Drive | undefined;
  if (inner !== null) below = draft.drives.get(inner) ?? p.fail(`there is no node ${inner} before this one`);
  const name = firstOf(p, 'filename', 'file.filename');
  const readOnly = p.takeFlag('read-only') ?? below?.access === 'read-only';
  const file = below?.file ?? draft.path(name ?? p.fail('filename= is missing'));
  p.ignore(...HOST_SIDE);
  p.end();
  if (id === null) return;
  draft.drives.set(id, { id, file, access: readOnly ? 'read-only' : 'overlay', serial: null });
}

const MAPPED = ['mapped', 'mapped-xattr', 'mapped-file'];
const FOLDER_HOST_SIDE = ['multidevs', 'fmode', 'dmode', 'writeout', /^throttling/, /^(bps|iops)/];

function folder(p: Properties, draft: Draft): { folder: string; readOnly: boolean } {
  const driver = p.need('driver');
  if (driver !== 'local') p.fail(`${driver}: there is only local`);
  const model = p.take('security_model') ?? p.fail('security_model=mapped is missing');
  if (!MAPPED.includes(model))
    p.fail(`security_model=${model}: there is only mapped, which needs no rights on the host`);
  return { folder: draft.path(p.need('path')), readOnly: p.takeFlag('readonly') ?? false };
}

export function addFsdev(draft: Draft, text: string): void {
  const p = Properties.parse('-fsdev', text, 'driver');
  const id = p.need('id');
  draft.folders.set(id, folder(p, draft));
  p.ignore(...FOLDER_HOST_SIDE);
  p.end();
}

export function addVirtfs(draft: Draft, text: string): void {
  const p = Properties.parse('-virtfs', text, 'driver');
  const tag = p.need('mount_tag');
  const shared = folder(p, draft);
  p.ignore('id', ...FOLDER_HOST_SIDE);
  p.end();
  draft.devices.push(() => ({ device: '9p', tag, ...shared }));
}

/** Of virtio disks: what guests see, and what it is. */
const BLOCK_SHAPE = {
  logical_block_size: SECTOR,
  physical_block_size: SECTOR,
  'num-queues': 1,
  'queue-size': BLOCK_QUEUE,
};

/** Devices that are not there yet. */
const LATER: Readonly<Partial<Record<string, string>>> = {
  virtserialport: 'ports without a console follow: virtconsole',
  'virtio-net': 'networks follow: -nic none',
};

/** Devices by QEMU's names. Without suffix they are what fits the machine. */
const DEVICES: Readonly<Partial<Record<string, (draft: Draft, p: Properties) => void>>> = {
  'virtio-blk': (draft, p) => {
    const id = p.need('drive');
    const serial = p.take('serial');
    const place = p.takeNumber('bootindex', -(2 ** 31), 2 ** 31 - 1);
    // As in QEMU: one below zero is none.
    const bootIndex = place === null || place < 0 ? null : place;
    const disk = (): Drive => draft.useDrive(id) ?? p.fail(`there is no -drive with id=${id}`);
    for (const [name, only] of Object.entries(BLOCK_SHAPE))
      if ((p.takeNumber(name) ?? only) !== only) p.fail(`${name}= is ${only} here`);
    p.ignore('write-cache', 'share-rw', 'discard', 'iothread');
    draft.devices.push(() => draft.block(disk(), { serial, bootIndex }));
  },
  'virtio-9p': (draft, p) => {
    const id = p.need('fsdev');
    const tag = p.need('mount_tag');
    draft.devices.push(() => {
      const shared = draft.folders.get(id) ?? p.fail(`there is no -fsdev with id=${id}`);
      return { device: '9p', tag, ...shared };
    });
  },
  'virtio-rng': (draft, p) => {
    p.ignore('rng', 'max-bytes', 'period');
    draft.devices.push(() => ({ device: 'rng' }));
  },
  'virtio-serial': (draft, p) => {
    p.ignore('max_ports', 'emergency-write');
    const home: Draft['portHomes'][number] = { id: p.take('id'), ports: [] };
    draft.portHomes.push(home);
    draft.devices.push(() => ({
      device: 'console',
      ports: home.ports.map(({ name, target }) => ({ name, target: target() })),
    }));
  },
  virtconsole: addPort,
  loader: addLoader,
};
/** Names of what `-device` can add. */
export const deviceNames: readonly string[] = Object.keys(DEVICES).map((name) =>
  name.startsWith('virtio-') ? `${name}-device` : name,
);

function addPort(draft: Draft, p: Properties): void {
  const chardev = p.take('chardev');
  const name = p.take('name');
  const bus = p.take('bus');
  p.ignore('nr');
  const home = draft.portHomes.find(({ id }) => bus === null || (id !== null && bus === `${id}.0`));
  if (!home) {
    p.fail(
      bus === null ? 'a -device virtio-serial-device has to come before it' : `bus=${bus}: there is no such bus yet`,
    );
  }
  const target = (): ConsoleTarget => (chardev === null ? { to: 'null' } : draft.chardev(chardev));
  home.ports.push({ name, target });
}

function addLoader(draft: Draft, p: Properties): void {
  const file = p.take('file');
  const address = p.takeNumber('addr', 0, 2 ** 48 - 1);
  const core = p.takeNumber('cpu-num', 0, 31);
  const raw = p.takeFlag('force-raw') ?? false;
  const data = p.take('data');
  const length = p.takeNumber('data-len', 1, 8);
  const bigEndian = p.takeFlag('data-be') ?? false;
  if (file !== null) {
    if (raw && address === null) p.fail('force-raw=on needs addr=');
    draft.loaders.push({ kind: 'file', file: draft.path(file), address, raw, core });
  } else if (data !== null) {
    if (address === null || length === null) p.fail('data= needs addr= and data-len=');
    draft.loaders.push({ kind: 'data', address: address!, bytes: bytesOf(p, data, length!, bigEndian) });
  } else if (address !== null && core !== null) draft.loaders.push({ kind: 'entry', address, core });
  else p.fail('file=, data=, or addr= with cpu-num= is needed');
}

function bytesOf(
  p: Properties,
  text: string,
  length: number,
  bigEndian: boolean,
): (LoaderLaunch & { kind: 'data' })['bytes'] {
  if (!/^(0[xX][0-9a-fA-F]{1,16}|\d{1,20})$/.test(text)) p.fail(`data=${text}: a number is needed`);
  const value = BigInt(text);
  if (value >> BigInt(8 * length)) p.fail(`data=${text} has more than ${length} bytes`);
  const bytes = Array.from({ length }, (_, n) => Number((value >> BigInt(8 * n)) & 255n));
  return bigEndian ? bytes.reverse() : bytes;
}

/** The transport that `bus=` names; null without it. */
function transport(p: Properties): number | null {
  const bus = p.take('bus');
  if (bus === null) return null;
  const slot = wholeNumber(/^virtio-mmio-bus\.(\d+)$/.exec(bus)?.[1] ?? '');
  if (slot === null || slot > 31) p.fail(`bus=${bus}: there are virtio-mmio-bus.0 to virtio-mmio-bus.31`);
  return slot;
}

export function addDevice(draft: Draft, text: string): void {
  const p = Properties.read('-device', text, 'driver');
  const driver = p.need('driver');
  if (['help', '?'].includes(driver)) throw new Answer(listed('Devices:', deviceNames));
  const named = new Properties(`-device ${driver}`, new Map());
  named.merge(p);
  const name = driver.replace(/-(device|pci(-non-transitional|-transitional)?)$/, '');
  if (Object.hasOwn(LATER, name)) named.fail(LATER[name]!);
  const add = Object.hasOwn(DEVICES, name) ? DEVICES[name] : undefined;
  if (add && driver.includes('-pci')) named.fail(`PCI devices follow: ${name}-device`);
  if (!add) {
    throw named.error(`there is no such device here (there are ${deviceNames.join(', ')})`);
  }
  const slot = driver.startsWith('virtio-') ? transport(named) : null;
  const count = draft.devices.length;
  add(draft, named);
  // Each virtio device adds one.
  if (slot !== null) {
    const [make] = draft.devices.splice(count);
    draft.devices.push(() => {
      const device = make!();
      return device && { ...device, slot };
    });
  }
  named.ignore('id');
  named.end();
}
