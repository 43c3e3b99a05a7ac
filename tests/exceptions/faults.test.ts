import { describe, expect, it } from 'vitest';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from '../../core/arch/exceptions/fault-kinds.ts';
import * as state from '../../core/arch/state.ts';
import { bit, CODE, esrOf, HCR, SCR, type Start, World } from './world.ts';

const VA = 0xffff_8000_1234_5678n;
const IPA = 0x0000_0012_3456_7abcn;
const HOST = HCR.E2H | HCR.TGE;

interface Fault {
  readonly kind: number;
  readonly iss: number;
  readonly ipa?: bigint;
}

const w = new World();
function deliver(s: Start, f: Fault): ReturnType<World['at']> {
  w.start(s);
  w.set(state.FAULT, f.kind);
  w.set(state.FAULT_ISS, f.iss);
  w.core.view.setBigUint64(w.core.cpu + state.FAULT_ADDR, VA, true);
  w.core.view.setBigUint64(w.core.cpu + state.FAULT_IPA, f.ipa ?? 0n, true);
  w.call('takeFault');
  expect(w.get(state.FAULT)).toBe(0);
  w.core.pc += 4n;
  return w.at();
}
const data = (iss: number): Fault => ({ kind: FAULT_KIND.dataAbort, iss });
const fetch = (iss: number): Fault => ({ kind: FAULT_KIND.instructionAbort, iss });

describe('aborts', () => {
  const TRANSLATION = FSC.translation(3);
  const STAGE2 = TRANSLATION | FAULT_HINT.stage2;
  const CASES: readonly [string, Start, Fault, number, number, number][] = [
    ['data abort at EL0', { el: 0 }, data(TRANSLATION | ISS.wnr), 1, 0x400, 0x24],
    ['data abort at EL1', { el: 1 }, data(TRANSLATION), 1, 0x200, 0x25],
    ['data abort at EL2', { el: 2 }, data(TRANSLATION), 2, 0x200, 0x25],
    ['data abort at EL3', { el: 3 }, data(TRANSLATION), 3, 0x200, 0x25],
    ['data abort at EL0 under TGE', { el: 0, regs: { HCR_EL2: HCR.TGE } }, data(TRANSLATION), 2, 0x400, 0x24],
    ["data abort at the host's EL0", { el: 0, regs: { HCR_EL2: HOST } }, data(TRANSLATION), 2, 0x400, 0x24],
    ['instruction abort at EL0', { el: 0 }, fetch(TRANSLATION), 1, 0x400, 0x20],
    ['instruction abort at EL1', { el: 1 }, fetch(TRANSLATION), 1, 0x200, 0x21],
    ['stage 2 at EL1', { el: 1 }, data(STAGE2 | ISS.s1ptw), 2, 0x400, 0x24],
    ['stage 2 fetch at EL0', { el: 0 }, fetch(STAGE2), 2, 0x400, 0x20],
    ['granule protection fault at EL1', { el: 1 }, data(FSC.gpf), 1, 0x200, 0x25],
    ['granule protection fault, HCR_EL2.GPF', { el: 1, regs: { HCR_EL2: bit(48) } }, data(FSC.gpf), 2, 0x400, 0x24],
    ['on a walk, HCR_EL2.GPF', { el: 0, regs: { HCR_EL2: bit(48) } }, data(FSC.gpfOnWalk(2)), 2, 0x400, 0x24],
    ['other faults under HCR_EL2.GPF', { el: 1, regs: { HCR_EL2: bit(48) } }, data(TRANSLATION), 1, 0x200, 0x25],
    ['external abort at EL1', { el: 1 }, data(FSC.externalAbort), 1, 0x200, 0x25],
    ['external abort, SCR_EL3.EA', { el: 1, regs: { SCR_EL3: SCR.NS | SCR.EA } }, data(0x10), 3, 0x400, 0x24],
    ['external abort at EL2, EA', { el: 2, regs: { SCR_EL3: SCR.NS | SCR.EA } }, fetch(0x10), 3, 0x400, 0x20],
    ['external abort, HCR_EL2.TEA', { el: 1, regs: { HCR_EL2: HCR.TEA } }, data(FSC.externalAbort), 2, 0x400, 0x24],
    ['external abort on a walk, TEA', { el: 0, regs: { HCR_EL2: HCR.TEA } }, data(0x15), 2, 0x400, 0x24],
    ['external abort at EL0 under TGE', { el: 0, regs: { HCR_EL2: HCR.TGE } }, data(0x10), 2, 0x400, 0x24],
    ['external abort at EL2', { el: 2, regs: { HCR_EL2: HCR.TEA } }, data(0x10), 2, 0x200, 0x25],
    ['alignment under TEA', { el: 1, regs: { HCR_EL2: HCR.TEA } }, data(FSC.alignment), 1, 0x200, 0x25],
    [
      'external abort at EL3 with EASE',
      { el: 3, regs: { SCR_EL3: SCR.NS | bit(19) } },
      data(FSC.externalAbort),
      3,
      0x380,
      0x25,
    ],
    ['EASE does not move others', { el: 3, regs: { SCR_EL3: SCR.NS | bit(19) } }, data(FSC.alignment), 3, 0x200, 0x25],
  ];
  it('go where they should, with ESR and FAR', () => {
    for (const [name, start, fault, level, offset, ec] of CASES) {
      const got = deliver(start, fault);
      expect({ name, level: got.level, offset: got.offset, esr: got.esr, far: got.far, elr: got.elr }).toEqual({
        name,
        level,
        offset,
        esr: esrOf(ec, fault.iss & 0x1ffffff),
        far: VA,
        elr: BigInt(CODE),
      });
    }
  });
  it('of stage 2 write HPFAR_EL2', () => {
    deliver({ el: 1 }, { ...fetch(STAGE2), ipa: IPA });
    expect(w.reg('HPFAR_EL2')).toBe((IPA >> 12n) << 4n);
    deliver({ el: 1 }, { ...fetch(STAGE2), ipa: IPA | bit(63) });
    expect(w.reg('HPFAR_EL2')).toBe(((IPA >> 12n) << 4n) | bit(63));
    deliver({ el: 1 }, { ...data(TRANSLATION), ipa: IPA });
    expect(w.reg('HPFAR_EL2')).toBe(0n);
  });
});

describe('other faults', () => {
  it('PC and SP alignment', () => {
    expect(deliver({ el: 0 }, { kind: FAULT_KIND.pcAlignment, iss: 0 })).toMatchObject({
      level: 1,
      esr: esrOf(0x22),
      far: VA,
    });
    expect(deliver({ el: 0, regs: { HCR_EL2: HCR.TGE } }, { kind: FAULT_KIND.spAlignment, iss: 0 })).toMatchObject({
      level: 2,
      esr: esrOf(0x26),
      far: 0n,
    });
  });
  it('watchpoints and breakpoints go to the debug target', () => {
    const watch = { kind: FAULT_KIND.watchpoint, iss: ISS.wnr | FSC.debug };
    expect(deliver({ el: 0 }, watch)).toMatchObject({ level: 1, esr: esrOf(0x34, 0x62), far: VA });
    expect(deliver({ el: 1 }, watch)).toMatchObject({ level: 1, esr: esrOf(0x35, 0x62) });
    expect(deliver({ el: 1, regs: { MDCR_EL2: bit(8) } }, watch)).toMatchObject({ level: 2, esr: esrOf(0x34, 0x62) });
    const hit = { kind: FAULT_KIND.breakpoint, iss: FSC.debug };
    expect(deliver({ el: 0 }, hit)).toMatchObject({ level: 1, esr: esrOf(0x30, 0x22), far: 0n });
    expect(deliver({ el: 2 }, hit)).toMatchObject({ level: 2, esr: esrOf(0x31, 0x22) });
  });
  it('granule protection exceptions go to EL3 with MFAR_EL3', () => {
    const start = (): void => {
      w.core.view.setBigUint64(w.core.cpu + state.FAULT_PA, bit(63) | 0x4567_8000n, true);
    };
    start();
    const iss = (6 << 15) | ISS.wnr | FSC.gpf;
    const got = deliver({ el: 1 }, { kind: FAULT_KIND.gpcException, iss });
    expect(got).toMatchObject({ level: 3, offset: 0x400, esr: esrOf(0x1e, iss), far: VA });
    expect(w.reg('MFAR_EL3')).toBe(bit(63) | 0x4567_8000n);
  });
});

describe('floating-point traps', () => {
  const cpacr = (v: bigint): bigint => v << 20n;
  const CONDITION = 0x1e00000;
  const CASES: readonly [string, Start, number, bigint][] = [
    ['CPACR_EL1.FPEN 0 at EL1', { el: 1, regs: { CPACR_EL1: 0n } }, 1, esrOf(7, CONDITION)],
    ['CPACR_EL1.FPEN 2 at EL0', { el: 0, regs: { CPACR_EL1: cpacr(2n) } }, 1, esrOf(7, CONDITION)],
    ['CPACR_EL1.FPEN 1 at EL0', { el: 0, regs: { CPACR_EL1: cpacr(1n) } }, 1, esrOf(7, CONDITION)],
    ['at EL0 under TGE', { el: 0, regs: { CPACR_EL1: 0n, HCR_EL2: HCR.TGE } }, 2, esrOf(0)],
    ['CPTR_EL2.TFP', { el: 1, regs: { CPTR_EL2: bit(10) } }, 2, esrOf(7, CONDITION)],
    ['CPTR_EL2.TFP at EL2', { el: 2, regs: { CPTR_EL2: bit(10) } }, 2, esrOf(7, CONDITION)],
    ['CPTR_EL2.FPEN 0', { el: 1, regs: { CPTR_EL2: 0n, HCR_EL2: HCR.E2H } }, 2, esrOf(7, CONDITION)],
    [
      "CPTR_EL2.FPEN 1 at the host's EL0",
      { el: 0, regs: { CPTR_EL2: cpacr(1n), HCR_EL2: HOST, CPACR_EL1: 0n } },
      2,
      esrOf(7, CONDITION),
    ],
    ['CPTR_EL3.TFP', { el: 2, regs: { CPTR_EL3: bit(10) } }, 3, esrOf(7, CONDITION)],
    ['CPTR_EL3.TFP at EL3', { el: 3, regs: { CPTR_EL3: bit(10) } }, 3, esrOf(7, CONDITION)],
    ['CPACR_EL1 before CPTR_EL3', { el: 1, regs: { CPACR_EL1: 0n, CPTR_EL3: bit(10) } }, 1, esrOf(7, CONDITION)],
  ];
  const trapped = (s: Start): boolean => {
    w.start(s);
    return ((w.get(state.MODE) >> state.MODE_FIELD.fpTrapped[0]) & 1) === 1;
  };
  it('go where they should', () => {
    for (const [name, start, level, esr] of CASES) {
      expect(trapped(start), name).toBe(true);
      // The routine itself: patterns of floating point call it. A branch to itself leaves a record behind.
      w.start({ ...start, words: [0x14000000] });
      w.core.run(0);
      expect(w.get(state.EL), name).toBe(start.el);
      const rec = w.core.view.getUint32(w.core.cpu + state.REC_BASE, true);
      w.core.space.core.fpTrap!(w.core.cpu, rec, 0);
      expect([w.get(state.EL), w.reg(`ESR_EL${level}`)], name).toEqual([level, esr]);
    }
  });
  it('are off where nothing traps', () => {
    expect(trapped({ el: 0 })).toBe(false);
    expect(trapped({ el: 1, regs: { CPACR_EL1: cpacr(1n) } })).toBe(false);
    expect(trapped({ el: 2, regs: { CPACR_EL1: 0n } })).toBe(false);
    expect(trapped({ el: 0, regs: { CPACR_EL1: 0n, HCR_EL2: HOST } })).toBe(false);
    expect(trapped({ el: 1, regs: { CPTR_EL2: cpacr(1n), HCR_EL2: HCR.E2H } })).toBe(false);
    expect(trapped({ el: 3, regs: { CPTR_EL2: bit(10), CPACR_EL1: 0n } })).toBe(false);
    const secure = { security: 0, regs: { CPTR_EL2: bit(10), SCR_EL3: 0n } };
    expect(trapped({ el: 1, ...secure })).toBe(false);
  });
});

describe('alignment of ordinary accesses', () => {
  const strict = (s: Start): boolean => {
    w.start(s);
    return w.core.view.getBigUint64(w.core.cpu + state.ALIGN_TEST, true) === 15n;
  };
  it('is demanded by SCTLR_ELx.A, and where stage 1 is off', () => {
    expect(strict({ el: 1 })).toBe(true);
    expect(strict({ el: 1, regs: { SCTLR_EL1: 1n } })).toBe(false);
    expect(strict({ el: 1, regs: { SCTLR_EL1: 3n } })).toBe(true);
    expect(strict({ el: 0, regs: { SCTLR_EL1: 1n } })).toBe(false);
    expect(strict({ el: 2, regs: { SCTLR_EL2: 1n } })).toBe(false);
    expect(strict({ el: 3, regs: { SCTLR_EL3: 1n } })).toBe(false);
    expect(strict({ el: 3, regs: { SCTLR_EL2: 1n } })).toBe(true);
    expect(strict({ el: 1, regs: { HCR_EL2: HCR.DC } })).toBe(false);
    expect(strict({ el: 0, regs: { HCR_EL2: HCR.TGE, SCTLR_EL1: 1n } })).toBe(true);
    expect(strict({ el: 0, regs: { HCR_EL2: HOST, SCTLR_EL2: 1n } })).toBe(false);
  });
});
