/** `-machine`, `-cpu`, `-smp`, `-m`: the machine's properties, each in one table row. */
import { cpuModels, featureNames } from '../../arch/features.ts';
import { UserError } from '../../system/errors.ts';
import { Answer, listed } from './answer.ts';
import type { Draft } from './draft.ts';
import { Properties, sizeInBytes, wholeNumber } from './keyval.ts';

/** QEMU's version whose `virt` this machine is. */
export const VERSION = '11.1';

type Apply = (draft: Draft, value: string, of: Properties) => void;

const flag =
  (set: (draft: Draft, on: boolean) => void, name: string): Apply =>
  (draft, value, of) =>
    set(draft, of.flag(name, value));
/** A property that may only be what it is here anyway. */
const only =
  (name: string, values: readonly string[], why: string): Apply =>
  (_draft, value, of) => {
    if (!values.includes(value)) of.fail(`${name}=${value}: ${why}`);
  };
const host: Apply = () => {};
const text =
  (set: (draft: Draft, value: string) => void): Apply =>
  (draft, value) =>
    set(draft, value);
const OFF = ['off', 'no', 'false', 'n'];
const ON = ['on', 'yes', 'true', 'y'];

/** Properties of the machine by name. `type` is handled apart. */
const MACHINE: Readonly<Record<string, Apply>> = {
  secure: flag((d, on) => (d.secure = on), 'secure'),
  virtualization: flag((d, on) => (d.virtualization = on), 'virtualization'),
  mec: flag((d, on) => (d.mec.enabled = on), 'mec'),
  'memory-backend': text((d, id) => (d.memoryBackend = id)),
  'gic-version': only('gic-version', ['3', 'max'], 'there is only a GICv3'),
  acpi: only('acpi', [...OFF, 'auto'], 'there are no ACPI tables: acpi=off'),
  mte: only('mte', OFF, 'there is no FEAT_MTE'),
  its: only('its', OFF, 'there is no ITS yet'),
  msi: only('msi', ['off', 'auto', 'none'], 'there are no message-signalled interrupts yet'),
  iommu: only('iommu', ['none'], 'there is no SMMU'),
  ras: only('ras', OFF, 'errors of memory cannot be injected'),
  cxl: only('cxl', OFF, 'there is no CXL'),
  usb: only('usb', OFF, 'there is no USB'),
  graphics: only('graphics', [...ON, ...OFF], 'on or off is needed'),
  nvdimm: only('nvdimm', OFF, 'there are no NVDIMMs'),
  hmat: only('hmat', OFF, 'there are no ACPI tables'),
  highmem: only('highmem', ON, 'addresses above 4 GiB cannot be switched off'),
  'highmem-ecam': only('highmem-ecam', ON, 'the high ECAM cannot be switched off'),
  'highmem-mmio': only('highmem-mmio', ON, 'the high window of PCIe cannot be switched off'),
  'highmem-redists': only('highmem-redists', ON, 'it cannot be switched off'),
  'compact-highmem': only('compact-highmem', ON, 'it cannot be switched off'),
  'dtb-randomness': flag((d, on) => (d.randomness = on), 'dtb-randomness'),
  'dtb-kaslr-seed': flag((d, on) => (d.randomness = on), 'dtb-kaslr-seed'),
  dumpdtb: text((d, file) => (d.host.dumpDtb = d.path(file))),
  firmware: text((d, file) => (d.bios = d.path(file))),
  kernel: text((d, file) => (d.kernel = d.path(file))),
  initrd: text((d, file) => (d.initrd = d.path(file))),
  append: text((d, line) => (d.append = line)),
  dtb: text((d, file) => (d.dtb = d.path(file))),
  pflash0: text((d, node) => (d.flashNodes[0] = node)),
  pflash1: text((d, node) => (d.flashNodes[1] = node)),
  uarts: (d, value, of) => {
    const number = wholeNumber(value);
    if (number === null || number < 1 || number > 4) of.fail(`uarts=${value}: 1 to 4 are needed`);
    d.uarts = number;
  },
  accel: host,
  'mem-merge': host,
  'dump-guest-core': host,
  'suppress-vmdesc': host,
  'kernel-irqchip': host,
  kernel_irqchip: host,
  'aux-ram-share': host,
  'x-oem-id': host,
  'x-oem-table-id': host,
};

/** All `-machine` options of a command line, merged. */
export function applyMachine(draft: Draft, options: readonly string[]): void {
  const all = new Properties('-machine', new Map());
  for (const option of options) all.merge(Properties.parse('-machine', option, 'type'));
  const type = all.take('type');
  if (type === null) throw new UserError('no machine is named: -M virt');
  if (type === 'help') throw new Answer(`virt: as QEMU ${VERSION}'s (virt-${VERSION})`);
  if (type !== 'virt' && type !== `virt-${VERSION}`) {
    throw new UserError(`-machine ${type}: there is only virt (as QEMU ${VERSION}'s)`);
  }
  for (const name of all.names()) {
    const apply = MACHINE[name] ?? all.fail(`there is no property ${name} here`);
    apply(draft, all.take(name)!, all);
  }
}

/** Properties of CPUs that QEMU has, and that are not among our features: what they may be. */
const CPU: readonly (readonly [RegExp, readonly string[], string])[] = [
  [/^(sve\d*|sme\d*|sme_fa64)$/, OFF, 'there is no SVE and no SME'],
  [/^(mte|aarch32|reset-hivecs|cfgend|has-mpu)$/, OFF, 'there is no such thing here'],
  [
    /^(aarch64|neon|vfp|vfp-d32|dsp|migratable|kvm-no-adjvtime|kvm-steal-time|start-powered-off)$/,
    ON,
    'it cannot be switched off',
  ],
  [/^(backcompat-cntfrq)$/, OFF, 'the counter ticks at 1 GHz'],
  [/^has_el[23]$/, [], 'say -M virtualization=on, -M secure=on'],
];

const CPU_NAMES = cpuModels.map((m) => m.name);

/** `-cpu MODEL,property=value,…`. */
export function applyCpu(draft: Draft, option: string): void {
  const p = Properties.parse('-cpu', option, 'model');
  const model = p.need('model').replace(/-arm-cpu$/, '');
  if (['help', '?'].includes(model)) throw new Answer(listed('CPUs:', CPU_NAMES));
  if (!CPU_NAMES.includes(model)) {
    throw new UserError(`no CPU is called ${model} (there are ${CPU_NAMES.join(', ')})`);
  }
  draft.cpu.model = model;
  for (const written of p.names()) {
    const value = p.take(written)!;
    const name = /^[+-]/.test(written) ? written.slice(1) : written;
    const wanted = written.startsWith('-') ? 'off' : value;
    if (name === 'x-rme') draft.rme.enabled = p.flag(name, wanted);
    else if (name === 'x-l0gptsz') {
      if (!/^3[0469]$/.test(value)) p.fail(`${name}=${value}: 30, 34, 36 or 39 are needed`);
      draft.rme.l0gptsz = Number(value) as 30;
    } else if (featureNames.has(name) && !/^has_el/.test(name)) draft.cpu.features[name] = p.flag(name, wanted);
    else {
      const known = CPU.find(([pattern]) => pattern.test(name));
      if (!known) throw p.error(`there is no property ${name} here`);
      if (!known[1].includes(wanted)) p.fail(`${name}=${wanted}: ${known[2]}`);
    }
  }
}

/** `-smp N` or its parts. What is left out follows as in QEMU (since 6.2): cores before sockets, threads last. */
export function applySmp(draft: Draft, option: string): void {
  const p = Properties.parse('-smp', option, 'cpus');
  const number = (name: string): number | null => p.takeNumber(name, 1, 512);
  for (const name of ['dies', 'books', 'drawers', 'modules']) {
    if ((number(name) ?? 1) !== 1) p.fail(`${name}: the machine knows sockets, clusters, cores and threads`);
  }
  const [cpus, most] = [number('cpus'), number('maxcpus')];
  const given = { sockets: number('sockets'), cores: number('cores'), threads: number('threads') };
  const clusters = number('clusters') ?? 1;
  p.end();
  const count = most ?? cpus;
  let { sockets, cores, threads } = given;
  if (count !== null) {
    if (cores === null) cores = Math.floor(count / ((sockets ??= 1) * clusters * (threads ??= 1)));
    sockets ??= Math.floor(count / (clusters * cores * (threads ??= 1)));
    threads ??= Math.floor(count / (sockets * clusters * cores));
  }
  const topology = { sockets: sockets ?? 1, clusters, cores: cores ?? 1, threads: threads ?? 1 };
  const product = topology.sockets * topology.clusters * topology.cores * topology.threads;
  if (count !== null && product !== count)
    p.fail(
      `${Object.entries(topology)
        .map(([name, n]) => `${name}=${n}`)
        .join(', ')} do not make ${count} cores`,
    );
  if ((cpus ?? product) !== product) p.fail('cores cannot be added later: cpus and maxcpus must be equal');
  if (product > 32) p.fail(`${product} cores: there are at most 32`);
  draft.cores = product;
  draft.topology = topology.sockets * topology.clusters * topology.threads === 1 ? null : topology;
}

/** `-m SIZE`, in MiB without a letter. */
export function applyMemory(draft: Draft, option: string): void {
  const p = Properties.parse('-m', option, 'size');
  const size = sizeInBytes('-m', p.take('size') ?? '128M', 'M');
  const most = p.take('maxmem');
  const slots = p.takeNumber('slots');
  p.end();
  if (slots || (most !== null && sizeInBytes('-m', most, 'M') !== size)) p.fail('memory cannot be added later');
  // As QEMU does.
  draft.memoryBytes = Math.ceil(size / 8192) * 8192;
}
