/** What a system's configuration may ask for, and what the CPU then says of itself. */
import { describe, expect, it } from 'vitest';
import { bareSystem } from '../../core/machines/bare.ts';
import type { SystemConfig } from '../../core/system/api.ts';
import { cpuOf } from '../../core/system/cpu.ts';
import { protectionModel } from '../../core/system/protection.ts';

function config(o: Partial<SystemConfig>): SystemConfig {
  return {
    ...bareSystem({
      cores: 1,
      memoryBytes: 1 << 20,
      cpuModel: 'max',
      engine: 'normal',
      deterministic: false,
      startEl: 3,
      images: [],
      entry: 0n,
      semihosting: null,
      psci: 'none',
    }),
    ...o,
  };
}
const rme = { 'x-rme': true };
/** ID_AA64PFR0_EL1.RME, ID_AA64MMFR3_EL1.MEC, bits of a MECID, model of the engine. */
function seen(o: Partial<SystemConfig>): readonly [number, number, number, string] {
  const c = config(o);
  const cpu = cpuOf(c);
  const field = (name: string, lsb: bigint): number => Number((cpu.id.get(name)! >> lsb) & 15n);
  const model = protectionModel(c, cpu.features);
  return [field('ID_AA64PFR0_EL1', 52n), field('ID_AA64MMFR3_EL1', 28n), cpu.mecidWidth, model];
}

describe('configuration', () => {
  it.each([
    [{}, [0, 0, 16, 'off']],
    [{ features: rme }, [2, 0, 16, 'off']],
    [{ features: rme, mec: { enabled: true } }, [2, 1, 16, 'exact']],
    [{ features: { ...rme, mec: true } }, [2, 1, 16, 'exact']],
    [{ features: { ...rme, mec: true }, mec: { enabled: false } }, [2, 0, 16, 'off']],
    [{ features: rme, mec: { enabled: true, width: 4, model: 'deadbeef' } }, [2, 1, 4, 'deadbeef']],
    [{ features: rme, mec: { enabled: true, model: 'off' } }, [2, 1, 16, 'off']],
    // Address spaces have keys of their own without FEAT_MEC too, if one asks for it.
    [{ features: rme, mec: { model: 'exact' } }, [2, 0, 16, 'exact']],
    [{ mec: { model: 'exact' } }, [0, 0, 16, 'off']],
    [{ features: { ...rme, RME_GPC3: true } }, [3, 0, 16, 'off']],
  ] as const)('%j', (o, expected) => {
    expect(seen(o as Partial<SystemConfig>)).toEqual(expected);
  });
  it.each([
    [{ features: rme, mec: { enabled: true, width: 0 } }, /1 to 16 bits, not 0/],
    [{ features: rme, mec: { enabled: true, width: 17 } }, /1 to 16 bits, not 17/],
    [{ features: rme, mec: { enabled: true, width: 2.5 } }, /1 to 16 bits, not 2.5/],
    [{ mec: { enabled: true } }, /need a CPU with FEAT_RME/],
    [{ features: rme, rme: { l0gptsz: 31 } }, /30, 34, 36 or 39, not 31/],
  ] as const)('%j is refused in one line', (o, why) => {
    expect(() => cpuOf(config(o as Partial<SystemConfig>))).toThrow(why);
  });
  it('L0GPTSZ', () => {
    expect(cpuOf(config({ features: rme, rme: { l0gptsz: 36 } })).l0gptsz).toBe(36);
  });
});
