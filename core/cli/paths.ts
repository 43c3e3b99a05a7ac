/** Paths on the command line. */
import { join, resolve } from 'node:path';

const projectRoot = join(import.meta.dirname, '..', '..');

/**
 * The folder that relative paths start from: where the user is. npm runs scripts in the project's folder, and says in INIT_CWD
 * where it was called; that variable is also inherited by what a script starts, so it counts only if npm started this process.
 */
export function userFolder(env: NodeJS.ProcessEnv = process.env, cwd = process.cwd()): string {
  const byNpm = env.npm_lifecycle_event === 'trireme' && cwd === projectRoot;
  return byNpm && env.INIT_CWD ? env.INIT_CWD : cwd;
}

export const userPath = (path: string): string => resolve(userFolder(), path);
