// SPDX-License-Identifier: Apache-2.0
// `npm run -s bench:workbench`: how fast the workbench is, in Chromium without a GPU, each figure beside its bar.
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { calls } from './workbench/calls.ts';
import { CHROMIUM, Chromium, FLAGS } from './workbench/chromium.ts';
import { output } from './workbench/output.ts';
import { misses, root, start, stop } from './workbench/page.ts';
import { firstLine, usable } from './workbench/start.ts';
import { map, tasks } from './workbench/tasks.ts';

/** What starts the workbench itself, and what is measured on a page that is there. */
const STARTS: Readonly<Record<string, (browser: Browser) => Promise<void>>> = { start: usable, line: firstLine };
const MEASURES: Readonly<Record<string, (chromium: Chromium) => Promise<void>>> = { tasks, map, calls, output };

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
  const starts = Object.entries(STARTS).filter(([name]) => wanted.includes(name));
  if (starts.length > 0) {
    const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
    for (const [, measure] of starts) await measure(browser);
    await browser.close();
  }
  for (const [name, measure] of Object.entries(MEASURES)) if (wanted.includes(name)) await onPage(measure);
}

async function onPage(measure: (chromium: Chromium) => Promise<void>): Promise<void> {
  const { child, address } = await start();
  const own = await Chromium.start();
  try {
    await own.by((page) => page.goto(address));
    await measure(own);
  } finally {
    await own.close();
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
