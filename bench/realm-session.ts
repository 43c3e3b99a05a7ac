/** One run of an emulator on real firmware: the host boots, makes a realm, powers that off, then itself. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROMPT } from '../tests/real-firmware/artifacts.ts';

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

export interface Times {
  /** From power-on to power-off. */
  readonly seconds: number;
  /**
   * From the command that makes the realm to its kernel's first line: RMI calls, each a round trip of host, EL3, RMM and back, and
   * entries of the realm for each page that it touches for the first time.
   */
  readonly making: number;
}
export interface Sample extends Times {
  /** Guest instructions; null where the emulator does not tell. */
  readonly instructions: number | null;
  /** What the console showed after the host's power-off was asked for. */
  readonly end: string;
}

/** Runs an emulator through the session. Throws if the session was not gone through. */
export function runSession(command: string, words: readonly string[]): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    let tail = '';
    let end = '';
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
      if (step === SESSION.length) end += text;
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
      if (status === 0 && step === SESSION.length) resolve({ seconds, making, instructions: null, end });
      else reject(new Error(`step ${step}, status ${status ?? signal}: ${(errors || tail).trim().slice(-300)}`));
    });
  });
}

/** The same with Trireme's command in `file`. */
export async function runTrireme(file: string, words: readonly string[]): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-bench-'));
  const stats = join(folder, 'stats.json');
  try {
    const sample = await runSession(process.execPath, ['--no-warnings', file, 'qemu', ...words, '--stats', stats]);
    const { instructions } = JSON.parse(readFileSync(stats, 'utf8')) as { instructions: number };
    return { ...sample, instructions };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
