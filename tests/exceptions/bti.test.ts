import { describe, expect, it } from 'vitest';
import { BTYPE_OF } from '../../core/arch/exceptions/bti.ts';
import * as state from '../../core/arch/state.ts';
import { PEND } from '../support/bare-core.ts';
import { addImm, bit, brk, CODE, ERET, esrOf, hlt, NOP, svc, World } from './world.ts';

const BTI = 0xd503241f;
const BTI_C = 0xd503245f;
const BTI_J = 0xd503249f;
const BTI_JC = 0xd50324df;
const PACIASP = 0xd503233f;
const PACIBSP = 0xd503237f;
/** Distance between the plain view of memory and the one whose pages are guarded. */
const GUARD = 0x40000000;
const TARGET = CODE + 0x100;
const TABLE = 0x47800000;

/** Registers for both views: 39 bits, 4 KiB granule, blocks of 1 GiB that every level may read and execute. */
function views(w: World): Record<string, bigint> {
  const block = 0x40000000n | (1n << 10n) | (3n << 8n) | (3n << 6n) | 1n;
  w.core.view.setBigUint64(w.core.host(TABLE) + 8, block, true);
  w.core.view.setBigUint64(w.core.host(TABLE) + 16, block | bit(50), true);
  return { SCTLR_EL1: 1n, TCR_EL1: 25n, TTBR0_EL1: BigInt(TABLE), MAIR_EL1: 0xffn };
}
const at = (guarded: boolean, address: number): bigint => BigInt(address + (guarded ? GUARD : 0));

describe('what a branch may meet in a guarded page', () => {
  const w = new World();
  const ok = (word: number, btype: number, sctlr = 0n): boolean => {
    const regs = views(w);
    w.start({ el: 1, words: [NOP], regs: { ...regs, SCTLR_EL1: sctlr | 1n } });
    w.core.view.setBigUint64(w.core.cpu + state.PC_PAGE, at(true, CODE), true);
    w.core.place(TARGET, [word, svc(0)]);
    w.call('guardedBranch', at(true, TARGET), -1, btype, word);
    const through = w.core.pc === at(true, TARGET);
    if (!through) {
      expect(w.reg('ESR_EL1')).toBe(esrOf(0x0d, btype));
      expect(w.reg('ELR_EL1')).toBe(at(true, TARGET));
      expect(w.reg('SPSR_EL1')).toBe(BigInt(btype << 10) | 5n);
      expect(w.get(state.BTYPE)).toBe(0);
    }
    return through;
  };
  const { near, call, far } = BTYPE_OF;
  it('BTI by its targets', () => {
    for (const btype of [near, call, far]) expect(ok(BTI, btype)).toBe(false);
    expect([near, call, far].map((b) => ok(BTI_C, b))).toEqual([true, true, false]);
    expect([near, call, far].map((b) => ok(BTI_J, b))).toEqual([true, false, true]);
    expect([near, call, far].map((b) => ok(BTI_JC, b))).toEqual([true, true, true]);
  });
  it('PACIASP and PACIBSP, unless SCTLR_ELx.BT says so', () => {
    for (const word of [PACIASP, PACIBSP]) {
      expect([near, call, far].map((b) => ok(word, b))).toEqual([true, true, true]);
      expect([near, call, far].map((b) => ok(word, b, bit(36)))).toEqual([true, true, false]);
    }
  });
  it('BRK and HLT, but nothing else', () => {
    expect(ok(brk(77), call)).toBe(true);
    expect(ok(hlt(3), far)).toBe(true);
    for (const word of [NOP, svc(0), addImm(0, 0, 1)]) expect(ok(word, call)).toBe(false);
  });
});

describe('BTYPE that something came after', () => {
  const w = new World();
  const resume = (word: number, btype: number, on: boolean): ReturnType<World['taken']> => {
    w.start({
      el: 1,
      daif: 15,
      words: [ERET],
      regs: { ...views(w), SPSR_EL1: BigInt(btype << 10), ELR_EL1: at(on, TARGET) },
    });
    w.core.place(TARGET, [word, svc(5)]);
    return w.taken();
  };
  it('is restored by ERET and looked at', () => {
    expect(resume(NOP, 2, true)).toMatchObject({ level: 1, offset: 0x400, esr: esrOf(0x0d, 2), spsr: 2n << 10n });
    expect(resume(BTI_C, 2, true)).toMatchObject({ esr: esrOf(0x15, 5), spsr: 0n });
    expect(resume(NOP, 2, false)).toMatchObject({ esr: esrOf(0x15, 5), spsr: 0n });
  });
  it('is saved with the interrupt that came between', () => {
    w.start({ el: 1, words: [NOP] });
    w.call('noteBranch', BTYPE_OF.call);
    expect(w.get(state.PENDING)).toBe(PEND.debug);
    w.set(state.IRQ_LINES, state.LINE.irq);
    w.call('masksChanged');
    expect(w.taken()).toMatchObject({ offset: 0x280, spsr: (2n << 10n) | 5n });
  });
  it('is 01 for BR out of a page without guard, and nothing without FEAT_BTI', () => {
    for (const on of [false, true]) {
      w.start({ el: 1, words: [NOP], regs: views(w) });
      w.core.view.setBigUint64(w.core.cpu + state.PC_PAGE, at(on, CODE), true);
      w.call('noteBranch', BTYPE_OF.far);
      expect(w.get(state.BTYPE)).toBe(on ? 3 : 1);
    }
    w.start({ el: 1, words: [NOP] });
    w.set(state.PSTATE_ABSENT, 3 << 10);
    w.call('noteBranch', BTYPE_OF.call);
    expect(w.get(state.BTYPE)).toBe(0);
    w.set(state.PSTATE_ABSENT, 0);
  });
});
