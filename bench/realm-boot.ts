// SPDX-License-Identifier: Apache-2.0
// npm run -s bench:realm-boot: a Linux realm on real firmware (docs/firmware.md), from power-on to power-off of the host: Trireme and
// QEMU in turns, and Trireme's memory protection engine at work (`exact`) and not (`off`) in turns.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { FIRMWARE, INITRD, KERNEL, missing, PROMPT } from '../tests/real-firmware/artifacts.ts';
import { bootWords } from '../tests/real-firmware/run.ts';
import { type Spread, spread } from './measure.ts';
import { qemuVersion } from './run-qemu.ts';
import { triremeCommand } from './run-trireme.ts';

/** What is compared: Trireme with QEMU; the `exact` model with `off`. */
const COMPARISONS = ['qemu', 'exact'] as const;

interface Options {
  json?: string;
  only?: (typeof COMPARISONS)[number];
  runs: number;
  qemu: string;
  trireme: string;
}

/** What the console shows before the prompt (null: anything), then what is typed. Nothing is typed behind the last. */
const SESSION: readonly (readonly [string | null, string])[] = [
  [null, 'realm 1\n'],
  ['Run /init as init process', 'poweroff -f\n'],
  ['KVM session ended normally', 'poweroff -f\n'],
];
const AT_PROMPT = new RegExp(PROMPT);
/** The step in which the host makes a realm and starts it, and the first that the realm's kernel says. */
const MAKING = 1;
const SPEAKS = 'Booting Linux on physical CPU';
/** Characters of the console that are looked at again with what comes: this process must not take a processor of its own. */
const KEPT = 200;
const LIMIT_MS = 900_000;

interface Times {
  /** From power-on to power-off. */
  readonly seconds: number;
  /**
   * From the command that makes the realm to its kernel's first line: RMI calls, each a round trip of host, EL3, RMM and back, and
   * entries of the realm for each page that it touches for the first time.
   */
  readonly making: number;
}
interface Sample extends Times {
  /** Guest instructions; null where the emulator does not tell. */
  readonly instructions: number | null;
}

/** Runs an emulator through the session. Throws if the session was not gone through. */
function session(command: string, words: readonly string[]): Promise<Times> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    let tail = '';
    let shown = false;
    let errors = '';
    let step = 0;
    let asked = 0;
    let making = 0;
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.stdin.on('error', () => {});
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-1000);
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const seen = tail + text;
      tail = seen.slice(-KEPT);
      if (step === MAKING && making === 0 && seen.includes(SPEAKS)) making = (performance.now() - asked) / 1000;
      const next = SESSION[step];
      if (!next) return;
      shown ||= next[0] === null || seen.includes(next[0]);
      if (!shown || !AT_PROMPT.test(tail)) return;
      tail = '';
      shown = false;
      step++;
      if (step === MAKING) asked = performance.now();
      child.stdin.write(next[1]);
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(limit);
      const seconds = (performance.now() - start) / 1000;
      if (status === 0 && step === SESSION.length) resolve({ seconds, making });
      else reject(new Error(`step ${step}, status ${status ?? signal}: ${(errors || tail).trim().slice(-300)}`));
    });
  });
}

async function runTrireme(file: string, words: readonly string[]): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-bench-'));
  const stats = join(folder, 'stats.json');
  try {
    const times = await session(process.execPath, ['--no-warnings', file, 'qemu', ...words, '--stats', stats]);
    const { instructions } = JSON.parse(readFileSync(stats, 'utf8')) as { instructions: number };
    return { ...times, instructions };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of the same time in all pairs. */
interface Compared {
  /** Seconds. */
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Of the pairs, theirs over ours: above 1 means that ours is faster. */
  readonly ratio: Spread;
}
interface Comparison {
  readonly name: string;
  readonly whole: Compared;
  readonly making: Compared;
  readonly instructions: { readonly ours: number | null; readonly theirs: number | null };
}

async function compare(
  name: string,
  runs: number,
  ours: () => Promise<Sample>,
  theirs: () => Promise<Sample>,
): Promise<Comparison> {
  const pairs: { ours: Sample; theirs: Sample }[] = [];
  for (let i = 0; i < runs; i++) {
    // Who goes first changes: what the first leaves behind in the host's caches helps both equally.
    const first = i % 2 === 0 ? await theirs() : await ours();
    const second = i % 2 === 0 ? await ours() : await theirs();
    const pair = i % 2 === 0 ? { ours: second, theirs: first } : { ours: first, theirs: second };
    pairs.push(pair);
    console.log(`  pair ${i + 1} of ${runs}: ${pair.ours.seconds.toFixed(1)} s, ${pair.theirs.seconds.toFixed(1)} s`);
  }
  const instructionsOf = (side: 'ours' | 'theirs'): number | null => {
    const counts = pairs.flatMap((pair) => pair[side].instructions ?? []);
    return counts.length === 0 ? null : spread(counts).median;
  };
  const compared = (time: keyof Times): Compared => ({
    ours: spread(pairs.map((pair) => pair.ours[time])),
    theirs: spread(pairs.map((pair) => pair.theirs[time])),
    ratio: spread(pairs.map((pair) => pair.theirs[time] / pair.ours[time])),
  });
  return {
    name,
    whole: compared('seconds'),
    making: compared('making'),
    instructions: { ours: instructionsOf('ours'), theirs: instructionsOf('theirs') },
  };
}

function show({ name, whole, making, instructions }: Comparison): string {
  const text = ({ median, min, max }: Spread, digits: number): string =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
  const counts = [instructions.ours, instructions.theirs]
    .filter((n) => n !== null)
    .map((n) => `${(n / 1e6).toFixed(0)} M instructions`);
  const times = ({ ours, theirs, ratio }: Compared): string =>
    `${text(ours, 1)} s against ${text(theirs, 1)} s; ratio ${text(ratio, 2)}`;
  return [
    `${name}: ${times(whole)}; ${counts.join(', ')}`,
    `  of this, until the realm's kernel speaks, from the command that makes the realm: ${times(making)}`,
  ].join('\n');
}

function atLeastOne(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on is needed.');
  return value;
}

const command = new Command('bench:realm-boot')
  .description(
    'Measures the boot of a realm on the firmware in TRIREME_FIRMWARE; a ratio above 1 means that the first is faster.',
  )
  .option('--json <file>', 'write the results there as well')
  .option('--runs <n>', 'pairs of each comparison: a pair takes one to two minutes', atLeastOne, 15)
  .addOption(new Option('--only <comparison>', 'only with QEMU, or only exact with off').choices(COMPARISONS))
  .option('--qemu <path>', 'a QEMU with RME', '/var/cache/trireme/trixie/qemu-system-aarch64')
  .option('--trireme <file>', "the command's file, for instance of another checkout", triremeCommand);

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

const { runs, qemu, trireme, json, only } = command.parse().opts<Options>();
const absent = missing([FIRMWARE.rmm08.file, FIRMWARE.rmm08rmi11.file, KERNEL, INITRD]);
if (absent !== null) fail(absent);
const wanted = COMPARISONS.filter((name) => only === undefined || only === name);
let version = '';
try {
  if (wanted.includes('qemu')) version = `${qemuVersion(qemu)}; `;
} catch {
  fail(`cannot run ${qemu}; tests/differential/qemu-chroot.sh gets one with RME`);
}
console.log(`${version}Node ${process.version}, V8 ${process.versions.v8}; ${cpus().length} × ${cpus()[0]?.model}`);
if (loadavg()[0]! > 0.5) console.log('Something else is running: the figures will be off.');

const plain = bootWords({ firmware: FIRMWARE.rmm08, cpus: 1, mec: false });
const mec = bootWords({ firmware: FIRMWARE.rmm08rmi11, cpus: 1, mec: true });
const withModel = (model: string) => () => runTrireme(trireme, [...mec, '--mec-model', model]);
const SIDES = {
  qemu: {
    title: 'MEC off, Trireme against QEMU',
    ours: () => runTrireme(trireme, plain),
    theirs: async () => ({ ...(await session(qemu, plain)), instructions: null }),
  },
  exact: { title: 'MEC on, exact against off', ours: withModel('exact'), theirs: withModel('off') },
} as const;
const results: Comparison[] = [];
try {
  for (const name of wanted) {
    const { title, ours, theirs } = SIDES[name];
    const result = await compare(title, runs, ours, theirs);
    results.push(result);
    console.log(show(result));
    if (json) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
  }
} catch (error) {
  fail((error as Error).message);
}
