// SPDX-License-Identifier: Apache-2.0
// A million calls under the hand: wheel, scrollbar, keys, filter, follow.
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import type { Chromium, DevTools } from './chromium.ts';
import { Face, off, pause, root, tell, view } from './page.ts';
import { tellTasks } from './tasks.ts';
import { type Task, traced } from './trace.ts';

/** Makes a little more than a million, slowly enough for all of them to be kept. */
const PROGRAM = join(root, 'tests', 'guests', 'elf', 'calls.elf');
const ENOUGH = 1_000_000;
/** Milliseconds that a row may be empty for when it comes into sight. */
const FILLED = 250;

export async function calls(chromium: Chromium): Promise<void> {
  const devtools = await chromium.watch();
  await chromium.by((page, context) => scrolled(page, context, devtools));
  devtools.close();
}
async function scrolled(page: Page, context: BrowserContext, devtools: DevTools): Promise<void> {
  const face = await Face.open(context, new URL(page.url()).origin);
  const launch = { machine: { type: 'bare' }, kernel: PROGRAM, startEl: 3, memoryBytes: 512 << 20 };
  const started = { launch, preset: null, name: 'a million calls', on: 'trireme', paused: false } as const;
  const rounds: Task[][] = [];
  const filling: { readonly after: string; readonly ms: number }[] = [];
  const { run } = await face.ask('launch.start', started);
  await view(page, 'Calls');
  const list = page.locator('.list[aria-label="Calls"]');
  const total = async (): Promise<number> =>
    (await face.ask('calls.read', { run, first: 0, count: 1, filter: '' })).total;
  const ended = async (): Promise<boolean> =>
    (await face.ask('runs.list', {})).runs.some((r) => r.id === run && r.state === 'ended');
  // It scrolls along with what comes.
  await list.locator('.row .row').first().waitFor();
  rounds.push(await traced(devtools, () => pause(3000)));
  while (!(await ended()) && (await total()) < ENOUGH) await pause(200);
  const count = await total();

  /** Time until every row in sight is there. */
  const filled = async (after: string): Promise<void> => {
    const ms = await list.evaluate(
      (box) =>
        new Promise<number>((resolve) => {
          const began = performance.now();
          const look = (): void => {
            const { top, bottom } = box.getBoundingClientRect();
            const rows = Array.from(box.querySelectorAll('.window > .row')).filter((row) => {
              const at = row.getBoundingClientRect();
              return at.bottom > top && at.top < bottom;
            });
            if (rows.length > 3 && rows.every((row) => row.firstElementChild)) resolve(performance.now() - began);
            else requestAnimationFrame(look);
          };
          requestAnimationFrame(look);
        }),
    );
    filling.push({ after, ms });
  };
  const box = (await list.boundingBox())!;
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const bar = { x: box.x + box.width - 6, top: box.y + 6, height: box.height - 12 };
  await page.mouse.click(middle.x, middle.y);
  const hand: readonly [string, () => Promise<void>][] = [
    ['Home', () => page.keyboard.press('Home')],
    [
      'wheel',
      async () => {
        for (let n = 0; n < 120; n++) {
          await page.mouse.wheel(0, 240);
          await pause(12);
        }
      },
    ],
    ['End', () => page.keyboard.press('End')],
    [
      'scrollbar',
      async () => {
        await page.mouse.move(bar.x, bar.top + bar.height - 4);
        await page.mouse.down();
        for (let n = 0; n <= 100; n++) {
          await page.mouse.move(bar.x, bar.top + bar.height * (1 - n / 130));
          await pause(12);
        }
        await page.mouse.up();
        await page.mouse.move(middle.x, middle.y);
      },
    ],
    ['filter', () => page.getByRole('searchbox', { name: 'Filter calls' }).fill('name:rmi')],
    ['no filter', () => page.getByRole('searchbox', { name: 'Filter calls' }).fill('')],
  ];
  for (const [after, act] of hand) {
    rounds.push(
      await traced(devtools, async () => {
        await act();
        await filled(after);
        await pause(300);
      }),
    );
  }
  tell('calls that are scrolled', count.toLocaleString('en'), '10⁶', count >= ENOUGH);
  const slowest = filling.reduce((a, b) => (b.ms > a.ms ? b : a));
  const value = `${slowest.ms.toFixed(0)} ms (${slowest.after})`;
  tell('rows in sight are there, at the latest, after', value, `≤ ${FILLED} ms`, slowest.ms <= FILLED);
  tellTasks('a million calls: followed, by wheel, scrollbar, keys, filter', rounds);
  if (!(await ended())) await off(page);
  face.close();
}
