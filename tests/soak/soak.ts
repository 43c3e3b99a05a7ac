/**
 * Load of all kinds at once in a guest with several cores, for some minutes: processes, memory, disk, timers. What is looked at: every load
 * goes on (one that waits for an interrupt that was lost stands still), nothing comes out wrong, the kernel complains of nothing, and the
 * emulator's process does not grow.
 */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEVICES, initramfs, SHELL } from '../boot/debian/initramfs.ts';
import { Guest, PROMPT } from '../boot/guest.ts';
import { alarms, type Boot, bootArguments } from '../boot/machine.ts';
import { Stops } from './stops.ts';

export interface SoakOptions extends Boot {
  readonly minutes: number;
  /** Told of every report of the guest's: seconds since the start, counts by load, memory of the process in MiB. */
  readonly onReport?: (seconds: number, counts: Record<string, number>, mebibytes: number) => void;
}
export interface SoakResult {
  /** What was wrong, in a line each; empty when all went well. */
  readonly wrong: readonly string[];
  readonly counts: Record<string, number>;
  /** How long the host let nobody run, each time in seconds: the guest's time went on, and what it then says of stalls is none of ours. */
  readonly stops: readonly number[];
  /** What the kernel said behind such stops, and is not among `wrong`. */
  readonly excused: readonly string[];
  /** Everything that the guest showed. */
  readonly text: string;
  /** Median of what `heldMebibytes` yields in the second and in the last quarter of the time, MiB. */
  readonly memory: readonly [number, number];
}

/**
 * The load runs for so long before the minutes begin, in ms. Each core's thread compiles what the guest runs most, up to a bound, and V8
 * optimizes the emulator's own code: within the first minute a process takes about 100 MiB in this way, and from then on less and less.
 */
const WARMING = 60_000;
/** Between two looks at the process's memory, in milliseconds; looks that are needed to see whether it grows. */
const LOOK = 5000;
const LOOKS = 8;
/** A load that has not got further for so long stands still, in seconds. */
const STILL = 120;
/** Complaints that follow from a stop of the host. */
const OF_STOPS = /stall|lockup|hung task|Call trace/i;
/** Growth of the process from the second to the last quarter of the time that counts as none, MiB. */
const GROWTH = 96;

/**
 * Resident memory of an emulator's process that is its own (not pages of files, which the host's kernel drops and reads again as it likes),
 * MiB, but for its largest mapping: that is the memory which all threads share, with the guest's in it. Its size is fixed, and how much
 * of it has been touched is the guest's affair.
 */
function heldMebibytes(pid: number): number {
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'utf8').matchAll(/^Anonymous: +(\d+) kB$/gm);
  const resident = [...mappings].map(([, kibibytes]) => Number(kibibytes));
  return (resident.reduce((sum, one) => sum + one, 0) - Math.max(...resident)) / 1024;
}

/** Whether so much memory of a warm process, sampled at even times, says that it grows: medians of the second and the last quarter, MiB. */
export function growth(samples: readonly number[]): { second: number; last: number; grows: boolean } {
  const quarter = samples.length >> 2;
  const [second, last] = [median(samples.slice(quarter, 2 * quarter)), median(samples.slice(-quarter))];
  return { second, last, grows: last - second > GROWTH };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Follows the loads' counts. */
class Progress {
  counts: Record<string, number> = {};
  private readonly changed = new Map<string, number>();

  begin(name: string, now: number): void {
    this.counts[name] = 0;
    this.changed.set(name, now);
  }
  /** Takes a report. A count that is just being written is not in it. */
  take(text: string, now: number): void {
    for (const [, name, count] of text.matchAll(/([a-z]+\d*)=(\d+)/g)) {
      if (Number(count) <= (this.counts[name!] ?? 0)) continue;
      this.counts[name!] = Number(count);
      this.changed.set(name!, now);
    }
  }
  /** What was lost by a stop does not count. */
  excuse(name: string, now: number): void {
    this.changed.set(name, now);
  }
  still(names: readonly string[], now: number): string[] {
    return names.filter((name) => now - (this.changed.get(name) ?? 0) > STILL * 1000);
  }
}

/** Boots, runs the load until it is warm and for so many minutes more, powers off. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-soak-'));
  const disk = join(folder, 'disk.img');
  const initrd = join(folder, 'initrd');
  writeFileSync(disk, '');
  truncateSync(disk, 16 << 20);
  const load = readFileSync(join(import.meta.dirname, 'load.sh'), 'utf8');
  const file = { path: 'load.sh', content: load };
  writeFileSync(initrd, initramfs(options.kernel, DEVICES, SHELL, [file]));
  const args = [
    ...bootArguments(options, initrd),
    ...['-drive', `file=${disk},format=raw,if=virtio`, '-device', 'virtio-rng-device'],
  ];
  const guest = new Guest(args, 60 * options.minutes + 1200);
  try {
    return await underLoad(guest, options);
  } finally {
    await guest.kill();
    rmSync(folder, { recursive: true });
  }
}

async function underLoad(guest: Guest, options: SoakOptions): Promise<SoakResult> {
  const wrong: string[] = [];
  const excused: string[] = [];
  const progress = new Progress();
  const memory: number[] = [];
  const stops = new Stops();
  let told = alarms(guest.text).length;
  await guest.expect(PROMPT, 600);
  // All of memory is touched first, so that what the guest uses later is no growth.
  await guest.output('mount -t tmpfs -o size=400m none /tmp');
  await guest.output('dd if=/dev/zero of=/tmp/all bs=1M count=350 2>/dev/null; rm /tmp/all', 600);
  guest.send('sh /load.sh\n');
  const timers = Array.from({ length: options.vcpus }, (_, n) => `timer${n}`);
  const names = [...timers, 'fork0', 'fork1', 'disk0', 'disk1', 'memory'];
  const start = Date.now();
  let held = 0;
  const look = setInterval(() => {
    held = heldMebibytes(guest.child.pid!);
    if (Date.now() > start + WARMING) memory.push(held);
  }, LOOK);
  void guest.ended.then(() => clearInterval(look));
  for (const name of names) progress.begin(name, start);
  let now = start;
  while (wrong.length === 0 && now - stops.total * 1000 < start + WARMING + options.minutes * 60_000) {
    const report = await guest
      .expect(/soak (\d+) ([^\r\n]*)\r?\n|soak FAULT ([^\r\n]*)\r?\n/, 2 * STILL)
      .catch((error: Error) => error);
    now = Date.now();
    if (report instanceof Error) {
      if (stops.recent && guest.child.exitCode === null) continue;
      wrong.push(report.message);
      break;
    }
    if (report[3] !== undefined) wrong.push(report[3]);
    progress.take(report[2] ?? '', now);
    const complaints = alarms(guest.text);
    if (stops.recent) for (const name of names) progress.excuse(name, now);
    for (const line of complaints.slice(told)) {
      if (stops.recent && OF_STOPS.test(line)) excused.push(line);
      else wrong.push(`the kernel says: ${line}`);
    }
    told = complaints.length;
    for (const name of progress.still(names, now)) wrong.push(`${name} has stood still for ${STILL} s`);
    options.onReport?.(Math.round((now - start) / 1000), progress.counts, Math.round(held));
  }
  clearInterval(look);
  stops.end();
  const { second, last, grows } = growth(memory);
  if (memory.length < LOOKS)
    wrong.push(`${memory.length} looks at its memory are too few to see whether the process grows`);
  else if (grows) wrong.push(`the process has grown from ${second} to ${last} MiB`);
  if (wrong.length === 0) wrong.push(...(await end(guest)));
  return { wrong, counts: progress.counts, stops: stops.list, excused, text: guest.text, memory: [second, last] };
}

/** Stops the load and powers off. */
async function end(guest: Guest): Promise<string[]> {
  guest.send('\x03');
  await guest.expect(/# /);
  await guest.run('killall sh; sleep 1');
  guest.send('poweroff -f\n');
  const status = await guest.ended;
  return status === 0 ? [] : [`the command ended with status ${status}`];
}
