/** Runs the command as users do: a process of its own, with a real guest. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

export const guest = (name: string): string => join(root, 'tests', 'guests', 'elf', `${name}.elf`);

export interface TriremeRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Trireme {
  readonly child: ChildProcess;
  readonly ended: Promise<TriremeRun>;
}

/** Starts `trireme …`; what it prints is collected. */
export function startTrireme(args: readonly string[], stdin = '', cwd = root): Trireme {
  const child = spawn(process.execPath, ['--no-warnings', join(root, 'core', 'cli', 'main.ts'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd,
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const ended = new Promise<TriremeRun>((resolve) => {
    child.on('close', (status) => resolve({ status, ...text }));
  });
  return { child, ended };
}

/** Waits until the command has said that on stderr; yields the match. */
export async function said(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = '';
  for await (const chunk of child.stderr!.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const match = pattern.exec(text);
    if (match) return match;
  }
  throw new Error(`${pattern} did not come: ${text}`);
}

/** Runs a test guest on the bare machine to its end. */
export function runGuest(name: string, options: readonly string[] = [], stdin = '', cwd = root): Promise<TriremeRun> {
  return startTrireme(['run', '--kernel', guest(name), '--timeout', '60', ...options], stdin, cwd).ended;
}
