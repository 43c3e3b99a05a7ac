// SPDX-License-Identifier: Apache-2.0
// `npm run -s bench:workbench`: how fast the workbench is, in Chromium without a GPU, each figure beside its bar.
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';
import { calls } from './workbench/calls.ts';
import { output } from './workbench/output.ts';
import { misses, root, start, stop, VIEWPORT } from './workbench/page.ts';
import { firstLine, usable } from './workbench/start.ts';
import { map, tasks } from './workbench/tasks.ts';

const CHROMIUM = process.env.TRIREME_CHROMIUM ?? '/usr/bin/chromium';

/** What starts the workbench itself, and what is measured on a page that is there. */
const STARTS: Readonly<Record<string, (browser: Browser) => Promise<void>>> = { start: usable, line: firstLine };
type Measure = (page: Page, session: CDPSession, context: BrowserContext, origin: string) => Promise<void>;
const MEASURES: Readonly<Record<string, Measure>> = { tasks, map, calls, output };

async function main(): Promise<void> {
  if (!existsSync(CHROMIUM)) throw new Error(`needs Chromium at ${CHROMIUM}`);
  const known = Object.keys({ ...STARTS, ...MEASURES });
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : known;
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}; there are ${known.join(', ')}`);
  // By a name that the compiler does not follow: what it builds is not checked against a browser's types.
  const builder = pathToFileURL(join(root, 'scripts', 'build.mjs')).href;
  const { ensureBuilt } = (await import(/* @vite-ignore */ builder)) as { ensureBuilt(name: string): Promise<void> };
  await ensureBuilt('renderer');
  await ensureBuilt('cli');
  const [load] = loadavg();
  if (load! > 0.5)
    console.log(`The load is ${load!.toFixed(2)}: if something else is running, the figures will be off.`);
  // By software wherever it runs, so that terminals draw with elements, which can be read.
  const args = ['--no-sandbox', '--disable-gpu', '--enable-unsafe-swiftshader'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args });
  try {
    for (const [name, measure] of Object.entries(STARTS)) if (wanted.includes(name)) await measure(browser);
    for (const [name, measure] of Object.entries(MEASURES)) if (wanted.includes(name)) await onPage(browser, measure);
  } finally {
    await browser.close();
  }
}

async function onPage(browser: Browser, measure: Measure): Promise<void> {
  const { child, address } = await start();
  const context = await browser.newContext({ viewport: VIEWPORT });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(address);
    await measure(page, await browser.newBrowserCDPSession(), context, new URL(address).origin);
  } finally {
    await context.close();
    await stop(child);
  }
}

try {
  await main();
  if (misses() > 0) console.log(`${misses()} missed`);
  process.exitCode = misses() > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
