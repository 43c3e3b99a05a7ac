/** AT instructions: PAR_EL1 for what succeeds and what does not, attributes of both stages, and the exceptions they take. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Decoder } from '../../core/arch/a64/decoder.ts';
import { groups } from '../../core/arch/a64/table.ts';
import { FSC } from '../../core/arch/exceptions/fault-kinds.ts';
import { cpuFeatures } from '../../core/arch/features.ts';
import * as state from '../../core/arch/state.ts';
import { RAM, TranslationMachine } from './machine.ts';
import { RW2, S1, S2, Tables as TableBuilder, type Tables } from './tables.ts';
import { AT_WORD, CODE, DATA, KERNEL, SCTLR_ON, TCR, USER, World } from './world.ts';

let m: TranslationMachine;
let w: World;
const VA = 0x12_3000n;
const IPA = 0x1_2345_6000n;

beforeAll(() => {
  m = new TranslationMachine({ features: cpuFeatures('max'), paRange: 5 });
});
const world = (): void => {
  w = new World(m);
};
function at(name: keyof typeof AT_WORD, el: number, va: bigint): bigint {
  m.reg('PAR_EL1', 0xdeadn);
  const r = w.exec(AT_WORD[name], el, va);
  expect(r.exception, `${name} at EL${el}: ESR ${r.esr.toString(16)}`).toBe(0);
  return m.get('PAR_EL1');
}
/** PAR_EL1 of success: NS and bit 11 are one here. */
const good = (pa: bigint, attr: number, sh: number): bigint =>
  pa | (BigInt(attr) << 56n) | (BigInt(sh) << 7n) | (1n << 9n) | (1n << 11n);
const bad = (fst: number, o: { s?: boolean; ptw?: boolean } = {}): bigint =>
  1n | (BigInt(fst) << 1n) | (o.ptw ? 1n << 8n : 0n) | (o.s ? 1n << 9n : 0n) | (1n << 11n);

describe('stage 1', () => {
  it('gives the address, the attributes, the shareability', () => {
    world();
    w.lower.map(VA, DATA, KERNEL | (3n << 8n));
    expect(at('S1E1R', 1, VA + 0x123n)).toBe(good(DATA, 0xff, 3));
    w.lower.map(VA, DATA, KERNEL | (2n << 8n));
    expect(at('S1E1W', 1, VA)).toBe(good(DATA, 0xff, 2));
    w.lower.map(VA, DATA, KERNEL | S1.device);
    expect(at('S1E1R', 1, VA)).toBe(good(DATA, 0, 2));
    w.lower.map(VA, DATA, KERNEL | (2n << 2n) | (3n << 8n));
    expect(at('S1E1R', 1, VA)).toBe(good(DATA, 0x44, 2));
    // Caches off: Normal memory is Non-cacheable.
    w.lower.map(VA, DATA, KERNEL | (3n << 8n));
    m.reg('SCTLR_EL1', SCTLR_ON & ~4n);
    expect(at('S1E1R', 1, VA)).toBe(good(DATA, 0x44, 2));
  });
  it('with stage 1 off is Device memory at the same address', () => {
    world();
    m.reg('SCTLR_EL1', 0n);
    expect(at('S1E1R', 1, DATA + 5n)).toBe(good(DATA, 0, 2));
  });
  it('reports faults instead of taking them', () => {
    world();
    w.lower.map(VA, DATA, KERNEL | S1.readOnly);
    expect(at('S1E1W', 1, VA)).toBe(bad(FSC.permission(3)));
    expect(at('S1E0R', 1, VA)).toBe(bad(FSC.permission(3)));
    expect(at('S1E1R', 1, 0x9000n)).toBe(bad(FSC.translation(3)));
    expect(at('S1E1R', 1, 1n << 45n)).toBe(bad(FSC.translation(0)));
    expect(m.word(state.FAULT)).toBe(0);
  });
  it('heeds PAN only in the forms with P', () => {
    world();
    w.lower.map(VA, DATA, USER);
    // MSR PAN, #1 before it.
    const place = Number(CODE) + 0xfe0;
    for (const [name, want] of [
      ['S1E1R', good(DATA, 0xff, 0)],
      ['S1E1RP', bad(FSC.permission(3))],
    ] as const) {
      m.core.place(place, [0xd500419f, AT_WORD[name], 0xd45e0000]);
      m.enter(1);
      m.core.setX(0, VA);
      m.core.pc = BigInt(place);
      m.core.run(100);
      expect(m.get('PAR_EL1')).toBe(want);
    }
  });
  it('sets the access flag with HA, and leaves the dirty state', () => {
    world();
    m.reg('TCR_EL1', TCR.plain | TCR.ha | TCR.hd);
    const entry = w.lower.map(VA, DATA, (KERNEL & ~S1.af) | S1.readOnly | S1.dbm);
    expect(at('S1E1W', 1, VA)).toBe(good(DATA, 0xff, 0));
    expect(m.read64(entry)! & (S1.af | S1.readOnly)).toBe(S1.af | S1.readOnly);
  });
  it('takes an external abort of the walk', () => {
    world();
    m.write64(w.lower.entry(VA, 1), 0x2_0000_0000n | 3n);
    const r = w.exec(AT_WORD.S1E1R, 1, VA);
    expect(r.exception).toBe(1);
    expect(r.esr & 0x1ffffffn).toBe(BigInt(FSC.externalAbortOnWalk(2) | (1 << 8) | (1 << 6)));
    expect(r.esr >> 26n).toBe(0x25n);
    expect(r.far).toBe(VA);
  });
  it('S1E1A asks for a mapping, and no permission (FEAT_ATS1A)', () => {
    world();
    // Permission indirection: what has bit 51 set is not for EL1, all else is.
    const indirection = { TCR2_EL1: 2n, PIR_EL1: 0x0077_0077_0077_0077n, HCRX_EL2: 1n << 14n };
    w.lower.map(VA, DATA, KERNEL | (1n << 51n));
    m.reg('SCR_EL3', m.get('SCR_EL3') | (1n << 38n) | (1n << 43n) | (1n << 45n));
    for (const [name, v] of Object.entries(indirection)) m.reg(name, v);
    expect(at('S1E1R', 1, VA)).toBe(bad(FSC.permission(3)));
    expect(at('S1E1A', 1, VA)).toBe(good(DATA, 0xff, 0));
    for (const name of Object.keys(indirection)) m.reg(name, 0n);
    expect(at('S1E1A', 1, 0x9000n)).toBe(bad(FSC.translation(3)));
    // It names a regime, not a level that has the rights: at EL2 it is the same.
    expect(at('S1E1A', 2, VA)).toBe(good(DATA, 0xff, 0));
    const r = w.exec(AT_WORD.S1E1A, 0, VA);
    expect(r.esr >> 26n).toBe(0n);
    expect(w.exec(AT_WORD.S1E2A, 1, VA).esr >> 26n).toBe(0n);
    expect(w.exec(AT_WORD.S1E3A, 2, VA).esr >> 26n).toBe(0n);
    m.reg('HCR_EL2', 1n << 31n);
    m.reg('SCR_EL3', m.get('SCR_EL3') | (1n << 27n));
    m.reg('HFGITR_EL2', 1n << 62n);
    expect(w.exec(AT_WORD.S1E1A, 1, VA).exception).toBe(2);
    expect(w.exec(AT_WORD.S1E1R, 1, VA).exception).toBe(0);
    m.reg('HFGITR_EL2', 0n);
    m.reg('HCR_EL2', (1n << 31n) | (1n << 44n));
    expect(w.exec(AT_WORD.S1E1A, 1, VA).exception).toBe(2);
    m.reg('HCR_EL2', 1n << 31n);
  });
  it('are undefined without FEAT_ATS1A', () => {
    const decoder = new Decoder(
      groups.flatMap((g) => g.patterns),
      cpuFeatures('cortex-a72'),
    );
    expect([AT_WORD.S1E1A, AT_WORD.S1E1R].map((word) => decoder.find(word) !== null)).toEqual([false, true]);
  });
  it('of EL2 and EL3 look at their own regimes', () => {
    world();
    for (const n of [2, 3] as const) {
      const t = new TableBuilder(m, 12, 39, RAM + 0x80_0000n);
      m.reg(`TTBR0_EL${n}`, t.root);
      m.reg(`TCR_EL${n}`, 0x8085_3519n);
      m.reg(`MAIR_EL${n}`, 0xffn);
      t.map(CODE, CODE, S1.af | (n === 3 ? S1.ns : 0n));
      t.map(VA, DATA + BigInt(n) * 0x1000n, S1.af | (n === 3 ? S1.ns : 0n));
      m.reg(`SCTLR_EL${n}`, SCTLR_ON);
      const name = n === 2 ? 'S1E2R' : 'S1E3R';
      // Non-secure code is not executable under SIF alone, so EL3 runs with its MMU on here too.
      expect(at(name, n, VA)).toBe(good(DATA + BigInt(n) * 0x1000n, 0xff, 0));
      t.map(VA, DATA, S1.af | S1.readOnly | (n === 3 ? S1.ns : 0n));
      expect(at(n === 2 ? 'S1E2A' : 'S1E3A', n, VA)).toBe(good(DATA, 0xff, 0));
      m.reg(`SCTLR_EL${n}`, 0n);
    }
    w.lower.map(VA, DATA, KERNEL);
    expect(at('S1E1R', 2, VA)).toBe(good(DATA, 0xff, 0));
    expect(at('S1E1R', 3, VA)).toBe(good(DATA, 0xff, 0));
  });
  it('of EL1 mean the host under E2H and TGE', () => {
    world();
    m.reg('HCR_EL2', (1n << 31n) | (1n << 34n) | (1n << 27n));
    for (const name of ['TCR', 'MAIR', 'TTBR0', 'TTBR1', 'SCTLR']) m.reg(`${name}_EL2`, m.get(`${name}_EL1`));
    m.reg('SCTLR_EL1', 0n);
    w.lower.map(VA, DATA, USER);
    expect(at('S1E1R', 2, VA)).toBe(good(DATA, 0xff, 0));
    expect(at('S1E0R', 2, VA)).toBe(good(DATA, 0xff, 0));
  });
});

describe('both stages', () => {
  let t: Tables;
  function nested(): void {
    world();
    t = w.stage2(DATA + 0x40_0000n);
  }
  it('S1 forms give the IPA, S12 forms the PA', () => {
    nested();
    w.lower.map(VA, IPA, KERNEL | (3n << 8n));
    t.map(IPA, DATA, RW2 | (3n << 8n));
    expect(at('S1E1R', 1, VA)).toBe(good(IPA, 0xff, 3));
    expect(at('S1E1R', 2, VA)).toBe(good(IPA, 0xff, 3));
    expect(at('S12E1R', 2, VA)).toBe(good(DATA, 0xff, 3));
    expect(at('S12E1R', 3, VA)).toBe(good(DATA, 0xff, 3));
  });
  it('faults of stage 2 are told by S, on a walk by PTW', () => {
    nested();
    w.lower.map(VA, IPA, KERNEL);
    expect(at('S12E1R', 2, VA)).toBe(bad(FSC.translation(1), { s: true }));
    t.map(IPA, DATA, RW2 & ~S2.write);
    expect(at('S12E1W', 2, VA)).toBe(bad(FSC.permission(3), { s: true }));
    expect(at('S12E0R', 2, VA)).toBe(bad(FSC.permission(3)));
    m.write64(w.lower.entry(VA, 1), 0x1_8000_0000n | 3n);
    expect(at('S12E1R', 2, VA)).toBe(bad(FSC.translation(1), { s: true, ptw: true }));
    expect(at('S1E1R', 2, VA)).toBe(bad(FSC.translation(1), { s: true, ptw: true }));
  });
  it('EL1 does not see stage 2 faults of its walks: EL2 gets them', () => {
    nested();
    m.write64(w.lower.entry(VA, 1), 0x1_8000_0000n | 3n);
    const r = w.exec(AT_WORD.S1E1R, 1, VA);
    expect(r.exception).toBe(2);
    expect(r.esr & 0x1ffffffn).toBe(BigInt(FSC.translation(1) | (1 << 7) | (1 << 8) | (1 << 6)));
    expect(m.get('HPFAR_EL2')).toBe(0x1_8000_0000n >> 8n);
  });
  it('attributes combine as the manual says', () => {
    nested();
    const mair = [0xff, 0x00, 0x44, 0xbb, 0x04, 0xf4, 0x77, 0x0c];
    const reg = BigInt.asUintN(
      64,
      mair.reduce((v, a, i) => v | (BigInt(a) << BigInt(8 * i)), 0n),
    );
    for (const fwb of [false, true]) {
      for (let index = 0; index < 8; index++) {
        for (const s2 of fwb ? [0, 1, 2, 3, 5, 6, 7] : [0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15]) {
          for (const [sh1, sh2] of [
            [0, 0],
            [3, 0],
            [0, 3],
            [3, 2],
          ] as const) {
            w.lower.map(VA, IPA, KERNEL | (BigInt(index) << 2n) | (BigInt(sh1) << 8n));
            t.map(IPA, DATA, S2.read | S2.write | S2.af | (BigInt(s2) << 2n) | (BigInt(sh2) << 8n));
            m.reg('HCR_EL2', (1n << 31n) | 1n | (fwb ? 1n << 46n : 0n));
            m.reg('MAIR_EL1', reg);
            const attr = combine(mair[index]!, s2, fwb);
            const sh = (attr & 0xf0) === 0 || attr === 0x44 ? 2 : sh2 === 2 ? 2 : sh1 || sh2 ? 3 : 0;
            expect(direct(), `MAIR ${mair[index]!.toString(16)} MemAttr ${s2} FWB ${fwb}`).toBe(good(DATA, attr, sh));
          }
        }
      }
    }
  });
  /** AT S12E1R at EL2, without placing the instruction each time. */
  function direct(): bigint {
    const place = Number(CODE) + 0xff0;
    if (m.core.view.getUint32(m.core.host(place), true) !== AT_WORD.S12E1R) m.core.place(place, [AT_WORD.S12E1R]);
    m.enter(2);
    m.core.setX(0, VA);
    m.core.pc = BigInt(place);
    m.core.run(100);
    return m.get('PAR_EL1');
  }
  function combine(first: number, s2: number, fwb: boolean): number {
    const device1 = (first & 0xf0) === 0;
    const both = (a: number, b: number): number => Math.min(a, b);
    if (fwb) {
      if (!(s2 & 4)) return both(device1 ? first & 0xc : 0xc, (s2 & 3) << 2);
      if ((s2 & 3) === 3) return first;
      if ((s2 & 3) === 2) {
        const nibble = (n: number): number => {
          if (device1 || n === 4) return 15;
          // Write-Back, transient as before where the hints are not empty.
          const transient = (n & 8) === 0 && (n & 3) !== 0;
          return (transient ? 4 : 12) | (n & 3);
        };
        return (nibble(first >> 4) << 4) | nibble(first & 15);
      }
      return device1 ? first : 0x44;
    }
    if (s2 >> 2 === 0) return both(device1 ? first & 0xc : 0xc, (s2 & 3) << 2);
    if (device1) return first & 0xc;
    const part = (n: number, limit: number): number => {
      const rank = n === 4 ? 1 : n & 4 ? 3 : 2;
      const result = Math.min(rank, limit);
      if (result === 1) return 4;
      const transient = (n & 8) === 0 && (n & 3) !== 0;
      return (result === 2 ? (transient ? 0 : 8) : transient ? 4 : 12) | (n & 3);
    };
    return (part(first >> 4, s2 >> 2) << 4) | part(first & 15, s2 & 3);
  }
});

describe('traps', () => {
  it('below their level they are undefined', () => {
    world();
    expect(w.exec(AT_WORD.S1E1R, 0, VA).esr >> 26n).toBe(0n);
    expect(w.exec(AT_WORD.S12E1R, 1, VA).esr >> 26n).toBe(0n);
    expect(w.exec(AT_WORD.S1E2R, 1, VA).esr >> 26n).toBe(0n);
    expect(w.exec(AT_WORD.S1E3R, 2, VA).esr >> 26n).toBe(0n);
  });
  it('HCR_EL2.AT and the fine-grained trap', () => {
    world();
    m.reg('HCR_EL2', (1n << 31n) | (1n << 44n));
    const r = w.exec(AT_WORD.S1E1R, 1, VA);
    expect(r.exception).toBe(2);
    expect(r.esr).toBe((0x18n << 26n) | (1n << 25n) | (1n << 20n) | (7n << 10n) | (8n << 1n));
    m.reg('HCR_EL2', 1n << 31n);
    m.reg('SCR_EL3', m.get('SCR_EL3') | (1n << 27n));
    m.reg('HFGITR_EL2', 1n << 14n);
    expect(w.exec(AT_WORD.S1E0R, 1, VA).exception).toBe(2);
    expect(w.exec(AT_WORD.S1E0W, 1, VA).exception).toBe(0);
    m.reg('HFGITR_EL2', 0n);
  });
});
