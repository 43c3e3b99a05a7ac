/** Pointer authentication's exceptions: traps, failed pointers, and ERETAA and ERETAB. */
import { describe, expect, it } from 'vitest';
import { pauthConfig } from '../../core/arch/pauth/config.ts';
import * as state from '../../core/arch/state.ts';
import { bit, CODE, ERET, esrOf, HCR, MODES, SCR, svc, World } from './world.ts';

const PACIASP = 0xd503233f;
const AUTIASP = 0xd50323bf;
const PACGA = 0x9ac13000;
const RETAA = 0xd65f0bff;
const PACIA_X0_SP = 0xdac103e0;
const MSR_ELR_X0 = 0xd5184020;
const ERETAA = 0xd69f0bff;
const ERETAB = 0xd69f0fff;
const TARGET = CODE + 0x100;
const FAST = BigInt(pauthConfig(new Set(['PAuth', 'FPACCOMBINE', 'TTST'])));
const QARMA = BigInt(pauthConfig(new Set(['PAuth', 'FPACCOMBINE', 'TTST', 'PACQARMA5'])));
const EN_IA = bit(31);
const EN_IB = bit(30);
const HCR_API = bit(41);
const SCR_API = bit(17);
const BAD = 1n << 53n;

/** PAuth built in, its traps off, 48-bit addresses. */
const regs = (el: number, more: Record<string, bigint> = {}): Record<string, bigint> => ({
  PAUTH_CONFIG: FAST,
  HCR_EL2: HCR_API,
  SCR_EL3: SCR.NS | SCR.HCE | SCR_API,
  [`SCTLR_EL${el || 1}`]: EN_IA | EN_IB,
  [`TCR_EL${el || 1}`]: 16n | (16n << 16n),
  APIAKeyLo_EL1: 0x1234n,
  ...more,
});

for (const way of MODES) {
  describe(`pointer authentication, ${way}`, () => {
    const w = new World(way);
    it('traps to EL2 and EL3 where a key is used', () => {
      const at = BigInt(CODE);
      const trap = (el: 0 | 1 | 2 | 3, word: number, more: Record<string, bigint>): [number, bigint, bigint] => {
        const { level, esr, elr } = w.go({ el, words: [word, svc(9)], regs: regs(el, more) });
        return [level, esr, elr];
      };
      const trapped = (level: number): [number, bigint, bigint] => [level, esrOf(9), at];
      const scr = SCR.NS | SCR.HCE;
      for (const word of [PACIASP, AUTIASP, PACGA, RETAA]) {
        expect(trap(1, word, { HCR_EL2: 0n })).toEqual(trapped(2));
        expect(trap(0, word, { HCR_EL2: 0n })).toEqual(trapped(2));
        expect(trap(1, word, { SCR_EL3: scr })).toEqual(trapped(3));
        expect(trap(2, word, { SCR_EL3: scr })).toEqual(trapped(3));
        expect(trap(1, word, { HCR_EL2: 0n, SCR_EL3: scr })).toEqual(trapped(2));
      }
      // EL0 of a host is nobody's guest; EL3 never traps; a key that is off is not used.
      const host = { HCR_EL2: HCR.E2H | HCR.TGE, SCTLR_EL2: EN_IA, TCR_EL2: 16n };
      const quiet = esrOf(0x15, 9);
      expect(trap(0, PACIASP, host)).toEqual([2, quiet, at + 8n]);
      expect(trap(3, PACIASP, { SCR_EL3: scr })).toEqual([3, quiet, at + 8n]);
      expect(trap(1, PACIASP, { HCR_EL2: 0n, SCTLR_EL1: 0n })).toEqual([1, quiet, at + 8n]);
      expect(trap(1, PACGA, { HCR_EL2: 0n, SCTLR_EL1: 0n })).toEqual(trapped(2));
    });

    it('makes an exception of a wrong pointer, and leaves no trace', () => {
      for (const [word, iss] of [
        [AUTIASP, 0],
        [0xd50323ff, 1],
        [0xdac118fe, 2],
        [0xdac11cfe, 3],
        [RETAA, 0],
        [0xd73f0bc0, 0],
      ] as const) {
        const all = EN_IA | EN_IB | bit(27) | bit(13);
        w.start({ el: 1, nzcv: 6, words: [word], regs: regs(1, { SCTLR_EL1: all }) });
        w.core.setX(30, BAD);
        const { level, esr, elr, spsr } = w.taken();
        expect([level, esr, elr]).toEqual([1, esrOf(0x1c, iss), BigInt(CODE)]);
        expect(spsr >> 28n).toBe(6n);
        expect(w.core.x(30)).toBe(BAD);
      }
    });

    for (const config of [FAST, QARMA]) {
      it(`returns from exceptions by a signed address, ${config === FAST ? 'fast' : 'QARMA5'}`, () => {
        const run = (words: number[], more: Record<string, bigint> = {}): ReturnType<World['taken']> => {
          w.start({ el: 1, words, regs: regs(1, { SPSR_EL1: 5n, PAUTH_CONFIG: config, ...more }) });
          w.core.place(TARGET, [svc(3)]);
          w.core.setX(0, BigInt(TARGET));
          return w.taken();
        };
        const good = run([PACIA_X0_SP, MSR_ELR_X0, ERETAA]);
        expect([good.esr, good.elr]).toEqual([esrOf(0x15, 3), BigInt(TARGET + 4)]);
        const at = BigInt(CODE + 8);
        const bad = run([PACIA_X0_SP, MSR_ELR_X0, ERETAB]);
        expect([bad.esr, bad.elr]).toEqual([esrOf(0x1c, 1), at]);
        // A key that is off: the address is taken as it is.
        const off = run([PACIA_X0_SP, MSR_ELR_X0, ERETAB], { SCTLR_EL1: 0n });
        expect(off.elr).toBe(BigInt(TARGET + 4));
        const fine = run([PACIA_X0_SP, MSR_ELR_X0, ERETAB], {
          HFGITR_EL2: bit(51),
          SCR_EL3: SCR.NS | SCR_API | bit(27),
        });
        expect([fine.level, fine.esr, fine.elr]).toEqual([2, esrOf(0x1a, 3), at]);
      });
    }
  });
}

describe('ERETAA', () => {
  const w = new World();
  it('is undefined at EL0', () => {
    for (const word of [ERETAA, ERETAB, ERET]) {
      expect(w.go({ el: 0, words: [word], regs: regs(0) }).esr).toBe(esrOf(0));
    }
    expect(w.get(state.EL)).toBe(1);
  });
});
