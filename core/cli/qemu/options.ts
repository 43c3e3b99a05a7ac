/** QEMU's options, each once: what it takes, and what it does here. */

import { isDate } from '../../machines/launch.ts';
import { UserError } from '../../system/errors.ts';
import { setEngine, setMecModel, setSwitch } from '../choices.ts';
import { hostOptions } from '../host-options.ts';
import { GDB_DEFAULT, parseCount, parseGdb } from '../options.ts';
import { Answer, listed } from './answer.ts';
import { addBlockdev, addDevice, addDrive, addFsdev, addImage, addVirtfs } from './devices.ts';
import type { Draft } from './draft.ts';
import { addFwCfg, applyBoot } from './firmware.ts';
import { Properties, sizeInBytes } from './keyval.ts';
import { applyCpu, applyMemory, applySmp, VERSION } from './machine.ts';
import { parseChardev, parseTarget } from './target.ts';

export interface QemuOption {
  /** Takes a word behind it. */
  readonly argument: boolean;
  /** Does something; is accepted, and does nothing here; is refused, but perhaps for `none`. */
  readonly kind: 'used' | 'accepted' | 'refused';
  /** Throws a UserError where the value is wrong or refused. */
  readonly apply: (draft: Draft, value: string) => void;
}

const value = (apply: QemuOption['apply']): QemuOption => ({ argument: true, kind: 'used', apply });
const bare = (apply: (draft: Draft) => void): QemuOption => ({ argument: false, kind: 'used', apply });
/** Means something to the host only, and nothing here. */
const ignored = (argument: boolean): QemuOption => ({ argument, kind: 'accepted', apply: () => {} });
const accepted = { bare: ignored(false), value: ignored(true) };
const refused = (argument: boolean, why: string): QemuOption => ({
  argument,
  kind: 'refused',
  apply: () => {
    throw new UserError(why);
  },
});
/** Options with an argument that only `none` (and what else is listed) may be said to. */
const noneOnly = (option: string, why: string, ...also: string[]): QemuOption => ({
  argument: true,
  kind: 'refused',
  apply: (_draft, text) => {
    if (!['none', ...also].includes(text.split(',')[0]!)) throw new UserError(`${option} ${text}: ${why}`);
  },
});

const target = (option: string, list: 'serials' | 'monitors'): QemuOption =>
  value((d, text) => {
    d[list].push(() => parseTarget(option, text, d.path, (id) => d.chardev(id)));
  });
const network = 'networks follow: -nic none';
const sound = 'there is no sound';

function icount(draft: Draft, text: string): void {
  const p = Properties.parse('-icount', text, 'shift');
  if (!['0', 'auto', null].includes(p.take('shift'))) p.fail('time here goes on by 1 ns an instruction: shift=0');
  if (p.has('rr')) p.fail('runs are not recorded: the deterministic mode repeats them');
  p.ignore('sleep', 'align', 'q');
  p.end();
  draft.deterministic = true;
}

function semihosting(draft: Draft, text: string): void {
  const p = Properties.parse('-semihosting-config', text, 'enable');
  draft.semihosting.enabled = p.takeFlag('enable') ?? true;
  // The key may come several times, which a map does not keep.
  draft.semihosting.arguments.push(
    ...[...text.matchAll(/(?:^|,)arg=((?:[^,]|,,)*)/g)].map((m) => m[1]!.replaceAll(',,', ',')),
  );
  p.ignore('arg', 'userspace', 'chardev');
  if (!['native', 'auto', null].includes(p.take('target'))) p.fail('calls go to this host: target=native');
  p.end();
}

function action(draft: Draft, text: string): void {
  const p = Properties.parse('-action', text);
  const choice = (name: string, ...choices: string[]): string | null => {
    const said = p.take(name);
    if (said !== null && !choices.includes(said)) p.fail(`${name}=${said}: there are ${choices.join(', ')}`);
    return said;
  };
  const reboot = choice('reboot', 'reset', 'shutdown');
  if (reboot !== null) draft.onReset = reboot === 'shutdown' ? 'exit' : 'reset';
  const shutdown = choice('shutdown', 'poweroff', 'pause');
  if (shutdown !== null) draft.host.stay = shutdown === 'pause';
  // There is no device by which a guest could say so.
  p.ignore('panic', 'watchdog');
  p.end();
}

/** `driver.property=value`, or each by its name. */
function global(draft: Draft, text: string): void {
  const p = Properties.parse('-global', text);
  const [driver, property, value] = ['driver', 'property', 'value'].map((name) => p.take(name));
  if (driver && property && value !== null) p.merge(Properties.parse('-global', `${driver}.${property}=${value}`));
  draft.legacyVirtio = p.takeFlag('virtio-mmio.force-legacy') ?? draft.legacyVirtio;
  for (const transport of ['virtio-mmio', 'virtio-device'])
    if (p.takeFlag(`${transport}.iommu_platform`)) p.fail('there is no SMMU: iommu_platform=off');
  const [other] = p.names();
  if (other !== undefined) p.fail(`${other}: defaults of devices cannot be changed here`);
}

function object(draft: Draft, text: string): void {
  const p = Properties.read('-object', text, 'qom-type');
  const type = p.need('qom-type');
  if (type.startsWith('memory-backend-'))
    draft.memoryBackends.set(p.need('id'), sizeInBytes('-object size=', p.need('size'), 'B'));
  if (!/^(rng-|iothread|thread-context|memory-backend-|secret|tls-|authz-|throttle-group|can-bus|filter-)/.test(type)) {
    throw new UserError(`-object ${type}: there is no such thing here`);
  }
}

function rtc(draft: Draft, text: string): void {
  const p = Properties.parse('-rtc', text, 'base');
  const base = p.take('base');
  if (base !== null) {
    if (base !== 'utc' && base !== 'localtime' && !isDate(base))
      p.fail(`base=${base}: utc, localtime or a date such as 2026-11-21T18:40:00 is needed`);
    draft.rtc.base = base;
  }
  const clock = p.take('clock');
  if (clock !== null) {
    if (!['host', 'rt', 'vm'].includes(clock)) p.fail(`clock=${clock}: host, rt or vm is needed`);
    draft.rtc.follows = clock === 'vm' ? 'guest' : 'host';
  }
  p.ignore('driftfix');
  p.end();
}

function mon(draft: Draft, text: string): void {
  const p = Properties.parse('-mon', text, 'chardev');
  const id = p.need('chardev');
  if ((p.take('mode') ?? 'readline') !== 'readline') p.fail('there is no QMP here: mode=readline');
  p.ignore('pretty');
  p.end();
  draft.monitors.push(() => draft.chardev(id));
}

function help(): never {
  const named = (kind: QemuOption['kind']): string[] =>
    Object.entries(QEMU).flatMap(([name, option]) => (option.kind === kind ? [`-${name}`] : []));
  throw new Answer(
    [
      'usage: trireme qemu -M virt [options] [-kernel FILE]',
      "Options are qemu-system-aarch64's; docs/command.md has more about them.",
      listed('These do something here:', ['-M', '-machine', ...named('used')]),
      listed('These are accepted, and mean nothing here:', named('accepted')),
      listed('These are refused, but for "none": a guest would see what is not there:', named('refused')),
      listed(
        'Our own:',
        Object.keys(OWN).map((name) => `--${name}`),
      ),
      'Lists: -cpu help, -device help, -M help.',
    ].join('\n'),
  );
}

/** Options by name, without dashes. `M|machine` and its like are collected by the parser: they merge. */
const QEMU: Readonly<Record<string, QemuOption>> = {
  cpu: value(applyCpu),
  smp: value(applySmp),
  m: value(applyMemory),
  bios: value((d, file) => (d.bios = d.path(file))),
  kernel: value((d, file) => (d.kernel = d.path(file))),
  initrd: value((d, file) => (d.initrd = d.path(file))),
  append: value((d, line) => (d.append = line)),
  dtb: value((d, file) => (d.dtb = d.path(file))),
  drive: value(addDrive),
  blockdev: value(addBlockdev),
  device: value(addDevice),
  virtfs: value(addVirtfs),
  fsdev: value(addFsdev),
  ...Object.fromEntries(['hda', 'hdb', 'hdc', 'hdd'].map((name) => [name, value((d, file) => addImage(d, file, ''))])),
  cdrom: value((d, file) => addImage(d, file, ',media=cdrom')),
  pflash: value((d, file) => addImage(d, file, ',if=pflash')),
  snapshot: bare((d) => (d.snapshot = true)),
  fw_cfg: value(addFwCfg),
  boot: value(applyBoot),

  serial: target('-serial', 'serials'),
  monitor: target('-monitor', 'monitors'),
  mon: value(mon),
  chardev: value((d, text) => {
    const [id, made] = parseChardev(text, d.path);
    if (d.chardevs.has(id)) throw new UserError(`-chardev: there are two with id=${id}`);
    d.chardevs.set(id, made);
  }),
  nographic: bare((d) => (d.nographic = true)),
  nodefaults: bare((d) => (d.noDefaults = true)),

  semihosting: bare((d) => (d.semihosting.enabled = true)),
  'semihosting-config': value(semihosting),
  'no-reboot': bare((d) => (d.onReset = 'exit')),
  'no-shutdown': bare((d) => (d.host.stay = true)),
  action: value(action),
  icount: value(icount),
  seed: value((d, text) => (d.seed = parseCount(0, 2 ** 32 - 1)(text))),
  uuid: value((d, text) => {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
      throw new UserError(`-uuid ${text}: this is no UUID`);
    d.uuid = text.toLowerCase();
  }),
  rtc: value(rtc),
  global: value(global),
  object: value(object),
  S: bare((d) => (d.host.startPaused = true)),
  s: bare((d) => (d.host.gdb ??= GDB_DEFAULT)),
  h: bare(help),
  help: bare(help),
  version: bare(() => {
    throw new Answer(`trireme, whose machine is QEMU ${VERSION}'s virt`);
  }),
  gdb: value((d, text) => (d.host.gdb = text === 'none' ? undefined : parseGdb(text.split(',')[0]!))),
  pidfile: value((d, file) => (d.host.pidFile = d.path(file))),

  // Of the host.
  display: accepted.value,
  accel: accepted.value,
  name: accepted.value,
  d: accepted.value,
  D: accepted.value,
  dfilter: accepted.value,
  trace: accepted.value,
  msg: accepted.value,
  L: accepted.value,
  k: accepted.value,
  vnc: accepted.value,
  spice: accepted.value,
  sandbox: accepted.value,
  runas: accepted.value,
  'run-with': accepted.value,
  chroot: accepted.value,
  plugin: accepted.value,
  'mem-path': accepted.value,
  overcommit: accepted.value,
  audiodev: accepted.value,
  'watchdog-action': accepted.value,
  compat: accepted.value,
  'enable-kvm': accepted.bare,
  daemonize: accepted.bare,
  'mem-prealloc': accepted.bare,
  'no-user-config': accepted.bare,
  nodefconfig: accepted.bare,
  'full-screen': accepted.bare,
  'no-quit': accepted.bare,
  'msg-timestamp': accepted.bare,
  'only-migratable': accepted.bare,
  singlestep: accepted.bare,
  'one-insn-per-tb': accepted.bare,
  'enable-sync-profile': accepted.bare,
  perfmap: accepted.bare,
  jitdump: accepted.bare,
  iscsi: accepted.value,

  // Seen by the guest, and not to be had.
  vga: noneOnly('-vga', 'there is no display: -vga none'),
  net: noneOnly('-net', network),
  nic: noneOnly('-nic', network),
  netdev: refused(true, `-netdev: ${network}`),
  parallel: noneOnly('-parallel', 'there is no parallel port', 'null'),
  audio: noneOnly('-audio', sound),
  soundhw: refused(true, `-soundhw: ${sound}`),
  usb: refused(false, '-usb: there is no USB'),
  usbdevice: refused(true, '-usbdevice: there is no USB'),
  sd: refused(true, '-sd: there is no SD card'),
  mtdblock: refused(true, '-mtdblock: there is no such flash: -pflash'),
  fda: refused(true, '-fda: there is no floppy disk'),
  fdb: refused(true, '-fdb: there is no floppy disk'),
  numa: refused(true, '-numa: memory is in one node'),
  smbios: refused(true, '-smbios: there are no SMBIOS tables'),
  acpitable: refused(true, '-acpitable: there are no ACPI tables'),
  tpmdev: refused(true, '-tpmdev: there is no TPM'),
  watchdog: refused(true, '-watchdog: there is none'),
  set: refused(true, '-set: properties of devices cannot be changed here'),
  loadvm: refused(true, '-loadvm: states are not saved so far'),
  incoming: refused(true, '-incoming: there is no migration'),
  readconfig: refused(true, '-readconfig: say it on the command line'),
  qmp: noneOnly('-qmp', 'there is no QMP here'),
  'qmp-pretty': noneOnly('-qmp-pretty', 'there is no QMP here'),
  'dump-vmstate': refused(true, '-dump-vmstate: states are not saved so far'),
  'add-fd': refused(true, '-add-fd: say the name of a file'),
  echr: refused(true, '-echr: the key is Ctrl+A'),
  debugcon: refused(true, '-debugcon: there is no such port'),
  'option-rom': refused(true, '-option-rom: devices have no such memory'),
  shim: refused(true, '-shim: firmware is not told of one'),
  'xen-domid': refused(true, '-xen-domid: there is no Xen'),
  'xen-attach': refused(false, '-xen-attach: there is no Xen'),
  'xen-domid-restrict': refused(false, '-xen-domid-restrict: there is no Xen'),
  qtest: refused(true, '-qtest: there is no such protocol here'),
};

/** Our own, with two dashes. */
const OWN: Readonly<Record<string, QemuOption>> = {
  ...Object.fromEntries(
    hostOptions.map((o) => [
      o.name,
      { argument: o.argument !== null, kind: 'used', apply: (d: Draft, text: string) => o.set(d.host, text) } as const,
    ]),
  ),
  rme: value((d, text) => (d.rme.enabled = setSwitch(text))),
  'enable-mec': bare((d) => (d.mec.enabled = true)),
  'mecid-width': value((d, text) => (d.mec.mecidWidth = parseCount(1, 16)(text))),
  'mec-model': value((d, text) => (d.mec.model = setMecModel(text))),
  engine: value((d, text) => (d.engine = setEngine(text))),
  deterministic: bare((d) => (d.deterministic = true)),
  'semihosting-files': value(
    (d, text) => (d.semihostingFiles = text === 'none' || text === 'all' ? text : d.path(text)),
  ),
};

/** What a word with dashes is; null when there is no such option. With two dashes ours come first, then QEMU's. */
export function optionOf(word: string): QemuOption | null {
  const match = /^(--?)([A-Za-z][\w-]*)$/.exec(word);
  if (!match) return null;
  const [, dashes, name] = match;
  const own = dashes === '--' || !Object.hasOwn(QEMU, name!) ? OWN : QEMU;
  for (const table of [own, QEMU]) if (Object.hasOwn(table, name!)) return table[name!]!;
  return null;
}

/** Names of all options, for the nearest to a wrong one. */
export const optionNames: readonly string[] = [...new Set(['M', 'machine', ...Object.keys(QEMU), ...Object.keys(OWN)])];
