import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { RAM, watched, wordsAt } from '../support/system-run.ts';

test.skipIf(availableParallelism() < 2)(
  'what one core has had compiled runs on the others',
  async () => {
    // subs x1, x1, #1; b.ne back; then add x0, x0, #1; b back for ever. By the time of the second loop there is a thread that compiles.
    const words = [0xf1000421, 0x54ffffe1, 0x91000400, 0x17ffffff];
    const { system, exit } = await watched({ cores: 2, psci: 'none', ...wordsAt(RAM, words) });
    await system.start(true);
    for (const core of system.cores) core.setX(1, 2n ** 29n * BigInt(1 + core.index));
    let engine: Readonly<Record<string, number>> = {};
    for (let tries = 0; tries < 100 && !engine.shared; tries++) {
      system.resume();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await system.pause();
      ({ engine } = system.stats());
    }
    expect(engine.shared).toBeGreaterThan(0);
    await system.stop();
    await exit;
  },
  60_000,
);
