/** Where keys come from: what another context reads is the same in each deterministic run, and never the same otherwise. */
import { expect, it } from 'vitest';
import { ALIAS, GPI, PAGES, runMonitor } from '../rme/monitor.ts';

const TEXT = 0x1122_3344_5566_7788n;

async function noise(deterministic: boolean): Promise<bigint> {
  const noted = await runMonitor(
    (a) => {
      a.set('MECID_A0_EL2', 5).in('realm2', 'store', PAGES + ALIAS, TEXT);
      a.set('MECID_A0_EL2', 6)
        .in('realm2', 'load', PAGES + ALIAS)
        .note();
    },
    { cores: 1, deterministic, granules: [[PAGES, GPI.realm]] },
  );
  return noted[0]![0]!.value;
}

it('keys are from the seed in deterministic runs, from the host’s random source in others', async () => {
  const seeded = [await noise(true), await noise(true)];
  const random = [await noise(false), await noise(false)];
  expect(seeded[1]).toBe(seeded[0]);
  expect(new Set([TEXT, seeded[0], ...random]).size).toBe(4);
});
