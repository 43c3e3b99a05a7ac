/** From what is launched to the system that does so: files are read, the machine is described, memory is filled. */
import { readFileSync, statSync } from 'node:fs';
import type { FwCfgItem } from '../boot/fw-cfg-items.ts';
import { type BootPlan, type LoaderFile, type NamedBytes, planBoot } from '../boot/plan.ts';
import type { CoreEntry, RtcConfig, SerialConfig, SystemConfig, VirtioConfig } from '../system/api.ts';
import { fileReason, UserError } from '../system/errors.ts';
import type { MecConfig } from '../system/protection.ts';
import { randomFiller, randomSource } from '../system/random.ts';
import type { TraceConfig } from '../system/trace.ts';
import { bootOrder } from './boot-order.ts';
import type { Launch, LoaderLaunch, VirtioLaunch } from './launch.ts';
import { boots } from './launch-check.ts';
import { consolesOf, type LaunchConsole, uartsOf } from './launch-consoles.ts';
import type { MachineDescription } from './machine.ts';
import { virtMachine } from './virt.ts';

export interface RunOptions {
  readonly trace?: TraceConfig;
  /** Guest time, in seconds, after which the system ends. */
  readonly timeLimit?: number;
}

/** Throws UserError, one line, for whatever is not there or does not fit. */
export function configureLaunch(launch: Launch, run: RunOptions = {}): SystemConfig {
  const machine = machineOf(launch);
  const boot = bootOf(launch, machine);
  const { semihosting } = launch;
  return {
    machine,
    cpuModel: launch.cpu.model,
    features: featuresOf(launch),
    rme: { l0gptsz: launch.rme.l0gptsz },
    mec: mecOf(launch),
    engine: launch.engine,
    ...randomnessOf(launch),
    startEl: boot.startEl,
    skipsEl3: boot.skipsEl3,
    images: boot.images,
    entry: boot.entry,
    entries: boot.entries,
    psci: boot.psci,
    semihosting: semihosting && {
      files:
        semihosting.files === 'none' || semihosting.files === 'all' ? semihosting.files : { root: semihosting.files },
      commandLine: semihosting.arguments.join(' '),
    },
    fwCfg: boot.fwCfg,
    virtio: launch.virtio.map((it) => (it.slot === undefined ? virtioOf(it) : { ...virtioOf(it), slot: it.slot })),
    serials: consolesOf(launch).slice(0, uartsOf(launch)).map(serialOf),
    virtioLegacy: launch.machine.legacyVirtio,
    rtc: rtcOf(launch),
    flashFiles: launch.pflash.flatMap((f, n) => (f?.access === 'write' ? [{ flash: `flash${n}`, file: f.file }] : [])),
    ...run,
  };
}

/** The device tree blob that the launched machine's guest finds. A machine with nothing to run has one, too. */
export function treeOfLaunch(launch: Launch): Uint8Array {
  const idle: readonly CoreEntry[] = boots(launch) ? [] : [{ core: 0, entry: 0n }];
  return bootOf(launch, machineOf(launch), idle).dtb.bytes;
}

const randomnessOf = ({ deterministic, seed }: Launch): Pick<SystemConfig, 'deterministic' | 'seed'> => ({
  deterministic,
  ...(seed === null ? {} : { seed }),
});

const serialOf = ({ name, target, world }: LaunchConsole): SerialConfig => ({
  name,
  connected: target !== null,
  ...(world === undefined ? {} : { worlds: [world] }),
});

function machineOf(launch: Launch): MachineDescription {
  const { cores, memoryBytes, machine } = launch;
  const { secure, virtualization } = machine;
  const [first, second] = launch.pflash.map((flash) => flash?.access === 'read-only');
  const readOnlyFlash = [first!, second!] as const;
  return virtMachine({ cores, memoryBytes, secure, virtualization, uarts: uartsOf(launch), readOnlyFlash });
}

/** Seeds of the device tree have numbers of their own. */
const TREE_STREAM = 1 << 17;
const featuresOf = ({ cpu, rme }: Launch): Readonly<Record<string, boolean>> => ({
  ...cpu.features,
  ...(rme.enabled ? { 'x-rme': true } : {}),
});

/** Without FEAT_MEC there are no contexts for the model to tell apart. */
function mecOf({ mec }: Launch): MecConfig {
  return mec.enabled ? { enabled: true, width: mec.mecidWidth, model: mec.model } : { enabled: false };
}

function bootOf(launch: Launch, machine: MachineDescription, more: readonly CoreEntry[] = []): BootPlan {
  const { bios, pflash, kernel, initrd, append, dtb, loaders, topology } = launch;
  const named = (path: string | null): NamedBytes | undefined => (path === null ? undefined : read(path));
  const fill = randomFiller(randomSource(randomnessOf(launch), TREE_STREAM));
  return planBoot({
    machine,
    cpuModel: launch.cpu.model,
    features: featuresOf(launch),
    topology: topology ?? undefined,
    firmware: named(bios),
    flash: pflash.map((f) => named(f?.file ?? null)),
    kernel: named(kernel),
    initrd: named(initrd),
    commandLine: append ?? undefined,
    dtb: named(dtb),
    loaders: loaders.flatMap(loaderOf),
    entries: [...loaders.flatMap(entryOf), ...more],
    fwCfg: launch.fwCfg.map(fwCfgOf),
    boot: { ...launch.boot, order: bootOrder(launch, machine) },
    uuid: launch.uuid === null ? undefined : Buffer.from(launch.uuid.replaceAll('-', ''), 'hex'),
    random: launch.machine.randomness
      ? (length) => {
          const bytes = new Uint8Array(length);
          fill(bytes);
          return bytes;
        }
      : undefined,
  });
}

function loaderOf(loader: LoaderLaunch): LoaderFile[] {
  switch (loader.kind) {
    case 'file': {
      const { file, raw, address, core } = loader;
      return [{ ...read(file), raw, address: address ?? undefined, core: core ?? undefined }];
    }
    case 'data':
      return [{ name: 'data', bytes: Uint8Array.from(loader.bytes), address: loader.address, raw: true }];
    case 'entry':
      return [];
  }
}
const entryOf = (loader: LoaderLaunch): CoreEntry[] =>
  loader.kind === 'entry' ? [{ core: loader.core, entry: BigInt(loader.address) }] : [];

function fwCfgOf({ name, content }: Launch['fwCfg'][number]): FwCfgItem {
  return {
    file: name,
    bytes: content.from === 'file' ? read(content.path).bytes : new TextEncoder().encode(content.text),
  };
}

function rtcOf({ rtc: { base, follows } }: Launch): RtcConfig {
  const now = Date.now() / 1000;
  const zone = -60 * new Date().getTimezoneOffset();
  if (base === 'utc') return { start: null, follows };
  // A date without a zone is what the clock is to show, whatever zone that is of.
  return {
    start: base === 'localtime' ? now + zone : Date.parse(base.length > 10 ? `${base}Z` : base) / 1000,
    follows,
  };
}

function read(path: string): NamedBytes {
  try {
    // A device or a pipe could go on for ever.
    if (!statSync(path).isFile()) throw new UserError(`${path}: not a file`);
    return { name: path, bytes: readFileSync(path) };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path}: ${fileReason(error)}`);
  }
}

function virtioOf(device: VirtioLaunch): VirtioConfig {
  switch (device.device) {
    case 'block': {
      const { file, access, serial } = device;
      const config = { type: 'blk', file, readonly: access === 'read-only', overlay: access === 'overlay' } as const;
      return serial === null ? config : { ...config, serial };
    }
    case '9p':
      return {
        type: '9p',
        path: device.folder,
        tag: device.tag,
        readonly: device.readOnly,
        securityModel: 'mapped-file',
      };
    case 'rng':
      return { type: 'rng' };
    case 'console':
      return { type: 'console', ports: device.ports.map(({ name }) => ({ name })) };
  }
}
