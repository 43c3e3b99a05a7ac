// SPDX-License-Identifier: Apache-2.0
// `boot`: from the start of the process to the shell's prompt. `idle`: how much of a host core a guest takes whose shell waits.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initramfs } from '../tests/boot/debian/initramfs.ts';
import { kernelOf, unavailable } from '../tests/boot/debian/packages.ts';
import { virtArguments } from '../tests/boot/machine.ts';
import { type Spread, spread } from './measure.ts';

export const BOOT_NAMES = ['boot', 'idle'] as const;
export type BootName = (typeof BOOT_NAMES)[number];

const root = join(import.meta.dirname, '..');
/** The command as it is built. */
const builtCommand = join(root, 'dist', 'cli', 'main.js');
const KERNEL = '6.12';
const VCPUS = [1, 2] as const;
const PROMPT = /~ # (\x1b\[6n)?$/;
/** Longest for a boot, in ms. */
const LIMIT = 300_000;
/** How long an idle guest settles, and is measured, in ms. */
const [SETTLE, IDLE] = [5_000, 10_000];
/** Units of /proc/PID/stat (sysconf(_SC_CLK_TCK)), a second. */
const TICKS = 100;

export interface BootResult {
  /** `boot` or `idle`, and the number of cores: `boot-1`. */
  readonly name: string;
  /** QEMU's over ours: above 1 means that Trireme is faster, or takes less. */
  readonly ratio: number;
  readonly trireme: number;
  readonly qemu: number;
  readonly unit: 'ms' | '% of a core';
}

type Side = 'trireme' | 'qemu';
interface Guest {
  readonly pid: number;
  /** From before the process was started to the prompt, in ms. */
  readonly boot: number;
  end(): Promise<void>;
}

/** Starts it and waits for the prompt. */
function start(command: string, args: readonly string[]): Promise<Guest> {
  return new Promise((resolve, reject) => {
    const before = performance.now();
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [text, errors] = ['', ''];
    const closed = new Promise<void>((done) => child.on('close', () => done()));
    const end = async (): Promise<void> => {
      child.kill('SIGKILL');
      await closed;
    };
    const limit = setTimeout(() => {
      void end();
      reject(new Error(`no prompt after ${LIMIT / 1000} s; last: ${text.slice(-200)}`));
    }, LIMIT);
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors += chunk;
    });
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      text = (text + chunk).slice(-4000);
      if (!PROMPT.test(text)) return;
      clearTimeout(limit);
      resolve({ pid: child.pid!, boot: performance.now() - before, end });
    });
    child.on('error', reject);
    void closed.then(() => {
      clearTimeout(limit);
      reject(new Error(`it ended before its prompt: ${errors.trim().split('\n').at(-1) ?? ''}`));
    });
  });
}

/** User and system time of a process and its threads, in ms. */
function processTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name, in brackets, may have blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function once(name: BootName, command: string, args: readonly string[]): Promise<number> {
  const guest = await start(command, args);
  try {
    if (name === 'boot') return guest.boot;
    await pause(SETTLE);
    const [time, before] = [performance.now(), processTime(guest.pid)];
    await pause(IDLE);
    return (100 * (processTime(guest.pid) - before)) / (performance.now() - time);
  } finally {
    await guest.end();
  }
}

const shown = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

/**
 * Boots Debian's kernel with busybox in both emulators, with the same arguments, in turns. Nothing that was translated before is used: each run
 * is a process of its own, and none keeps anything on disk. Throws where kernel or shell are not to be had, or a guest does not boot.
 */
export async function measureBoot(names: readonly BootName[], runs: number, qemu: string): Promise<BootResult[]> {
  const missing = await unavailable('busybox', KERNEL);
  if (missing !== null) throw new Error(missing);
  const { ensureBuilt } = await import('../scripts/build.mjs');
  await ensureBuilt('cli');
  const folder = mkdtempSync(join(tmpdir(), 'trireme-bench-boot-'));
  try {
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, initramfs(KERNEL));
    const results: BootResult[] = [];
    for (const name of names) {
      for (const vcpus of VCPUS) {
        const args = [
          ...[...virtArguments(vcpus, '512M'), '-nic', 'none'],
          ...['-kernel', kernelOf(KERNEL).image, '-initrd', initrd, '-append', 'console=ttyAMA0'],
        ];
        const values: Record<Side, number[]> = { trireme: [], qemu: [] };
        for (let n = 0; n < runs; n++) {
          values.qemu.push(await once(name, qemu, args));
          values.trireme.push(await once(name, process.execPath, [builtCommand, 'qemu', ...args]));
        }
        const [ours, theirs] = [spread(values.trireme), spread(values.qemu)];
        const unit = name === 'boot' ? 'ms' : '% of a core';
        const digits = name === 'boot' ? 0 : 1;
        const ratio = theirs.median / ours.median;
        const columns = [
          `${name}-${vcpus}`.padEnd(16),
          shown(ours, digits).padStart(24),
          shown(theirs, digits).padStart(24),
        ];
        console.log(`${columns.join(' ')} ${ratio.toFixed(2).padStart(7)}  ${unit}`);
        results.push({ name: `${name}-${vcpus}`, ratio, trireme: ours.median, qemu: theirs.median, unit });
      }
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
