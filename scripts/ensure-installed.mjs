// Makes sure that node_modules is what package-lock.json says, before a script that needs it.
//
// Runs on the Node the user has (20 or newer), perhaps with nothing installed yet: plain JavaScript, Node's own modules
// only. Says nothing when there is nothing to do, and never writes to stdout, which belongs to the script that follows.

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How long to wait for another process that is installing here, in milliseconds. */
const PATIENCE = 10 * 60 * 1000;

/** How much of npm's output is shown when it fails, in lines: the reason comes first, a page of usage may follow. */
const FAILURE_LINES = 15;

/** @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockedPackage */

/**
 * @param {string} file a package-lock.json or npm's copy of it inside node_modules
 * @returns {Record<string, LockedPackage> | undefined} its packages by path; undefined if there is none to read
 */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Why node_modules cannot be used as it is.
 *
 * npm writes node_modules/.package-lock.json last, so an interrupted installation is one that does not match.
 * Optional packages (binaries for other systems) may be absent, but not of another version.
 *
 * @param {string} root the project's folder
 * @returns {string | undefined} the reason in a few words; undefined when nothing is missing
 */
export function whatIsMissing(root) {
  const wanted = lockedPackages(join(root, 'package-lock.json'));
  if (!wanted) throw new Error('package-lock.json is missing or damaged');
  const installed = lockedPackages(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return 'nothing is installed yet';
  for (const [path, lock] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    if (!found && lock.optional) continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (!found) return `${name} is missing`;
    if (found.version !== lock.version) return `${name} is ${found.version}, not ${lock.version}`;
    if (found.integrity !== lock.integrity) return `${name} has changed`;
  }
  if (wanted['node_modules/node'] && !pinnedNode(root)) return 'the pinned Node is missing';
  return undefined;
}

/**
 * @param {string} root the project's folder
 * @returns {string | undefined} the pinned Node's program; it comes by an install script, which may have been forbidden
 */
function pinnedNode(root) {
  const bin = join(root, 'node_modules', 'node', 'bin');
  return [join(bin, 'node.exe'), join(bin, 'node')].find(existsSync);
}

/**
 * Runs `npm ci`, with development packages even under NODE_ENV=production, because scripts run on one of them.
 *
 * @param {string} root the project's folder
 * @returns {string | undefined} what npm said if it failed; undefined when it worked
 */
function install(root) {
  const options = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  // The npm that started us, if one did; on Windows npm is a command file, which only a shell can start.
  const npm = process.env.npm_execpath;
  const again = npm && basename(npm) === 'npm-cli.js' && existsSync(npm);
  /** @type {import('node:child_process').SpawnSyncOptionsWithStringEncoding} */
  const settings = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 };
  const result = again
    ? spawnSync(process.env.npm_node_execpath ?? process.execPath, [npm, ...options], settings)
    : spawnSync(['npm', ...options].join(' '), { ...settings, shell: true });
  if (result.status === 0) return undefined;
  const said = `${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
  return said.split('\n').slice(0, FAILURE_LINES).join('\n') || 'npm gave no reason';
}

/**
 * Takes the installation lock, so that two commands started together do not install into each other.
 *
 * @param {string} file the lock file; holds the owner's process number
 * @returns {boolean} false while another living process has it
 */
export function takeLock(file) {
  try {
    const lock = openSync(file, 'wx');
    writeSync(lock, String(process.pid));
    closeSync(lock);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    if (owner > 0) process.kill(owner, 0);
  } catch (error) {
    // No such process: it was killed before it could clean up. A vanished lock file is simply tried again.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') rmSync(file, { force: true });
  }
  return false;
}

/**
 * Installs what is missing in a project, if anything.
 *
 * @param {string} root the project's folder, with its package-lock.json
 * @param {(line: string) => void} say where the one line goes that tells what is being done
 * @param {(root: string) => string | undefined} run does the installation; returns why it failed
 * @returns {boolean} true if it installed something
 */
export function ensureInstalled(root, say, run = install) {
  if (!whatIsMissing(root)) return false;
  const lock = join(root, '.npm-ci.lock');
  const deadline = Date.now() + PATIENCE;
  while (!takeLock(lock)) {
    if (Date.now() > deadline) throw new Error(`another installation holds ${lock}; remove it if none is running`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  try {
    const reason = whatIsMissing(root);
    if (!reason) return false;
    say(`trireme: running npm ci, because ${reason}`);
    const failure = run(root);
    if (failure) throw new Error(`npm ci failed:\n${failure}`);
    const still = whatIsMissing(root);
    if (still) throw new Error(`npm ci ran, but ${still}; are install scripts switched off (ignore-scripts)?`);
    return true;
  } finally {
    rmSync(lock, { force: true });
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    ensureInstalled(dirname(dirname(fileURLToPath(import.meta.url))), (line) => process.stderr.write(`${line}\n`));
  } catch (error) {
    process.stderr.write(`trireme: ${/** @type {Error} */ (error).message}\n`);
    process.exitCode = 1;
  }
}
