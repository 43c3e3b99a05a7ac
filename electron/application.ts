/** The shell: life of the application, its windows, menu, dialogs, and the host's process. The views are the page's. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserWindow, WebContents } from 'electron/main';
import * as v from 'valibot';
import { StaticFiles } from '../core/host/static-files.ts';
import { UserError } from '../core/system/errors.ts';
import { type MenuAction, type PresetRef, type PresetToShow, presetRefSchema, TO_PAGE } from './channels.ts';
import type { ElectronApi } from './electron-api.ts';
import { HostLink } from './host-link.ts';
import { listen } from './ipc.ts';
import { menuTemplate } from './menu.ts';
import { presetFilesIn, presetIdIn, readPresetFile } from './preset-files.ts';
import { PAGE, registerScheme, secureContents, secureSession } from './security.ts';
import { Stored } from './stored.ts';
import { FIRST_STATE, keepPlace, placed, windowStateSchema } from './window-state.ts';

export interface ApplicationOptions {
  /** What `vite build` made, the preload script, and the module of the host's process. */
  readonly renderer: string;
  readonly preload: string;
  readonly hostModule: string;
  /** Holds `resources/`. */
  readonly resources: string;
  /** Where the user's presets are. */
  readonly presets: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
  log(line: string): void;
}

const RECENT = 8;
/** Milliseconds within which a page must not end twice. */
const GONE_AGAIN = 10_000;
const recentSchema = v.pipe(v.array(presetRefSchema), v.maxLength(RECENT));

export class Application {
  private readonly electron: ElectronApi;
  private readonly options: ApplicationOptions;
  private readonly windows = new Set<BrowserWindow>();
  private readonly host: HostLink;
  private readonly place: Stored<typeof windowStateSchema>;
  private readonly used: Stored<typeof recentSchema>;
  private actions: readonly MenuAction[] = [];
  /** Shown as soon as a page asks for its port. */
  private toShow: PresetToShow[] = [];
  private quitting = false;
  /** When a page ended last. */
  private goneAt = 0;
  /** Pages that have asked for their port: they hear what is sent. */
  private readonly connected = new WeakSet<WebContents>();

  constructor(electron: ElectronApi, options: ApplicationOptions) {
    this.electron = electron;
    this.options = options;
    const data = electron.app.getPath('userData');
    this.place = new Stored(join(data, 'window.json'), windowStateSchema, FIRST_STATE, options.log);
    this.used = new Stored(join(data, 'recent-presets.json'), recentSchema, [], options.log);
    this.host = new HostLink(electron, {
      module: options.hostModule,
      setup: {
        kind: 'setup',
        // What else the user opens comes through dialogs, one file at a time.
        folders: [options.resources],
        presets: { builtIn: join(options.resources, 'resources', 'presets'), own: options.presets },
      },
      log: options.log,
      ended: (reason) => this.tellAll(TO_PAGE.ended, reason),
    });
  }

  /** False: another instance runs and has been told to show itself. */
  start(): boolean {
    const { app } = this.electron;
    if (!app.requestSingleInstanceLock()) {
      app.quit();
      return false;
    }
    app.enableSandbox();
    registerScheme(this.electron);
    app.on('second-instance', (_event, argv, cwd) => {
      this.openArguments(argv, cwd);
      this.front();
    });
    app.on('open-file', (event, path) => {
      event.preventDefault();
      void this.openFile(path);
    });
    app.on('web-contents-created', (_event, contents) =>
      secureContents(contents, this.options.log, (url) => void this.openExternal(url)),
    );
    app.on('window-all-closed', () => app.quit());
    app.on('activate', () => this.front());
    // Every window is asked to close before the first is gone: none of them would be the last one.
    app.on('before-quit', (event) => {
      if (this.quitting || this.host.live === 0) return;
      event.preventDefault();
      void this.mayEnd(this.current).then((may) => {
        this.quitting = may;
        if (may) app.quit();
      });
    });
    app.on('will-quit', () => this.host.end());
    this.openArguments(this.options.argv, this.options.cwd);
    void app.whenReady().then(() => this.ready());
    return true;
  }

  private ready(): void {
    const { session } = this.electron;
    secureSession(session.defaultSession, new StaticFiles(this.options.renderer), this.options.log);
    this.listen();
    this.showMenu();
    this.newWindow();
  }

  private listen(): void {
    listen(this.electron, this.options.log, {
      connect: (_payload, contents) => this.connect(contents),
      choose: ({ what }, contents) => this.chooseFile(what, contents),
      dropped: ({ path }) => this.permit(path),
      menu: ({ actions }) => {
        this.actions = actions;
        this.showMenu();
      },
      used: (preset) => this.remember(preset),
      paste: (_payload, contents) => contents.paste(),
    });
  }

  newWindow(): void {
    const { electron, options } = this;
    const { x, y, width, height, maximized } = placed(this.place.read(), electron, this.windows.size);
    const window = new electron.BrowserWindow({
      ...(x === null || y === null ? {} : { x, y }),
      ...{ width, height, minWidth: 480, minHeight: 320, title: 'Trireme', show: false, backgroundColor: '#16181d' },
      webPreferences: {
        preload: options.preload,
        contextIsolation: true,
        sandbox: true,
        nodeIntegration: false,
        nodeIntegrationInWorker: false,
        nodeIntegrationInSubFrames: false,
        webSecurity: true,
        allowRunningInsecureContent: false,
        experimentalFeatures: false,
        webviewTag: false,
        navigateOnDragDrop: false,
        spellcheck: false,
      },
    });
    this.windows.add(window);
    keepPlace(window, this.place);
    if (maximized) window.maximize();
    window.once('ready-to-show', () => window.show());
    window.on('closed', () => this.windows.delete(window));
    window.on('close', (event) => {
      if (this.windows.size > 1 || this.host.live === 0 || this.quitting) return;
      event.preventDefault();
      void this.mayEnd(window).then((may) => {
        this.quitting = may;
        if (may) window.close();
      });
    });
    window.webContents.on('render-process-gone', (_event, { reason }) => this.pageGone(window, reason));
    void window.loadURL(PAGE);
  }
  /** The machines go with the last window: asked first. */
  private async mayEnd(window: BrowserWindow | undefined): Promise<boolean> {
    const { live } = this.host;
    const { dialog } = this.electron;
    const question = {
      type: 'question' as const,
      message: live === 1 ? 'A machine is on.' : `${live} machines are on.`,
      detail: 'They are switched off with the last window. What a guest has not written to its disks is lost.',
      buttons: ['Switch off and close', 'Cancel'],
      defaultId: 1,
      cancelId: 1,
    };
    const { response } = await (window ? dialog.showMessageBox(window, question) : dialog.showMessageBox(question));
    return response === 0;
  }
  private pageGone(window: BrowserWindow, reason: string): void {
    this.options.log(`a window's page has ended: ${reason}`);
    if (reason === 'clean-exit' || window.isDestroyed()) return;
    this.connected.delete(window.webContents);
    const before = this.goneAt;
    this.goneAt = Date.now();
    // A page that ends as soon as it is loaded would do so for ever.
    if (this.goneAt - before < GONE_AGAIN) this.complain(`The page of a window ends again and again (${reason}).`);
    // The machines are in another process: they go on, and the page finds them again.
    else window.reload();
  }

  private front(): void {
    const [window] = this.windows;
    if (!window) {
      if (this.electron.app.isReady()) this.newWindow();
      return;
    }
    if (window.isMinimized()) window.restore();
    window.focus();
  }
  private tellAll(channel: string, message: unknown): void {
    for (const { webContents } of this.windows) webContents.send(channel, message);
  }
  /** The window that the user works in, or one of them. */
  private get current(): BrowserWindow | undefined {
    return this.electron.BrowserWindow.getFocusedWindow() ?? [...this.windows][0];
  }

  private connect(contents: WebContents): void {
    const { port1, port2 } = new this.electron.MessageChannelMain();
    this.host.addFace(port1);
    contents.postMessage(TO_PAGE.port, null, [port2]);
    this.connected.add(contents);
    for (const preset of this.toShow.splice(0)) contents.send(TO_PAGE.preset, preset);
  }

  private async chooseFile(what: 'file' | 'folder', contents: WebContents): Promise<string | null> {
    const window = this.electron.BrowserWindow.fromWebContents(contents);
    if (!window) return null;
    const property = what === 'file' ? 'openFile' : 'openDirectory';
    const { filePaths } = await this.electron.dialog.showOpenDialog(window, { properties: [property] });
    return filePaths[0] === undefined ? null : this.permit(filePaths[0]);
  }
  /** The path once faces may use it; null, and the user knows why, when they may not. */
  private async permit(path: string): Promise<string | null> {
    const problem = await this.host.choose(path);
    if (problem === null) return path;
    this.complain(problem);
    return null;
  }
  private complain(message: string): void {
    this.electron.dialog.showErrorBox('Trireme', message);
  }

  private openArguments(argv: readonly string[], cwd: string): void {
    const id = presetIdIn(argv);
    if (id !== null) this.show({ kind: 'listed', id });
    for (const path of presetFilesIn(argv, cwd)) void this.openFile(path);
  }
  private show(preset: PresetToShow): void {
    const contents = this.current?.webContents;
    if (contents && this.connected.has(contents)) contents.send(TO_PAGE.preset, preset);
    else this.toShow.push(preset);
  }
  private async openPreset(): Promise<void> {
    const filters = [{ name: 'Trireme presets', extensions: ['trireme', 'json'] }];
    const window = this.current;
    if (!window) return;
    const options = { properties: ['openFile' as const], filters };
    const { filePaths } = await this.electron.dialog.showOpenDialog(window, options);
    if (filePaths[0] !== undefined) await this.openFile(filePaths[0]);
  }
  /** A preset's file: shown as a draft. The files that it names are opened to the page only if the user agrees. */
  private async openFile(path: string): Promise<void> {
    const { app, dialog } = this.electron;
    await app.whenReady();
    try {
      const { name, text, paths } = readPresetFile(path);
      const there = paths.filter((p) => statSync(p, { throwIfNoEntry: false }));
      if (there.length > 0) {
        const { response } = await dialog.showMessageBox({
          type: 'question',
          message: `The preset ${name} names files of this computer. May the machine use them?`,
          detail: there.join('\n'),
          buttons: ['Allow', 'Open without them', 'Cancel'],
          defaultId: 0,
          cancelId: 2,
        });
        if (response === 2) return;
        if (response === 0) for (const file of there) await this.permit(file);
      }
      app.addRecentDocument(path);
      this.show({ kind: 'file', name, text });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.complain(error.message);
    }
  }

  private async openExternal(url: string): Promise<void> {
    const address = URL.parse(url);
    if (address?.protocol !== 'https:' && address?.protocol !== 'http:') {
      this.options.log(`refused: to open ${JSON.stringify(url.slice(0, 200))}`);
      return;
    }
    // The guest may have written it: the user sees the whole address, here and not in the page.
    const { response } = await this.electron.dialog.showMessageBox({
      type: 'question',
      message: 'Open this address in the browser?',
      detail: address.href,
      buttons: ['Open', 'Cancel'],
      defaultId: 1,
      cancelId: 1,
    });
    if (response === 0) await this.electron.shell.openExternal(address.href);
  }

  private get recent(): readonly PresetRef[] {
    return this.used.read();
  }
  private remember(preset: PresetRef): void {
    const list = [preset, ...this.recent.filter((p) => p.id !== preset.id)].slice(0, RECENT);
    this.used.write(list);
    this.showMenu();
  }
  private showMenu(): void {
    const { Menu, app } = this.electron;
    const { recent } = this;
    const template = menuTemplate(this.actions, recent, this.options.platform, {
      action: (id) => this.current?.webContents.send(TO_PAGE.action, id),
      openPreset: () => void this.openPreset(),
      preset: (id) => this.show({ kind: 'listed', id }),
      newWindow: () => this.newWindow(),
    });
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
    if (this.options.platform === 'win32') {
      const items = recent.map(({ id, name }) => ({
        ...{ type: 'task' as const, program: process.execPath, args: `--preset=${id}`, title: name },
      }));
      app.setJumpList([{ type: 'custom', name: 'Recent presets', items }]);
    }
    if (this.options.platform === 'darwin') {
      app.dock?.setMenu(
        Menu.buildFromTemplate(
          recent.map(({ id, name }) => ({ label: name, click: () => this.show({ kind: 'listed', id }) })),
        ),
      );
    }
  }
}
