/** State of devices has its place whatever machine is asked for. */
import { describe, expect, it } from 'vitest';
import { bareSystem } from '../../core/machines/bare.ts';
import { layoutFor, planOf } from '../../core/system/plan.ts';
import { TRACE_CHOICES } from '../../core/system/trace.ts';

const RAM = 0x40000000;

describe.each([1, 2, 3, 4, 8, 16, 32])('%i cores', (cores) => {
  it.each([false, true])('fit with every trace, deterministic: %s', (deterministic) => {
    const config = bareSystem({
      ...{ cores, memoryBytes: 64 << 20, cpuModel: 'max', engine: 'normal', deterministic },
      ...{
        startEl: 2,
        images: [],
        entry: BigInt(RAM),
        semihosting: null,
        psci: 'none',
        trace: { choices: TRACE_CHOICES },
      },
    });
    const plan = planOf(config);
    expect(plan.watches).toHaveLength(deterministic ? 1 : cores);
    expect(layoutFor(config, plan).cores).toBe(cores);
  });
});
