// SPDX-License-Identifier: Apache-2.0
// How long the page's main thread is held up while a guest is busy: in each view, and while it is opened; and how the map of memory moves.
import type { BrowserContext, Page } from 'playwright-core';
import type { Chromium } from './chromium.ts';
import { Face, off, onlyRun, type Point, pause, startButton, tell, tellMedian, view, viewButton } from './page.ts';
import { type Task, traced } from './trace.ts';

const VIEWS = ['Consoles', 'Worlds', 'Realms', 'Memory', 'Calls'] as const;
const ROUNDS = 7;
/** Milliseconds: of opening a view, of looking at it, of moving the map. */
const [OPENING, LOOKING, MOVING] = [1500, 4000, 5000];
/** Milliseconds for which a hand presses. */
const PRESSED = 60;
const LONGEST = 16;
const FRAMES = 60;

interface Busy {
  end(page: Page): Promise<void>;
}
/** Three worlds on one core, with realms one after the other, until it is ended: calls, switches and granules without a pause. */
async function busyMachine(page: Page, context: BrowserContext): Promise<Busy> {
  await view(page, 'Launch');
  await page.getByRole('radio', { name: /^Three worlds/ }).click();
  await page.getByRole('spinbutton', { name: 'Cores' }).fill('1');
  await startButton(page).and(page.locator(':enabled')).waitFor();
  await startButton(page).click();
  const face = await Face.open(context, new URL(page.url()).origin);
  const { id: run } = await onlyRun(face);
  const where = { run, console: 'host' };
  const end = async (): Promise<string> => {
    const { total } = await face.ask('console.lines', { ...where, first: 0, count: 1 });
    const { lines } = await face.ask('console.lines', { ...where, first: Math.max(0, total - 3), count: 3 });
    return lines.at(-1)?.text ?? '';
  };
  /** Types when the console ends in this. */
  const type = async (after: RegExp, text: string): Promise<void> => {
    while (!after.test(await end())) await pause(100);
    await face.ask('console.input', { ...where, bytes: Buffer.from(`${text}\r`).toString('base64') });
    await pause(200);
  };
  await type(/login: ?$/, 'root');
  for (const line of ['mount /dev/vda2 /mnt', 'cd /mnt/kvm-ut/arm', 'export LKVM=/mnt/kvmtool/lkvm'])
    await type(/# ?$/, line);
  let ended = false;
  const work = (async () => {
    while (!ended) await type(/# ?$/, './run-realm-tests; '.repeat(10));
  })().catch((error: Error) => {
    if (!ended) throw error;
  });
  return {
    end: async (page) => {
      ended = true;
      await off(page);
      face.close();
      await Promise.race([work, pause(1000)]);
    },
  };
}

/** The median of the longest tasks, of several rounds; beside it what it took of a processor, which others' load does not change. */
export function tellTasks(what: string, rounds: readonly (readonly Task[])[]): void {
  const cpu = Math.max(...rounds.flatMap((tasks) => tasks.map((t) => t.cpu)));
  const over = rounds.reduce((sum, tasks) => sum + tasks.filter((t) => t.wall > LONGEST).length, 0);
  const walls = rounds.map((tasks) => tasks[0]?.wall ?? 0);
  tellMedian(`longest task, ${what} (${over} over; ${cpu.toFixed(1)} ms of processor)`, walls, 'ms', LONGEST, 1);
}

export async function tasks(chromium: Chromium): Promise<void> {
  const places = new Map<string, Point>();
  const machine = await chromium.by(async (page, context) => {
    for (const name of VIEWS) {
      const { x, y, width, height } = (await viewButton(page, name).boundingBox())!;
      places.set(name, { x: x + width / 2, y: y + height / 2 });
    }
    return busyMachine(page, context);
  });
  const devtools = await chromium.watch();
  const opened = new Map<string, Task[][]>();
  const looked = new Map<string, Task[][]>();
  const add = (to: Map<string, Task[][]>, name: string, found: Task[]): unknown =>
    to.set(name, [...(to.get(name) ?? []), found]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of VIEWS) {
      const open = async (): Promise<void> => {
        await devtools.mouse('mousePressed', places.get(name)!);
        await pause(PRESSED);
        await devtools.mouse('mouseReleased', places.get(name)!);
        await pause(OPENING);
      };
      add(opened, name, await traced(devtools, open));
      add(looked, name, await traced(devtools, () => pause(LOOKING)));
    }
  }
  for (const name of VIEWS) {
    tellTasks(`${name} is opened`, opened.get(name)!);
    tellTasks(name, looked.get(name)!);
  }
  devtools.close();
  await chromium.by((page) => machine.end(page));
}

/** In a page, for so many milliseconds. */
function framesASecond(ms: number): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    let count = 0;
    const frame = (): void => {
      count++;
      const passed = performance.now() - began;
      if (passed < ms) requestAnimationFrame(frame);
      else resolve((1000 * (count - 1)) / passed);
    };
    requestAnimationFrame(frame);
  });
}
/** Zooms and pans the map by the wheel, as fast as a hand does. */
export async function map(chromium: Chromium): Promise<void> {
  const { machine, middle } = await chromium.by(async (page, context) => {
    const machine = await busyMachine(page, context);
    await view(page, 'Memory');
    await page.waitForTimeout(OPENING);
    const { x, y, width, height } = (await page.getByRole('group', { name: /^Map of physical memory/ }).boundingBox())!;
    return { machine, middle: { x: x + width / 2, y: y + height / 2 } };
  });
  const devtools = await chromium.watch();
  await devtools.mouse('mouseMoved', middle);
  const rates: number[] = [];
  const rounds: Task[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let frames = 0;
    const move = async (): Promise<void> => {
      const counted = devtools.evaluate<number>(`(${framesASecond})(${MOVING})`);
      const end = performance.now() + MOVING;
      for (let n = 0; performance.now() < end; n++) {
        const step = Math.floor(n / 40) % 4;
        await devtools.wheel(middle, step === 1 ? 30 : step === 3 ? -30 : 0, step === 0 ? -40 : step === 2 ? 40 : 0);
        await pause(12);
      }
      frames = await counted;
    };
    rounds.push(await traced(devtools, move));
    rates.push(frames);
  }
  const drawn = rounds.map((found) => found.filter((t) => t.draws).map((t) => t.cpu));
  const all = drawn.flat().sort((a, b) => a - b);
  const least = Math.min(...rates);
  const value = `${rates.map((r) => r.toFixed(0)).join(', ')} a second`;
  tell('frames while the map of memory is zoomed and moved', value, `${FRAMES}`, least >= FRAMES - 1);
  const median = all[Math.floor(all.length / 2)] ?? 0;
  tell(
    'a frame’s work in it, of a processor',
    `${median.toFixed(1)}, at most ${all.at(-1)?.toFixed(1)} ms`,
    null,
    true,
  );
  tellTasks('the map is zoomed and moved', rounds);
  devtools.close();
  await chromium.by((page) => machine.end(page));
}
