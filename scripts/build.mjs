// Builds the workbench's views into dist/renderer, if what is there is older than what it is made of.
//
//   node scripts/build.mjs [--force]
//
// Says in one line what it does, on stderr; nothing when there is nothing to do.

import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What the build reads. */
const SOURCES = ['renderer', 'core/host', 'core/machines', 'package-lock.json'];

/**
 * @param {string} path a file or folder
 * @returns {number} when it, or the newest file in it, was changed; milliseconds
 */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== 'node_modules');
  return Math.max(stat.mtimeMs, ...names.map((name) => newest(join(path, name))));
}

/** @returns {boolean} true when the built files are as new as their sources */
export function isBuilt() {
  const stamp = join(root, 'dist', 'renderer.built');
  try {
    return Number(readFileSync(stamp, 'utf8')) >= Math.max(...SOURCES.map((path) => newest(join(root, path))));
  } catch {
    return false;
  }
}

/**
 * Builds if needed.
 *
 * @param {boolean} force also when nothing has changed
 */
export async function ensureBuilt(force = false) {
  if (!force && isBuilt()) return;
  process.stderr.write('trireme: building the workbench (vite build), because it is new or has changed\n');
  const started = Math.max(...SOURCES.map((path) => newest(join(root, path))));
  const { build } = await import('vite');
  await build({ configFile: join(root, 'renderer', 'vite.config.ts'), logLevel: 'error' });
  const stamp = join(root, 'dist', 'renderer.built');
  mkdirSync(dirname(stamp), { recursive: true });
  rmSync(stamp, { force: true });
  writeFileSync(stamp, String(started));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await ensureBuilt(process.argv.includes('--force'));
}
