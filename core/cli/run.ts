/** `trireme run`: a bare machine (RAM, PL011, timers, PSCI, semihosting) with a program. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { loadElf } from '../boot/elf.ts';
import { bareSystem } from '../machines/bare.ts';
import type { Launch, MEC_MODELS } from '../machines/launch.ts';
import type { CreateSystem, EngineMode, PsciConduit, StartEl, System, SystemConfig } from '../system/api.ts';
import { fileReason, UserError } from '../system/errors.ts';
import type { TraceConfig } from '../system/trace.ts';
import { setMecModel, setSwitch } from './choices.ts';
import { addHostOptions, type HostOptions, hostDefaults } from './host-options.ts';
import { GDB_DEFAULT, parseCount, parseSize } from './options.ts';
import { userFolder, userPath } from './paths.ts';
import { Draft } from './qemu/draft.ts';
import { applyCpu } from './qemu/machine.ts';
import type { Disassemble } from './report.ts';
import { Session, type SessionOptions } from './session.ts';
import type { Io } from './terminal.ts';

const RAM_BASE = 0x40000000;
const MAX_CPUS = 32;

/** What the command needs of the rest; loaded when it is needed, and replaced by tests. */
export interface Parts {
  /** `threads`: how many it will want for its cores; they are started at once. */
  createSystem(): Promise<CreateSystem>;
  disassembler(): Promise<Disassemble | null>;
  /** The system of a launch, which can be trusted to be consistent. Throws a UserError where a file is missing or wrong. */
  configure(launch: Launch, run: { trace?: TraceConfig; timeLimit?: number }): Promise<SystemConfig>;
  /** The device tree of a launch, as a blob. */
  deviceTree(launch: Launch): Promise<Uint8Array>;
}

interface Options {
  kernel: string;
  append?: string;
  cpus: number;
  memory: number;
  el: string;
  cpu: string;
  rme?: boolean;
  enableMec?: boolean;
  mecidWidth?: number;
  mecModel?: (typeof MEC_MODELS)[number];
  engine: EngineMode;
  deterministic?: boolean;
  seed?: number;
  psci?: PsciConduit;
  semihosting: boolean;
  semihostingFiles?: string;
  s?: boolean;
  S?: boolean;
}

/** The subcommand; `done` gets the exit status. */
export function runCommand(io: Io, parts: Parts, done: (status: number) => void): Command {
  const host = hostDefaults();
  const command = new Command('run')
    .description('Runs a program on a bare machine: RAM at 0x40000000, PL011 at 0x09000000, PSCI, semihosting.')
    .requiredOption('--kernel <file>', 'the program, a static AArch64 ELF file')
    .option('--append <text>', 'arguments for the program (semihosting command line)')
    .option('--cpus <n>', 'number of cores', parseCount(1, MAX_CPUS), 1)
    .addOption(
      new Option('--memory <size>', 'size of RAM, for instance 512M or 2G')
        .argParser(parseSize)
        .default(128 << 20, '128M'),
    )
    .addOption(new Option('--el <n>', 'exception level to start at').choices(['1', '2', '3']).default('1'))
    .option('--cpu <model>', 'CPU model: max or cortex-a72, with features as in QEMU: max,x-rme=on', 'max')
    .option('--rme <switch>', 'FEAT_RME, four worlds: on or off (needs --el 3)', setSwitch)
    .option('--enable-mec', 'FEAT_MEC, memory encryption contexts (needs --rme on)')
    .option('--mecid-width <n>', 'bits of a MECID (default: 16)', parseCount(1, 16))
    .option('--mec-model <model>', 'what another context reads: exact (default), deadbeef, off', setMecModel)
    .addOption(
      new Option('--engine <mode>', 'interpret and compile, or only one of them')
        .choices(['normal', 'interpreter', 'compiled'])
        .default('normal'),
    )
    .option('--deterministic', 'all cores on one thread, time counted in instructions: the same run each time')
    .option('--seed <n>', 'where random numbers of a deterministic run start', parseCount(0, 2 ** 32 - 1))
    .addOption(
      new Option(
        '--psci <conduit>',
        'built-in PSCI by this instruction (default: hvc at EL1, smc at EL2, none at EL3)',
      ).choices(['hvc', 'smc', 'none']),
    )
    .option('--semihosting', 'HLT #0xF000 is a call to the host', true)
    .option('--no-semihosting', 'HLT #0xF000 is no call to the host')
    .option('--semihosting-files <what>', "files the program may open: 'none', 'all', or those below a folder", '.')
    .option('-s', `gdb server on port ${GDB_DEFAULT.port}`)
    .option('-S', 'wait for the debugger before the first instruction')
    .allowExcessArguments(false);
  addHostOptions(command, host);
  return command.action(async (options: Options) => {
    if (options.s) host.gdb ??= GDB_DEFAULT;
    host.startPaused = options.S ?? false;
    const config = configure(options, host);
    const create = await parts.createSystem();
    const system = await create(config);
    done(
      await runSession(system, io, {
        host,
        guestTime: options.deterministic ?? false,
        disassembler: parts.disassembler,
      }),
    );
  });
}

/** A session from its start to its exit status; the system ends in any case. */
export async function runSession(system: System, io: Io, options: SessionOptions): Promise<number> {
  let session: Session;
  try {
    session = new Session(system, io, options);
  } catch (error) {
    await system.stop();
    throw error;
  }
  return session.run();
}

/** The system that the options describe. */
export function configure(options: Options, host: HostOptions): SystemConfig {
  const file = userPath(options.kernel);
  const program = loadElf(readProgram(file, options), options.kernel, { base: RAM_BASE, size: options.memory });
  const startEl = Number(options.el) as StartEl;
  const byLevel: Readonly<Record<StartEl, PsciConduit>> = { 1: 'hvc', 2: 'smc', 3: 'none' };
  const commandLine = [basename(file), ...(options.append ? [options.append] : [])].join(' ');
  return bareSystem({
    cores: options.cpus,
    memoryBytes: options.memory,
    ramBase: RAM_BASE,
    ...cpuOf(options),
    engine: options.engine,
    deterministic: options.deterministic ?? false,
    seed: options.seed,
    startEl,
    images: program.images,
    entry: program.entry,
    semihosting: options.semihosting ? { files: filesPolicy(options.semihostingFiles ?? '.'), commandLine } : null,
    psci: options.psci ?? byLevel[startEl],
    trace: host.trace && { choices: host.trace.choices },
    timeLimit: options.deterministic ? host.timeout : undefined,
  });
}

/** CPU, FEAT_RME and FEAT_MEC as the options have them. */
function cpuOf(options: Options): Pick<SystemConfig, 'cpuModel' | 'features' | 'rme' | 'mec'> {
  const draft = new Draft(userPath);
  applyCpu(draft, options.cpu);
  const rme = options.rme ?? draft.rme.enabled;
  const mec = options.enableMec ?? false;
  if (rme && options.el !== '3') throw new UserError('RME needs EL3: start at it with --el 3');
  if (mec && !rme) throw new UserError('MEC needs RME: switch RME on, too (--rme on)');
  return {
    cpuModel: draft.cpu.model,
    features: { ...draft.cpu.features, ...(rme ? { 'x-rme': true } : {}) },
    rme: { l0gptsz: draft.rme.l0gptsz },
    mec: { enabled: mec, width: options.mecidWidth, model: options.mecModel },
  };
}

function readProgram(file: string, { kernel, memory }: Options): Uint8Array {
  try {
    const { size } = statSync(file);
    // A file may be larger than what it loads (symbols, debugging), but not without bound.
    if (size > 16 * memory + (1 << 30)) throw new UserError(`${kernel}: too large for memory`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${kernel}: ${fileReason(error)}`);
  }
}

function filesPolicy(text: string): 'none' | 'all' | { root: string } {
  if (text === 'none' || text === 'all') return text;
  const root = text === '.' ? userFolder() : userPath(text);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`--semihosting-files ${text}: there is no such folder`);
  }
  return { root };
}
