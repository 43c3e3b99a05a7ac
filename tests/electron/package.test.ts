/** What electron-builder packs, by electron-builder itself, around a double of Electron's runtime. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import { FuseV1Options } from '@electron/fuses';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Message, readMessage } from '../../core/host/messages.ts';
import { ensureBuilt } from '../../scripts/build.mjs';

const root = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

/** Marks where a runtime keeps its fuses; a version and a count follow, then a character for each. */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const COUNT = Object.keys(FuseV1Options).length / 2;

interface AsarFile {
  readonly files?: Readonly<Record<string, AsarFile>>;
  readonly unpacked?: boolean;
}

describe.skipIf(process.platform !== 'linux')('package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-package-'));
  const unpacked = join(folder, 'out', 'linux-unpacked');
  const resources = join(unpacked, 'resources');
  let inside: readonly string[] = [];
  let header: AsarFile;

  beforeAll(async () => {
    await ensureBuilt('renderer');
    await ensureBuilt('app');
    const runtime = join(folder, 'runtime');
    for (const name of ['resources', 'locales']) mkdirSync(join(runtime, name), { recursive: true });
    // Every fuse as electron ships it, or the other way round: what is set below does not depend on it.
    writeFileSync(
      join(runtime, 'electron'),
      `program ${SENTINEL}\x01${String.fromCharCode(COUNT)}${'1'.repeat(COUNT)} end`,
    );
    chmodSync(join(runtime, 'electron'), 0o755);
    for (const name of ['chrome_crashpad_handler', 'LICENSE']) writeFileSync(join(runtime, name), '');
    writeFileSync(
      join(runtime, 'version'),
      JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.electron,
    );
    const cli = createRequire(import.meta.url).resolve('electron-builder/cli.js');
    const options = [`-c.electronDist=${runtime}`, `-c.directories.output=${join(folder, 'out')}`];
    await run(process.execPath, [cli, '--linux', 'dir', '--publish', 'never', ...options], { cwd: root });
    const bytes = readFileSync(join(resources, 'app.asar'));
    // A pickle of a pickle: two sizes, the string's size, its length, the header as JSON.
    header = JSON.parse(bytes.subarray(16, 16 + bytes.readUInt32LE(12)).toString('utf8'));
    const list = (node: AsarFile, path: string): string[] =>
      Object.entries(node.files ?? {}).flatMap(([name, child]) =>
        child.files ? list(child, `${path}${name}/`) : `${path}${name}${child.unpacked ? ' (unpacked)' : ''}`,
      );
    inside = list(header, '');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the archive has the built workbench and what it needs to run, and nothing else', () => {
    const tops = new Set(inside.map((path) => path.replace(/ .*/, '').split('/').slice(0, 2).join('/')));
    expect([...tops].sort()).toEqual([
      ...['dist/app', 'dist/renderer'],
      ...['node_modules/@lydell', 'node_modules/commander', 'node_modules/valibot', 'node_modules/ws', 'package.json'],
    ]);
    for (const path of ['dist/app/electron/main.js', 'dist/app/electron/preload.cjs', 'dist/renderer/index.html']) {
      expect(inside).toContain(path);
    }
    expect(inside.filter((path) => /\.(ts|map|svelte)( |$)|[/]tests?[/]|secret|\.env/.test(path))).toEqual([]);
  });

  test('the host’s process, its threads and native modules lie outside of it, as files', () => {
    for (const path of [
      ...['dist/app/electron/host-process.js', 'dist/app/core/system/worker.js', 'dist/app/core/system/io/worker.js'],
      ...['package.json', 'node_modules/valibot/package.json', 'node_modules/@lydell/node-pty/package.json'],
    ]) {
      expect(inside, path).toContain(`${path} (unpacked)`);
      expect(existsSync(join(resources, 'app.asar.unpacked', path)), path).toBe(true);
    }
    expect(inside.filter((path) => /\.node$/.test(path))).toEqual([]);
    const presets = JSON.parse(readFileSync(join(resources, 'resources', 'presets', 'bare.json'), 'utf8'));
    expect(existsSync(join(resources, presets.launch.kernel))).toBe(true);
    expect(existsSync(join(resources, 'resources', 'firmware', 'images', 'flash.bin'))).toBe(true);
  });

  test('the fuses are set', () => {
    const bytes = readFileSync(join(unpacked, 'trireme'), 'latin1');
    const at = bytes.indexOf(SENTINEL) + SENTINEL.length;
    const fuses = bytes.slice(at + 2, at + 2 + COUNT);
    const set = Object.fromEntries(Array.from(fuses, (c, n) => [FuseV1Options[n], c === '1']));
    expect(set).toMatchObject({
      ...{ RunAsNode: false, EnableNodeOptionsEnvironmentVariable: false, EnableNodeCliInspectArguments: false },
      ...{ EnableCookieEncryption: true, EnableEmbeddedAsarIntegrityValidation: true, OnlyLoadAppFromAsar: true },
      ...{ LoadBrowserProcessSpecificV8Snapshot: false, GrantFileProtocolExtraPrivileges: false },
      // Not ours to set: memory accesses of guests are fast by it.
      WasmTrapHandlers: true,
    });
  });

  test('the packed host’s process boots a machine from where it lies', async () => {
    const { port1: ours, port2: theirs } = new MessageChannel();
    const { port1: page, port2: host } = new MessageChannel();
    // In place of what Electron gives a utility process.
    const shim = `
      const { workerData } = require('node:worker_threads');
      const { EventEmitter } = require('node:events');
      const adapt = (node) => {
        const port = new EventEmitter();
        port.postMessage = (message) => node.postMessage(message);
        port.start = () => node.start();
        port.close = () => node.close();
        node.on('message', (data) => port.emit('message', { data, ports: [] }));
        return port;
      };
      const parent = new EventEmitter();
      parent.postMessage = (message) => workerData.parent.postMessage(message);
      process.parentPort = parent;
      import(workerData.module).then(() => {
        parent.emit('message', { data: workerData.setup, ports: [] });
        parent.emit('message', { data: { kind: 'face' }, ports: [adapt(workerData.face)] });
      });`;
    const worker = new Worker(shim, {
      eval: true,
      workerData: {
        module: join(resources, 'app.asar.unpacked', 'dist', 'app', 'electron', 'host-process.js'),
        setup: {
          kind: 'setup',
          folders: [resources],
          presets: { builtIn: join(resources, 'resources', 'presets'), own: join(folder, 'own') },
        },
        ...{ parent: theirs, face: host },
      },
      transferList: [theirs, host],
    });
    try {
      let shown = '';
      const waiting = new Map<number, (message: { result: never; error?: unknown }) => void>();
      page.on('message', (carried: Message) => {
        const message = readMessage(carried) as never as {
          id: number;
          event?: string;
          data: { bytes: Uint8Array };
          result: never;
        };
        if (message.event === 'console') shown += Buffer.from(message.data.bytes).toString('latin1');
        waiting.get(message.id)?.(message);
      });
      let id = 0;
      const ask = async (method: string, params: unknown): Promise<never> => {
        const mine = ++id;
        page.postMessage(JSON.stringify({ id: mine, method, params }));
        const { result, error } = await new Promise<{ result: never; error?: unknown }>((resolve) =>
          waiting.set(mine, resolve),
        );
        expect(error, method).toBeUndefined();
        return result;
      };
      const { presets } = (await ask('presets.list', {})) as { presets: { id: string; launch: unknown }[] };
      const { launch } = presets.find((p) => p.id === 'bare')!;
      const { run: runId } = (await ask('launch.start', {
        ...{ launch, preset: 'bare', name: 'Bare', on: 'trireme', paused: false },
      })) as { run: string };
      await ask('console.attach', { run: runId, console: 'uart0', from: -1 });
      await expect.poll(() => shown, { timeout: 20_000 }).toContain('>');
      const bytes = Buffer.from('hello\r').toString('base64');
      await ask('console.input', { run: runId, console: 'uart0', bytes });
      await expect.poll(() => shown, { timeout: 10_000 }).toContain('you said hello');
      await ask('run.control', { run: runId, action: 'forceOff' });
    } finally {
      await worker.terminate();
      for (const port of [ours, page]) port.close();
    }
  });
});
