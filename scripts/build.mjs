// Builds the workbench into dist/, if what is there is older than what it is made of.
//
//   node scripts/build.mjs [--force]
//
// Three parts: the views (dist/renderer); the command in few files, which start sooner than its sources (dist/cli: `node
// dist/cli/main.js`, as `npm run -s trireme --`); and the desktop application's modules (dist/app), which only Electron needs.
// Says in one line what it does, on stderr; nothing when there is nothing to do.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takeLock } from './ensure-installed.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * @typedef {object} Part
 * @property {string} what for the line that is said
 * @property {readonly string[]} sources what the build reads
 * @property {() => Promise<void>} build
 */

/** @type {Readonly<Record<'renderer' | 'cli' | 'app', Part>>} */
const PARTS = {
  renderer: {
    what: 'the workbench (vite build)',
    sources: ['renderer', 'core/host', 'core/machines', 'electron/channels.ts', 'package-lock.json'],
    build: buildViews,
  },
  cli: {
    what: 'the command (rolldown)',
    sources: ['core', 'package-lock.json'],
    build: buildCommand,
  },
  app: {
    what: 'the application (tsc)',
    sources: ['core', 'electron', 'renderer/api', 'package-lock.json'],
    build: buildApp,
  },
};

async function buildViews() {
  const { build } = await import('vite');
  await build({ configFile: join(root, 'renderer', 'vite.config.ts'), logLevel: 'error' });
}

async function buildCommand() {
  const { build } = await import('vite');
  const entries = {
    main: 'cli/main.ts',
    'system-worker': 'system/worker.ts',
    'system-io-worker': 'system/io/worker.ts',
    'system-compiler-worker': 'system/compiler/worker.ts',
  };
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    plugins: [{ name: 'places', transform: (code, id) => placed(code, relative(join(root, 'core'), dirname(id))) }],
    ssr: { noExternal: true, external: ['@lydell/node-pty'] },
    build: {
      outDir: join(root, 'dist', 'cli'),
      emptyOutDir: true,
      minify: false,
      target: 'esnext',
      ssr: true,
      rolldownOptions: {
        input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(root, 'core', path)])),
        // Side by side: `placed` knows where they are.
        output: {
          entryFileNames: '[name].js',
          chunkFileNames: '[name]-[hash].js',
          // Each thread reads all of it when it starts. Names stay, for messages.
          minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
        },
      },
    },
  });
  await prebuildInto(join(root, 'dist', 'cli'));
}

/**
 * A module finds other files of the project by its own place; in dist/cli it says what that was. Threads are entries there.
 *
 * @param {string} code
 * @param {string} folder of the module in core/
 */
function placed(code, folder) {
  if (folder.startsWith('..')) return null;
  const here = 'import.meta.dirname';
  const thread = `join(${here}, \`worker\${extname(import.meta.filename)}\`)`;
  return code
    .split(thread)
    .map((part) => part.replaceAll(here, `(${here} + '/../../core/${folder}')`))
    .join(`\`\${${here}}/${folder.replaceAll(sep, '-')}-worker.js\``);
}

/**
 * WebAssembly modules beside the built modules that look for them (core/system/prebuilt.ts).
 *
 * @param {string} folder
 */
async function prebuildInto(folder) {
  const { prebuild, usualCpus } = await import('../core/system/prebuild.ts');
  prebuild(join(folder, 'prebuilt'), usualCpus());
}

async function buildApp() {
  rmSync(join(root, 'dist', 'app'), { recursive: true, force: true });
  const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
  const { bin } = JSON.parse(readFileSync(compiler, 'utf8'));
  await run(process.execPath, [join(dirname(compiler), bin.tsc), '-p', join(root, 'electron', 'tsconfig.json')]);
  // A sandboxed preload script is one CommonJS file that requires nothing but Electron.
  const { build } = await import('vite');
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      outDir: join(root, 'dist', 'app', 'electron'),
      emptyOutDir: false,
      minify: false,
      target: 'esnext',
      lib: { entry: join(root, 'electron', 'preload.ts'), formats: ['cjs'], fileName: () => 'preload.cjs' },
      rolldownOptions: { external: [/^electron/] },
    },
  });
  await prebuildInto(join(root, 'dist', 'app', 'core', 'system'));
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<void>} rejects with what it printed when it fails
 */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
    }
    child.on('error', reject);
    child.on('close', (status) => (status === 0 ? resolve() : reject(new Error(text))));
  });
}

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
/** @param {Part} part */
const newestSource = ({ sources }) => Math.max(...sources.map((path) => newest(join(root, path))));
/** @param {keyof typeof PARTS} name */
const stampOf = (name) => join(root, 'dist', `${name}.built`);

/**
 * @param {keyof typeof PARTS} name
 * @returns {boolean} true when the built files are as new as their sources
 */
export function isBuilt(name = 'renderer') {
  try {
    return Number(readFileSync(stampOf(name), 'utf8')) >= newestSource(PARTS[name]);
  } catch {
    return false;
  }
}

/**
 * Builds a part if needed.
 *
 * @param {keyof typeof PARTS} name
 * @param {boolean} force also when nothing has changed
 */
export async function ensureBuilt(name = 'renderer', force = false) {
  if (!force && isBuilt(name)) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  // Tests of several processes may all find it missing.
  const lock = join(root, 'dist', '.build.lock');
  while (!takeLock(lock)) await new Promise((resolve) => setTimeout(resolve, 100));
  try {
    if (!force && isBuilt(name)) return;
    const part = PARTS[name];
    process.stderr.write(`trireme: building ${part.what}, because it is new or has changed\n`);
    const started = newestSource(part);
    rmSync(stampOf(name), { force: true });
    await part.build();
    writeFileSync(stampOf(name), String(started));
  } finally {
    rmSync(lock, { force: true });
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const force = process.argv.includes('--force');
  await ensureBuilt('renderer', force);
  await ensureBuilt('cli', force);
  await ensureBuilt('app', force);
}
