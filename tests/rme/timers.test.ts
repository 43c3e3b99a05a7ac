/** The masks of EL1's timers in Realm and Root state (CNTHCTL_EL2.CNTVMASK, CNTPMASK). */
import { expect, it } from 'vitest';
import { timerOutputs } from '../../core/arch/registers/timer-lines.ts';
import { TIMERS } from '../../core/arch/registers/timers.ts';
import * as state from '../../core/arch/state.ts';
import { CODE } from '../translation/world.ts';
import { ERET, PAS, RmeWorld, rmeMachine } from './world.ts';

const MASKS = { physical: 1n << 19n, virtual: 1n << 18n } as const;
const SMC = 0xd4000003;
let told = 0;
const m = rmeMachine({ host: { timersChanged: () => void told++ } });

it.each(Object.entries(MASKS))('the %s timer’s output goes down there, and nowhere else', (name, mask) => {
  const w = new RmeWorld(m, PAS.realm);
  // Both have long fired, and so have EL2's.
  for (const { registers } of TIMERS) {
    m.reg(registers[0], 1n);
    m.reg(registers[1], 0n);
  }
  const asserted = (security: number): number => {
    m.setWord(state.SECURITY, security);
    return timerOutputs(m.core.view, m.core.cpu, 1000).asserted;
  };
  const all = 2 ** TIMERS.length - 1;
  m.reg('CNTHCTL_EL2', 0n);
  for (const security of Object.values(PAS)) expect(asserted(security)).toBe(all);
  m.reg('CNTHCTL_EL2', mask);
  const bit = name === 'physical' ? 1 : 2;
  for (const security of [PAS.secure, PAS.nonSecure]) expect(asserted(security)).toBe(all);
  for (const security of [PAS.root, PAS.realm]) expect(asserted(security)).toBe(all & ~bit);
  w.enter(1);
});

it('lines are looked at again when the state changes, and only where a mask is set', () => {
  for (const [control, times] of [
    [0n, 0],
    [MASKS.virtual, 1],
  ] as const) {
    const w = new RmeWorld(m, PAS.nonSecure);
    m.reg('CNTHCTL_EL2', control);
    m.reg('SPSR_EL3', 0x3c9n);
    m.reg('ELR_EL3', CODE + 0x800n);
    // As EL3 has them.
    m.reg('timers security', BigInt(PAS.root));
    told = 0;
    w.exec(ERET, 3);
    expect(told).toBe(times);
    m.reg('timers security', BigInt(PAS.nonSecure));
    told = 0;
    w.exec(SMC, 2);
    expect(told).toBe(times);
  }
});
