import { expect, test } from 'vitest';
import { LITMUS, runLitmus } from './litmus.ts';

const TIMES = 1024;

for (const engine of ['normal', 'compiled', 'interpreter'] as const) {
  test(`litmus tests show nothing forbidden, ${engine}`, async () => {
    const seen = await runLitmus(LITMUS, engine, TIMES);
    LITMUS.forEach(({ name, forbidden }, i) => {
      expect(seen[i]!.reduce((n, o) => n + o.n, 0)).toBe(TIMES);
      expect(seen[i]!.filter(forbidden), name).toEqual([]);
    });
  }, 120_000);
}
