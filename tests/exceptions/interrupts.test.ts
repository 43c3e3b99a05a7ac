import { describe, expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { PEND } from '../support/bare-core.ts';
import { CODE, daifClr, daifSet, ERET, ESB, esrOf, HCR, ISB, MODES, NOP, SCR, World } from './world.ts';

const { irq, fiq, serror, virq, vfiq, vserror } = state.LINE;
const HMO = HCR.IMO | HCR.FMO | HCR.AMO;
const ALL_EL3 = SCR.IRQ | SCR.FIQ | SCR.EA;
const HOST = HCR.E2H | HCR.TGE;

/**
 * The tables of D1.3.6 as far as AArch64 goes: SCR_EL3 routes to EL3 or not; HCR_EL2; level; target of a physical interrupt with
 * its mask clear, then with the mask set; 0: it stays pending.
 */
const PHYSICAL: readonly (readonly [boolean, bigint, number, number, number])[] = [
  [false, 0n, 0, 1, 0],
  [false, 0n, 1, 1, 0],
  [false, 0n, 2, 0, 0],
  [false, 0n, 3, 0, 0],
  [false, HMO, 0, 2, 2],
  [false, HMO, 1, 2, 2],
  [false, HMO, 2, 2, 0],
  [false, HMO, 3, 0, 0],
  [false, HCR.TGE, 0, 2, 2],
  [false, HCR.TGE, 2, 2, 0],
  [false, HCR.TGE, 3, 0, 0],
  [false, HOST, 0, 2, 0],
  [false, HOST, 2, 2, 0],
  [false, HOST | HMO, 0, 2, 0],
  [false, HOST | HMO, 2, 2, 0],
  [false, HCR.E2H, 0, 1, 0],
  [false, HCR.E2H, 1, 1, 0],
  [false, HCR.E2H, 2, 0, 0],
  [false, HCR.E2H | HMO, 1, 2, 2],
  [false, HCR.E2H | HMO, 2, 2, 0],
  [true, 0n, 0, 3, 3],
  [true, 0n, 1, 3, 3],
  [true, 0n, 2, 3, 3],
  [true, 0n, 3, 3, 0],
  [true, HMO, 1, 3, 3],
  [true, HMO, 2, 3, 3],
  [true, HMO, 3, 3, 0],
  [true, HOST, 0, 3, 3],
  [true, HOST, 2, 3, 3],
];
const KINDS: readonly (readonly [number, number, number])[] = [
  [irq, 2, 0x80],
  [fiq, 1, 0x100],
  [serror, 4, 0x180],
];

describe('physical interrupts', () => {
  const w = new World();
  it('follow the routing and masking tables', () => {
    for (const [toEl3, hcr, el, open, masked] of PHYSICAL) {
      for (const [line, mask, offset] of KINDS) {
        for (const daif of [0, mask, 15 & ~mask, 15]) {
          const expected = daif & mask ? masked : open;
          w.start({
            el: el as 0,
            daif,
            words: [NOP],
            regs: { SCR_EL3: SCR.NS | (toEl3 ? ALL_EL3 : 0n), HCR_EL2: hcr },
          });
          w.set(state.IRQ_LINES, line);
          const what = `EL3 ${toEl3}, HCR ${hcr.toString(16)}, EL${el}, line ${line}, DAIF ${daif}`;
          expect(w.call('takePending'), what).toBe(expected ? 1 : 0);
          if (!expected) continue;
          w.core.pc += 4n;
          const got = w.at();
          expect([got.level, got.offset & 0x180, got.elr], what).toEqual([expected, offset, BigInt(CODE)]);
          expect(got.spsr & 0x3ffn, what).toBe(BigInt((daif << 6) | (el << 2) | (el ? 1 : 0)));
        }
      }
    }
  });
  it('each by its own bits', () => {
    for (const [line, hcr, scr] of [
      [irq, HCR.IMO, SCR.IRQ],
      [fiq, HCR.FMO, SCR.FIQ],
      [serror, HCR.AMO, SCR.EA],
    ] as const) {
      for (const [regs, target] of [
        [{ HCR_EL2: HMO & ~hcr }, 1],
        [{ HCR_EL2: hcr }, 2],
        [{ SCR_EL3: SCR.NS | (ALL_EL3 & ~scr) }, 1],
        [{ SCR_EL3: SCR.NS | scr }, 3],
      ] as const) {
        w.start({ el: 1, words: [NOP], regs });
        w.set(state.IRQ_LINES, line);
        expect(w.call('takePending')).toBe(1);
        expect(w.get(state.EL)).toBe(target);
      }
    }
  });
  it('SError before FIQ before IRQ; an SError is used up, lines stay', () => {
    w.start({ el: 1, words: [NOP] });
    w.set(state.IRQ_LINES, irq | fiq | serror);
    w.set(state.SERROR_ISS, 0x11);
    w.call('takePending');
    expect(w.reg('ESR_EL1')).toBe(esrOf(0x2f, 0x11));
    expect(w.get(state.IRQ_LINES)).toBe(irq | fiq);
    w.start({ el: 1, words: [NOP] });
    w.set(state.IRQ_LINES, irq | fiq);
    w.call('takePending');
    expect(Number(w.core.pc) & 0x7ff).toBe(0x300);
    expect(w.get(state.IRQ_LINES)).toBe(irq | fiq);
  });
  it('leave ESR alone', () => {
    w.start({ el: 1, words: [NOP], regs: { ESR_EL1: 0x123n } });
    w.set(state.IRQ_LINES, irq);
    w.call('takePending');
    expect(w.reg('ESR_EL1')).toBe(0x123n);
  });
  it('NMEA: an SError is taken at EL3 though masked', () => {
    w.start({ el: 3, daif: 15, words: [NOP], regs: { SCR_EL3: SCR.NS | SCR.EA | (1n << 20n) } });
    w.set(state.IRQ_LINES, serror);
    expect(w.call('takePending')).toBe(1);
  });
});

describe('virtual interrupts', () => {
  const w = new World();
  const take = (el: number, hcr: bigint, lines: number, daif = 0, scr: bigint = SCR.NS): number => {
    w.start({ el: el as 0, daif, words: [NOP], regs: { HCR_EL2: hcr, SCR_EL3: scr }, security: scr ? 1 : 0 });
    w.set(state.IRQ_LINES, lines);
    if (!w.call('takePending')) return 0;
    expect(w.get(state.EL)).toBe(1);
    return Number(w.core.pc) & 0x180;
  };
  it('from lines and from HCR_EL2', () => {
    for (const el of [0, 1]) {
      expect(take(el, HCR.IMO, virq)).toBe(0x80);
      expect(take(el, HCR.FMO, vfiq)).toBe(0x100);
      expect(take(el, HCR.AMO, vserror)).toBe(0x180);
      expect(take(el, HCR.IMO | HCR.VI, 0)).toBe(0x80);
      expect(take(el, HCR.FMO | HCR.VF, 0)).toBe(0x100);
      expect(take(el, HCR.AMO | HCR.VSE, 0)).toBe(0x180);
    }
  });
  it('need IMO, FMO or AMO, no TGE, EL2, and an open mask', () => {
    expect(take(1, HCR.VI | HCR.FMO | HCR.AMO, 0)).toBe(0);
    expect(take(0, HCR.VI | HCR.IMO | HCR.TGE, 0)).toBe(0);
    expect(take(2, HCR.VI | HCR.IMO, 0)).toBe(0);
    expect(take(3, HCR.VI | HCR.IMO, 0)).toBe(0);
    expect(take(1, HCR.VI | HCR.IMO, 0, 2)).toBe(0);
    expect(take(1, HCR.VF | HCR.FMO, 0, 1)).toBe(0);
    expect(take(1, HCR.VSE | HCR.AMO, 0, 4)).toBe(0);
    expect(take(1, HCR.VI | HCR.IMO, 0, 13)).toBe(0x80);
    expect(take(1, HCR.VI | HCR.IMO, 0, 0, 0n)).toBe(0);
    expect(take(1, HCR.VI | HCR.IMO, 0, 0, SCR.EEL2)).toBe(0x80);
  });
  it('a virtual SError has the syndrome of VSESR_EL2 and is used up', () => {
    w.start({ el: 1, words: [NOP], regs: { HCR_EL2: HCR.AMO | HCR.VSE, VSESR_EL2: 0x1000022n } });
    w.call('takePending');
    expect(w.reg('ESR_EL1')).toBe(esrOf(0x2f, 0x1000022));
    expect(w.reg('HCR_EL2')).toBe(HCR.AMO);
  });
  it('physical ones come first', () => {
    w.start({ el: 1, words: [NOP], regs: { HCR_EL2: HCR.IMO | HCR.VI } });
    w.set(state.IRQ_LINES, irq);
    w.call('takePending');
    expect(w.get(state.EL)).toBe(2);
  });
});

describe('masks', () => {
  for (const mode of MODES) {
    it(`MSR DAIFClr takes what is pending at the next instruction, ${mode}`, () => {
      const w = new World(mode);
      w.start({ el: 1, daif: 15, words: [NOP, daifClr(1), NOP, daifClr(2), NOP, NOP] });
      w.set(state.IRQ_LINES, irq);
      const got = w.taken();
      expect(got).toMatchObject({ level: 1, offset: 0x280, elr: BigInt(CODE + 16) });
      expect(got.spsr).toBe((12n << 6n) | 5n);
    });
    it(`MSR DAIFSet holds interrupts off, ${mode}`, () => {
      const w = new World(mode);
      w.start({ el: 1, words: [daifSet(2), NOP, NOP, 0xd4000001] });
      const got = w.taken();
      expect(got).toMatchObject({ level: 1, offset: 0x200 });
      expect(got.spsr).toBe((2n << 6n) | 5n);
      w.start({ el: 1, words: [daifSet(2), NOP, NOP, 0xd4000001] });
      w.set(state.IRQ_LINES, irq);
      w.core.run(0);
      w.set(state.PENDING, PEND.irq);
      expect(w.taken()).toMatchObject({ offset: 0x200, elr: BigInt(CODE + 16) });
    });
  }
  const w = new World();
  it('a return that opens a mask takes the interrupt before the first instruction', () => {
    w.start({ el: 1, daif: 15, words: [ERET], regs: { ELR_EL1: BigInt(CODE + 0x100), SPSR_EL1: 0n } });
    w.set(state.IRQ_LINES, irq);
    const got = w.taken();
    expect(got).toMatchObject({ level: 1, offset: 0x480, elr: BigInt(CODE + 0x100), spsr: 0n });
  });
  it('PEND.irq says whether something is deliverable', () => {
    w.start({ el: 1, daif: 15, words: [NOP] });
    w.set(state.IRQ_LINES, irq);
    w.set(state.PENDING, PEND.irq | PEND.stop);
    w.call('masksChanged');
    expect(w.get(state.PENDING)).toBe(PEND.stop);
    w.set(state.DAIF, 13);
    w.call('masksChanged');
    expect(w.get(state.PENDING)).toBe(PEND.stop | PEND.irq);
  });
  it('EL0 reaches DAIF under SCTLR_EL1.UMA only', () => {
    const iss = (6 << 17) | (3 << 14) | (4 << 10) | (31 << 5) | (2 << 1);
    w.start({ el: 0, words: [daifSet(2), 0xd4000001], regs: { SCTLR_EL1: 1n << 9n } });
    expect(w.taken()).toMatchObject({ level: 1, offset: 0x400, esr: esrOf(0x15), spsr: 2n << 6n });
    w.start({ el: 0, words: [daifSet(2)] });
    expect(w.taken()).toMatchObject({ level: 1, esr: esrOf(0x18, iss), elr: BigInt(CODE) });
    w.start({ el: 0, words: [daifSet(2)], regs: { HCR_EL2: HCR.TGE } });
    expect(w.taken()).toMatchObject({ level: 2, esr: esrOf(0x18, iss) });
    w.start({ el: 0, words: [daifSet(2)], regs: { HCR_EL2: HOST, SCTLR_EL1: 1n << 9n } });
    expect(w.taken()).toMatchObject({ level: 2, esr: esrOf(0x18, iss) });
  });
});

describe('ESB', () => {
  const w = new World();
  it('defers a masked SError to DISR_EL1', () => {
    w.start({ el: 1, daif: 4, words: [ESB, 0xd4000001] });
    w.set(state.IRQ_LINES, serror);
    w.set(state.SERROR_ISS, 0xc11);
    expect(w.taken()).toMatchObject({ level: 1, offset: 0x200 });
    expect(w.reg('DISR_EL1')).toBe(0x80000c11n);
    expect(w.get(state.IRQ_LINES)).toBe(0);
  });
  it('lets an unmasked one be taken', () => {
    w.start({ el: 1, words: [ESB, NOP] });
    w.set(state.IRQ_LINES, serror);
    expect(w.taken()).toMatchObject({ level: 1, offset: 0x380, elr: BigInt(CODE + 4) });
    expect(w.reg('DISR_EL1')).toBe(0n);
  });
  it('defers a masked virtual SError to VDISR_EL2', () => {
    const regs = { HCR_EL2: HCR.AMO | HCR.VSE, VSESR_EL2: 0x1000001n };
    w.start({ el: 1, daif: 4, words: [ESB, 0xd4000001], regs });
    w.taken();
    expect(w.reg('VDISR_EL2')).toBe(0x81000001n);
    expect(w.reg('HCR_EL2')).toBe(HCR.AMO);
  });
});

it('ISB leaves when something is pending', () => {
  for (const mode of MODES) {
    const w = new World(mode);
    w.start({ el: 1, words: [NOP, ISB, NOP, 0xd4000001] });
    expect(w.taken().elr).toBe(BigInt(CODE + 16));
  }
});
