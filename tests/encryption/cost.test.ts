/** What contexts cost a guest: no instruction more is executed. */
import { expect, it } from 'vitest';
import type { SystemConfig } from '../../core/system/api.ts';
import { ALIAS, GPI, type Monitor, PAGES, runImage } from '../rme/monitor.ts';

const P = PAGES;
const granules: [number, number][] = [0, 1, 2, 3].map((n) => [P + 0x1000 * n, GPI.realm]);

/** Instructions of all worlds, those in Realm state, and what the program left in its results. */
async function run(program: (a: Monitor) => void, mec: SystemConfig['mec']): Promise<[number, number, string]> {
  let counts: [number, number] = [0, 0];
  const { how, results } = await runImage(program, {
    ...{ cores: 1, deterministic: true, granules, mec },
    watch: (system) => () => {
      counts = [system.stats().instructions, system.probe.counts(0).realm.instructions];
    },
  });
  expect(how).toBe('exit 0');
  return [...counts, Buffer.from(results).toString('base64')];
}

/** A realm's code at EL2 and EL1: loads, stores, atomics, whole pages. */
function work(a: Monitor): void {
  for (let i = 0; i < 24; i++) {
    const at = P + 0x1000 * (i % 4) + ALIAS + 64 * i;
    for (const world of ['realm2', 'realm1'] as const) {
      a.in(world, 'store', at, i).in(world, 'add', at, 1).in(world, 'load', at).note();
    }
    if (i % 8 === 7) a.in('realm1', 'wipe', P + 0x1000 * (i % 4) + ALIAS);
  }
}

it('a realm at work, FEAT_MEC on and off: the same instructions, the same results', async () => {
  const [on, off] = [await run(work, { enabled: true }), await run(work, { enabled: false })];
  expect(on).toEqual(off);
  expect(on[1]).toBeGreaterThan(24 * 2 * 3 * 2);
});

it('pages that go from context to context, in each model: the same instructions', async () => {
  const program = (a: Monitor): void => {
    for (const mecid of [5, 6, 5, 7]) {
      a.set('MECID_A0_EL2', mecid).set('VMECID_A_EL2', mecid);
      // What the one before left.
      a.in('realm2', 'load', P + ALIAS + 64 * 20).note();
      work(a);
    }
  };
  const counts: number[][] = [];
  const results = new Set<string>();
  for (const model of ['exact', 'deadbeef', 'off'] as const) {
    const [all, realm, text] = await run(program, { enabled: true, model });
    counts.push([all, realm]);
    results.add(text);
  }
  expect(counts[1]).toEqual(counts[0]);
  expect(counts[2]).toEqual(counts[0]);
  // The models do differ in what is read.
  expect(results.size).toBeGreaterThan(1);
});
