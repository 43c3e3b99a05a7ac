/** A run of the bundled stack that types at its host's console. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTrireme } from '../support/trireme.ts';

/** The shell waits for a command, whatever the folder. */
export const PROMPT = String.raw`host:root@host:\S*# $`;
/** The bundled guest waits for one. */
export const GUEST_PROMPT = 'host:guest# $';
/** Ctrl+A d. */
export const DETACH = String.raw`\x01d`;

/** Seconds a run may take: one where the machine is free, many where it is not. */
export const SECONDS = 560;
export const TIMEOUT = (SECONDS + 20) * 1000;

/** What is waited for (a console and a regular expression), then what is typed. */
export type Step = readonly [expected: string, typed: string];

/** A command at the shell's prompt. */
export const command = (line: string): Step => [PROMPT, `${line}\\n`];

/** What the consoles showed, without carriage returns. */
export interface Shown {
  readonly host: string;
  readonly rmm: string;
}

/** Boots with `options`, logs in, goes through the steps, powers off. */
export async function worlds(options: readonly string[], steps: readonly Step[], seconds = SECONDS): Promise<Shown> {
  const folder = mkdtempSync(join(tmpdir(), 'worlds-'));
  // The terminal shows all consoles in one.
  const file = (console: string): string => join(folder, console);
  const read = (console: string): string => readFileSync(file(console), 'utf8').replaceAll('\r', '');
  const script = [['host:login: $', 'root\\n'] as const, ...steps, command('poweroff')];
  const words = [
    ...['host', 'rmm'].flatMap((console) => ['--console', `${console}=file:${file(console)}`]),
    ...script.flatMap(([expected, typed]) => ['--expect', expected, ...(typed === '' ? [] : ['--send', typed])]),
    ...['--timeout', `${seconds}`],
  ];
  try {
    const { status, stderr } = await startTrireme(['boot', ...options, ...words]).ended;
    const [host, rmm] = [read('host'), read('rmm')];
    if (status !== 0 || stderr !== '') throw new Error(`status ${status}: ${stderr}\n${host.slice(-3000)}`);
    return { host, rmm };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
