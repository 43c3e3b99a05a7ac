import { describe, expect, it } from 'vitest';
import { FAULT_KIND } from '../../core/arch/exceptions/fault-kinds.ts';
import { WATCHPOINTS } from '../../core/arch/registers/table/debug.ts';
import * as state from '../../core/arch/state.ts';
import { PEND } from '../../core/engine/abi.ts';
import { addImm, bit, CODE, ERET, esrOf, MODES, NOP, type Start, svc, UDF, World } from './world.ts';

const SS = bit(0);
const KDE = bit(13);
const MDE = bit(15);
const TARGET = CODE + 0x100;
/** ISS of a software step exception: ISV when an instruction was stepped. */
const STEPPED = (1 << 24) | 0x22;
const NOT_STEPPED = 0x22;

/** Returns to EL0 at TARGET from EL1 with SPSR.SS as given. */
function toEl0(w: World, spsr: bigint, words: readonly number[], more: Partial<Start> = {}): void {
  w.start({
    el: 1,
    daif: 15,
    words: [ERET],
    ...more,
    regs: { MDSCR_EL1: SS, ELR_EL1: BigInt(TARGET), SPSR_EL1: spsr, ...more.regs },
  });
  w.core.place(TARGET, words);
}

describe('software step', () => {
  for (const mode of MODES) {
    it(`runs one instruction of EL0, ${mode}`, () => {
      const w = new World(mode);
      toEl0(w, bit(21), [addImm(0, 0, 1), addImm(0, 0, 1)]);
      w.core.setX(0, 0n);
      const got = w.taken();
      expect(got).toMatchObject({ level: 1, offset: 0x400, esr: esrOf(0x32, STEPPED), elr: BigInt(TARGET + 4) });
      expect(got.spsr).toBe(0n);
      expect(w.core.x(0)).toBe(1n);
    });
  }
  const w = new World();
  it('is due at once without SPSR.SS', () => {
    toEl0(w, 0n, [addImm(0, 0, 1)]);
    const got = w.taken();
    expect(got).toMatchObject({ level: 1, esr: esrOf(0x32, NOT_STEPPED), elr: BigInt(TARGET) });
  });
  it('is stepped branch by branch', () => {
    toEl0(w, bit(21), [0x14000004]);
    expect(w.taken().elr).toBe(BigInt(TARGET + 16));
  });
  it('a stepped SVC is done: SPSR.SS is 0', () => {
    toEl0(w, bit(21), [svc(3)]);
    expect(w.taken()).toMatchObject({ level: 1, esr: esrOf(0x15, 3), elr: BigInt(TARGET + 4), spsr: 0n });
  });
  it('a stepped instruction that faults is not: SPSR.SS stays', () => {
    toEl0(w, bit(21), [UDF]);
    expect(w.taken()).toMatchObject({ level: 1, esr: esrOf(0), elr: BigInt(TARGET), spsr: bit(21) });
  });
  it('an interrupt after the instruction finds it done', () => {
    toEl0(w, bit(21), [addImm(0, 0, 1), NOP]);
    w.core.setX(0, 0n);
    w.core.run(10);
    w.core.run(10);
    w.set(state.IRQ_LINES, state.LINE.irq);
    w.call('masksChanged');
    const got = w.taken();
    expect(got).toMatchObject({ offset: 0x480, elr: BigInt(TARGET + 4), spsr: 0n });
    expect(w.core.x(0)).toBe(1n);
  });
  it('a stepped load-exclusive shows', () => {
    toEl0(w, bit(21), [0xc85f7c20]);
    w.core.setX(1, BigInt(CODE + 0x800));
    expect(w.taken().esr).toBe(esrOf(0x32, STEPPED | (1 << 6)));
  });
  it('EL1 steps itself only with KDE and PSTATE.D clear', () => {
    const step = (regs: Record<string, bigint>, spsr: bigint): bigint => {
      w.start({
        el: 2,
        daif: 15,
        words: [ERET],
        regs: { ELR_EL2: BigInt(TARGET), SPSR_EL2: spsr | 5n, ...regs },
      });
      w.core.place(TARGET, [NOP, svc(1)]);
      return w.taken().esr;
    };
    expect(step({ MDSCR_EL1: SS | KDE }, bit(21))).toBe(esrOf(0x33, STEPPED));
    expect(step({ MDSCR_EL1: SS | KDE }, bit(21) | bit(9))).toBe(esrOf(0x15, 1));
    expect(step({ MDSCR_EL1: SS }, bit(21))).toBe(esrOf(0x15, 1));
  });
  it('goes to EL2 by MDCR_EL2.TDE', () => {
    const regs = { MDCR_EL2: bit(8), ELR_EL2: BigInt(TARGET), SPSR_EL2: bit(21) };
    toEl0(w, 0n, [NOP], { el: 2, regs });
    expect(w.taken()).toMatchObject({ level: 2, esr: esrOf(0x32, STEPPED) });
  });
  it('is off under the OS lock, and in Secure state by MDCR_EL3.SDD', () => {
    toEl0(w, bit(21), [NOP, svc(1)], { regs: { OSLSR_EL1: 2n } });
    expect(w.taken().esr).toBe(esrOf(0x15, 1));
    const secure = { security: 0, regs: { SCR_EL3: 0n, MDCR_EL3: bit(16) } };
    toEl0(w, bit(21), [NOP, svc(1)], secure);
    expect(w.taken().esr).toBe(esrOf(0x15, 1));
    toEl0(w, bit(21), [NOP, svc(1)], { security: 0, regs: { SCR_EL3: 0n } });
    expect(w.taken().esr).toBe(esrOf(0x32, STEPPED));
  });
});

describe('breakpoints', () => {
  const w = new World();
  /** Enabled, all bytes; PMC as given: 1 EL1, 2 EL0, 3 both. */
  const bcr = (pmc: number, more = 0): bigint => BigInt(1 | (pmc << 1) | (15 << 5) | more);
  const run = (el: 0 | 1 | 2, regs: Record<string, bigint>, more: Partial<Start> = {}): bigint => {
    w.start({
      el,
      words: [NOP, addImm(0, 0, 1), svc(1)],
      ...more,
      regs: { MDSCR_EL1: MDE | KDE, DBGBVR0_EL1: BigInt(CODE + 4), ...regs },
    });
    w.core.setX(0, 0n);
    const got = w.taken();
    if (got.esr >> 26n !== 0x15n) {
      expect(got.elr).toBe(BigInt(CODE + 4));
      expect(w.core.x(0)).toBe(0n);
    }
    return got.esr;
  };
  const MISS = esrOf(0x15, 1);
  it('stop at their address', () => {
    expect(run(0, { DBGBCR0_EL1: bcr(2) })).toBe(esrOf(0x30, 0x22));
    expect(run(1, { DBGBCR0_EL1: bcr(1) })).toBe(esrOf(0x31, 0x22));
    expect(run(0, { DBGBCR5_EL1: bcr(3), DBGBVR5_EL1: BigInt(CODE + 4), DBGBVR0_EL1: 0n })).toBe(esrOf(0x30, 0x22));
  });
  it('only where enabled, at their level, unmasked', () => {
    expect(run(0, { DBGBCR0_EL1: bcr(2) & ~1n })).toBe(MISS);
    expect(run(0, { DBGBCR0_EL1: bcr(1) })).toBe(MISS);
    expect(run(1, { DBGBCR0_EL1: bcr(2) })).toBe(MISS);
    expect(run(0, { DBGBCR0_EL1: bcr(2), MDSCR_EL1: KDE })).toBe(MISS);
    expect(run(1, { DBGBCR0_EL1: bcr(1), MDSCR_EL1: MDE })).toBe(MISS);
    expect(run(1, { DBGBCR0_EL1: bcr(1) }, { daif: 8 })).toBe(MISS);
    expect(run(0, { DBGBCR0_EL1: bcr(2), DBGBVR0_EL1: BigInt(CODE + 0x40) })).toBe(MISS);
    // SSC: 01 Non-secure only, 10 Secure only.
    expect(run(0, { DBGBCR0_EL1: bcr(2, 1 << 14) })).toBe(esrOf(0x30, 0x22));
    expect(run(0, { DBGBCR0_EL1: bcr(2, 2 << 14) })).toBe(MISS);
  });
  it('linked to a context', () => {
    // Breakpoint 4 matches CONTEXTIDR (BT 0011), breakpoint 0 is linked to it (BT 0001).
    const linked = { DBGBCR0_EL1: bcr(2, (1 << 20) | (4 << 16)), DBGBCR4_EL1: bcr(3, 3 << 20), DBGBVR4_EL1: 77n };
    expect(run(0, { ...linked, CONTEXTIDR_EL1: 77n })).toBe(esrOf(0x30, 0x22));
    expect(run(0, { ...linked, CONTEXTIDR_EL1: 78n })).toBe(MISS);
    const vmid = { ...linked, DBGBCR4_EL1: bcr(3, 9 << 20), DBGBVR4_EL1: 5n << 32n };
    expect(run(0, { ...vmid, VTTBR_EL2: 5n << 48n })).toBe(esrOf(0x30, 0x22));
    expect(run(0, { ...vmid, VTTBR_EL2: 6n << 48n })).toBe(MISS);
    w.setReg('VTTBR_EL2', 0n);
  });
  it('at any address when only a context is asked for', () => {
    // Breakpoint 5 matches CONTEXTIDR by itself (BT 0010): the first instruction at EL0 is it.
    const context = (bt: number, regs: Record<string, bigint>, value = 77n): { esr: bigint; elr: bigint } => {
      w.start({
        el: 0,
        words: [NOP, NOP, svc(1)],
        regs: { MDSCR_EL1: MDE, DBGBCR5_EL1: bcr(2, bt << 20), DBGBVR5_EL1: value, ...regs },
      });
      const { esr, elr } = w.taken();
      return { esr, elr };
    };
    const hit = { esr: esrOf(0x30, 0x22), elr: BigInt(CODE) };
    const miss = { esr: MISS, elr: BigInt(CODE + 12) };
    expect(context(2, { CONTEXTIDR_EL1: 77n })).toEqual(hit);
    expect(context(2, { CONTEXTIDR_EL1: 78n })).toEqual(miss);
    // A linked one does nothing by itself.
    expect(context(3, { CONTEXTIDR_EL1: 77n })).toEqual(miss);
    expect(context(6, { CONTEXTIDR_EL1: 77n })).toEqual(hit);
    expect(context(8, { VTTBR_EL2: 5n << 48n }, 5n << 32n)).toEqual(hit);
    expect(context(8, { VTTBR_EL2: 6n << 48n }, 5n << 32n)).toEqual(miss);
    expect(context(10, { VTTBR_EL2: 5n << 48n, CONTEXTIDR_EL1: 9n }, (5n << 32n) | 9n)).toEqual(hit);
    expect(context(10, { VTTBR_EL2: 5n << 48n, CONTEXTIDR_EL1: 8n }, (5n << 32n) | 9n)).toEqual(miss);
    w.setReg('VTTBR_EL2', 0n);
    // Breakpoints below 4 are not aware of contexts.
    const low = { MDSCR_EL1: MDE, DBGBCR0_EL1: bcr(2, 2 << 20), DBGBVR0_EL1: 77n, CONTEXTIDR_EL1: 77n };
    w.start({ el: 0, words: [NOP, NOP, svc(1)], regs: low });
    expect(w.taken().esr).toBe(MISS);
  });
  for (const mode of MODES) {
    it(`cost nothing elsewhere, and act in a loop that has run before, ${mode}`, () => {
      const v = new World(mode);
      // add x0, x0, #1; subs x1, x1, #1; b.ne back; svc: the breakpoint is at the SUBS.
      const words = [addImm(0, 0, 1), 0xf1000421, 0x54ffffc1, svc(1)];
      const loop = (turns: bigint, regs: Record<string, bigint>) => {
        v.start({ el: 0, words, regs });
        v.core.setX(0, 0n);
        v.core.setX(1, turns);
        expect(v.get(state.PENDING) & PEND.debug).toBe(0);
        return v.taken(100_000);
      };
      expect(loop(1000n, {}).esr).toBe(esrOf(0x15, 1));
      const armed = { MDSCR_EL1: MDE, DBGBCR0_EL1: bcr(2), DBGBVR0_EL1: BigInt(CODE + 4) };
      expect(loop(1000n, armed)).toMatchObject({ esr: esrOf(0x30, 0x22), elr: BigInt(CODE + 4) });
      expect(v.core.x(0)).toBe(1n);
      expect(loop(1000n, { ...armed, MDSCR_EL1: 0n }).esr).toBe(esrOf(0x15, 1));
      expect(v.core.x(0)).toBe(1000n);
      // Another address with the same place in its page.
      expect(loop(1000n, { ...armed, DBGBVR0_EL1: BigInt(CODE + 0x1004) }).esr).toBe(esrOf(0x15, 1));
    });
  }
  it('do not act at EL2 unless told', () => {
    expect(run(2, { DBGBCR0_EL1: bcr(3), MDCR_EL2: bit(8) })).toBe(MISS);
    expect(run(2, { DBGBCR0_EL1: bcr(0, 1 << 13), MDCR_EL2: bit(8) })).toBe(esrOf(0x31, 0x22));
  });
});

describe('watchpoints', () => {
  const w = new World();
  const AT = 0x47000100n;
  /** Enabled for EL1 and EL0, loads and stores. */
  const wcr = (bas: number, lsc = 3, more = 0): bigint => BigInt(1 | (3 << 1) | (lsc << 3) | (bas << 5)) | BigInt(more);
  const check = (cr: bigint, va: bigint, size: number, write: number, at = AT, more: Partial<Start> = {}): number => {
    w.start({ el: 0, regs: { MDSCR_EL1: MDE, [`DBGWCR${WATCHPOINTS - 1}_EL1`]: cr, DBGWVR3_EL1: at }, ...more });
    const hit = w.call('watchpointCheck', va, size, write);
    expect(w.get(state.FAULT)).toBe(hit ? FAULT_KIND.watchpoint : 0);
    return hit ? w.get(state.FAULT_ISS) : 0;
  };
  it('match bytes that an access touches', () => {
    expect(check(wcr(0xff), AT, 8, 1)).toBe(0x62);
    expect(check(wcr(0xff), AT, 8, 0)).toBe(0x22);
    expect(check(wcr(0xff), AT + 7n, 1, 0)).toBe(0x22);
    expect(check(wcr(0xff), AT + 8n, 1, 0)).toBe(0);
    expect(check(wcr(0xff), AT - 1n, 1, 0)).toBe(0);
    expect(check(wcr(0xff), AT - 1n, 2, 0)).toBe(0x22);
    expect(check(wcr(0x10), AT, 4, 0)).toBe(0);
    expect(check(wcr(0x10), AT, 8, 0)).toBe(0x22);
    expect(check(wcr(0x0f), AT + 4n, 4, 0, AT + 4n)).toBe(0x22);
    expect(check(wcr(0x0f), AT, 4, 0, AT + 4n)).toBe(0);
    expect(check(wcr(0), AT, 8, 0)).toBe(0);
  });
  it('match masked ranges', () => {
    const masked = wcr(0xff) | (8n << 24n);
    expect(check(masked, AT + 0xffn, 1, 0)).toBe(0x22);
    expect(check(masked, AT + 0x100n, 1, 0)).toBe(0);
    expect(check(masked, AT - 1n, 1, 0)).toBe(0);
  });
  it('tell loads from stores', () => {
    expect(check(wcr(0xff, 1), AT, 8, 1)).toBe(0);
    expect(check(wcr(0xff, 2), AT, 8, 0)).toBe(0);
    expect(check(wcr(0xff, 2), AT, 8, 1)).toBe(0x62);
    expect(check(wcr(0xff, 1), AT, 8, 3)).toBe(0x22);
    expect(check(wcr(0xff, 0), AT, 8, 3)).toBe(0);
  });
  it('ignore address tags', () => {
    expect(check(wcr(0xff), AT | (0x5an << 56n), 8, 0)).toBe(0x22);
  });
  it('look at the level: unprivileged accesses count as EL0', () => {
    const el0 = BigInt(1 | (2 << 1) | (3 << 3) | (0xff << 5));
    const at1 = (kind: number): number =>
      check(el0, AT, 8, kind, AT, { el: 1, regs: { MDSCR_EL1: MDE | KDE, DBGWCR3_EL1: el0, DBGWVR3_EL1: AT } });
    expect(at1(0)).toBe(0);
    expect(at1(4)).toBe(0x22);
  });
  it('mark their pages', () => {
    w.start({ el: 0, regs: { MDSCR_EL1: MDE, DBGWCR3_EL1: wcr(0xff), DBGWVR3_EL1: AT } });
    w.call('debugRegistersChanged');
    expect(w.get(state.WATCH_ACTIVE)).toBe(1);
    expect(w.call('watchpointPage', AT & ~0xfffn)).toBe(1);
    expect(w.call('watchpointPage', AT + 0x1000n)).toBe(0);
    w.setReg('MDSCR_EL1', 0n);
    w.call('debugRegistersChanged');
    expect(w.get(state.WATCH_ACTIVE)).toBe(0);
  });
  for (const mode of MODES) {
    it(`catch loads and stores of a program that arms them, ${mode}`, () => {
      const v = new World(mode);
      const msr = (reg: number, rt: number): number => (0xd5100000 | (reg << 5) | rt) >>> 0;
      const DBGWVR0 = (2 << 14) | 6;
      const DBGWCR0 = (2 << 14) | 7;
      const MDSCR = (2 << 14) | (2 << 3) | 2;
      const encode = (r: number): number => r & 0x7fff;
      const words = [
        0xf9000022, // str x2, [x1]: its page is in the TLB from here on
        msr(encode(DBGWVR0), 3),
        msr(encode(DBGWCR0), 4),
        msr(encode(MDSCR), 5),
        0xf9000422, // str x2, [x1, #8]: next to what is watched
        0xf9400020, // ldr x0, [x1]: only stores are watched
        0xf9000022, // str x2, [x1]
        svc(0),
      ];
      v.start({ el: 1, words });
      v.core.setX(1, AT);
      v.core.setX(2, 99n);
      v.core.setX(3, AT);
      v.core.setX(4, BigInt(1 | (1 << 1) | (2 << 3) | (0xff << 5)));
      v.core.setX(5, MDE | KDE);
      const got = v.taken();
      expect(got).toMatchObject({ level: 1, esr: esrOf(0x35, 0x62), far: AT, elr: BigInt(CODE + 24) });
      expect(v.core.x(0)).toBe(99n);
    });
  }
  for (const mode of MODES) {
    it(`look at a store across pages once, before any of it is written, ${mode}`, () => {
      const v = new World(mode);
      const page = BigInt(v.core.base + 0x9000);
      const table = BigInt(v.core.base + 0x8000);
      const stage1 = { MAIR_EL1: 0xffn, TCR_EL1: 0x5_0080_3519n, TTBR0_EL1: table, SCTLR_EL1: 0x30d0_1805n };
      // str x2, [x1]; stp x2, x2, [x1]; ldr x3, [x1]; str q0, [x1], each from 4 bytes before the page to what is watched in it.
      for (const [word, iss] of [
        [0xf9000022, 0x62],
        [0xa9000822, 0x62],
        [0xf9400023, 0x22],
        [0x3d800020, 0x62],
      ] as const) {
        v.start({
          el: 1,
          words: [word, svc(0)],
          regs: { MDSCR_EL1: MDE | KDE, DBGWCR3_EL1: wcr(0x02), DBGWVR3_EL1: page, ...stage1 },
        });
        const at = v.core.layout.arena + Number(page) - v.core.base;
        // A gigabyte of Normal memory.
        v.core.view.setBigUint64(v.core.layout.arena + 0x8008, 0x40000701n, true);
        v.core.view.setBigUint64(at - 4, 0n, true);
        v.core.setX(1, page - 4n);
        v.core.setX(2, -1n);
        v.core.setX(3, 5n);
        expect(v.taken()).toMatchObject({ level: 1, esr: esrOf(0x35, iss), far: page - 4n, elr: BigInt(CODE) });
        expect(v.core.view.getBigUint64(at - 4, true)).toBe(0n);
        expect(v.core.x(3)).toBe(5n);
      }
    });
  }
});
