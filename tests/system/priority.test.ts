/** Threads of a guest that comes after the rest of its program. */
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

const linux = process.platform === 'linux';
/** Niceness of a thread of this process (proc_pid_stat(5), field 19). */
function niceness(thread: number): number {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

test.runIf(linux)('step back alone, and only down', async () => {
  const module = JSON.stringify(new URL('../../core/system/priority.ts', import.meta.url).href);
  const before = getPriority();
  const worker = new Worker(
    `import(${module}).then(async ({ stepBack }) => {
      const { getPriority } = await import('node:os');
      const { readlinkSync } = await import('node:fs');
      const { parentPort } = await import('node:worker_threads');
      stepBack();
      stepBack();
      parentPort.postMessage([Number(readlinkSync('/proc/thread-self').split('/').at(-1)), getPriority()]);
      parentPort.once('message', () => {});
    });`,
    { eval: true },
  );
  const [thread, priority] = await new Promise<[number, number]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  expect(priority).toBe(Math.max(before, 10));
  expect(niceness(thread)).toBe(priority);
  expect(getPriority()).toBe(before);
  await worker.terminate();
});
