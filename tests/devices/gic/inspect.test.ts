import { expect, test } from 'vitest';
import { Bench, GICD } from './bench.ts';

test('each interrupt that is enabled, pending or active, as it is set up', () => {
  const b = new Bench({ cores: 2 });
  expect(b.gic.interrupts()).toEqual([]);
  // A PPI of core 1, Non-secure group 1, enabled; its input rises.
  b.mark(GICD.ISENABLER, 27, 1);
  b.group(27, '1ns', 1);
  b.gic.setPpi(1, 27, true);
  // SPIs: one active, in Secure group 1, for core 1; one pending, edge-triggered, for nobody who is there.
  b.group(40, '1s');
  b.mark(GICD.ISACTIVER, 40);
  b.setD(GICD.IROUTER + 8 * 40, 1);
  b.priority(40, 0x48);
  b.edge(42);
  b.setD(GICD.IROUTER + 8 * 42, 7);
  b.mark(GICD.ISPENDR, 42);
  const quiet = { enabled: false, pending: false, active: false };
  expect(b.gic.interrupts()).toEqual([
    {
      ...{ intid: 27, core: 1, group: 'group1-nonsecure', trigger: 'level', priority: 0, target: null },
      ...{ ...quiet, enabled: true, pending: true },
    },
    {
      ...{ intid: 40, core: null, group: 'group1-secure', trigger: 'level', priority: 0x48, target: 1 },
      ...{ ...quiet, active: true },
    },
    {
      ...{ intid: 42, core: null, group: 'group0', trigger: 'edge', priority: 0, target: null },
      ...{ ...quiet, pending: true },
    },
  ]);
});
