import { describe, expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { HCR, MODES, NOP, SCR, WFI, World } from './world.ts';

const { group0, group1s, group1ns, virq } = state.LINE;
const IRQ = 0x80;
const FIQ = 0x100;

/** Which vector each group's interrupt goes to, by level and security state (IHI 0069, 4.6.2). */
const TABLE: readonly (readonly [
  el: 0 | 1 | 2 | 3,
  security: number,
  group0: number,
  group1s: number,
  group1ns: number,
])[] = [
  [0, 1, FIQ, FIQ, IRQ],
  [1, 1, FIQ, FIQ, IRQ],
  [2, 1, FIQ, FIQ, IRQ],
  [0, 3, FIQ, FIQ, IRQ],
  [1, 3, FIQ, FIQ, IRQ],
  [2, 3, FIQ, FIQ, IRQ],
  [0, 0, FIQ, IRQ, FIQ],
  [1, 0, FIQ, IRQ, FIQ],
  [2, 0, FIQ, IRQ, FIQ],
  [3, 0, FIQ, FIQ, FIQ],
  [3, 2, FIQ, FIQ, FIQ],
];
const DAIF = { [IRQ]: 2, [FIQ]: 1 } as const;

describe.each(MODES)('interrupts of the GIC’s groups, %s', (mode) => {
  const w = new World(mode);
  /** At `el`, where the levels below EL3 take their own interrupts. */
  const begin = (el: 0 | 1 | 2 | 3, security: number, line: number, daif: number): void => {
    const scr = security === 0 ? SCR.EEL2 : SCR.NS;
    const toEl3 = el === 3 ? SCR.IRQ | SCR.FIQ : 0n;
    const regs = { SCR_EL3: scr | SCR.HCE | toEl3, HCR_EL2: el === 2 ? HCR.IMO | HCR.FMO : 0n };
    w.start({ el, security, daif, words: [NOP], regs });
    w.set(state.IRQ_LINES, line);
  };
  it('are IRQ or FIQ by where the core is', () => {
    for (const [el, security, ...vectors] of TABLE) {
      for (const [n, line] of [group0, group1s, group1ns].entries()) {
        const what = `EL${el}, security ${security}, group ${n}`;
        const vector = vectors[n] as 0x80 | 0x100;
        begin(el, security, line, 3 & ~DAIF[vector]);
        expect(w.call('takePending'), what).toBe(1);
        expect(Number(w.core.pc) & 0x180, what).toBe(vector);
        begin(el, security, line, DAIF[vector]);
        expect(w.call('takePending'), what).toBe(0);
        expect(w.get(state.IRQ_LINES), what).toBe(line);
      }
    }
  });
  it('show in ISR_EL1 and wake WFI', () => {
    for (const [el, security, ...vectors] of TABLE) {
      if (el === 0) continue;
      for (const [n, line] of [group0, group1s, group1ns].entries()) {
        begin(el, security, line, 15);
        // MRS X3, ISR_EL1; WFI; NOP; semihosting ends the run.
        w.core.place(Number(w.core.pc), [0xd538c103, WFI, NOP, 0xd45e0000]);
        w.core.run();
        const want = vectors[n] === IRQ ? 0x80n : 0x40n;
        expect([el, security, n, w.core.x(3)]).toEqual([el, security, n, want]);
        expect(Number(w.core.pc) & 0xfff).toBe(0x010);
      }
    }
  });
  it('do not hide virtual ones', () => {
    w.start({ el: 1, daif: 0, words: [NOP], regs: { SCR_EL3: SCR.NS, HCR_EL2: HCR.IMO | HCR.FMO } });
    w.set(state.IRQ_LINES, group1ns | virq);
    expect(w.call('takePending')).toBe(1);
    expect(w.get(state.EL)).toBe(2);
    w.start({ el: 1, daif: 0, words: [NOP], regs: { SCR_EL3: SCR.NS, HCR_EL2: HCR.IMO | HCR.FMO } });
    w.set(state.IRQ_LINES, virq);
    expect(w.call('takePending')).toBe(1);
    expect(w.get(state.EL)).toBe(1);
  });
});
