// SPDX-License-Identifier: Apache-2.0
// What it takes a guest that a page draws its output.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import type { Result } from '../../core/host/api.ts';
import type { Chromium } from './chromium.ts';
import { Face, off, onlyRun, pause, startButton, tell, tellMedian, view } from './page.ts';

/** With a page and without. */
const PAIRS = 15;
/** Milliseconds from when a page is there, or has gone, to a measurement. */
const SETTLED = 2000;
/** Seconds of output at 1 MB/s. */
const PACED = 6;
const SLOWER = 5;

/** Milliseconds. */
interface Paced {
  readonly busy: number;
  readonly took: number;
}
/** What 1 MB/s of output beside fixed work takes a guest, in milliseconds; throws when it has not kept pace, or a line is missing. */
async function paced(face: Face, run: string): Promise<Paced> {
  const [console0] = (await face.ask('runs.list', {})).runs.find((r) => r.id === run)!.consoles;
  const id = console0!.id;
  const lines = async (first: number): Promise<Result<'console.lines'>> =>
    face.ask('console.lines', { run, console: id, first, count: 5000 });
  const { total: before } = await lines(0);
  await face.ask('console.input', { run, console: id, bytes: Buffer.from(`pace ${PACED}\r`).toString('base64') });
  await pause(PACED * 1000);
  for (;;) {
    const { total } = await lines(0);
    const { lines: last, total: end } = await lines(Math.max(before, total - 5));
    const told = (what: string): number | undefined =>
      last.map((l) => Number(new RegExp(`^${what} (\\d+)`).exec(l.text)?.[1])).find((n) => n > 0);
    const took = told('took');
    if (took !== undefined) {
      const count = Math.floor((PACED * 1e6) / 64);
      if (end - before < count) throw new Error(`${count} lines were written, and ${end - before} kept`);
      if (took > 1.05e6 * PACED)
        throw new Error(`${PACED} MB took the guest ${(took / 1e6).toFixed(1)} s: it is saturated`);
      return { busy: told('busy')! / 1000, took: took / 1000 };
    }
    await pause(200);
  }
}

/** How much longer a guest is busy while a page draws its output, and whether the page has all of it. */
export async function output(chromium: Chromium): Promise<void> {
  const { face, run, origin } = await chromium.by(async (page, context) => {
    await view(page, 'Launch');
    await page.getByRole('radio', { name: /^Bare machine/ }).click();
    await startButton(page).and(page.locator(':enabled')).waitFor();
    await startButton(page).click();
    const { origin } = new URL(page.url());
    const face = await Face.open(context, origin);
    return { face, run: (await onlyRun(face)).id, origin };
  });
  let whole = true;
  const alone = async (): Promise<Paced> => {
    await chromium.by((page) => page.goto('about:blank'));
    await pause(SETTLED);
    return paced(face, run);
  };
  const watched = async (): Promise<Paced> => {
    await chromium.by(async (page) => {
      await page.goto(origin);
      await view(page, 'Consoles');
    });
    await pause(SETTLED);
    const took = await paced(face, run);
    whole &&= await chromium.by(hasAllSoon);
    return took;
  };
  // The guest's program is compiled, and the page's, before it counts.
  await watched();
  await alone();
  const losses: number[] = [];
  for (let n = 0; n < PAIRS; n++) {
    // Whatever the first of two has for it or against it, the second has the next time.
    const before = n % 2 === 0 ? await alone() : null;
    const drawn = await watched();
    const quiet = before ?? (await alone());
    losses.push(100 * (drawn.busy / quiet.busy - 1));
    const text = ({ busy, took }: Paced): string => `${busy.toFixed(0)} of ${took.toFixed(0)} ms`;
    console.log(`  busy with ${PACED} MB: ${text(quiet)} alone, ${text(drawn)} with a page`);
  }
  tellMedian('guest slowed by a face that draws 1 MB/s', losses, '%', SLOWER, 1);
  tell('lines of it that the page has lost', whole ? '0' : 'some', '0', whole);
  face.close();
  await chromium.by(async (page) => {
    await page.goto(origin);
    await off(page);
  });
}
/** What it has not drawn yet is not lost. */
async function hasAllSoon(page: Page): Promise<boolean> {
  for (let tries = 0; tries < 10; tries++) {
    if (await hasAll(page)) return true;
    await pause(1000);
  }
  return false;
}
/** Numbered lines in the text that the page would save: none is missing, up to the last. */
async function hasAll(page: Page): Promise<boolean> {
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as text' }).click();
  const text = readFileSync(await (await saved).path(), 'utf8');
  const numbers = [...text.matchAll(/^([0-9a-f]{8})ijkl/gm)].map((m) => Number.parseInt(m[1]!, 16));
  // The oldest have left the scrollback, and with them all of runs before.
  const first = numbers[0] ?? -1;
  return first >= 0 && numbers.at(-1)! >= (PACED * 1e6) / 64 - 2 && numbers.every((value, n) => value === first + n);
}
