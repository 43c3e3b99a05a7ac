/** Debian's gdb for all architectures, with commands of the test's. */
import { spawn, spawnSync } from 'node:child_process';

const PROGRAM = 'gdb-multiarch';
export const gdbInstalled = spawnSync(PROGRAM, ['--version']).status === 0;

const SETUP = ['set pagination off', 'set confirm off', 'set architecture aarch64', 'set tcp auto-retry off'];

/** Connects to a server on this host and does these; yields what gdb said. `onText` sees all that was said so far, as it comes. */
export function runGdb(port: number, commands: readonly string[], onText?: (text: string) => void): Promise<string> {
  const all = [...SETUP, `target remote 127.0.0.1:${port}`, ...commands];
  const args = ['-nx', '-batch', ...all.flatMap((command) => ['-ex', command])];
  const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const add = (chunk: Buffer): void => {
    text += chunk.toString();
    onText?.(text);
  };
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  return new Promise((resolve) => child.on('close', () => resolve(text)));
}
