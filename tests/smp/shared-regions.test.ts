import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { RAM, watched, wordsAt } from '../support/system-run.ts';

/** subs x1, x1, #1; b.ne back. */
const LOOP = [0xf1000421, 0x54ffffe1];
/** movz x1, #0x400, lsl #16: turns that take a tenth of a second, about. */
const TURNS = 0xd2a08001;

test.skipIf(availableParallelism() < 2)(
  'what one core has had compiled runs on the others',
  async () => {
    // One loop after the other, the second core behind the first. Sooner or later there is a thread that compiles them.
    const words = [...LOOP, ...Array.from({ length: 300 }, () => [TURNS, ...LOOP]).flat(), 0x14000000];
    const { system, exit } = await watched({ cores: 2, psci: 'none', ...wordsAt(RAM, words) });
    await system.start(true);
    for (const core of system.cores) core.setX(1, core.index === 0 ? 1n : 2n ** 28n);
    let engine: Readonly<Record<string, number>> = {};
    for (let tries = 0; tries < 200 && !engine.shared; tries++) {
      system.resume();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await system.pause();
      ({ engine } = system.stats());
    }
    expect(engine.shared).toBeGreaterThan(0);
    await system.stop();
    await exit;
  },
  120_000,
);
