// SPDX-License-Identifier: Apache-2.0
// npm run -s bench -- [NAME…]: every program in QEMU and in Trireme, in turns, and the ratio of their times.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { BOOT_NAMES, type BootName, type BootResult, measureBoot } from './boot.ts';
import { type Measurement, measure } from './measure.ts';
import { measureMec, mecLines } from './mec.ts';
import { elfOf, type Program, programs } from './programs.ts';
import { heading, lines, report, summary } from './report.ts';
import { qemuVersion, qemuWithRme, runQemu } from './run-qemu.ts';
import { runInterpreter, runTrireme, triremeCommand } from './run-trireme.ts';
import { measureWorlds, worldsLines } from './three-worlds.ts';

interface Options {
  json?: string;
  runs: number;
  qemu: string;
  trireme: string;
  list?: boolean;
  interpreter?: boolean;
}

function atLeastOne(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on is needed.');
  return value;
}

const command = new Command('bench')
  .description('Measures Trireme against QEMU; a ratio above 1 means that Trireme is faster.')
  .argument(
    '[name...]',
    'programs or classes (all, and the interpreter, if none is named); boot, idle; mec: a realm, MEC on and off; three-worlds: boots of the bundled stack',
  )
  .option('--json <file>', 'write the results there as well')
  .option('--runs <n>', 'runs of each program in each emulator', atLeastOne, 5)
  .option('--qemu <path>', 'the QEMU to compare with', 'qemu-system-aarch64')
  .option('--trireme <file>', "the command's file, for instance of another checkout", triremeCommand)
  .option('--list', 'list the programs')
  .option('--interpreter', 'measure the interpreter alone, too')
  .exitOverride();

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

/** Not a program: `realm-work` with MEC on and off. */
const MEC = 'mec';
/** Nor is this: the bundled stack up to its login. */
const WORLDS = 'three-worlds';

function select(names: string[]): Program[] {
  const unknown = names.find(
    (name) =>
      name !== MEC && name !== WORLDS && !programs.some((program) => program.name === name || program.class === name),
  );
  if (unknown !== undefined) fail(`there is no program or class ${unknown}; --list shows them`);
  if (names.length === 0) {
    const rme = qemuWithRme() !== null;
    if (!rme)
      console.log('without QEMU 11.1 (tests/differential/qemu-chroot.sh), so without the programs that need RME');
    return programs.filter((program) => rme || !program.rme);
  }
  return programs.filter((program) => names.includes(program.name) || names.includes(program.class));
}

/** Instructions a second of the interpreter alone, in millions, over two programs; null if it failed. */
async function interpreterMips(file: string): Promise<number | null> {
  let instructions = 0;
  let seconds = 0;
  for (const program of programs.filter(({ name }) => name === 'dhry' || name === 'calls')) {
    try {
      const run = await runInterpreter(file, program);
      instructions += run.instructions;
      seconds += run.seconds;
    } catch (error) {
      console.log(`${program.name} with the interpreter alone failed: ${(error as Error).message}`);
      return null;
    }
  }
  return instructions / seconds / 1e6;
}

const isBoot = (name: string): name is BootName => (BOOT_NAMES as readonly string[]).includes(name);

/** Boots and idle guests, unless none is named; null if that failed. */
async function boots(names: string[], options: Options): Promise<BootResult[] | null> {
  try {
    const wanted = names.filter(isBoot);
    if (wanted.length === 0) return [];
    // Unless another is named, the newest that is there: kernels use what processors have.
    const qemu = (command.getOptionValueSource('qemu') === 'default' && qemuWithRme()) || options.qemu;
    console.log(qemuVersion(qemu));
    return await measureBoot(wanted, options.runs, qemu);
  } catch (error) {
    console.log(`  failed: ${(error as Error).message}`);
    return null;
  }
}

async function main(names: string[], options: Options): Promise<number> {
  const others = names.filter((name) => !isBoot(name));
  const selected = names.length > 0 && others.length === 0 ? [] : select(others);
  if (options.list) {
    for (const name of BOOT_NAMES) console.log(`${name.padEnd(16)} Debian's kernel with a shell, 1 and 2 vCPUs`);
    for (const program of selected)
      console.log(`${program.name.padEnd(16)} ${program.class.padEnd(8)} ${elfOf(program)}`);
    return 0;
  }
  if (names.includes(WORLDS)) {
    const found = await measureWorlds(options.runs);
    console.log(worldsLines(found));
    if (names.length === 1) {
      if (options.json) writeFileSync(options.json, `${JSON.stringify(found, null, 2)}\n`);
      return 0;
    }
  }
  if (names.includes(MEC)) {
    const found = await measureMec(options.trireme, options.runs);
    console.log(mecLines(found));
    if (selected.length === 0) {
      if (options.json) writeFileSync(options.json, `${JSON.stringify(found, null, 2)}\n`);
      return 0;
    }
  }
  let version = '';
  try {
    version = qemuVersion(options.qemu);
  } catch {
    fail(`cannot run ${options.qemu}; Debian has it in qemu-system-arm`);
  }
  try {
    if (options.json) writeFileSync(options.json, '');
  } catch {
    fail(`cannot write ${options.json}`);
  }
  const [load] = loadavg();
  console.log(`${version}; Node ${process.version}, V8 ${process.versions.v8}; ${cpus().length} × ${cpus()[0]?.model}`);
  if (load > 0.5) console.log(`The load is ${load.toFixed(2)}: if something else is running, the figures will be off.`);
  console.log(heading);
  const measurements: Measurement[] = [];
  for (const program of selected) {
    const measurement = await measure(
      program,
      options.runs,
      (it) => runQemu(options.qemu, it),
      (it) => runTrireme(options.trireme, it),
    );
    console.log(lines(measurement));
    measurements.push(measurement);
  }
  const withInterpreter = options.interpreter || names.length === 0;
  const mips = withInterpreter ? await interpreterMips(options.trireme) : null;
  const booted = await boots(names, options);
  const results = { ...report(measurements, mips), boot: booted };
  if (selected.length > 0) console.log(summary(results));
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  const failed =
    booted === null || measurements.some(({ ratio }) => ratio === null) || (withInterpreter && mips === null);
  return failed ? 1 : 0;
}

try {
  command.parse();
  process.exitCode = await main(command.args, command.opts<Options>());
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
