// SPDX-License-Identifier: Apache-2.0
// How soon the workbench can be used, and shows a guest's first line.
import type { Browser } from 'playwright-core';
import { pause, start, startButton, stop, tellMedian, VIEWPORT } from './page.ts';

const RUNS = 5;
/** Milliseconds for which the launch panel is looked at. */
const LOOKED = 1500;
const BARS = { start: 2000, firstLine: 1000 } as const;

/** From before `npm start` to a panel whose Start can be pressed. */
export async function usable(browser: Browser): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const before = performance.now();
    const { child, address } = await start();
    await page.goto(address);
    await startButton(page).and(page.locator(':enabled')).waitFor();
    times.push(performance.now() - before);
    await context.close();
    await stop(child);
  }
  tellMedian('usable after npm start', times, 'ms', BARS.start);
}

/** From the first press of Start after `npm start` to RMM's first line on the screen. */
export async function firstLine(browser: Browser): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    const { child, address } = await start();
    const context = await browser.newContext({ viewport: VIEWPORT });
    const page = await context.newPage();
    await page.goto(address);
    await startButton(page).and(page.locator(':enabled')).waitFor();
    // Who presses Start has seen the panel.
    await pause(LOOKED);
    const took = page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let pressed = 0;
          document.addEventListener('click', () => (pressed ||= performance.now()), { capture: true, once: true });
          const look = (): void => {
            // As the terminal has drawn it, with elements.
            const rows = document.querySelectorAll('.xterm-rows > div');
            if (pressed > 0 && Array.from(rows).some((row) => row.textContent?.includes('RMM')))
              resolve(performance.now() - pressed);
            else requestAnimationFrame(look);
          };
          look();
        }),
    );
    await startButton(page).click();
    times.push(await took);
    await context.close();
    await stop(child);
  }
  tellMedian('RMM’s first line after the first Start', times, 'ms', BARS.firstLine);
}
