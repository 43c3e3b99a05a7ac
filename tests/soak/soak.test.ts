import { describe, expect, test } from 'vitest';
import { titled, unavailable } from '../boot/debian/packages.ts';
import { soak } from './soak.ts';

const missing = await unavailable('busybox', '6.12');
describe.skipIf(missing !== null)(titled('soak', missing), () => {
  test('two minutes of processes, memory, disk and timers on four cores', async () => {
    const { wrong, counts, memory } = await soak({ kernel: '6.12', vcpus: 4, start: 'EL1', minutes: 2 });
    expect(wrong).toEqual([]);
    for (const [name, count] of Object.entries(counts)) expect(count, name).toBeGreaterThan(2);
    expect(memory[0]).toBeGreaterThan(100);
  }, 900_000);
});
