// SPDX-License-Identifier: Apache-2.0
// A browser as users have it: no debugger watches its page while something is measured. Playwright, when it is there, has each message
// of a WebSocket told to it, which takes the page, the browser and the bench more processor than the page's own work.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { type Point, VIEWPORT } from './page.ts';
import { Requests } from './requests.ts';

export const CHROMIUM = process.env.TRIREME_CHROMIUM ?? '/usr/bin/chromium';
// By software wherever it runs, so that terminals draw with elements, which can be read.
export const FLAGS = ['--no-sandbox', '--disable-gpu', '--enable-unsafe-swiftshader'];
/** What makes it no other than one that somebody works with: nothing of its own goes on beside the page. */
const QUIET = [
  ...['--headless', '--no-first-run', '--no-default-browser-check', '--mute-audio', '--hide-scrollbars'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-extensions', '--disable-sync'],
];

export class Chromium {
  private readonly child: ChildProcess;
  private readonly folder: string;
  private readonly endpoint: string;

  private constructor(child: ChildProcess, folder: string, endpoint: string) {
    this.child = child;
    this.folder = folder;
    this.endpoint = endpoint;
  }
  /** With one empty page. */
  static async start(): Promise<Chromium> {
    const folder = mkdtempSync(join(tmpdir(), 'trireme-bench-'));
    const own = [`--user-data-dir=${folder}`, '--remote-debugging-port=0', 'about:blank'];
    const child = spawn(CHROMIUM, [...FLAGS, ...QUIET, ...own], { stdio: ['ignore', 'ignore', 'pipe'] });
    process.on('exit', () => child.kill('SIGKILL'));
    let text = '';
    const endpoint = await new Promise<string>((resolve, reject) => {
      child.stderr!.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const found = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
        if (found) resolve(found);
      });
      child.once('exit', () => reject(new Error(`Chromium ended: ${text}`)));
    });
    const browser = new Chromium(child, folder, endpoint);
    const devtools = await browser.watch();
    await devtools.resize(VIEWPORT);
    devtools.close();
    return browser;
  }
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Does something with the page by Playwright, which is not there any more afterwards. */
  async by<T>(act: (page: Page, context: BrowserContext) => Promise<T>): Promise<T> {
    const browser = await chromium.connectOverCDP(this.endpoint);
    try {
      const [context] = browser.contexts();
      const [page] = context!.pages();
      page!.setDefaultTimeout(60_000);
      return await act(page!, context!);
    } finally {
      await browser.close();
    }
  }
  /** A connection that sees and does what it is asked to alone. */
  watch(): Promise<DevTools> {
    return DevTools.open(this.endpoint);
  }
}

interface Told {
  readonly method: string;
  readonly params: unknown;
}
/** Chromium's DevTools protocol: https://chromedevtools.github.io/devtools-protocol/. */
export class DevTools {
  private readonly requests: Requests;
  private readonly listeners: Map<string, (params: never) => void>;
  private page = '';
  private target = '';

  private constructor(requests: Requests, listeners: Map<string, (params: never) => void>) {
    this.requests = requests;
    this.listeners = listeners;
  }
  static async open(endpoint: string): Promise<DevTools> {
    const listeners = new Map<string, (params: never) => void>();
    const told = (message: unknown): void => {
      const { method, params } = message as Told;
      listeners.get(method)?.(params as never);
    };
    const own = new DevTools(await Requests.open(endpoint, { maxPayload: 1 << 30 }, told), listeners);
    const { targetInfos } = await own.send<{ targetInfos: { targetId: string; type: string }[] }>('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }) => type === 'page')!;
    const { sessionId } = await own.send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
    [own.page, own.target] = [sessionId, targetId];
    return own;
  }
  async send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    return (await this.requests.ask(method, params, { sessionId })) as T;
  }
  /** Whoever listened to it before does not any more. */
  on<T>(event: string, listener: (params: T) => void): void {
    this.listeners.set(event, listener);
  }
  /** The page, without what a window has around it. */
  async resize(size: typeof VIEWPORT): Promise<void> {
    const { windowId } = await this.send<{ windowId: number }>('Browser.getWindowForTarget', { targetId: this.target });
    await this.send('Browser.setContentsSize', { windowId, ...size });
  }
  async mouse(type: 'mouseMoved' | 'mousePressed' | 'mouseReleased', at: Point): Promise<void> {
    const pressed = type === 'mouseMoved' ? {} : { button: 'left', clickCount: 1 };
    await this.send('Input.dispatchMouseEvent', { type, ...at, ...pressed }, this.page);
  }
  /** CSS pixels to the right and down. */
  async wheel(at: Point, deltaX: number, deltaY: number): Promise<void> {
    await this.send('Input.dispatchMouseEvent', { type: 'mouseWheel', ...at, deltaX, deltaY }, this.page);
  }
  /** What an expression comes to in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result } = await this.send<{ result: { value: T } }>('Runtime.evaluate', asked, this.page);
    return result.value;
  }
  close(): void {
    this.requests.close();
  }
}
