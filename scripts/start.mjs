// `npm start`: opens the workbench.
//
// With a display and Electron's runtime, which is fetched once if it is not there, in a window of its own; otherwise served on
// 127.0.0.1 for the browser. Whatever it does instead of the window it says in a line, with the reason.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const electron = join(root, 'node_modules', 'electron');
/** Its time says when the runtime could not be fetched. */
const failedFetch = join(root, 'dist', 'electron-not-fetched');
const DAY = 24 * 3600 * 1000;
/** Longest that the runtime's download may take, in milliseconds. */
const FETCH_LIMIT = 180_000;
/** An application that ends badly within this time has not started, in milliseconds. */
const STARTED = 8000;
/** Handed on to what runs below.
 * @type {readonly NodeJS.Signals[]} */
const PASSED = ['SIGTERM', 'SIGHUP'];

/** @param {string} line */
const say = (line) => void process.stderr.write(`trireme: ${line}\n`);

/**
 * Why there can be no window, or null.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {NodeJS.Platform} platform
 * @param {number | undefined} uid the user's number; undefined where there is none
 * @returns {string | null}
 */
export function noWindow(env, platform, uid) {
  if (env.TRIREME_NO_WINDOW) return 'TRIREME_NO_WINDOW is set';
  if (env.CI) return 'CI is set';
  if (platform !== 'linux') return env.SSH_CONNECTION ? 'this is a remote session' : null;
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return 'there is no display';
  // Chromium has no sandbox for root, and without it nothing is opened here.
  if (uid === 0) return 'a window is not opened for root';
  return null;
}

/**
 * The runtime's program, or null when it has not been fetched.
 *
 * @param {string} folder the package
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | null}
 */
export function runtimeOf(folder, env) {
  let name;
  try {
    name = readFileSync(join(folder, 'path.txt'), 'utf8');
  } catch {
    name = env.ELECTRON_OVERRIDE_DIST_PATH ? 'electron' : null;
  }
  if (name === null) return null;
  const path = join(env.ELECTRON_OVERRIDE_DIST_PATH ?? join(folder, 'dist'), name);
  return existsSync(path) ? path : null;
}

/**
 * Fetches the runtime as the package does itself.
 *
 * @returns {Promise<string | null>}
 */
async function fetchRuntime() {
  const last = statSync(failedFetch, { throwIfNoEntry: false });
  if (last && Date.now() - last.mtimeMs < DAY) return null;
  say('fetching the runtime of Electron, once (some 120 MB)');
  const [status] = await run(process.execPath, [join(electron, 'install.js')], {
    stdio: 'ignore',
    timeout: FETCH_LIMIT,
  });
  const runtime = status === 0 ? runtimeOf(electron, process.env) : null;
  if (!runtime) {
    mkdirSync(dirname(failedFetch), { recursive: true });
    writeFileSync(failedFetch, '');
  }
  return runtime;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<[status: number, milliseconds: number]>}
 */
function run(command, args, options) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, ...options });
    // A terminal's Ctrl+C reaches both; other signals come to this process alone. The child ends in order.
    const pass = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
    const wait = () => {};
    process.on('SIGINT', wait);
    for (const signal of PASSED) process.on(signal, pass);
    /** @param {[number, number]} result */
    const done = (result) => {
      process.off('SIGINT', wait);
      for (const signal of PASSED) process.off(signal, pass);
      resolve(result);
    };
    child.on('error', () => done([1, 0]));
    child.on('exit', (status) => done([status ?? 1, Date.now() - started]));
  });
}

/**
 * Opens the window; yields the exit status, or why there was none.
 *
 * @returns {Promise<number | string>}
 */
async function openWindow() {
  const runtime = runtimeOf(electron, process.env) ?? (await fetchRuntime());
  if (!runtime) return 'the runtime of Electron could not be fetched (tried once a day; by hand: npx install-electron)';
  await ensureBuilt('app');
  const [status, time] = await run(runtime, [root, ...process.argv.slice(2)], { stdio: 'inherit' });
  return status === 0 || time > STARTED ? status : `Electron ended with status ${status}`;
}

async function main() {
  await ensureBuilt('renderer');
  const obstacle = noWindow(process.env, process.platform, process.getuid?.());
  const opened = obstacle ?? (await openWindow());
  if (typeof opened === 'number') {
    process.exitCode = opened;
    return;
  }
  say(`the workbench is for the browser now, because ${opened}`);
  say('to boot in the terminal instead: npm run -s trireme -- boot');
  await ensureBuilt('cli');
  const command = [join(root, 'dist', 'cli', 'main.js'), 'serve', '--background', ...process.argv.slice(2)];
  [process.exitCode] = await run(process.execPath, ['--no-warnings', ...command], { stdio: 'inherit' });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
