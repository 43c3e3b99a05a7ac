/** `trireme run`: a bare machine (RAM, PL011, timers, PSCI, semihosting) with a program. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { loadElf } from '../boot/elf.ts';
import { bareSystem } from '../machines/bare.ts';
import type { CreateSystem, EngineMode, PsciConduit, StartEl, SystemConfig } from '../system/api.ts';
import { fileReason, UserError } from '../system/errors.ts';
import {
  type GdbAddress,
  parseCount,
  parseGdb,
  parseSeconds,
  parseSize,
  parseTrace,
  type TraceOption,
} from './options.ts';
import { userFolder, userPath } from './paths.ts';
import type { Disassemble } from './report.ts';
import type { RawStep } from './script.ts';
import { Session } from './session.ts';
import type { Io } from './terminal.ts';

const RAM_BASE = 0x40000000;
const MAX_CPUS = 32;
const GDB_PORT = 1234;

/** What the command needs of the rest; loaded when it is needed, and replaced by tests. */
export interface Parts {
  createSystem(): Promise<CreateSystem>;
  disassembler(): Promise<Disassemble | null>;
}

interface Options {
  kernel: string;
  append?: string;
  cpus: number;
  memory: number;
  el: string;
  cpu: string;
  engine: EngineMode;
  deterministic?: boolean;
  seed?: number;
  psci?: PsciConduit;
  semihosting: boolean;
  semihostingFiles?: string;
  timeout?: number;
  trace?: TraceOption;
  stats?: string;
  s?: boolean;
  S?: boolean;
  gdb?: GdbAddress;
}

/** The subcommand; `done` gets the exit status. */
export function runCommand(io: Io, parts: Parts, done: (status: number) => void): Command {
  const steps: RawStep[] = [];
  const step = (kind: RawStep['kind']) => (text: string) => {
    steps.push({ kind, text });
    return text;
  };
  return new Command('run')
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
    .option('--cpu <model>', 'CPU model: max or cortex-a72', 'max')
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
    .option(
      '--expect <regex>',
      '[CONSOLE:]REGEX has to be shown next; may be repeated, in order with --send',
      step('expect'),
    )
    .option('--send <text>', '[CONSOLE:]TEXT with C escapes is typed then', step('send'))
    .option('--timeout <seconds>', 'give up after so long (guest time if deterministic)', parseSeconds)
    .option('--trace <list[:file]>', 'trace exceptions,smc,sysreg,mmio,tlbi,blocks', parseTrace)
    .option('--stats <file>', 'write instructions, seconds and more there as JSON')
    .option('-s', `gdb server on port ${GDB_PORT}`)
    .option('--gdb <[host:]port>', 'gdb server there', parseGdb)
    .option('-S', 'wait for the debugger before the first instruction')
    .allowExcessArguments(false)
    .action(async (options: Options) => done(await run(options, steps, io, parts)));
}

async function run(options: Options, steps: readonly RawStep[], io: Io, parts: Parts): Promise<number> {
  const config = configure(options);
  const createSystem = await parts.createSystem();
  const system = await createSystem(config);
  let session: Session;
  try {
    session = new Session(system, io, {
      steps,
      timeout: options.deterministic ? undefined : options.timeout,
      guestTimeout: config.timeLimit,
      statsFile: options.stats === undefined ? undefined : userPath(options.stats),
      traceFile: options.trace && (options.trace.file === null ? null : userPath(options.trace.file)),
      gdb: options.gdb ?? (options.s ? { host: '127.0.0.1', port: GDB_PORT } : undefined),
      startPaused: options.S,
      disassembler: () => parts.disassembler(),
    });
  } catch (error) {
    await system.stop();
    throw error;
  }
  return session.run();
}

/** The system that the options describe. */
export function configure(options: Options): SystemConfig {
  const file = userPath(options.kernel);
  const program = loadElf(readProgram(file, options), options.kernel, { base: RAM_BASE, size: options.memory });
  const startEl = Number(options.el) as StartEl;
  const byLevel: Readonly<Record<StartEl, PsciConduit>> = { 1: 'hvc', 2: 'smc', 3: 'none' };
  const commandLine = [basename(file), ...(options.append ? [options.append] : [])].join(' ');
  return bareSystem({
    cores: options.cpus,
    memoryBytes: options.memory,
    ramBase: RAM_BASE,
    cpuModel: options.cpu,
    engine: options.engine,
    deterministic: options.deterministic ?? false,
    seed: options.seed,
    startEl,
    images: program.images,
    entry: program.entry,
    semihosting: options.semihosting ? { files: filesPolicy(options.semihostingFiles ?? '.'), commandLine } : null,
    psci: options.psci ?? byLevel[startEl],
    trace: options.trace && { choices: options.trace.choices },
    timeLimit: options.deterministic ? options.timeout : undefined,
  });
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
