import { describe, expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { EXIT } from '../support/bare-core.ts';
import { CODE, esrOf, HCR, MODES, SCR, SEV, SEVL, type Start, svc, WFE, WFI, World } from './world.ts';

const HOST = HCR.E2H | HCR.TGE;
/** CV, COND = always. */
const CONDITION = 0x1e00000;
const wfet = (n: number): number => (0xd5031000 | n) >>> 0;
const wfit = (n: number): number => (0xd5031020 | n) >>> 0;
const NTWI = 1n << 16n;
const NTWE = 1n << 18n;

describe('WFI and WFE', () => {
  for (const mode of MODES) {
    it(`leave to wait behind the instruction, ${mode}`, () => {
      const w = new World(mode);
      for (const [word, kind] of [
        [WFI, state.WAIT.interrupt],
        [WFE, state.WAIT.event],
      ] as const) {
        w.start({ el: 1, words: [word] });
        expect(w.core.run()).toBe(EXIT.wait);
        expect(w.core.pc).toBe(BigInt(CODE + 4));
        expect(w.get(state.WAIT_KIND)).toBe(kind);
        expect(w.core.view.getBigInt64(w.core.cpu + state.WAIT_DEADLINE, true)).toBe(-1n);
      }
    });
  }
  const w = new World('interpreter', { sendEvent: () => events++ });
  let events = 0;
  it('go on when a line is up, masked or not', () => {
    for (const line of [state.LINE.irq, state.LINE.fiq, state.LINE.serror]) {
      for (const word of [WFI, WFE]) {
        w.start({ el: 1, daif: 15, words: [word, svc(0)] });
        w.set(state.IRQ_LINES, line);
        expect(w.taken().elr).toBe(BigInt(CODE + 8));
      }
    }
  });
  it('a virtual interrupt wakes the guest, not the hypervisor', () => {
    const wakes = (el: 1 | 2, hcr: bigint): boolean => {
      w.start({ el, daif: 15, regs: { HCR_EL2: hcr } });
      return w.call('wakeup') !== 0;
    };
    expect(wakes(1, HCR.VI | HCR.IMO)).toBe(true);
    expect(wakes(1, HCR.VI)).toBe(false);
    expect(wakes(2, HCR.VI | HCR.IMO)).toBe(false);
    expect(wakes(1, HCR.VSE | HCR.AMO)).toBe(true);
    expect(wakes(1, HCR.VF | HCR.FMO)).toBe(true);
  });
  it('WFE uses up an event; SEV and SEVL record one', () => {
    w.start({ el: 1, words: [WFE, svc(0)] });
    w.set(state.EVENT, 1);
    w.taken();
    expect(w.get(state.EVENT)).toBe(0);
    for (const word of [SEVL, SEV]) {
      w.start({ el: 1, words: [word, WFE, WFE] });
      expect(w.core.run()).toBe(EXIT.wait);
      expect(w.core.pc).toBe(BigInt(CODE + 12));
    }
    expect(events).toBe(1);
  });
  it('WFE with the monitor open says so', () => {
    w.start({ el: 1, words: [WFE] });
    w.set(state.EXCL_ADDR, 64);
    expect(w.core.run()).toBe(EXIT.wait);
    expect(w.get(state.WAIT_KIND)).toBe(state.WAIT.monitor);
  });
  it('WFIT and WFET hand over their deadline', () => {
    for (const word of [wfit(3), wfet(3)]) {
      w.start({ el: 1, words: [word] });
      w.core.setX(3, 0x123456789an);
      expect(w.core.run()).toBe(EXIT.wait);
      expect(w.core.view.getBigInt64(w.core.cpu + state.WAIT_DEADLINE, true)).toBe(0x123456789an);
    }
  });
});

describe('traps', () => {
  const w = new World();
  const CASES: readonly [string, Start, number, number][] = [
    ['WFI by SCTLR_EL1.nTWI', { el: 0, regs: { SCTLR_EL1: NTWE } }, WFI, 1],
    ['WFE by SCTLR_EL1.nTWE', { el: 0, regs: { SCTLR_EL1: NTWI } }, WFE, 1],
    ['to EL2 under TGE', { el: 0, regs: { HCR_EL2: HCR.TGE } }, WFI, 2],
    ["by SCTLR_EL2 for the host's EL0", { el: 0, regs: { HCR_EL2: HOST, SCTLR_EL1: NTWI | NTWE } }, WFI, 2],
    ['WFI by HCR_EL2.TWI', { el: 1, regs: { HCR_EL2: HCR.TWI } }, WFI, 2],
    ['WFE by HCR_EL2.TWE', { el: 1, regs: { HCR_EL2: HCR.TWE } }, WFE, 2],
    ['HCR_EL2.TWI at EL0', { el: 0, regs: { HCR_EL2: HCR.TWI, SCTLR_EL1: NTWI } }, WFI, 2],
    ['SCR_EL3.TWI', { el: 2, regs: { SCR_EL3: SCR.NS | (1n << 12n) } }, WFI, 3],
    ['SCR_EL3.TWE', { el: 1, regs: { SCR_EL3: SCR.NS | (1n << 13n) } }, WFE, 3],
  ];
  it('go where they should', () => {
    for (const [name, start, word, level] of CASES) {
      const got = w.go({ ...start, words: [word] });
      const iss = CONDITION | (word === WFE ? 1 : 0);
      expect({ name, level: got.level, esr: got.esr, elr: got.elr }).toEqual({
        name,
        level,
        esr: esrOf(0x01, iss),
        elr: BigInt(CODE),
      });
    }
  });
  it('name the register of WFIT and WFET', () => {
    expect(w.go({ el: 1, regs: { HCR_EL2: HCR.TWI }, words: [wfit(3)] }).esr).toBe(esrOf(1, CONDITION | (3 << 5) | 6));
    expect(w.go({ el: 1, regs: { HCR_EL2: HCR.TWE }, words: [wfet(9)] }).esr).toBe(esrOf(1, CONDITION | (9 << 5) | 7));
  });
  it('do not where the instruction would not wait, or at the level itself', () => {
    const waits = (s: Start): number => {
      w.start(s);
      return w.core.run();
    };
    expect(waits({ el: 0, regs: { SCTLR_EL1: NTWI }, words: [WFI] })).toBe(EXIT.wait);
    expect(waits({ el: 2, regs: { HCR_EL2: HCR.TWI | HCR.TWE }, words: [WFI] })).toBe(EXIT.wait);
    expect(waits({ el: 3, regs: { SCR_EL3: 3n << 12n }, words: [WFE] })).toBe(EXIT.wait);
    expect(waits({ el: 1, regs: { HCR_EL2: HCR.TWE }, words: [WFI] })).toBe(EXIT.wait);
    const host = { HCR_EL2: HOST | HCR.TWI, SCTLR_EL2: NTWI };
    expect(waits({ el: 0, regs: host, words: [WFI] })).toBe(EXIT.wait);
    expect(waits({ el: 1, security: 0, regs: { HCR_EL2: HCR.TWI, SCR_EL3: 0n }, words: [WFI] })).toBe(EXIT.wait);
    w.start({ el: 1, regs: { HCR_EL2: HCR.TWE }, words: [WFE, svc(0)] });
    w.set(state.EVENT, 1);
    expect(w.taken().level).toBe(1);
  });
});
