import { describe, expect, it } from 'vitest';
import { BTYPE_OF } from '../../core/arch/semantics.ts';
import * as state from '../../core/arch/state.ts';
import { PEND } from '../support/bare-core.ts';
import { addImm, bit, brk, CODE, ERET, esrOf, hlt, MODES, NOP, svc, World } from './world.ts';

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

const BLR_X1 = 0xd63f0020;
const BR_X1 = 0xd61f0020;
const BR_X16 = 0xd61f0200;
const RET_X1 = 0xd65f0020;

describe('what a branch may meet in a guarded page', () => {
  const { veneer, call, jump } = BTYPE_OF;
  /** Branch, BTYPE from a guarded page, BTYPE from another. */
  const BRANCHES = [
    [BLR_X1, call, call],
    [BR_X1, jump, veneer],
    [BR_X16, veneer, veneer],
  ] as const;
  /** Word, and which BTYPEs may meet it. */
  const WORDS: readonly (readonly [string, number, readonly number[]])[] = [
    ['bti', BTI, []],
    ['bti c', BTI_C, [veneer, call]],
    ['bti j', BTI_J, [veneer, jump]],
    ['bti jc', BTI_JC, [veneer, call, jump]],
    ['paciasp', PACIASP, [veneer, call, jump]],
    ['pacibsp', PACIBSP, [veneer, call, jump]],
    ['brk', brk(77), [veneer, call, jump]],
    ['hlt', hlt(3), [veneer, call, jump]],
    ['nop', NOP, []],
    ['svc', svc(0), []],
    ['add', addImm(0, 0, 1), []],
  ];
  for (const mode of MODES) {
    it(`by word, branch and page, ${mode}`, () => {
      const w = new World(mode);
      for (const bt1 of [0n, bit(36)]) {
        for (const [branch, fromGuarded, fromPlain] of BRANCHES) {
          for (const from of [true, false]) {
            for (const far of [0, 0x1000]) {
              for (const [name, word, ok] of WORDS) {
                const btype = from ? fromGuarded : fromPlain;
                const strict = bt1 && btype === jump && name.startsWith('pac');
                const fits = ok.includes(btype) && !strict;
                w.start({ el: 1, words: [NOP, branch], regs: { ...views(w), SCTLR_EL1: bt1 | 1n } });
                w.core.place(TARGET + far, [word, svc(5)]);
                for (const x of [1, 16]) w.core.setX(x, at(true, TARGET + far));
                w.core.pc = at(from, CODE);
                const got = w.taken();
                const what = `${name} by ${branch.toString(16)}, from guarded: ${from}, ${far}, ${bt1}`;
                if (fits) expect(got.esr >> 26n, what).not.toBe(0x0dn);
                else {
                  expect(got.esr, what).toBe(esrOf(0x0d, btype));
                  expect(got.elr, what).toBe(at(true, TARGET + far));
                  expect(got.spsr, what).toBe(BigInt(btype << 10) | 5n);
                }
                expect(w.get(state.BTYPE), what).toBe(0);
              }
            }
          }
        }
      }
    });
    it(`returns and pages without guard meet anything, ${mode}`, () => {
      const w = new World(mode);
      for (const [branch, guarded] of [
        [RET_X1, true],
        [BLR_X1, false],
        [BR_X1, false],
      ] as const) {
        w.start({ el: 1, words: [NOP, branch], regs: views(w) });
        w.core.place(TARGET, [NOP, svc(5)]);
        w.core.setX(1, at(guarded, TARGET));
        w.core.pc = at(true, CODE);
        expect(w.taken()).toMatchObject({ esr: esrOf(0x15, 5), spsr: 5n });
      }
    });
    it(`a target that faults shows BTYPE in SPSR, ${mode}`, () => {
      const w = new World(mode);
      for (const [branch, btype] of [
        [RET_X1, 0],
        [BLR_X1, call],
        [BR_X1, veneer],
        [BR_X16, veneer],
      ] as const) {
        w.start({ el: 1, words: [NOP, branch], regs: views(w) });
        for (const x of [1, 16]) w.core.setX(x, 0xdead0000n);
        w.core.pc = at(false, CODE);
        expect(w.taken()).toMatchObject({ elr: 0xdead0000n, spsr: BigInt(btype << 10) | 5n });
      }
    });
  }
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
      w.start({ el: 1, words: [NOP] });
      w.set(state.PAGE_GUARD, on ? 1 : 0);
      w.call('noteBranch', BTYPE_OF.jump);
      expect(w.get(state.BTYPE)).toBe(on ? 3 : 1);
    }
    w.start({ el: 1, words: [NOP] });
    w.set(state.PSTATE_ABSENT, 3 << 10);
    w.call('noteBranch', BTYPE_OF.call);
    expect(w.get(state.BTYPE)).toBe(0);
    w.set(state.PSTATE_ABSENT, 0);
  });
});
