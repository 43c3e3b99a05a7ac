// SPDX-License-Identifier: Apache-2.0
// `npm run -s bench:workbench`: how fast the workbench is, in Chromium without a GPU, each figure beside its bar.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';
import { WebSocket } from 'ws';
import type { Method, Params, Result, RunSummary, ToFace } from '../core/host/api.ts';
import { spread } from './measure.ts';

const root = join(import.meta.dirname, '..');
const CHROMIUM = process.env.TRIREME_CHROMIUM ?? '/usr/bin/chromium';
const RUNS = 5;
/** Of output, with a page and without. */
const PAIRS = 3;
/** Seconds of output at 1 MB/s, and of tracing in each view. */
const [PACED, TRACED] = [6, 5];
/** Milliseconds for which the launch panel is looked at. */
const LOOKED = 1500;
const VIEWPORT = { width: 1360, height: 850 };
const BARS = { start: 2000, firstLine: 1000, task: 16, slower: 5 } as const;

let missed = 0;
function tell(what: string, value: string, bar: string, good: boolean): void {
  if (!good) missed++;
  console.log(`${what.padEnd(74)} ${value.padStart(22)}   ${bar.padEnd(12)} ${good ? '' : 'missed'}`);
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What is ended with this process, however it ends. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const { pid } of children) process.kill(-pid!, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** `npm start` without a window; yields the address that it prints. */
async function start(): Promise<{ child: ChildProcess; address: string }> {
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
async function stop(child: ChildProcess): Promise<void> {
  children.delete(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid!, 'SIGTERM');
  await ended;
}

/** Another face of the same user, without a page. */
class Face {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (message: ToFace) => void>();
  private id = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as ToFace;
      if (!('event' in message)) this.waiting.get(message.id)?.(message);
    });
  }
  static async open(context: BrowserContext, origin: string): Promise<Face> {
    const cookie = (await context.cookies(origin)).map((c) => `${c.name}=${c.value}`).join('; ');
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/api`, { headers: { cookie, origin } });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Face(socket);
  }
  async ask<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const id = this.id++;
    const answer = new Promise<ToFace>((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params }));
    const message = (await answer) as { result?: unknown; error?: { message: string } };
    if (message.error) throw new Error(message.error.message);
    return message.result as Result<M>;
  }
  close(): void {
    this.socket.close();
  }
}

const view = (page: Page, name: string): Promise<void> =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name, exact: true }).click();
const startButton = (page: Page) => page.locator('.launch').getByRole('button', { name: 'Start', exact: true });

/** From before `npm start` to a panel whose Start can be pressed. */
async function usable(browser: Browser): Promise<void> {
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
  const { median, min, max } = spread(times);
  const value = `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)}) ms`;
  tell('usable after npm start', value, `≤ ${BARS.start} ms`, median <= BARS.start);
}

/** From the first press of Start after `npm start` to RMM's first line on the screen. */
async function firstLine(browser: Browser): Promise<void> {
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
  const { median, min, max } = spread(times);
  const value = `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)}) ms`;
  tell('RMM’s first line after the first Start', value, `≤ ${BARS.firstLine} ms`, median <= BARS.firstLine);
}

/** Ends the machine; its consoles go with it. */
async function off(page: Page): Promise<void> {
  await page.keyboard.press('Control+Shift+P');
  await page.getByRole('combobox', { name: 'Search actions' }).fill('Force off');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'Force off' }).click();
  await page.getByTestId('state').filter({ hasText: 'off' }).waitFor();
  await page.getByRole('button', { name: 'Close run' }).click();
  await page.getByTestId('state').filter({ hasText: 'no machine' }).waitFor();
}

async function onlyRun(face: Face): Promise<RunSummary> {
  for (;;) {
    const { runs } = await face.ask('runs.list', {});
    const live = runs.filter((r) => r.state === 'running');
    if (live.length === 1) return live[0]!;
    await pause(50);
  }
}

/** What 1 MB/s of output beside fixed work takes a guest, in milliseconds; throws when it has not kept pace, or a line is missing. */
async function paced(face: Face, run: string): Promise<{ busy: number; took: number }> {
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
async function output(page: Page, context: BrowserContext, origin: string): Promise<void> {
  await view(page, 'Launch');
  await page.getByRole('radio', { name: /^Bare machine/ }).click();
  await startButton(page).and(page.locator(':enabled')).waitFor();
  await startButton(page).click();
  const face = await Face.open(context, origin);
  const { id: run } = await onlyRun(face);
  const losses: number[] = [];
  let whole = true;
  for (let n = 0; n < PAIRS; n++) {
    await page.goto('about:blank');
    const alone = await paced(face, run);
    await page.goto(origin);
    await view(page, 'Consoles');
    await pause(2000);
    const watched = await paced(face, run);
    losses.push(100 * (watched.busy / alone.busy - 1));
    const text = ({ busy, took }: typeof alone): string => `${busy.toFixed(0)} of ${took.toFixed(0)} ms`;
    console.log(`  busy with ${PACED} MB: ${text(alone)} alone, ${text(watched)} with a page`);
    // What it has not drawn yet is not lost.
    let all = await hasAll(page);
    for (let tries = 0; !all && tries < 10; tries++) {
      await pause(1000);
      all = await hasAll(page);
    }
    whole &&= all;
  }
  const { median, min, max } = spread(losses);
  const value = `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)}) %`;
  tell('guest slowed by a face that draws 1 MB/s', value, `≤ ${BARS.slower} %`, median <= BARS.slower);
  tell('lines of it that the page has lost', whole ? '0' : 'some', '0', whole);
  face.close();
  await off(page);
}
/** Numbered lines in the text that the page would save: none is missing, up to the last. */
async function hasAll(page: Page): Promise<boolean> {
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as text' }).click();
  const { readFileSync } = await import('node:fs');
  const text = readFileSync(await (await saved).path(), 'utf8');
  const numbers = [...text.matchAll(/^([0-9a-f]{8})ijkl/gm)].map((m) => Number.parseInt(m[1]!, 16));
  // The oldest have left the scrollback, and with them all of runs before.
  const first = numbers[0] ?? -1;
  return first >= 0 && numbers.at(-1)! >= (PACED * 1e6) / 64 - 2 && numbers.every((value, n) => value === first + n);
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds that passed, and those of them in which the thread had a processor. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}
interface Task {
  readonly wall: number;
  readonly cpu: number;
}
/** Tasks of the page's main thread while `TRACED` seconds pass, in ms, the longest first. */
async function trace(session: CDPSession): Promise<Task[]> {
  const events: TraceEvent[] = [];
  const take = ({ value }: { value: unknown[] }): void => void events.push(...(value as TraceEvent[]));
  session.on('Tracing.dataCollected', take as never);
  const categories = ['toplevel', '__metadata'];
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: categories },
  });
  await pause(TRACED * 1000);
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve as never));
  await session.send('Tracing.end');
  await complete;
  session.off('Tracing.dataCollected', take as never);
  const mains = events.filter((e) => e.name === 'thread_name' && e.args?.name === 'CrRendererMain');
  const main = new Set(mains.map((e) => `${e.pid}.${e.tid}`));
  const tasks = events.filter((e) => e.dur !== undefined && /RunTask$/.test(e.name) && main.has(`${e.pid}.${e.tid}`));
  return tasks.map((e) => ({ wall: e.dur! / 1000, cpu: (e.tdur ?? 0) / 1000 })).sort((a, b) => b.wall - a.wall);
}

/** Long tasks of the page while one core is busy, in the views that follow it. */
async function tasks(page: Page, browser: Browser, context: BrowserContext, origin: string): Promise<void> {
  await page.goto(origin);
  await view(page, 'Launch');
  await page.getByRole('radio', { name: /^Three worlds/ }).click();
  await page.getByRole('spinbutton', { name: 'Cores' }).fill('1');
  await startButton(page).and(page.locator(':enabled')).waitFor();
  await startButton(page).click();
  const face = await Face.open(context, origin);
  const { id: run } = await onlyRun(face);
  const shown = async (): Promise<string> => {
    const { lines } = await face.ask('console.lines', { run, console: 'host', first: 0, count: 5000 });
    return lines.map((l) => l.text).join('\n');
  };
  const type = async (text: string, answer: RegExp): Promise<void> => {
    await face.ask('console.input', { run, console: 'host', bytes: Buffer.from(`${text}\r`).toString('base64') });
    while (!answer.test(await shown())) await pause(50);
  };
  while (!(await shown()).includes('host login:')) await pause(50);
  await type('root', /~# ?$/);
  await type('mount /dev/vda2 /mnt', /\/mnt\n.*~# ?$/);
  await type('cd /mnt/kvm-ut/arm; export LKVM=/mnt/kvmtool/lkvm', /lkvm\n.*# ?$/);
  // Realms one after the other: calls, switches and granules without end.
  await type('./run-realm-tests; '.repeat(20), /run-realm-tests/);
  const session = await browser.newBrowserCDPSession();
  for (const name of ['Consoles', 'Worlds', 'Realms', 'Memory', 'Calls']) {
    await view(page, name);
    await pause(1500);
    const found = await trace(session);
    const over = found.filter(({ wall }) => wall > BARS.task).length;
    const cpu = Math.max(0, ...found.map((t) => t.cpu));
    const value = `${(found[0]?.wall ?? 0).toFixed(1)} ms, ${over} over`;
    tell(
      `longest task, ${name} (of ${found.length} in ${TRACED} s; ${cpu.toFixed(1)} ms of processor)`,
      value,
      `≤ ${BARS.task} ms`,
      over === 0,
    );
  }
  face.close();
  await off(page);
}

async function main(): Promise<void> {
  if (!existsSync(CHROMIUM)) throw new Error(`needs Chromium at ${CHROMIUM}`);
  // By a name that the compiler does not follow: what it builds is not checked against a browser's types.
  const builder = pathToFileURL(join(root, 'scripts', 'build.mjs')).href;
  const { ensureBuilt } = (await import(/* @vite-ignore */ builder)) as { ensureBuilt(name: string): Promise<void> };
  await ensureBuilt('renderer');
  await ensureBuilt('cli');
  const [load] = loadavg();
  if (load! > 0.5)
    console.log(`The load is ${load!.toFixed(2)}: if something else is running, the figures will be off.`);
  const wanted = process.argv.slice(2);
  const asked = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
  // By software wherever it runs, so that terminals draw with elements, which can be read.
  const args = ['--no-sandbox', '--disable-gpu', '--enable-unsafe-swiftshader'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args });
  try {
    if (asked('start')) await usable(browser);
    if (asked('line')) await firstLine(browser);
    if (!['output', 'tasks'].some(asked)) return;
    const { child, address } = await start();
    try {
      const context = await browser.newContext({ viewport: VIEWPORT });
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      await page.goto(address);
      const { origin } = new URL(address);
      if (asked('tasks')) await tasks(page, browser, context, origin);
      if (asked('output')) await output(page, context, origin);
    } finally {
      await stop(child);
    }
  } finally {
    await browser.close();
  }
}

try {
  await main();
  if (missed > 0) console.log(`${missed} missed`);
  process.exitCode = missed > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
