/** A QEMU command line becomes a launch. */
import { InvalidArgumentError } from 'commander';
import type { ConsoleTarget, Launch } from '../../machines/launch.ts';
import { boots, checkLaunch } from '../../machines/launch-check.ts';
import { UserError } from '../../system/errors.ts';
import type { HostOptions } from '../host-options.ts';
import { Draft, type Drive } from './draft.ts';
import { applyMachine } from './machine.ts';
import { optionNames, optionOf } from './options.ts';

export interface QemuLaunch {
  readonly launch: Launch;
  /** What is said of this run rather than of what is launched. */
  readonly host: HostOptions;
}

/**
 * Reads a command line as it is, with or without the program's name in front. Throws a UserError, one line, where an option is
 * unknown, wrong, or means something to the guest that is not to be had. `path` makes paths absolute.
 */
export function parseQemu(args: readonly string[], path: (file: string) => string = (file) => file): QemuLaunch {
  const draft = new Draft(path);
  const machines: string[] = [];
  const words = /(^|\/)qemu-system-\w+$/.test(args[0] ?? '') ? args.slice(1) : [...args];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const isMachine = /^--?(M|machine)$/.test(word);
    const option = isMachine ? null : optionOf(word);
    if (!isMachine && option === null) {
      // QEMU takes a word of its own for a disk.
      if (!word.startsWith('-')) throw new UserError(`what is '${word}'? A disk is -drive file=${word},format=raw`);
      throw new UserError(`there is no option ${word}${nearest(word)}`);
    }
    let value = '';
    if (isMachine || option!.argument) {
      if (i + 1 >= words.length) throw new UserError(`${word}: its argument is missing`);
      value = words[++i]!;
    }
    if (isMachine) machines.push(value);
    else inOneLine(word, value, () => option!.apply(draft, value));
  }
  applyMachine(draft, machines);
  const launch = finish(draft);
  checkLaunch(launch);
  if (!boots(launch) && draft.host.dumpDtb === undefined) {
    throw new UserError('nothing to boot: -kernel FILE, -bios FILE or -drive if=pflash,…');
  }
  return { launch, host: draft.host };
}

function inOneLine(word: string, value: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UserError(`${word} ${value}: ${error.message}`);
    throw error;
  }
}

function nearest(word: string): string {
  const name = word.replace(/^-+/, '');
  const near = optionNames.find((n) => n.length > 2 && (n.startsWith(name) || name.startsWith(n) || oneApart(n, name)));
  return near === undefined ? '' : ` (-${near}?)`;
}
function oneApart(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return a.slice(i + 1) === b.slice(i + 1) || a.slice(i) === b.slice(i + 1) || a.slice(i + 1) === b.slice(i);
}

function finish(d: Draft): Launch {
  const flash = (bank: number): Launch['pflash'][0] => {
    const node = d.flashNodes[bank];
    let drive: Drive | null | undefined = d.pflash[bank];
    if (node != null) drive = d.useDrive(node);
    if (node != null && !drive) throw new UserError(`-machine: there is no -drive or -blockdev ${node}`);
    return drive ? { file: drive.file, access: d.accessTo(drive) } : null;
  };
  const virtio = d.devices.flatMap((make) => make() ?? []);
  for (const drive of d.disks) virtio.push(d.block(drive, { serial: null, bootIndex: null }));
  if (virtio.length > 32) throw new UserError(`${virtio.length} virtio devices: there are 32 transports`);
  const lines = serials(d);
  return {
    machine: {
      type: 'virt',
      secure: d.secure,
      virtualization: d.virtualization,
      uarts: d.uarts,
      randomness: d.randomness,
      legacyVirtio: d.legacyVirtio,
    },
    cpu: d.cpu,
    cores: d.cores,
    topology: d.topology,
    memoryBytes: memoryBytes(d),
    rtc: d.rtc,
    rme: d.rme,
    mec: d.mec,
    bios: d.bios,
    pflash: [flash(0), flash(1)],
    kernel: d.kernel,
    initrd: d.initrd,
    append: d.append,
    boot: d.boot,
    dtb: d.dtb,
    loaders: d.loaders,
    fwCfg: d.fwCfg,
    virtio,
    serials: lines,
    serialWorlds: [],
    exposed: d.host.exposed,
    monitors: monitors(d, [
      ...lines,
      ...virtio.flatMap((v) => (v.device === 'console' ? v.ports.map((p) => p.target) : [])),
    ]),
    semihosting: d.semihosting.enabled ? { files: d.semihostingFiles, arguments: d.semihosting.arguments } : null,
    onReset: d.onReset,
    uuid: d.uuid,
    engine: d.engine,
    deterministic: d.deterministic,
    seed: d.seed,
  };
}

function memoryBytes({ memoryBytes: said, memoryBackend: id, memoryBackends }: Draft): number {
  if (id === null) return said ?? 128 << 20;
  const backend = memoryBackends.get(id);
  if (backend === undefined) throw new UserError(`-machine: there is no -object memory-backend-… with id=${id}`);
  if (said !== null && said !== backend) throw new UserError(`-m and the size of memory-backend=${id} differ`);
  return backend;
}

/** On a terminal with consoles the monitor is anyway; it has the terminal to itself where there is none. */
function monitors(d: Draft, consoles: Launch['serials']): ConsoleTarget[] {
  const shared = consoles.some((target) => target?.to === 'terminal');
  return d.monitors.flatMap((make) => {
    const target = make();
    return target === null || target.to === 'null' || (target.to === 'terminal' && shared) ? [] : [target];
  });
}

/** Without `-serial` UART0 is on the terminal, unless defaults are not wanted. */
function serials(d: Draft): Launch['serials'] {
  if (d.serials.length === 0 && d.noDefaults && !d.nographic) return [];
  if (d.serials.length === 0) return [{ to: 'terminal' } satisfies ConsoleTarget];
  if (d.serials.length > 4) throw new UserError(`${d.serials.length} times -serial: there are at most 4 UARTs`);
  return d.serials.map((make) => make());
}
