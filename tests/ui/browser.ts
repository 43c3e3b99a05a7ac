/** The workbench in a real browser, served by a real `trireme serve`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const root = join(import.meta.dirname, '..', '..');
const CHROMIUM = process.env.TRIREME_CHROMIUM ?? '/usr/bin/chromium';

/** Why there are no tests in a browser here, or null. */
export const noBrowser: string | null = existsSync(CHROMIUM) ? null : `needs Chromium at ${CHROMIUM}`;

export class Bench {
  readonly errors: string[] = [];
  readonly log: string[] = [];
  private readonly presets = mkdtempSync(join(tmpdir(), 'trireme-e2e-'));
  private server: ChildProcess | null = null;
  private browser: Browser | null = null;
  private context: BrowserContext | null = null;
  private address = '';

  async start(): Promise<void> {
    // By a name that the compiler does not follow: what it builds is not checked against a browser's types.
    const builder = pathToFileURL(join(root, 'scripts', 'build.mjs')).href;
    const { ensureBuilt } = (await import(/* @vite-ignore */ builder)) as { ensureBuilt(name: string): Promise<void> };
    await ensureBuilt('renderer');
    await ensureBuilt('cli');
    const env = { ...process.env, TRIREME_PRESETS: this.presets, CI: '1' };
    this.server = spawn(
      process.execPath,
      ['--no-warnings', join(root, 'dist', 'cli', 'main.js'), 'serve', '--no-open'],
      {
        ...{ cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] as const },
      },
    );
    this.server.stderr!.setEncoding('utf8').on('data', (text: string) => this.log.push(text));
    this.address = await new Promise<string>((resolve, reject) => {
      let text = '';
      this.server!.on('exit', () => reject(new Error(`serve ended: ${this.log.join('')}`)));
      this.server!.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        const found = /http:\S+/.exec(text)?.[0];
        if (found) resolve(found);
      });
    });
    // Without a GPU, WebGL by software; as root, Chromium has no sandbox of its own.
    const args = ['--no-sandbox', '--enable-unsafe-swiftshader'];
    this.browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args });
    this.context = await this.browser.newContext({ viewport: { width: 1360, height: 850 }, colorScheme: 'dark' });
  }

  /** Into a folder of its own, or into the documentation's: `TRIREME_SHOTS` names it. */
  async shot(page: Page, name: string): Promise<void> {
    const folder = process.env.TRIREME_SHOTS;
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`) });
  }

  /** Another window of the same user. */
  async open(): Promise<Page> {
    const page = await this.context!.newPage();
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
    await page.goto(this.context!.pages().length === 1 ? this.address : new URL('/', this.address).href);
    await page.getByRole('navigation', { name: 'Views' }).waitFor();
    return page;
  }

  async stop(): Promise<void> {
    await this.browser?.close();
    const { server } = this;
    if (server && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
    }
    rmSync(this.presets, { recursive: true, force: true });
  }
}

/** What the terminal of a console shows, as text. */
export async function terminalText(page: Page): Promise<string> {
  return page.evaluate(() => {
    const rows = document.querySelectorAll('.terminal-holder .xterm-accessibility-tree [role="listitem"]');
    return Array.from(rows, (row) => row.textContent ?? '').join('\n');
  });
}

export const view = (page: Page, name: string): Promise<void> =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name, exact: true }).click();

/** Does an action by the palette, as one would by hand. */
export async function palette(page: Page, text: string): Promise<void> {
  await page.keyboard.press('Control+Shift+P');
  await page.getByRole('combobox', { name: 'Search actions' }).fill(text);
  await page.keyboard.press('Enter');
}

export const state = (page: Page) => page.getByTestId('state');

/** Starts the chosen preset, and waits until it runs. */
export async function start(page: Page): Promise<void> {
  await view(page, 'Launch');
  await page.locator('.launch').getByRole('button', { name: 'Start', exact: true }).click();
  await state(page).filter({ hasText: 'running' }).waitFor();
}

/** Switches the machine off. */
export async function powerOff(page: Page): Promise<void> {
  await page.getByRole('toolbar', { name: 'Run' }).getByRole('button', { name: 'Power off' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Switch off' }).click();
  await state(page).filter({ hasText: 'off' }).waitFor();
}
