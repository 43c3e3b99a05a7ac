/**
 * A double of the part of Electron that the shell uses. Each piece is typed by what `electron.d.ts` says of the real one, as far as
 * the shell uses it; Electron itself is never loaded.
 */
import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type {
  BrowserWindow,
  IpcMain,
  MenuItemConstructorOptions,
  MessagePortMain,
  Session,
  WebContents,
  WebFrameMain,
} from 'electron/main';
import type { HostParts } from '../../core/host/host.ts';
import type { ElectronApi } from '../../electron/electron-api.ts';
import { type Parent, type Port, serveHost } from '../../electron/host-service.ts';

/** A port of Electron's over one of Node's. */
export class FakePort extends EventEmitter implements Pick<MessagePortMain, 'postMessage' | 'start' | 'close'> {
  readonly node: MessagePort;
  constructor(node: MessagePort) {
    super();
    this.node = node;
    node.on('message', (data) => this.emit('message', { data, ports: [] }));
    node.on('close', () => this.emit('close'));
    node.unref();
  }
  postMessage(message: unknown): void {
    this.node.postMessage(message);
  }
  start(): void {
    this.node.start();
  }
  close(): void {
    this.node.close();
  }
}

class FakeChannel {
  readonly port1: FakePort;
  readonly port2: FakePort;
  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.port1 = new FakePort(port1);
    this.port2 = new FakePort(port2);
  }
}

class FakeContents extends EventEmitter {
  readonly sent: { channel: string; message: unknown }[] = [];
  readonly ports: FakePort[] = [];
  pasted = 0;
  opener: Parameters<WebContents['setWindowOpenHandler']>[0] = () => ({ action: 'allow' });
  frame = { url: 'trireme://workbench/', parent: null } as WebFrameMain;
  send(channel: string, message: unknown): void {
    this.sent.push({ channel, message });
  }
  postMessage(_channel: string, _message: unknown, transfer: MessagePortMain[] = []): void {
    this.ports.push(...(transfer as unknown as FakePort[]));
  }
  setWindowOpenHandler(handler: Parameters<WebContents['setWindowOpenHandler']>[0]): void {
    this.opener = handler;
  }
  paste(): void {
    this.pasted++;
  }
  of(channel: string): unknown[] {
    return this.sent.filter((s) => s.channel === channel).map((s) => s.message);
  }
}

export class FakeWindow extends EventEmitter {
  static all: FakeWindow[] = [];
  readonly options: NonNullable<ConstructorParameters<typeof BrowserWindow>[0]>;
  readonly webContents = new FakeContents();
  readonly loaded: string[] = [];
  shown = false;
  destroyed = false;
  reloads = 0;
  focused = 0;
  maximized = false;
  bounds = { x: 10, y: 20, width: 1000, height: 700 };
  constructor(options: NonNullable<ConstructorParameters<typeof BrowserWindow>[0]>) {
    super();
    this.options = options;
    FakeWindow.all.push(this);
    FakeWindow.created(this);
  }
  static created: (window: FakeWindow) => void = () => {};
  static getFocusedWindow(): FakeWindow | null {
    return FakeWindow.all.find((w) => !w.destroyed) ?? null;
  }
  static fromWebContents(contents: FakeContents): FakeWindow | null {
    return FakeWindow.all.find((w) => w.webContents === contents) ?? null;
  }
  async loadURL(url: string): Promise<void> {
    this.loaded.push(url);
  }
  show(): void {
    this.shown = true;
  }
  maximize(): void {
    this.maximized = true;
  }
  isMaximized(): boolean {
    return this.maximized;
  }
  isMinimized(): boolean {
    return false;
  }
  isDestroyed(): boolean {
    return this.destroyed;
  }
  restore(): void {}
  focus(): void {
    this.focused++;
  }
  reload(): void {
    this.reloads++;
  }
  getNormalBounds(): typeof this.bounds {
    return this.bounds;
  }
  /** As a click on the window's button does. */
  close(): void {
    if (this.mayClose()) this.gone();
  }
  mayClose(): boolean {
    const event = cancellable();
    this.emit('close', event);
    return !event.defaultPrevented;
  }
  gone(): void {
    this.destroyed = true;
    this.emit('closed');
  }
}

export interface Cancellable {
  defaultPrevented: boolean;
  preventDefault(): void;
}
export function cancellable<T extends object>(fields?: T): Cancellable & T {
  const event = {
    ...(fields as T),
    defaultPrevented: false,
    preventDefault() {
      event.defaultPrevented = true;
    },
  };
  return event;
}

/** A process of Electron's, in this one: the host's service with the parts that the test gives. */
class FakeUtility extends EventEmitter {
  killed = false;
  private readonly parent = new EventEmitter();
  private readonly service: { close(): Promise<void> };
  constructor(parts: HostParts) {
    super();
    const parent: Parent = {
      on: (event, listener) => this.parent.on(event, listener),
      postMessage: (message) => queueMicrotask(() => this.emit('message', message)),
    };
    this.service = serveHost(parent, parts);
  }
  postMessage(data: unknown, ports: MessagePortMain[] = []): void {
    // Messages between processes are copies.
    this.parent.emit('message', { data: structuredClone(data), ports: ports as unknown as Port[] });
  }
  kill(): boolean {
    this.killed = true;
    void this.service.close();
    return true;
  }
  /** As when a fatal error of ours ends it. */
  crash(message: string): void {
    void this.service.close();
    this.emit('message', { kind: 'fatal', message });
    this.emit('exit', 1);
  }
}

type SessionHandlers = {
  protocol: (request: Request) => Response | Promise<Response>;
  permission: Parameters<Session['setPermissionRequestHandler']>[0];
  check: Parameters<Session['setPermissionCheckHandler']>[0];
  device: Parameters<Session['setDevicePermissionHandler']>[0];
  request: (details: { url: string }, answer: (response: { cancel?: boolean }) => void) => void;
};

export interface DoubleOptions {
  readonly userData: string;
  readonly parts: HostParts;
  /** Another instance has the lock. */
  readonly second?: boolean;
}

export function electronDouble(options: DoubleOptions) {
  FakeWindow.all = [];
  const handlers: Partial<SessionHandlers> = {};
  const ipc = new Map<string, Parameters<IpcMain['handle']>[1]>();
  const record = {
    quits: 0,
    sandboxed: false,
    schemes: [] as unknown[],
    menu: [] as MenuItemConstructorOptions[],
    errors: [] as string[],
    asked: [] as { message: string; detail?: string }[],
    opened: [] as string[],
    recent: [] as string[],
    processes: [] as FakeUtility[],
    /** What dialogs answer, in order. */
    answers: [] as number[],
    chosen: [] as string[][],
    handlers,
    downloads: new EventEmitter(),
  };
  let ready = (): void => {};
  const whenReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  let isReady = false;
  const app = Object.assign(new EventEmitter(), {
    requestSingleInstanceLock: () => !options.second,
    /** `before-quit`, then every window's `close`, then what was not kept open goes, and `will-quit` (app.quit). */
    quit: () => {
      record.quits++;
      const event = cancellable();
      app.emit('before-quit', event);
      if (event.defaultPrevented) return;
      const open = FakeWindow.all.filter((w) => !w.destroyed);
      const kept = open.filter((w) => !w.mayClose());
      for (const window of open) if (!kept.includes(window)) window.gone();
      if (kept.length === 0) app.emit('will-quit');
    },
    enableSandbox: () => {
      record.sandboxed = !isReady;
    },
    getPath: () => options.userData,
    whenReady: () => whenReady,
    isReady: () => isReady,
    addRecentDocument: (path: string) => void record.recent.push(path),
  });
  FakeWindow.created = ({ webContents }) => app.emit('web-contents-created', {}, webContents);
  const defaultSession = Object.assign(record.downloads, {
    protocol: {
      handle: (_scheme: string, handler: SessionHandlers['protocol']) => {
        handlers.protocol = handler;
      },
    },
    setPermissionRequestHandler: (handler: SessionHandlers['permission']) => {
      handlers.permission = handler;
    },
    setPermissionCheckHandler: (handler: SessionHandlers['check']) => {
      handlers.check = handler;
    },
    setDevicePermissionHandler: (handler: SessionHandlers['device']) => {
      handlers.device = handler;
    },
    webRequest: {
      onBeforeRequest: (handler: SessionHandlers['request']) => {
        handlers.request = handler;
      },
    },
  });
  const ask = async (...args: unknown[]): Promise<{ response: number }> => {
    record.asked.push(args.at(-1) as { message: string; detail?: string });
    return { response: record.answers.shift() ?? 0 };
  };
  const api = {
    app,
    BrowserWindow: FakeWindow,
    dialog: {
      showMessageBox: ask,
      showOpenDialog: async () => ({ canceled: false, filePaths: record.chosen.shift() ?? [] }),
      showErrorBox: (_title: string, text: string) => void record.errors.push(text),
    },
    ipcMain: {
      handle: (channel: string, handler: Parameters<IpcMain['handle']>[1]) => {
        if (ipc.has(channel)) throw new Error(`two handlers of ${channel}`);
        ipc.set(channel, handler);
      },
    },
    Menu: {
      buildFromTemplate: (template: MenuItemConstructorOptions[]) => template,
      setApplicationMenu: (template: MenuItemConstructorOptions[]) => {
        record.menu = template;
      },
    },
    MessageChannelMain: FakeChannel,
    protocol: { registerSchemesAsPrivileged: (schemes: unknown[]) => void record.schemes.push(...schemes) },
    screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] },
    session: { defaultSession },
    shell: { openExternal: async (url: string) => void record.opened.push(url) },
    utilityProcess: {
      fork: () => {
        const process = new FakeUtility(options.parts);
        record.processes.push(process);
        return process;
      },
    },
  };
  /** As Electron does once it has started. */
  const begin = async (): Promise<void> => {
    isReady = true;
    ready();
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** A message of a window's page; `from`: the address that the frame has. */
  const invoke = async (
    window: FakeWindow,
    channel: string,
    payload: unknown,
    frame: Partial<WebFrameMain> | null = {},
  ) => {
    const senderFrame = frame && ({ ...window.webContents.frame, ...frame } as WebFrameMain);
    return ipc.get(channel)!({ sender: window.webContents, senderFrame } as never, payload);
  };
  return { api: api as unknown as ElectronApi, app, record, begin, invoke };
}
export type Double = ReturnType<typeof electronDouble>;
