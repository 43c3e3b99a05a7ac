/** From what is launched to the system that does so: files are read, the machine is described, memory is filled. */
import { readFileSync, statSync } from 'node:fs';
import { type BootPlan, type NamedBytes, planBoot } from '../boot/plan.ts';
import type { SystemConfig, VirtioConfig } from '../system/api.ts';
import { fileReason, UserError } from '../system/errors.ts';
import type { MecConfig } from '../system/protection.ts';
import type { TraceConfig } from '../system/trace.ts';
import type { Launch, VirtioLaunch } from './launch.ts';
import { consolesOf, uartsOf } from './launch-consoles.ts';
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
    deterministic: launch.deterministic,
    ...(launch.seed === null ? {} : { seed: launch.seed }),
    startEl: boot.startEl,
    skipsEl3: boot.skipsEl3,
    images: boot.images,
    entry: boot.entry,
    psci: boot.psci,
    semihosting: semihosting && {
      files:
        semihosting.files === 'none' || semihosting.files === 'all' ? semihosting.files : { root: semihosting.files },
      commandLine: semihosting.arguments.join(' '),
    },
    fwCfg: boot.fwCfg,
    virtio: launch.virtio.flatMap(virtioOf),
    consoles: consolesOf(launch).map(({ name, target, worlds }) => ({ name, worlds, connected: target !== null })),
    ...run,
  };
}

/** The device tree blob that the launched machine's guest finds. */
export const treeOfLaunch = (launch: Launch): Uint8Array => bootOf(launch, machineOf(launch)).dtb.bytes;

function machineOf(launch: Launch): MachineDescription {
  const { cores, memoryBytes, machine } = launch;
  const { secure, virtualization } = machine;
  return virtMachine({ cores, memoryBytes, secure, virtualization, uarts: uartsOf(launch) });
}

const featuresOf = ({ cpu, rme }: Launch): Readonly<Record<string, boolean>> => ({
  ...cpu.features,
  ...(rme.enabled ? { 'x-rme': true } : {}),
});

/** Without FEAT_MEC there are no contexts for the model to tell apart. */
function mecOf({ mec }: Launch): MecConfig {
  return mec.enabled ? { enabled: true, width: mec.mecidWidth, model: mec.model } : { enabled: false };
}

function bootOf(launch: Launch, machine: MachineDescription): BootPlan {
  const { bios, pflash, kernel, initrd, append, dtb, loaders } = launch;
  const named = (path: string | null): NamedBytes | undefined => (path === null ? undefined : read(path));
  return planBoot({
    machine,
    cpuModel: launch.cpu.model,
    features: featuresOf(launch),
    firmware: named(bios),
    flash: pflash.map((f) => named(f?.file ?? null)),
    kernel: named(kernel),
    initrd: named(initrd),
    commandLine: append ?? undefined,
    dtb: named(dtb),
    loaders: loaders.flatMap((l) => {
      if (l.kind === 'file') return [{ ...read(l.file), address: l.address ?? undefined, raw: l.raw }];
      if (l.kind === 'data') return [{ name: 'data', bytes: Uint8Array.from(l.bytes), address: l.address, raw: true }];
      return [];
    }),
    fwCfg: launch.fwCfg.map(({ name, content }) => ({
      file: name,
      bytes: content.from === 'file' ? read(content.path).bytes : new TextEncoder().encode(content.text),
    })),
    uuid: launch.uuid === null ? undefined : Buffer.from(launch.uuid.replaceAll('-', ''), 'hex'),
    random: launch.machine.randomness ? randomOf(launch) : undefined,
  });
}

/** Seeds for the guest's random numbers: of the host, or of the run. */
function randomOf({ deterministic, seed }: Launch): (length: number) => Uint8Array {
  if (!deterministic) return (length) => crypto.getRandomValues(new Uint8Array(length));
  let x = (seed ?? 1) >>> 0 || 1;
  return (length) =>
    Uint8Array.from({ length }, () => {
      // xorshift32
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      return x & 0xff;
    });
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

function virtioOf(device: VirtioLaunch): VirtioConfig[] {
  switch (device.device) {
    case 'block': {
      const { file, access, serial } = device;
      const config = { type: 'blk', file, readonly: access === 'read-only', overlay: access === 'overlay' } as const;
      return [serial === null ? config : { ...config, serial }];
    }
    case '9p':
      return [
        {
          type: '9p',
          path: device.folder,
          tag: device.tag,
          readonly: device.readOnly,
          securityModel: 'mapped-file',
        },
      ];
    case 'rng':
      return [{ type: 'rng' }];
    case 'console':
      return device.ports.map(() => ({ type: 'console' }));
  }
}
