/** Fuzzing a target for a given time: see `child.ts`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Fuzzed {
  readonly rounds: number;
  /** Inputs that were taken in spite of the damage. */
  readonly taken: number;
  /** What the process's peak of memory grew by. */
  readonly mebibytes: number;
}

const child = join(import.meta.dirname, 'child.ts');

/** Rejects with one line that has the seed and the round, so that it can be repeated. */
export async function fuzz(target: string, seconds: number, seed: number): Promise<Fuzzed> {
  const args = ['--no-warnings', child, target, `${seconds}`, `${seed}`];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error: { stderr?: string }) => {
    throw new Error(error.stderr?.trim() || String(error));
  });
  return JSON.parse(stdout);
}
