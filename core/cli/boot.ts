/** `trireme boot`: a preset, by default the bundled firmware stack with its three worlds, with a few changes. */
import { join } from 'node:path';
import { Command } from 'commander';
import { refuseForeign } from '../devices/virtio/disk/format.ts';
import type { AnyLaunch, ListedPreset } from '../host/launch.ts';
import { Presets, presetFolder } from '../host/presets.ts';
import type { Launch } from '../machines/launch.ts';
import { readLaunch } from '../machines/launch-check.ts';
import { UserError } from '../system/errors.ts';
import { setEngine, setMecModel } from './choices.ts';
import { addHostOptions, hostDefaults } from './host-options.ts';
import { runLaunch } from './launched.ts';
import { GDB_DEFAULT, parseCount, parseSize } from './options.ts';
import { userPath } from './paths.ts';
import type { Parts } from './run.ts';
import type { Io } from './terminal.ts';

const BUILT_IN = join(import.meta.dirname, '..', '..', 'resources', 'presets');
const DEFAULT = 'three-worlds';

/** What the monitor looks for (docs/firmware-stack.md). */
const INSPECT = { name: 'opt/trireme/inspect', content: { from: 'text', text: 'on' } } as const;
const RMM_LOG = { name: 'opt/trireme/rmm-log', content: { from: 'text', text: 'all' } } as const;

interface Options {
  enableMec?: boolean;
  mecModel?: Launch['mec']['model'];
  mecidWidth?: number;
  smp?: number;
  memory?: number;
  kernel?: string;
  initrd?: string;
  append?: string;
  flash?: string;
  disk?: string[];
  share?: string[];
  logAll?: boolean;
  inspect?: boolean;
  engine?: Launch['engine'];
  deterministic?: boolean;
  seed?: number;
  s?: boolean;
  S?: boolean;
}

/** The subcommand; `done` gets the exit status. */
export function bootCommand(io: Io, parts: Parts, done: (status: number) => void): Command {
  const host = hostDefaults();
  const command = new Command('boot')
    .description('Boots three worlds: host, RMM and monitor, with a console for each (Ctrl+A 1, 2, 3).')
    .argument('[preset]', 'what to boot: three-worlds, linux-host, custom, or a preset of your own', DEFAULT)
    .option('--enable-mec', 'the cores have FEAT_MEC: each realm can have a memory encryption context of its own')
    .option('--mecid-width <n>', 'bits of a MECID', parseCount(1, 16))
    .option('--mec-model <model>', 'what another context reads: exact, deadbeef, off', setMecModel)
    .option('-c, --smp <n>', 'number of cores', parseCount(1, 32))
    .option('-m, --memory <size>', 'size of memory, for instance 2G', parseSize)
    .option('-k, --kernel <file>', 'kernel of the host instead of the bundled one, an arm64 Image')
    .option('-i, --initrd <file>', "the kernel's initial RAM disk")
    .option('--append <text>', "the kernel's command line")
    .option('--flash <file>', 'firmware instead of the bundled one')
    .option('-d, --disk <file...>', 'disk images for the host, which stay as they are')
    .option('--share <folder...>', 'folders for the host, by 9p')
    .option('--log-all', 'RMM logs all calls')
    .option('--inspect', "the monitor shows the host realms' memory past granule protection, for demonstrations")
    .option('--engine <mode>', 'normal, interpreter or compiled', setEngine)
    .option('--deterministic', 'all cores on one thread, time counted in instructions: the same run each time')
    .option('--seed <n>', 'where random numbers of a deterministic run start', parseCount(0, 2 ** 32 - 1))
    .option('-s', `gdb server on port ${GDB_DEFAULT.port}`)
    .option('-S', 'wait for the debugger before the first instruction')
    .allowExcessArguments(false);
  addHostOptions(command, host);
  return command.action(async (id: string, options: Options) => {
    if (options.s) host.gdb ??= GDB_DEFAULT;
    host.startPaused = options.S ?? false;
    const log = (line: string): void => void io.stderr.write(`trireme: ${line}\n`);
    const preset = find(new Presets(BUILT_IN, presetFolder(), log).list(), id);
    const launch = readLaunch(changed(virt(preset.launch, id), options));
    for (const field of preset.needs) {
      if (launch[field] === null) throw new UserError(`${id} needs ${NEEDED[field]}`);
    }
    done(await runLaunch(launch, host, io, parts));
  });
}

/** Options for what a preset leaves to the user. */
const NEEDED: Readonly<Record<ListedPreset['needs'][number], string>> = {
  kernel: 'a kernel: --kernel FILE, an arm64 Image',
  bios: 'firmware: --flash FILE, for instance flash.bin of TF-A with RMM',
};

function find(presets: readonly ListedPreset[], id: string): ListedPreset {
  const preset = presets.find((p) => p.id === id);
  if (preset) return preset;
  throw new UserError(`there is no preset ${id} (there are ${presets.map((p) => p.id).join(', ')})`);
}

function virt(launch: AnyLaunch, id: string): Launch {
  if (launch.machine.type === 'virt') return launch as Launch;
  throw new UserError(`${id} is a program on the bare machine: trireme run --kernel FILE runs those`);
}

function changed(preset: Launch, options: Options): Launch {
  const { disk = [], share = [] } = options;
  const path = (said: string | undefined, was: string | null): string | null =>
    said === undefined ? was : userPath(said);
  return {
    ...preset,
    mec: {
      enabled: options.enableMec ?? preset.mec.enabled,
      mecidWidth: options.mecidWidth ?? preset.mec.mecidWidth,
      model: options.mecModel ?? preset.mec.model,
    },
    cores: options.smp ?? preset.cores,
    memoryBytes: options.memory ?? preset.memoryBytes,
    bios: path(options.flash, preset.bios),
    kernel: path(options.kernel, preset.kernel),
    initrd: path(options.initrd, preset.initrd),
    append: options.append ?? preset.append,
    fwCfg: [...preset.fwCfg, ...(options.logAll ? [RMM_LOG] : []), ...(options.inspect ? [INSPECT] : [])],
    virtio: [
      ...preset.virtio,
      ...disk.map(userPath).map((file) => {
        refuseForeign(file);
        return { device: 'block', access: 'overlay', serial: null, bootIndex: null, file } as const;
      }),
      ...share.map((folder, n) => ({
        ...({ device: '9p', readOnly: false } as const),
        folder: userPath(folder),
        tag: `share${n}`,
      })),
    ],
    engine: options.engine ?? preset.engine,
    deterministic: options.deterministic ?? preset.deterministic,
    seed: options.seed ?? preset.seed,
  };
}
