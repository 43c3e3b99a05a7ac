// SPDX-License-Identifier: Apache-2.0
// What each measurement of the workbench needs: `npm start`, a page on it, another face beside it, and lines of figures.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import type { Method, Params, Result, RunSummary } from '../../core/host/api.ts';
import { spread } from '../measure.ts';
import { Requests } from './requests.ts';

export const root = join(import.meta.dirname, '..', '..');
export const VIEWPORT = { width: 1360, height: 850 };
/** A place on a page, in CSS pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

let missed = 0;
/** Figures that have missed their bars. */
export const misses = (): number => missed;
/** `bar` null: there is none. */
export function tell(what: string, value: string, bar: string | null, good: boolean): void {
  if (!good) missed++;
  console.log(`${what.padEnd(74)} ${value.padStart(22)}   ${(bar ?? '').padEnd(12)} ${good ? '' : 'missed'}`);
}
/** The median of several figures, which may not be above the bar. */
export function tellMedian(what: string, figures: readonly number[], unit: string, bar: number, digits = 0): void {
  const { median, min, max } = spread([...figures]);
  const [a, b, c] = [median, min, max].map((n) => n.toFixed(digits));
  tell(what, `${a} (${b}–${c}) ${unit}`, `≤ ${bar} ${unit}`, median <= bar);
}
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What is ended with this process, however it ends. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const { pid } of children) process.kill(-pid!, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** `npm start` without a window; yields the address that it prints. */
export async function start(): Promise<{ child: ChildProcess; address: string }> {
  const env = { ...process.env, TRIREME_NO_WINDOW: '1' };
  const child = spawn('npm', ['run', '-s', 'start'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.add(child);
  let text = '';
  const address = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const found = /http:\S+token=\S+/.exec(text)?.[0];
      if (found) resolve(found);
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.on('exit', () => reject(new Error(`npm start ended: ${text}`)));
  });
  return { child, address };
}
export async function stop(child: ChildProcess): Promise<void> {
  children.delete(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid!, 'SIGTERM');
  await ended;
}

/** Another face of the same user, without a page. */
export class Face {
  private readonly requests: Requests;

  private constructor(requests: Requests) {
    this.requests = requests;
  }
  static async open(context: BrowserContext, origin: string): Promise<Face> {
    const cookie = (await context.cookies(origin)).map((c) => `${c.name}=${c.value}`).join('; ');
    return new Face(await Requests.open(`${origin.replace('http', 'ws')}/api`, { headers: { cookie, origin } }));
  }
  async ask<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return (await this.requests.ask(method, params)) as Result<M>;
  }
  close(): void {
    this.requests.close();
  }
}

export const viewButton = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name, exact: true });
export const view = (page: Page, name: string): Promise<void> => viewButton(page, name).click();
export const startButton = (page: Page) => page.locator('.launch').getByRole('button', { name: 'Start', exact: true });

/** Ends the machine; its consoles go with it. */
export async function off(page: Page): Promise<void> {
  await page.keyboard.press('Control+Shift+P');
  await page.getByRole('combobox', { name: 'Search actions' }).fill('Force off');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'Force off' }).click();
  await page.getByTestId('state').filter({ hasText: 'off' }).waitFor();
  await page.getByRole('button', { name: 'Close run' }).click();
  await page.getByTestId('state').filter({ hasText: 'no machine' }).waitFor();
}

export async function onlyRun(face: Face): Promise<RunSummary> {
  for (;;) {
    const { runs } = await face.ask('runs.list', {});
    const live = runs.filter((r) => r.state === 'running');
    if (live.length === 1) return live[0]!;
    await pause(50);
  }
}
