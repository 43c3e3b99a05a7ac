// SPDX-License-Identifier: Apache-2.0
// npm run -s bench:realm-boot: a Linux realm on real firmware (docs/firmware.md), from power-on to power-off of the host: Trireme and
// QEMU in turns, Trireme's memory protection engine at work (`exact`) and not (`off`) in turns, and with a host kernel that times its
// RMI calls, these in Trireme and QEMU.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { FIRMWARE, INITRD, KERNEL, KERNEL_WITH_TIMES, missing, pathOf } from '../tests/real-firmware/artifacts.ts';
import { bootWords } from '../tests/real-firmware/run.ts';
import { type Spread, spread } from './measure.ts';
import { runSession, runTrireme, type Sample, type Times } from './realm-session.ts';
import { compareTrips, tripLines, tripsIn } from './round-trips.ts';
import { qemuVersion } from './run-qemu.ts';
import { triremeCommand } from './run-trireme.ts';

/** What is compared: Trireme with QEMU; the same with a host kernel that times its RMI calls; the `exact` model with `off`. */
const COMPARISONS = ['qemu', 'trips', 'exact'] as const;

interface Options {
  json?: string;
  only?: (typeof COMPARISONS)[number];
  runs: number;
  qemu: string;
  trireme: string;
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
  /** Only with a host kernel that times them. */
  readonly trips: ReturnType<typeof compareTrips> | null;
}

interface Sides {
  readonly title: string;
  readonly ours: () => Promise<Sample>;
  readonly theirs: () => Promise<Sample>;
  /** The host kernel prints its times. */
  readonly timed?: boolean;
}

async function compare({ title, ours, theirs, timed = false }: Sides, runs: number): Promise<Comparison> {
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
  const tripsOf = (pair: (typeof pairs)[number]) => ({
    ours: tripsIn(pair.ours.end),
    theirs: tripsIn(pair.theirs.end),
  });
  return {
    name: title,
    whole: compared('seconds'),
    making: compared('making'),
    instructions: { ours: instructionsOf('ours'), theirs: instructionsOf('theirs') },
    trips: timed ? compareTrips(pairs.map(tripsOf)) : null,
  };
}

function show({ name, whole, making, instructions, trips }: Comparison): string {
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
    ...(trips ? [tripLines(trips)] : []),
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
  .addOption(
    new Option('--only <comparison>', 'only one of them: with QEMU, times of RMI calls, exact with off').choices(
      COMPARISONS,
    ),
  )
  .option('--qemu <path>', 'a QEMU with RME', '/var/cache/trireme/trixie/qemu-system-aarch64')
  .option('--trireme <file>', "the command's file, for instance of another checkout", triremeCommand);

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

const { runs, qemu, trireme, json, only } = command.parse().opts<Options>();
const absent = missing([FIRMWARE.rmm08.file, FIRMWARE.rmm08rmi11.file, KERNEL, INITRD]);
if (absent !== null) fail(absent);
const untimed = missing([KERNEL_WITH_TIMES]);
if (only === 'trips' && untimed !== null) fail(untimed);
const wanted = COMPARISONS.filter((name) => only === name || (only === undefined && (name !== 'trips' || !untimed)));
let version = '';
try {
  if (wanted.some((name) => name !== 'exact')) version = `${qemuVersion(qemu)}; `;
} catch {
  fail(`cannot run ${qemu}; tests/differential/qemu-chroot.sh gets one with RME`);
}
console.log(`${version}Node ${process.version}, V8 ${process.versions.v8}; ${cpus().length} × ${cpus()[0]?.model}`);
if (loadavg()[0]! > 0.5) console.log('Something else is running: the figures will be off.');
if (only === undefined && untimed !== null) console.log(`No times of RMI calls: ${untimed}`);

const plain = { firmware: FIRMWARE.rmm08, cpus: 1, mec: false } as const;
const mec = bootWords({ firmware: FIRMWARE.rmm08rmi11, cpus: 1, mec: true });
const withModel = (model: string) => () => runTrireme(trireme, [...mec, '--mec-model', model]);
const withQemu = (words: readonly string[]) => ({
  ours: () => runTrireme(trireme, words),
  theirs: () => runSession(qemu, words),
});
const SIDES: Readonly<Record<(typeof COMPARISONS)[number], Sides>> = {
  qemu: { title: 'MEC off, Trireme against QEMU', ...withQemu(bootWords(plain)) },
  trips: {
    title: 'the same with a host kernel that times its RMI calls',
    ...withQemu(bootWords({ ...plain, kernel: pathOf(KERNEL_WITH_TIMES) })),
    timed: true,
  },
  exact: { title: 'MEC on, exact against off', ours: withModel('exact'), theirs: withModel('off') },
};
const results: Comparison[] = [];
try {
  for (const name of wanted) {
    const result = await compare(SIDES[name], runs);
    results.push(result);
    console.log(show(result));
    if (json) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
  }
} catch (error) {
  fail((error as Error).message);
}
