import { describe, expect, test } from 'vitest';
import { titled, unavailable } from '../boot/debian/packages.ts';
import { growth, soak } from './soak.ts';
import { Stops } from './stops.ts';

const missing = await unavailable('busybox', '6.12');
describe.skipIf(missing !== null)(titled('soak', missing), () => {
  test('two minutes of processes, memory, disk and timers on four cores', async () => {
    const { wrong, counts, memory } = await soak({ kernel: '6.12', vcpus: 4, start: 'EL1', minutes: 2 });
    expect(wrong).toEqual([]);
    for (const [name, count] of Object.entries(counts)) expect(count, name).toBeGreaterThan(2);
    expect(memory[0]).toBeGreaterThan(50);
  }, 900_000);
});

/** A sample every five seconds. */
const samples = (minutes: number, at: (seconds: number) => number): number[] =>
  Array.from({ length: 12 * minutes }, (_, n) => at(5 * n));

test('a process that takes 2.5 MiB a second more grows, in twenty minutes one that takes 0.25', () => {
  expect(growth(samples(2, (t) => 300 + 2.5 * t)).grows).toBe(true);
  expect(growth(samples(20, (t) => 300 + t)).grows).toBe(true);
  expect(growth(samples(20, (t) => 300 + 0.25 * t)).grows).toBe(true);
  // Beside what is still being made ready, and collected.
  expect(growth(samples(2, (t) => 860 - 120 * Math.exp(-t / 90) + (t % 20) * 3 + 2.5 * t)).grows).toBe(true);
});

test('a process that only collects its garbage does not grow, nor one that makes ready what it will use', () => {
  expect(growth(samples(2, (t) => 300 + (t % 20) * 8)).grows).toBe(false);
  // As seen with four cores after their first minute: 735 MiB, at four minutes 851.
  for (const minutes of [2, 20])
    expect(growth(samples(minutes, (t) => 860 - 125 * Math.exp(-t / 90) + (t % 20) * 3)).grows).toBe(false);
});

test('a host that let nobody run is noticed, and forgotten after a minute', () => {
  let now = 0;
  const stops = new Stops(() => now);
  const goesOn = (seconds: number): boolean => {
    for (const end = now + 1000 * seconds; now < end; now += 1000) stops.recent;
    return stops.recent;
  };
  expect(goesOn(100)).toBe(false);
  now += 31_000;
  expect([stops.recent, stops.list, stops.total]).toEqual([true, [31], 31]);
  expect(goesOn(55)).toBe(true);
  expect(goesOn(10)).toBe(false);
  expect(stops.list).toEqual([31]);
  stops.end();
});
