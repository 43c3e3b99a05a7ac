import { expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { CACHE_TRAPS, CTX_KEY, CTX_TAG } from '../../core/arch/translation/fields.ts';
import { bit, HCR, SCR, World } from './world.ts';

/** What derives from PSTATE and the control registers. */
const DERIVED: Readonly<Record<string, number>> = {
  MODE: state.MODE,
  ALIGN_TEST: state.ALIGN_TEST,
  BANK: state.BANK,
  BANK_UNPRIV: state.BANK_UNPRIV,
  TR_CTX: state.TR_CTX,
  CACHE_TRAPS,
  CTX_TAG,
  key: CTX_KEY,
  keyHigh: CTX_KEY + 4,
};

it('contexts that are remembered are those that would be found anew', () => {
  const w = new World();
  let seed = 12345;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const derived = (): Record<string, number> =>
    Object.fromEntries(Object.entries(DERIVED).map(([name, offset]) => [name, w.get(offset)]));
  const registers: readonly (readonly [string, readonly bigint[], string])[] = [
    ['SCTLR_EL1', [0n, 1n, 3n, 1n | bit(31)], 'contextChanged'],
    ['SCTLR_EL2', [0n, 1n, 3n], 'contextChanged'],
    ['SCTLR_EL3', [0n, 1n], 'contextChanged'],
    ['HCR_EL2', [0n, HCR.VM, HCR.TGE, HCR.E2H, HCR.E2H | HCR.TGE, HCR.DC], 'contextChanged'],
    ['SCR_EL3', [SCR.NS, SCR.NS | bit(62), 0n, SCR.EEL2], 'contextChanged'],
    ['CPACR_EL1', [0n, 1n << 20n, 3n << 20n], 'contextChanged'],
    ['TCR_EL1', [25n, 25n | bit(22), 25n | bit(36)], 'contextChanged'],
    ['TTBR0_EL1', [0n, 5n << 48n, 6n << 48n], 'banksChanged'],
    ['TTBR1_EL1', [0n, 7n << 48n], 'banksChanged'],
    ['TTBR0_EL2', [0n, 8n << 48n], 'banksChanged'],
    ['VTTBR_EL2', [0n, 1n << 48n, 2n << 48n], 'banksChanged'],
  ];
  w.start({ el: 1 });
  for (let n = 0; n < 5000; n++) {
    if (random(4) === 0) {
      const [name, values, after] = pick(registers);
      w.setReg(name, pick(values));
      const level = Number(name.at(-1));
      // As MSR does it, or all at once.
      if (random(3) === 0) w.call(after);
      else if (name === 'SCR_EL3' && w.get(state.EL) === 3) w.call('lowerStateChanged');
      else if (level === 3) w.call(after);
      else w.call(after === 'banksChanged' ? 'lowerBanksChanged' : 'lowerContextChanged', level);
    } else {
      w.set(state.EL, random(4));
      w.set(state.PAN, random(2));
      w.set(state.UAO, random(2));
      w.set(state.FPSR, random(2) << 4);
      w.set(state.FPCR, random(4) << 22);
      w.call('fpModeChanged');
      w.call('switchContext');
    }
    const found = derived();
    w.call('evaluateContext');
    expect(found, `step ${n}`).toEqual(derived());
  }
});
