import { describe, expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { EXIT } from '../support/bare-core.ts';
import {
  bit,
  brk,
  CODE,
  ERET,
  esrOf,
  HCR,
  hlt,
  hvc,
  MODES,
  NOP,
  SCR,
  type Start,
  smc,
  svc,
  UDF,
  VECTORS,
  World,
} from './world.ts';

const E2H_TGE = HCR.E2H | HCR.TGE;
const LOWER = 0x400;
const SAME = 0x200;
const SAME_SP0 = 0;

/** name, start, word, target level, vector offset, ESR, distance of ELR from the instruction */
const CASES: readonly [string, Start, number, number, number, bigint, number][] = [
  ['SVC at EL0', { el: 0 }, svc(0x1234), 1, LOWER, esrOf(0x15, 0x1234), 4],
  ['SVC at EL1', { el: 1 }, svc(1), 1, SAME, esrOf(0x15, 1), 4],
  ['SVC at EL1 with SP_EL0', { el: 1, spsel: 0 }, svc(1), 1, SAME_SP0, esrOf(0x15, 1), 4],
  ['SVC at EL2', { el: 2 }, svc(1), 2, SAME, esrOf(0x15, 1), 4],
  ['SVC at EL3', { el: 3 }, svc(1), 3, SAME, esrOf(0x15, 1), 4],
  ['SVC at EL0 under TGE', { el: 0, regs: { HCR_EL2: HCR.TGE } }, svc(2), 2, LOWER, esrOf(0x15, 2), 4],
  ["SVC at the host's EL0", { el: 0, regs: { HCR_EL2: E2H_TGE } }, svc(2), 2, LOWER, esrOf(0x15, 2), 4],
  [
    'SVC at EL0, TGE without effect in Secure state without EL2',
    { el: 0, security: 0, regs: { HCR_EL2: HCR.TGE, SCR_EL3: 0n } },
    svc(2),
    1,
    LOWER,
    esrOf(0x15, 2),
    4,
  ],
  [
    'SVC at EL0 trapped by HFGITR_EL2.SVC_EL0',
    { el: 0, regs: { HFGITR_EL2: bit(52), SCR_EL3: SCR.NS | bit(27) } },
    svc(3),
    2,
    LOWER,
    esrOf(0x15, 3),
    0,
  ],
  [
    'SVC at EL1 trapped by HFGITR_EL2.SVC_EL1',
    { el: 1, regs: { HFGITR_EL2: bit(53), SCR_EL3: SCR.NS | bit(27) } },
    svc(3),
    2,
    LOWER,
    esrOf(0x15, 3),
    0,
  ],
  ['HFGITR_EL2 without FGTEn', { el: 1, regs: { HFGITR_EL2: bit(53) } }, svc(3), 1, SAME, esrOf(0x15, 3), 4],
  ['HVC at EL1', { el: 1 }, hvc(7), 2, LOWER, esrOf(0x16, 7), 4],
  ['HVC at EL2', { el: 2 }, hvc(7), 2, SAME, esrOf(0x16, 7), 4],
  ['HVC at EL3', { el: 3 }, hvc(7), 3, SAME, esrOf(0x16, 7), 4],
  ['HVC at EL0', { el: 0 }, hvc(7), 1, LOWER, esrOf(0), 0],
  ['HVC without SCR_EL3.HCE', { el: 1, regs: { SCR_EL3: SCR.NS } }, hvc(7), 1, SAME, esrOf(0), 0],
  ['HVC, Secure, no EL2', { el: 1, security: 0, regs: { SCR_EL3: SCR.HCE } }, hvc(7), 1, SAME, esrOf(0), 0],
  [
    'HVC, Secure, with EL2',
    { el: 1, security: 0, regs: { SCR_EL3: SCR.HCE | SCR.EEL2 } },
    hvc(7),
    2,
    LOWER,
    esrOf(0x16, 7),
    4,
  ],
  ['SMC at EL1', { el: 1 }, smc(5), 3, LOWER, esrOf(0x17, 5), 4],
  ['SMC at EL2', { el: 2 }, smc(5), 3, LOWER, esrOf(0x17, 5), 4],
  ['SMC at EL3', { el: 3 }, smc(5), 3, SAME, esrOf(0x17, 5), 4],
  ['SMC at EL0', { el: 0 }, smc(5), 1, LOWER, esrOf(0), 0],
  ['SMC with SCR_EL3.SMD', { el: 1, regs: { SCR_EL3: SCR.NS | SCR.SMD } }, smc(5), 1, SAME, esrOf(0), 0],
  ['SMC trapped by HCR_EL2.TSC', { el: 1, regs: { HCR_EL2: HCR.TSC } }, smc(5), 2, LOWER, esrOf(0x17, 5), 0],
  [
    'SMC trapped though disabled',
    { el: 1, regs: { HCR_EL2: HCR.TSC, SCR_EL3: SCR.NS | SCR.SMD } },
    smc(5),
    2,
    LOWER,
    esrOf(0x17, 5),
    0,
  ],
  ['SMC at EL2 under TSC', { el: 2, regs: { HCR_EL2: HCR.TSC } }, smc(5), 3, LOWER, esrOf(0x17, 5), 4],
  ['BRK at EL0', { el: 0 }, brk(9), 1, LOWER, esrOf(0x3c, 9), 0],
  ['BRK at EL0 under MDCR_EL2.TDE', { el: 0, regs: { MDCR_EL2: bit(8) } }, brk(9), 2, LOWER, esrOf(0x3c, 9), 0],
  ['BRK at EL1 under TDE', { el: 1, regs: { MDCR_EL2: bit(8) } }, brk(9), 2, LOWER, esrOf(0x3c, 9), 0],
  ['BRK at EL0 under TGE', { el: 0, regs: { HCR_EL2: HCR.TGE } }, brk(9), 2, LOWER, esrOf(0x3c, 9), 0],
  ['BRK at EL1', { el: 1 }, brk(9), 1, SAME, esrOf(0x3c, 9), 0],
  ['BRK at EL2', { el: 2 }, brk(9), 2, SAME, esrOf(0x3c, 9), 0],
  ['BRK at EL3', { el: 3 }, brk(9), 3, SAME, esrOf(0x3c, 9), 0],
  ['UDF at EL0', { el: 0 }, UDF, 1, LOWER, esrOf(0), 0],
  ['UDF at EL0 under TGE', { el: 0, regs: { HCR_EL2: HCR.TGE } }, UDF, 2, LOWER, esrOf(0), 0],
  ['UDF at EL3', { el: 3 }, UDF, 3, SAME, esrOf(0), 0],
  ['HLT', { el: 1 }, hlt(1), 1, SAME, esrOf(0), 0],
  ['semihosting at EL0', { el: 0 }, hlt(0xf000), 1, LOWER, esrOf(0), 0],
  ['ERET at EL0', { el: 0 }, ERET, 1, LOWER, esrOf(0), 0],
  [
    'ERET trapped by HFGITR_EL2',
    { el: 1, regs: { HFGITR_EL2: bit(51), SCR_EL3: SCR.NS | bit(27) } },
    ERET,
    2,
    LOWER,
    esrOf(0x1a),
    0,
  ],
  ['DCPS1', { el: 1 }, 0xd4a00001, 1, SAME, esrOf(0), 0],
];

describe('synchronous exceptions go where they should', () => {
  for (const mode of MODES) {
    it(mode, () => {
      const w = new World(mode);
      for (const [name, start, word, level, offset, esr, distance] of CASES) {
        const got = w.go({ ...start, nzcv: 6, daif: 10, words: [NOP, word] });
        const spsel = start.spsel ?? (start.el ? 1 : 0);
        const spsr = BigInt((6 << 28) >>> 0) | (10n << 6n) | BigInt((start.el << 2) | spsel);
        const elr = BigInt(CODE + 4 + distance);
        expect({ name, level: got.level, offset: got.offset, esr: got.esr, elr: got.elr, spsr: got.spsr }).toEqual({
          name,
          level,
          offset,
          esr,
          elr,
          spsr,
        });
        expect(w.get(state.EL), name).toBe(level);
        expect(w.get(state.SPSEL), name).toBe(1);
        expect(w.get(state.DAIF), name).toBe(15);
        expect(w.core.nzcv, name).toBe(6);
      }
    });
  }
});

describe('PSTATE on exception entry', () => {
  const w = new World();
  it('PAN follows SPAN, SSBS follows DSSBS, UAO, BTYPE and SS are cleared, DIT stays', () => {
    for (const span of [0n, 1n]) {
      for (const dssbs of [0n, 1n]) {
        w.start({ el: 0, words: [svc(0)], regs: { SCTLR_EL1: (span << 23n) | (dssbs << 44n) } });
        for (const f of [state.UAO, state.DIT]) w.set(f, 1);
        w.set(state.SSBS, Number(dssbs ^ 1n));
        const got = w.taken();
        expect(w.get(state.PAN)).toBe(Number(span ^ 1n));
        expect(w.get(state.SSBS)).toBe(Number(dssbs));
        expect(w.get(state.UAO)).toBe(0);
        expect(w.get(state.DIT)).toBe(1);
        expect(got.spsr).toBe(bit(24) | bit(23) | ((dssbs ^ 1n) << 12n));
      }
    }
  });
  it('PAN at EL2 is set for the host only', () => {
    for (const hcr of [HCR.TGE, HCR.E2H | HCR.TGE]) {
      w.start({ el: 0, words: [svc(0)], regs: { HCR_EL2: hcr } });
      expect(w.taken().level).toBe(2);
      expect(w.get(state.PAN)).toBe(hcr & HCR.E2H ? 1 : 0);
    }
  });
  it('a set PAN stays set', () => {
    w.start({ el: 1, words: [svc(0)], regs: { SCTLR_EL1: bit(23) } });
    w.set(state.PAN, 1);
    expect(w.taken().spsr).toBe(bit(22) | 5n);
    expect(w.get(state.PAN)).toBe(1);
  });
  it('fields that the CPU lacks stay 0', () => {
    w.start({ el: 0, words: [svc(0)], regs: { SCTLR_EL1: bit(44) } });
    w.set(state.PSTATE_ABSENT, (1 << 22) | (1 << 12));
    w.taken();
    expect(w.get(state.PAN)).toBe(0);
    expect(w.get(state.SSBS)).toBe(0);
    w.set(state.PSTATE_ABSENT, 0);
  });
  it('EL3 is Secure, or Root with FEAT_RME', () => {
    w.start({ el: 1, words: [smc(0)] });
    w.taken();
    expect(w.get(state.SECURITY)).toBe(0);
    w.start({ el: 1, words: [smc(0)] });
    w.set(state.CONFIG_FLAGS, state.CONFIG.semihosting | state.CONFIG.rme);
    w.taken();
    expect(w.get(state.SECURITY)).toBe(2);
  });
  it('the mode word follows', () => {
    w.start({ el: 0, words: [svc(0)] });
    const el = (): number => (w.get(state.MODE) >> state.MODE_FIELD.el[0]) & 3;
    expect(el()).toBe(0);
    w.taken();
    expect(el()).toBe(1);
  });
});

describe('stack pointers are banked', () => {
  const w = new World();
  it('on entry and return', () => {
    w.start({ el: 0, words: [svc(0)] });
    w.core.setX(31, 0x9990n);
    w.taken();
    expect(w.core.x(31)).toBe(0x1000n);
    expect(w.reg('SP_EL0')).toBe(0x9990n);
    w.core.setX(31, 0x1110n);
    w.core.place(CODE, [ERET]);
    w.core.pc = BigInt(CODE);
    w.core.place(CODE + 4, [svc(1)]);
    w.taken();
    expect(w.reg('ELR_EL1')).toBe(BigInt(CODE + 8));
    expect(w.core.x(31)).toBe(0x1110n);
    expect(w.reg('SP_EL0')).toBe(0x9990n);
  });
  it('by SPSel', () => {
    const spsel = (v: number): number => 0xd50040bf | (v << 8);
    w.start({ el: 2, words: [spsel(0), 0x910043ff, spsel(1), 0x910083ff, spsel(0), svc(0)] });
    const got = w.taken();
    expect(got).toMatchObject({ level: 2, offset: SAME_SP0, spsr: 8n });
    expect(w.reg('SP_EL0')).toBe(0x9010n);
    expect(w.core.x(31)).toBe(0x2020n);
  });
});

describe('calls to the host', () => {
  const PSCI_VERSION = 0x84000000n;
  const w = new World();
  const at = (s: Start, flags: number, x0: bigint): number => {
    w.start(s);
    w.core.setX(0, x0);
    w.set(state.CONFIG_FLAGS, flags);
    return w.core.run(1);
  };
  it('PSCI by the conduit the machine has', () => {
    expect(at({ el: 1, words: [hvc(0)] }, state.CONFIG.hostHvc, PSCI_VERSION)).toBe(EXIT.host);
    expect(w.get(state.HOST_CALL_KIND)).toBe(state.HOST_CALL.hvc);
    expect(w.core.pc).toBe(BigInt(CODE + 4));
    expect(at({ el: 1, words: [smc(0)] }, state.CONFIG.hostSmc, 0xc4000003n)).toBe(EXIT.host);
    expect(w.get(state.HOST_CALL_KIND)).toBe(state.HOST_CALL.smc);
    expect(at({ el: 1, words: [hlt(0xf000)] }, state.CONFIG.semihosting, 0n)).toBe(EXIT.host);
    expect(w.get(state.HOST_CALL_KIND)).toBe(state.HOST_CALL.semihosting);
  });
  it('the host answers functions that it does not know, too (DEN0028: unknown ones return NOT_SUPPORTED)', () => {
    expect(at({ el: 1, words: [hvc(0)] }, state.CONFIG.hostHvc, 0x86000000n)).toBe(EXIT.host);
    expect(at({ el: 1, words: [smc(0)] }, state.CONFIG.hostSmc, 0xc4000150n)).toBe(EXIT.host);
    expect(w.get(state.EL)).toBe(1);
  });
  it("a hypervisor sees its guest's SMC first", () => {
    expect(at({ el: 1, words: [smc(0)], regs: { HCR_EL2: HCR.TSC } }, state.CONFIG.hostSmc, PSCI_VERSION)).toBe(
      EXIT.pending,
    );
    expect(w.get(state.EL)).toBe(2);
  });
  it('without EL3 or EL2 the calls are UNDEFINED', () => {
    at({ el: 1, words: [smc(0)] }, state.CONFIG.noEl3, 0n);
    expect(w.reg('ESR_EL1')).toBe(esrOf(0));
    at({ el: 1, words: [hvc(0)] }, state.CONFIG.noEl2, 0n);
    expect(w.reg('ESR_EL1')).toBe(esrOf(0));
  });
});

it('vectors lie where VBAR says, whatever its low bits', () => {
  const w = new World();
  const got = w.go({ el: 1, words: [svc(0)], regs: { VBAR_EL1: BigInt(VECTORS[1] + 0x7ff) } });
  expect(got.offset).toBe(SAME);
});
