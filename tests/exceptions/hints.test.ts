import { describe, expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { EXIT } from '../support/bare-core.ts';
import { addImm, CODE, esrOf, MODES, svc, World } from './world.ts';

/** HINT #n. */
const hint = (n: number): number => (0xd503201f | (n << 5)) >>> 0;
/** Hints that do something, or belong to pointer authentication. */
const OWN = new Set([2, 3, 4, 5, 7, 8, 10, 12, 14, 16, 24, 25, 26, 27, 28, 29, 30, 31]);
const barrier = (crm: number, op2: number): number => (0xd503301f | (crm << 8) | (op2 << 5)) >>> 0;

describe('hints and barriers', () => {
  for (const mode of MODES) {
    it(`without an effect are NOPs, ${mode}`, () => {
      const w = new World(mode);
      const words: number[] = [];
      for (let n = 0; n < 128; n++) if (!OWN.has(n)) words.push(hint(n));
      for (let crm = 0; crm < 16; crm++) words.push(barrier(crm, 4), barrier(crm, 5), barrier(crm, 6));
      words.push(barrier(0, 7), barrier(2, 1), barrier(14, 1), 0xd503245f);
      w.start({ el: 1, nzcv: 5, words: [...words, addImm(0, 0, 1), svc(0)] });
      w.core.setX(0, 41n);
      const got = w.taken(10_000);
      expect(got).toMatchObject({ esr: esrOf(0x15), elr: BigInt(CODE + 4 * words.length + 8) });
      expect(w.core.x(0)).toBe(42n);
      expect(w.core.nzcv).toBe(5);
    });
    it(`CLREX closes the monitor, ${mode}`, () => {
      const w = new World(mode);
      w.start({ el: 0, words: [barrier(15, 2), svc(0)] });
      w.set(state.EXCL_ADDR, 64);
      w.taken();
      expect(w.get(state.EXCL_ADDR)).toBe(0);
    });
    it(`WFE ends when others change what is monitored, ${mode}`, () => {
      const w = new World(mode);
      const at = w.core.layout.arena + 0x2000;
      // The words: a doubleword that has changed in its last byte, a byte, a pair that has changed in its second half; and one as it was.
      const cases = [
        [8, 0x0102030405060708n, 0n, 0x0202030405060708n, 0n, true],
        [1, 8n, 0n, 0x0102030405060709n, 0n, true],
        [1, 8n, 0n, 0xff02030405060708n, 7n, false],
        [16, 5n, 6n, 5n, 7n, true],
        [16, 5n, 6n, 5n, 6n, false],
        [4, 5n, 0n, 0xff00000005n, 0n, false],
      ] as const;
      for (const [bytes, lo, hi, nowLo, nowHi, ends] of cases) {
        w.start({ el: 1, words: [0xd503205f, svc(0)] });
        w.set(state.PEERS, 1);
        w.set(state.EXCL_ADDR, at);
        w.set(state.EXCL_SIZE, bytes);
        w.core.view.setBigUint64(w.core.cpu + state.EXCL_LO, lo, true);
        w.core.view.setBigUint64(w.core.cpu + state.EXCL_HI, hi, true);
        w.core.view.setBigUint64(at, nowLo, true);
        w.core.view.setBigUint64(at + 8, nowHi, true);
        if (ends) {
          expect(w.taken().elr).toBe(BigInt(CODE + 8));
          expect(w.get(state.EXCL_ADDR)).toBe(0);
        } else {
          expect(w.core.run(1000)).toBe(EXIT.wait);
          expect([w.get(state.WAIT_KIND), w.get(state.EXCL_ADDR)]).toEqual([state.WAIT.monitor, at]);
        }
        w.set(state.PEERS, 0);
      }
    });
    it(`DSB waits for other cores, ${mode}`, () => {
      let waited = 0;
      const w = new World(mode, {
        awaitAnswers: (cpu: number) => {
          waited++;
          w.core.view.setUint32(cpu + state.DSB_WAIT, 0, true);
        },
      });
      w.start({ el: 1, words: [barrier(11, 4), barrier(11, 4), svc(0)] });
      w.set(state.DSB_WAIT, 1);
      expect(w.taken().elr).toBe(BigInt(CODE + 12));
      expect(waited).toBe(1);
      w.set(state.DSB_WAIT, 0);
    });
  }
});

describe('MSR (immediate)', () => {
  const msr = (op1: number, op2: number, imm: number): number =>
    (0xd500401f | (op1 << 16) | (imm << 8) | (op2 << 5)) >>> 0;
  const FIELDS = [
    ['UAO', 0, 3, state.UAO, false],
    ['PAN', 0, 4, state.PAN, false],
    ['SSBS', 3, 1, state.SSBS, true],
    ['DIT', 3, 2, state.DIT, true],
  ] as const;
  it('sets and clears fields', () => {
    for (const mode of MODES) {
      const w = new World(mode);
      for (const [name, op1, op2, field, el0] of FIELDS) {
        for (const el of [0, 1, 2, 3] as const) {
          for (const v of [1, 0]) {
            w.start({ el, words: [msr(op1, op2, v), svc(0)], regs: { SCTLR_EL1: 1n << 23n, SCTLR_EL2: 1n << 23n } });
            w.set(field, 1 - v);
            const got = w.taken();
            if (el === 0 && !el0) expect(got.esr, name).toBe(esrOf(0));
            else {
              const at = { UAO: 23n, PAN: 22n, SSBS: 12n, DIT: 24n }[name];
              expect((got.spsr >> at) & 1n, `${name} at EL${el}`).toBe(BigInt(v));
            }
          }
        }
      }
    }
  });
});
