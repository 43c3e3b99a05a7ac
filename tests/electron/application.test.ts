import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MenuItemConstructorOptions } from 'electron/main';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { Application, type ApplicationOptions } from '../../electron/application.ts';
import { TO_MAIN, TO_PAGE } from '../../electron/channels.ts';
import { PAGE } from '../../electron/security.ts';
import { FakeSystem } from '../support/fake-system.ts';
import { cancellable, type DoubleOptions, electronDouble, FakeWindow } from './double.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function started({
  options = {},
  double = {},
}: {
  options?: Partial<ApplicationOptions>;
  double?: Partial<DoubleOptions>;
} = {}) {
  const folder = options.resources ?? mkdtempSync(join(tmpdir(), 'trireme-electron-'));
  folders.push(folder);
  const resources = join(folder, 'resources', 'presets');
  mkdirSync(resources, { recursive: true });
  mkdirSync(join(folder, 'renderer'), { recursive: true });
  writeFileSync(join(folder, 'renderer', 'index.html'), '<meta nonce="__NONCE__">');
  const log: string[] = [];
  const electron = electronDouble({
    userData: join(folder, 'data'),
    parts: {
      createSystem: async () => async (config) => new FakeSystem({ cores: config.machine.cores }),
      disassembler: async () => () => '',
      describe: async () => [],
    },
    ...double,
  });
  const application = new Application(electron.api, {
    renderer: join(folder, 'renderer'),
    preload: '/app/preload.cjs',
    hostModule: '/app/host-process.js',
    resources: folder,
    presets: join(folder, 'own'),
    argv: [],
    cwd: folder,
    platform: 'linux',
    log: (line) => log.push(line),
    ...options,
  });
  const runs = application.start();
  if (runs) await electron.begin();
  onTestFinished(() => void electron.app.emit('will-quit'));
  return { ...electron, application, log, folder, runs, window: FakeWindow.all[0]! };
}

/** A page on the port that it has been given. */
function face(window: FakeWindow) {
  const port = window.webContents.ports.at(-1)!.node;
  let id = 0;
  port.ref();
  onTestFinished(() => port.close());
  return (method: string, params: unknown): Promise<{ result?: never; error?: { code: string; message: string } }> =>
    new Promise((resolve) => {
      const mine = ++id;
      const take = (text: string): void => {
        const message = JSON.parse(text);
        if (message.id !== mine) return;
        port.off('message', take);
        resolve(message);
      };
      port.on('message', take);
      port.postMessage(JSON.stringify({ id: mine, method, params }));
    });
}

const item = (menu: readonly MenuItemConstructorOptions[], ...path: string[]): MenuItemConstructorOptions => {
  const [label, ...rest] = path;
  const found = menu.find((m) => m.label === label)!;
  return rest.length === 0 ? found : item(found.submenu as MenuItemConstructorOptions[], ...rest);
};
const action = { id: 'run.start', title: 'Start', group: 'Run', key: 'F5', overConsole: true, enabled: true };

describe('start', () => {
  test('one window on our own scheme, whose page has no power', async () => {
    const { window, record } = await started();
    expect(record.sandboxed).toBe(true);
    expect(record.schemes).toMatchObject([{ scheme: 'trireme', privileges: { standard: true, secure: true } }]);
    expect(window.loaded).toEqual([PAGE]);
    expect(window.options.webPreferences).toMatchObject({
      ...{ contextIsolation: true, sandbox: true, nodeIntegration: false, nodeIntegrationInWorker: false },
      ...{ webSecurity: true, webviewTag: false, experimentalFeatures: false, preload: '/app/preload.cjs' },
    });
    expect(window.shown).toBe(false);
    window.emit('ready-to-show');
    expect(window.shown).toBe(true);
  });

  test('a second instance hands over and quits', async () => {
    const second = await started({ double: { second: true } });
    expect(second.runs).toBe(false);
    expect(second.record.quits).toBe(1);
    expect(FakeWindow.all).toEqual([]);
    const first = await started();
    await first.invoke(first.window, TO_MAIN.connect, {});
    first.app.emit('second-instance', {}, ['trireme', '--preset=three-worlds'], '/');
    expect(first.window.focused).toBe(1);
    expect(first.window.webContents.of(TO_PAGE.preset)).toEqual([{ kind: 'listed', id: 'three-worlds' }]);
  });

  test('the last window’s place is kept, unless no screen shows it', async () => {
    const first = await started();
    first.window.bounds = { x: 300, y: 200, width: 900, height: 600 };
    first.window.close();
    const again = await started({ options: { resources: first.folder } });
    expect(again.window.options).toMatchObject({ x: 300, y: 200, width: 900, height: 600 });
    again.window.bounds = { x: 5000, y: 200, width: 900, height: 600 };
    again.window.close();
    const far = await started({ options: { resources: first.folder } });
    expect(far.window.options.x).toBeUndefined();
    expect(far.window.options.width).toBe(900);
    writeFileSync(join(first.folder, 'data', 'window.json'), '{"x":"left"}');
    expect((await started({ options: { resources: first.folder } })).window.options.width).toBe(1360);
  });
});

describe('what pages may not do', () => {
  test('leave, open windows, embed, get permissions, reach other addresses', async () => {
    const { window, record, log } = await started();
    const { webContents } = window;
    for (const [event, url, stays] of [
      ['will-navigate', 'https://example.org/', true],
      ['will-navigate', 'file:///etc/passwd', true],
      ['will-frame-navigate', 'trireme://workbench.example/', true],
      ['will-redirect', 'http://127.0.0.1/', true],
      ['will-navigate', PAGE, false],
    ] as const) {
      const navigation = cancellable({ url });
      webContents.emit(event, navigation);
      expect(navigation.defaultPrevented, url).toBe(stays);
    }
    const view = cancellable();
    webContents.emit('will-attach-webview', view);
    expect(view.defaultPrevented).toBe(true);

    const { handlers } = record;
    const permissions = ['media', 'geolocation', 'clipboard-read', 'notifications', 'openExternal', 'usb'];
    for (const permission of permissions) {
      let granted = true;
      handlers.permission!(webContents as never, permission as never, (yes) => (granted = yes), {
        requestingUrl: PAGE,
      } as never);
      expect(granted, permission).toBe(false);
      expect(handlers.check!(null, permission as never, PAGE, {} as never), permission).toBe(false);
    }
    expect(handlers.check!(null, 'clipboard-sanitized-write', PAGE, {} as never)).toBe(true);
    expect(handlers.check!(null, 'clipboard-sanitized-write', 'https://example.org', {} as never)).toBe(false);
    expect(handlers.device!({} as never)).toBe(false);

    const cancelled = (url: string): boolean | undefined => {
      let result: boolean | undefined;
      handlers.request!({ url }, ({ cancel }) => {
        result = cancel;
      });
      return result;
    };
    expect(cancelled(`${PAGE}assets/a.js`)).toBe(false);
    for (const url of ['https://example.org/x', 'http://127.0.0.1:80/', 'file:///etc/passwd', 'ws://localhost/']) {
      expect(cancelled(url), url).toBe(true);
    }
    expect(log.some((line) => line.includes('refused: navigation to "file:///etc/passwd"'))).toBe(true);
    const download = cancellable();
    record.downloads.emit('will-download', download, { getURL: () => 'https://example.org/x' });
    expect(download.defaultPrevented).toBe(true);
  });

  test('our files alone, with the policy, are served', async () => {
    const { record } = await started();
    const get = async (url: string, method = 'GET') => record.handlers.protocol!(new Request(url, { method }));
    const page = await get(PAGE);
    expect(page.status).toBe(200);
    const policy = page.headers.get('Content-Security-Policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('unsafe');
    const nonce = /'nonce-([\w-]+)'/.exec(policy)![1]!;
    expect(await page.text()).toContain(nonce);
    for (const url of [`${PAGE}../../etc/passwd`, `${PAGE}%2e%2e/package.json`, `${PAGE}missing.js`]) {
      expect((await get(url)).status, url).toBe(404);
    }
    expect((await get('trireme://elsewhere/')).status).toBe(403);
    expect((await get(PAGE, 'POST')).status).toBe(403);
  });

  test('messages from elsewhere or of another shape are refused and logged', async () => {
    const { invoke, window, record, log } = await started();
    record.chosen.push(['/etc/passwd']);
    for (const frame of [
      null,
      { url: 'https://example.org/' },
      { url: 'trireme://workbench.example/' },
      { parent: {} as never },
    ]) {
      expect(await invoke(window, TO_MAIN.choose, { what: 'file' }, frame)).toBeNull();
    }
    for (const payload of [null, 'file', { what: 'everything' }, { what: 'file', path: '/etc/passwd' }]) {
      expect(await invoke(window, TO_MAIN.choose, payload)).toBeNull();
    }
    expect(await invoke(window, TO_MAIN.menu, { actions: [{ ...action, click: 'x' }] })).toBeNull();
    expect(await invoke(window, TO_MAIN.menu, { actions: Array.from({ length: 301 }, () => action) })).toBeNull();
    expect(await invoke(window, TO_MAIN.used, { id: '../../x', name: 'x' })).toBeNull();
    expect(log.filter((line) => line.startsWith('refused: '))).toHaveLength(11);
    expect(record.chosen).toHaveLength(1);
    expect(record.processes).toHaveLength(0);
  });

  test('addresses of guests open only after the main process has asked, and only of the web', async () => {
    const { window, record, log } = await started();
    const open = (url: string): string => window.webContents.opener({ url } as never).action;
    record.answers.push(1);
    expect(open('https://example.org/a?b')).toBe('deny');
    expect(record.asked).toMatchObject([{ detail: 'https://example.org/a?b' }]);
    await Promise.resolve();
    expect(record.opened).toEqual([]);
    open('https://example.org/');
    await expect.poll(() => record.opened).toEqual(['https://example.org/']);
    for (const url of ['file:///etc/passwd', 'javascript:alert(1)', 'smb://x/y', 'nonsense'])
      expect(open(url)).toBe('deny');
    expect(record.asked).toHaveLength(2);
    expect(log.filter((line) => line.startsWith('refused: to open'))).toHaveLength(4);
  });
});

describe('the host’s process', () => {
  test('a page gets a port, and speaks the host’s interface on it', async () => {
    const { window, invoke, record } = await started();
    await invoke(window, TO_MAIN.connect, {});
    const ask = face(window);
    expect((await ask('hello', {})).result).toMatchObject({ product: 'Trireme', place: 'local' });
    expect((await ask('files.list', { path: '/etc' })).error?.code).toBe('refused');
    expect((await ask('nonsense', {})).error?.code).toBe('invalid');
    expect(record.processes).toHaveLength(1);
  });

  test('files become usable by a dialog or by being dropped, and only those', async () => {
    const { window, invoke, record, folder } = await started();
    const outside = mkdtempSync(join(tmpdir(), 'trireme-chosen-'));
    folders.push(outside);
    for (const name of ['a', 'b', 'c']) writeFileSync(join(outside, name), name);
    await invoke(window, TO_MAIN.connect, {});
    const ask = face(window);
    const allowed = async (path: string): Promise<boolean> => {
      const launch = { machine: { type: 'bare' }, kernel: path };
      const { result } = (await ask('launch.check', { launch })) as { result?: { problems: { message: string }[] } };
      return !result!.problems.some((p) => p.message.includes('outside'));
    };
    expect(await allowed(join(outside, 'a'))).toBe(false);
    record.chosen.push([join(outside, 'a')]);
    expect(await invoke(window, TO_MAIN.choose, { what: 'file' })).toBe(join(outside, 'a'));
    expect(await allowed(join(outside, 'a'))).toBe(true);
    expect(await invoke(window, TO_MAIN.dropped, { path: join(outside, 'b') })).toBe(join(outside, 'b'));
    expect(await allowed(join(outside, 'b'))).toBe(true);
    expect(await allowed(join(outside, 'c'))).toBe(false);
    expect(await invoke(window, TO_MAIN.dropped, { path: join(folder, 'missing') })).toBeNull();
    expect(record.errors[0]).toContain('missing');
  });

  test('its fatal error is told to every window, which stays; the next connection starts another', async () => {
    const { window, invoke, record, application, log } = await started();
    application.newWindow();
    const other = FakeWindow.all[1]!;
    for (const w of [window, other]) await invoke(w, TO_MAIN.connect, {});
    expect(record.processes).toHaveLength(1);
    record.processes[0]!.crash('out of memory');
    for (const w of [window, other]) {
      expect(w.webContents.of(TO_PAGE.ended)).toEqual([expect.stringContaining('out of memory')]);
      expect(w.destroyed).toBe(false);
    }
    expect(log.at(-1)).toContain('out of memory');
    await invoke(window, TO_MAIN.connect, {});
    expect(record.processes).toHaveLength(2);
    expect((await face(window)('hello', {})).result).toMatchObject({ product: 'Trireme' });
  });

  test('a page that crashes is loaded again; machines are asked about before the last window closes', async () => {
    const { window, invoke, record, folder } = await started();
    window.webContents.emit('render-process-gone', {}, { reason: 'crashed' });
    expect(window.reloads).toBe(1);
    await invoke(window, TO_MAIN.connect, {});
    const ask = face(window);
    const { buildElf } = await import('../support/elf-builder.ts');
    writeFileSync(join(folder, 'p.elf'), buildElf({ segments: [{ address: 0x40000000, bytes: new Uint8Array(64) }] }));
    const launch = { machine: { type: 'bare' }, kernel: join(folder, 'p.elf') };
    const { error } = await ask('launch.start', { launch, preset: null, name: 'x', on: 'trireme', paused: false });
    expect(error).toBeUndefined();
    record.answers.push(1, 0);
    window.close();
    await expect.poll(() => record.asked.length).toBe(1);
    expect(record.asked[0]!.message).toBe('A machine is on.');
    expect(window.destroyed).toBe(false);
    window.close();
    await expect.poll(() => window.destroyed).toBe(true);
  });

  test('to quit asks as well, and once, however many windows there are', async () => {
    const { window, invoke, record, folder, app, application } = await started();
    application.newWindow();
    await invoke(window, TO_MAIN.connect, {});
    const { buildElf } = await import('../support/elf-builder.ts');
    writeFileSync(join(folder, 'p.elf'), buildElf({ segments: [{ address: 0x40000000, bytes: new Uint8Array(64) }] }));
    const launch = { machine: { type: 'bare' }, kernel: join(folder, 'p.elf') };
    await face(window)('launch.start', { launch, preset: null, name: 'x', on: 'trireme', paused: false });
    record.answers.push(1, 0);
    app.quit();
    await expect.poll(() => record.asked.length).toBe(1);
    expect(FakeWindow.all.map((w) => w.destroyed)).toEqual([false, false]);
    app.quit();
    await expect.poll(() => FakeWindow.all.map((w) => w.destroyed)).toEqual([true, true]);
    expect(record.asked.length).toBe(2);
    expect(record.processes[0]!.killed).toBe(true);
  });

  test('a page that ends again at once is not loaded for ever', async () => {
    const { window, record } = await started();
    for (let n = 0; n < 3; n++) window.webContents.emit('render-process-gone', {}, { reason: 'crashed' });
    expect(window.reloads).toBe(1);
    expect(record.errors[0]).toContain('again and again');
  });

  test('a preset that is asked for before the page listens is shown when it does', async () => {
    const { window, invoke, app, folder } = await started();
    app.emit('second-instance', {}, ['trireme', '--preset=bare'], folder);
    expect(window.webContents.of(TO_PAGE.preset)).toEqual([]);
    await invoke(window, TO_MAIN.connect, {});
    expect(window.webContents.of(TO_PAGE.preset)).toEqual([{ kind: 'listed', id: 'bare' }]);
  });
});

describe('menu and presets', () => {
  test('the menu is made of the page’s actions, and only tells of the choice', async () => {
    const { window, invoke, record } = await started();
    const stop = { ...action, id: 'run.powerOff', title: 'Power & off', key: null, enabled: false };
    await invoke(window, TO_MAIN.menu, { actions: [action, stop] });
    const start = item(record.menu, 'Run', 'Start');
    expect(start).toMatchObject({ enabled: true, accelerator: 'F5', registerAccelerator: false });
    expect(item(record.menu, 'Run', 'Power && off')).toMatchObject({ enabled: false });
    (start.click as () => void)();
    expect(window.webContents.of(TO_PAGE.action)).toEqual(['run.start']);
    await invoke(window, TO_MAIN.paste, {});
    expect(window.webContents.pasted).toBe(1);
  });

  test('presets that were started are remembered, the latest first', async () => {
    const first = await started();
    for (const n of [1, 2, 3, 2]) await first.invoke(first.window, TO_MAIN.used, { id: `p${n}`, name: `P ${n}` });
    const { window, invoke, record } = await started({ options: { resources: first.folder } });
    await invoke(window, TO_MAIN.connect, {});
    const recent = item(record.menu, '&File', 'Recent presets').submenu as MenuItemConstructorOptions[];
    expect(recent.map((r) => r.label)).toEqual(['P 2', 'P 3', 'P 1']);
    (recent[1]!.click as () => void)();
    expect(window.webContents.of(TO_PAGE.preset)).toEqual([{ kind: 'listed', id: 'p3' }]);
  });

  test('a preset’s file is opened by argument, event or menu; its files only if the user agrees', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'trireme-preset-'));
    folders.push(folder);
    const kernel = join(folder, 'kernel.elf');
    writeFileSync(kernel, 'x');
    const file = join(folder, 'mine.trireme');
    const text = JSON.stringify({ name: 'Mine', launch: { machine: { type: 'bare' }, kernel } });
    writeFileSync(file, text);
    const { window, invoke, record, app } = await started({ options: { argv: ['.', 'mine.trireme'], cwd: folder } });
    await expect.poll(() => record.recent).toEqual([file]);
    expect(record.asked[0]!.detail).toBe(kernel);
    await invoke(window, TO_MAIN.connect, {});
    const shown = () => window.webContents.of(TO_PAGE.preset);
    expect(shown()).toEqual([{ kind: 'file', name: 'mine.trireme', text }]);
    record.answers.push(2);
    const event = cancellable();
    app.emit('open-file', event, file);
    expect(event.defaultPrevented).toBe(true);
    await expect.poll(() => record.asked.length).toBe(2);
    expect(shown()).toHaveLength(1);
    for (const [name, content, problem] of [
      ['a.trireme', '{', 'not JSON'],
      ['b.trireme', '{"name":3}', 'no name and launch'],
    ] as const) {
      writeFileSync(join(folder, name), content);
      app.emit('open-file', cancellable(), join(folder, name));
      await expect.poll(() => record.errors.at(-1)).toContain(problem);
    }
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
