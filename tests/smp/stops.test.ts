import { expect, test } from 'vitest';
import { RAM, watched, wordsAt } from '../support/system-run.ts';

test('cores that reach a breakpoint together stop the system once', async () => {
  // add x0, x0, #1; b back: both cores are in it all the time.
  const { system } = await watched({ cores: 2, psci: 'none', ...wordsAt(RAM, [0x91000400, 0x17ffffff]) });
  const stops: string[] = [];
  let stopped = (): void => {};
  system.on('stopped', ({ reason }) => {
    stops.push(reason.kind);
    stopped();
  });
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      stopped = resolve;
    });
  let first = next();
  await system.start(true);
  system.addBreakpoint(BigInt(RAM));
  system.resume();
  const rounds = 40;
  for (let n = 0; n < rounds; n++) {
    await first;
    expect(system.running).toBe(false);
    first = next();
    // As a debugger does it: at once, while what the other core said may be on its way.
    if (n < rounds - 1) system.resume();
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(stops).toEqual(Array.from({ length: rounds }, () => 'breakpoint'));
  expect(system.cores.every((c) => c.x(0) > 0n)).toBe(true);
  await system.stop();
}, 20_000);
