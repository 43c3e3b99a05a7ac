import { describe, expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { EXIT } from '../support/bare-core.ts';
import { bit, CODE, ERET, esrOf, HCR, MODES, SCR, svc, World } from './world.ts';

const TARGET = 0x47020000;
type El = 0 | 1 | 2 | 3;
const ELS: readonly El[] = [0, 1, 2, 3];

/** Runs ERET at `el` with this SPSR; the core is left at TARGET, before its instruction. */
function eret(w: World, el: El, spsr: bigint, regs: Record<string, bigint> = {}, security?: number): void {
  const own = { [`SPSR_EL${el}`]: spsr, [`ELR_EL${el}`]: BigInt(TARGET), ...regs };
  w.start({ el, words: [ERET], regs: own, ...(security === undefined ? {} : { security }) });
  w.core.place(TARGET, [svc(0)]);
  w.core.run(0);
}
const mode = (el: number, spsel: number): bigint => BigInt((el << 2) | spsel);

describe('ERET', () => {
  for (const way of MODES) {
    it(`restores PSTATE: each pair of levels, ${way}`, () => {
      const w = new World(way);
      for (const from of [1, 2, 3] as const) {
        for (const to of ELS.filter((e) => e <= from)) {
          for (const spsel of to === 0 ? [0] : [0, 1]) {
            const fields = bit(24) | bit(23) | bit(22) | bit(12) | (9n << 28n) | (5n << 6n);
            eret(w, from, fields | mode(to, spsel));
            const what = `EL${from} to EL${to}, SP ${spsel}`;
            expect(w.core.pc, what).toBe(BigInt(TARGET));
            expect([w.get(state.EL), w.get(state.SPSEL), w.get(state.DAIF)], what).toEqual([to, spsel, 5]);
            expect(
              [state.DIT, state.UAO, state.PAN, state.SSBS].map((f) => w.get(f)),
              what,
            ).toEqual([1, 1, 1, 1]);
            expect(w.core.nzcv, what).toBe(9);
            expect(w.core.x(31), what).toBe(spsel ? BigInt(0x1000 * to) : 0x9000n);
            expect(w.get(state.SECURITY), what).toBe(from === 3 && to === 3 ? 0 : 1);
            expect(w.get(state.IL), what).toBe(0);
          }
        }
      }
    });
  }
  const w = new World();
  it('clears the exclusive monitor and records an event', () => {
    w.start({ el: 1, words: [ERET], regs: { SPSR_EL1: 5n, ELR_EL1: BigInt(TARGET) } });
    w.set(state.EXCL_ADDR, 64);
    w.core.run(0);
    expect(w.get(state.EXCL_ADDR)).toBe(0);
    expect(w.get(state.EVENT)).toBe(1);
  });
  it('from EL3 enters the security state of SCR_EL3', () => {
    const states: [bigint, number][] = [
      [SCR.EEL2, 0],
      [SCR.NS, 1],
      [SCR.NS | bit(62), 3],
    ];
    for (const [scr, security] of states) {
      for (const el of [0, 1, 2]) {
        eret(w, 3, mode(el, el ? 1 : 0), { SCR_EL3: scr });
        expect(w.get(state.SECURITY)).toBe(security);
        expect(w.get(state.EL)).toBe(el);
      }
    }
  });
  it('keeps what the CPU lacks at 0', () => {
    w.start({ el: 1, words: [ERET], regs: { SPSR_EL1: 5n | bit(22) | bit(24), ELR_EL1: BigInt(TARGET) } });
    w.set(state.PSTATE_ABSENT, 1 << 22);
    w.core.run(0);
    w.set(state.PSTATE_ABSENT, 0);
    expect([w.get(state.PAN), w.get(state.DIT)]).toEqual([0, 1]);
  });
  it('drops the address tag where instruction addresses have one', () => {
    const tagged = (el: El, to: bigint, tcr: Record<string, bigint>, hcr = 0n): bigint => {
      w.start({
        el: 3,
        words: [ERET],
        regs: { SPSR_EL3: mode(el, el ? 1 : 0), ELR_EL3: to, HCR_EL2: hcr, ...tcr },
      });
      w.core.run(0);
      return w.core.pc;
    };
    const low = 0x5a00000047020000n;
    const high = 0x5affffff47020000n;
    const canonicalHigh = 0xffffffff47020000n;
    expect(tagged(1, low, {})).toBe(low);
    expect(tagged(1, low, { TCR_EL1: bit(37) })).toBe(BigInt(TARGET));
    expect(tagged(1, low, { TCR_EL1: bit(38) })).toBe(low);
    expect(tagged(1, low, { TCR_EL1: bit(37) | bit(51) })).toBe(low);
    expect(tagged(0, high, { TCR_EL1: bit(38) })).toBe(canonicalHigh);
    expect(tagged(2, low, { TCR_EL2: bit(20) })).toBe(BigInt(TARGET));
    expect(tagged(2, high, { TCR_EL2: bit(20) })).toBe(high & ((1n << 56n) - 1n));
    expect(tagged(2, high, { TCR_EL2: bit(38) }, HCR.E2H)).toBe(canonicalHigh);
    expect(tagged(3, low, { TCR_EL3: bit(20) })).toBe(BigInt(TARGET));
  });
});

describe('illegal returns', () => {
  const w = new World();
  const CASES: readonly [string, El, bigint, Record<string, bigint>][] = [
    ['to a higher level', 1, mode(2, 1), {}],
    ['to EL3 from EL2', 2, mode(3, 1), {}],
    ['to AArch32', 1, 0x10n, {}],
    ['to AArch32 EL1', 2, 0x13n, {}],
    ['M[1] set', 1, 6n, {}],
    ['EL0 with SP_ELx', 1, 1n, {}],
    ['to EL1 under TGE', 2, mode(1, 1), { HCR_EL2: HCR.TGE }],
    ['to EL1 under TGE from EL3', 3, mode(1, 1), { HCR_EL2: HCR.TGE }],
    ['to Secure EL2 that is not enabled', 3, mode(2, 1), { SCR_EL3: 0n }],
    ['to a security state that does not exist', 3, mode(1, 1), { SCR_EL3: bit(62) }],
  ];
  it('set PSTATE.IL, keep the level, restore flags and masks', () => {
    for (const [name, el, m, regs] of CASES) {
      const at = { [`SPSR_EL${el}`]: m | (6n << 28n) | (5n << 6n) | bit(22), [`ELR_EL${el}`]: BigInt(TARGET) };
      w.start({ el, words: [ERET], regs: { ...at, ...regs } });
      w.core.place(TARGET, [svc(0)]);
      const got = w.taken();
      expect({ name, level: got.level, offset: got.offset }).toEqual({ name, level: el, offset: 0x200 });
      expect(got.esr, name).toBe(esrOf(0x0e));
      expect(got.elr, name).toBe(BigInt(TARGET));
      expect(got.spsr, name).toBe((6n << 28n) | (5n << 6n) | bit(22) | bit(20) | mode(el, 1));
      expect(w.get(state.IL), name).toBe(0);
    }
  });
  it('with TGE in Secure state without EL2 are none', () => {
    eret(w, 3, mode(1, 1), { SCR_EL3: 0n, HCR_EL2: HCR.TGE });
    expect([w.get(state.EL), w.get(state.IL)]).toEqual([1, 0]);
  });
  it('to levels that do not exist', () => {
    w.start({ el: 3, words: [ERET], regs: { SPSR_EL3: mode(2, 1), ELR_EL3: BigInt(TARGET) } });
    w.set(state.CONFIG_FLAGS, state.CONFIG.noEl2 | state.CONFIG.semihosting);
    expect(w.taken().esr).toBe(esrOf(0x0e));
  });
  it('SPSR_ELx.IL makes the next instruction one too', () => {
    w.start({ el: 1, words: [ERET], regs: { SPSR_EL1: mode(0, 0) | bit(20), ELR_EL1: BigInt(TARGET) } });
    const got = w.taken();
    expect(got).toMatchObject({ level: 1, offset: 0x400, esr: esrOf(0x0e), spsr: bit(20), elr: BigInt(TARGET) });
  });
  it('interrupts come before it, and find IL in SPSR', () => {
    w.start({
      el: 1,
      daif: 15,
      words: [ERET],
      regs: { SPSR_EL1: mode(0, 0) | bit(20), ELR_EL1: BigInt(TARGET) },
    });
    w.set(state.IRQ_LINES, state.LINE.irq);
    expect(w.core.run(10)).toBe(EXIT.pending);
    const got = w.taken();
    expect(got).toMatchObject({ level: 1, offset: 0x480, spsr: bit(20), elr: BigInt(TARGET) });
  });
  it('a misaligned ELR faults at the target', () => {
    w.start({ el: 2, words: [ERET], regs: { SPSR_EL2: mode(1, 1), ELR_EL2: BigInt(TARGET + 2) } });
    const got = w.taken();
    expect(got).toMatchObject({ level: 1, offset: 0x200, esr: esrOf(0x22), far: BigInt(TARGET + 2) });
    expect(got.elr).toBe(BigInt(TARGET + 2));
    expect(CODE).not.toBe(TARGET);
  });
});
