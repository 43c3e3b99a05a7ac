import { expect, test } from 'vitest';
import { runContention } from './contention.ts';

for (const engine of ['normal', 'compiled', 'interpreter'] as const) {
  test(`two cores lose no change, ${engine}`, async () => {
    expect(await runContention(engine, 3000)).toEqual([]);
  }, 120_000);
}
