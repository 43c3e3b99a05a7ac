/** Which MECID an access uses: one table of regimes, stages, halves, AMEC and EMEC (D8.12). */
import { beforeAll, describe, expect, it } from 'vitest';
import * as state from '../../core/arch/state.ts';
import { MEC } from '../../core/arch/translation/fields.ts';
import { PAS, RmeWorld, scrOf, VA } from '../rme/world.ts';
import { INFO, RAM, type TranslationMachine } from '../translation/machine.ts';
import { RW2, S1 } from '../translation/tables.ts';
import { DATA, KERNEL, UPPER } from '../translation/world.ts';
import { type Protected, protectedMachine } from './machine.ts';

let p: Protected;
let m: TranslationMachine;
beforeAll(() => {
  p = protectedMachine();
  m = p.m;
});
const NAMES = {
  p0: 'MECID_P0_EL2',
  a0: 'MECID_A0_EL2',
  p1: 'MECID_P1_EL2',
  a1: 'MECID_A1_EL2',
  vp: 'VMECID_P_EL2',
  va: 'VMECID_A_EL2',
  rl: 'MECID_RL_A_EL3',
} as const;
type Selector = keyof typeof MEC;
const AF = 1n << 10n;
const AMEC = 1n << 63n;
const NS2 = 1n << 55n;
const IPA = 0x1_0000_0000n;
const EMEC = 2n;

interface Case {
  readonly regime: 'EL3' | 'EL2' | 'EL2&0' | 'EL1&0';
  readonly mmu: 'on' | 'off';
  /** EL1&0: stage 2. */
  readonly stage2?: 'on' | 'off';
  readonly half?: 'lower' | 'upper';
  readonly amec?: 0 | 1;
  readonly emec: 0 | 1;
  /** The output is Realm memory; else Non-secure. */
  readonly realm: boolean;
  /** Of the output; of the walk's own fetches, where they are not stage 2's. */
  readonly output: Selector;
  readonly a1?: 0 | 1;
  readonly walk?: Selector;
}
const CASES: Case[] = [];
const add = (c: Omit<Case, 'emec' | 'realm' | 'output'>, output: Selector, walk?: Selector): void => {
  const w = walk === undefined ? {} : { walk };
  CASES.push({ ...c, emec: 1, realm: true, output, ...w });
  // Without EMEC, or where the output is not Realm: the default context.
  CASES.push({ ...c, emec: 0, realm: true, output: 'none', ...(walk === undefined ? {} : { walk: 'none' }) });
  if (c.mmu === 'on' && !(c.regime === 'EL1&0' && c.stage2 === 'off')) {
    CASES.push({ ...c, emec: 1, realm: false, output: 'none', ...w });
  }
};
// EL3: MECID_RL_A_EL3 whatever AMEC says; its tables are Root memory.
for (const amec of [0, 1] as const) add({ regime: 'EL3', mmu: 'on', amec }, 'rl', 'none');
CASES.push({ regime: 'EL3', mmu: 'off', emec: 1, realm: false, output: 'none' });
// EL2 and EL2&0.
for (const regime of ['EL2', 'EL2&0'] as const) add({ regime, mmu: 'off' }, 'p0');
for (const amec of [0, 1] as const) add({ regime: 'EL2', mmu: 'on', amec }, amec ? 'a0' : 'p0', 'p0');
for (const half of ['lower', 'upper'] as const) {
  for (const amec of [0, 1] as const) {
    // Walks of either half go by TCR_EL2.A1: P1 when it is 0.
    for (const a1 of [0, 1] as const) {
      const output = half === 'lower' ? (amec ? 'a0' : 'p0') : amec ? 'a1' : 'p1';
      add({ regime: 'EL2&0', mmu: 'on', half, amec, a1 }, output, a1 ? 'p0' : 'p1');
    }
  }
}
// EL1&0: stage 2's AMEC alone, or VMECID_P_EL2 without stage 2; stage 1's bit 63 means nothing.
for (const mmu of ['on', 'off'] as const) {
  for (const half of mmu === 'on' ? (['lower', 'upper'] as const) : (['lower'] as const)) {
    add(
      { regime: 'EL1&0', mmu, stage2: 'off', half, amec: mmu === 'on' ? 1 : 0 },
      'vp',
      ...(mmu === 'on' ? (['vp'] as const) : []),
    );
    for (const amec of [0, 1] as const) add({ regime: 'EL1&0', mmu, stage2: 'on', half, amec }, amec ? 'va' : 'vp');
  }
}
const MAPPED_AT = (c: Case): bigint => (c.half === 'upper' ? UPPER : 0n) + VA;
const title = (c: Case): string =>
  `${c.regime}, MMU ${c.mmu}${c.stage2 ? `, stage 2 ${c.stage2}` : ''}${c.half ? `, ${c.half} half` : ''}, AMEC ${c.amec ?? '-'}, EMEC ${c.emec}, ` +
  `${c.a1 === undefined ? '' : `A1 ${c.a1}, `}${c.realm ? 'Realm' : 'other'} output`;

function world(c: Case): { va: bigint; el: number } {
  const w = new RmeWorld(m, PAS.realm);
  m.reg('SCTLR2_EL2', c.regime === 'EL3' ? 0n : BigInt(c.emec) * EMEC);
  m.reg('SCTLR2_EL3', c.regime === 'EL3' ? BigInt(c.emec) * EMEC : 0n);
  m.reg('TCR2_EL2', 3n << 12n);
  const amec = c.amec ? AMEC : 0n;
  const va = MAPPED_AT(c);
  if (c.regime === 'EL3') {
    if (c.mmu === 'off') return { va: DATA, el: 3 };
    const t = w.own(3, RAM + 0xa0_0000n);
    t.map(va, DATA, AF | amec | S1.ns | (c.realm ? 1n << 11n : 0n));
    return { va, el: 3 };
  }
  if (c.regime !== 'EL1&0') {
    const e2h = c.regime === 'EL2&0';
    if (c.mmu === 'off') {
      if (e2h) m.reg('HCR_EL2', 1n << 34n);
      return { va: DATA, el: 2 };
    }
    const t = w.own(2, RAM + 0xa0_0000n, e2h);
    t.map(VA, DATA, AF | amec | (c.realm ? 0n : S1.ns));
    if (e2h) m.reg('TCR_EL2', (m.get('TCR_EL2') & ~(1n << 22n)) | (BigInt(c.a1 ?? 0) << 22n));
    return { va, el: 2 };
  }
  if (c.stage2 === 'on') {
    const s2 = w.w.stage2(RAM + 0x80_0000n);
    s2.map(IPA, DATA, RW2 | amec | (c.realm ? 0n : NS2));
    (c.half === 'upper' ? w.w.upper : w.w.lower).map(va, IPA, KERNEL | AMEC);
  } else (c.half === 'upper' ? w.w.upper : w.w.lower).map(va, DATA, KERNEL | amec);
  if (c.mmu === 'off') m.reg('SCTLR_EL1', 0n);
  return { va: c.mmu === 'on' ? va : c.stage2 === 'on' ? IPA : DATA, el: 1 };
}

describe('MECID selection', () => {
  it.each(CASES.map((c) => [title(c), c] as const))('%s', (_title, c) => {
    const { va, el } = world(c);
    m.setWord(state.SECURITY, el === 3 ? PAS.root : PAS.realm);
    m.enter(el);
    for (const info of [3, 3 | INFO.write, 2 | INFO.exec]) {
      const r = m.translate(va, info);
      if (!('pa' in r)) continue;
      expect([info, m.word(state.TR_MEC)]).toEqual([info, MEC[c.output]]);
      expect(r.pas === PAS.realm || c.output === 'none').toBe(true);
    }
    expect('pa' in m.translate(va, 3)).toBe(true);
  });
  it.each(CASES.filter((c) => c.walk !== undefined).map((c) => [title(c), c] as const))('walks: %s', (_title, c) => {
    const { va, el } = world(c);
    p.powerOn();
    // Each register has a value of its own: the page of the last table gets it as owner.
    for (const [i, name] of Object.values(NAMES).entries()) m.reg(name, BigInt(10 + i));
    m.setWord(state.SECURITY, el === 3 ? PAS.root : PAS.realm);
    m.enter(el);
    expect('pa' in m.translate(va, 3)).toBe(true);
    const root = { EL3: 'TTBR0_EL3', EL2: 'TTBR0_EL2', 'EL2&0': 'TTBR0_EL2', 'EL1&0': 'TTBR0_EL1' }[c.regime];
    const at = m.get(c.regime === 'EL1&0' && c.half === 'upper' ? 'TTBR1_EL1' : root) & 0xffff_ffff_f000n;
    const mecid = c.walk === 'none' ? 0 : 10 + Object.keys(NAMES).indexOf(c.walk!);
    expect(p.engine.ownerAt(Number(at))).toEqual({ pas: el === 3 ? PAS.root : PAS.realm, mecid, generation: 0 });
    p.powerOn('off');
  });
  it('walks of stage 2 use VMECID_P_EL2; those of stage 1 behind it what stage 2’s leaf says', () => {
    for (const amec of [0n, AMEC]) {
      const w = new RmeWorld(m, PAS.realm);
      m.reg('SCTLR2_EL2', EMEC);
      const s2 = w.w.stage2(RAM + 0x80_0000n);
      const moved = 0x1_0000_5000n;
      s2.map(moved, w.w.lower.root, RW2 | amec);
      m.reg('TTBR0_EL1', moved);
      m.reg('VMECID_P_EL2', 21n);
      m.reg('VMECID_A_EL2', 22n);
      p.powerOn();
      w.enter(1);
      expect('pa' in m.translate(VA, 3)).toBe(true);
      expect(p.engine.ownerAt(Number(s2.root))).toMatchObject({ mecid: 21 });
      expect(p.engine.ownerAt(Number(w.w.lower.root))).toMatchObject({ mecid: amec ? 22 : 21 });
      p.powerOn('off');
    }
  });
  it('EL0 is of the regime that it runs in: EL2&0 with TGE, else EL1&0', () => {
    const w = new RmeWorld(m, PAS.realm);
    m.reg('SCTLR2_EL2', EMEC);
    m.reg('TCR2_EL2', 3n << 12n);
    w.w.lower.map(VA, DATA, KERNEL | S1.user);
    m.enter(0);
    expect('pa' in m.translate(VA, 3)).toBe(true);
    expect(m.word(state.TR_MEC)).toBe(MEC.vp);
    w.own(2, RAM + 0xa0_0000n, true).map(VA, DATA, AF | AMEC | S1.user | S1.nG);
    m.reg('HCR_EL2', m.get('HCR_EL2') | (1n << 27n));
    m.enter(0);
    expect('pa' in m.translate(VA, 3)).toBe(true);
    expect(m.word(state.TR_MEC)).toBe(MEC.a0);
  });
  it('covers every register', () => {
    expect(new Set(CASES.map((c) => c.output))).toEqual(new Set(Object.keys(MEC)));
  });
  it.each([PAS.secure, PAS.nonSecure])('states other than Realm have none (%i)', (security) => {
    const w = new RmeWorld(m, security);
    m.reg('SCTLR2_EL2', EMEC);
    w.w.lower.map(VA, DATA, KERNEL | AMEC | S1.ns);
    m.translate(VA, 3);
    expect(m.word(state.TR_MEC)).toBe(MEC.none);
    // Nor have their walks, of any regime.
    for (const name of Object.values(NAMES)) m.reg(name, 7n);
    const own = w.own(2, RAM + 0xa0_0000n);
    own.map(VA, DATA, AF);
    const roots = [w.w.lower.root, own.root];
    if (security === PAS.nonSecure) roots.push(w.w.stage2(RAM + 0x80_0000n).root);
    p.powerOn();
    for (const el of [1, 2]) {
      w.enter(el);
      expect('pa' in m.translate(VA, 3)).toBe(true);
    }
    for (const root of roots) {
      expect(p.engine.ownerAt(Number(root))).toEqual({ pas: security, mecid: 0, generation: 0 });
    }
    p.powerOn('off');
  });
  it('SCTLR2_EL2 counts as 0 without SCR_EL3.SCTLR2En; MECEn has no say', () => {
    const w = new RmeWorld(m, PAS.realm);
    m.reg('SCTLR2_EL2', EMEC);
    for (const [bit, selector] of [
      [44n, MEC.none],
      [49n, MEC.vp],
    ] as const) {
      m.reg('SCR_EL3', scrOf(PAS.realm) & ~(1n << bit));
      w.enter(1);
      m.translate(VA, 3);
      expect(m.word(state.TR_MEC)).toBe(selector);
    }
  });
});

describe('an alternate MECID that TCR2_EL2 does not allow', () => {
  const leaf = (w: RmeWorld, e2h: boolean, more = 0n, level = 3): void => {
    const t = w.own(2, RAM + 0xa0_0000n, e2h);
    const [va, pa] = level === 3 ? [VA, DATA] : [VA & ~0x1fffffn, DATA & ~0x1fffffn];
    t.map(va, pa, AF | AMEC | more, level);
  };
  it.each([
    ['EL2', false, 0n, 12n],
    ['EL2&0, lower half', true, 0n, 12n],
    ['EL2&0, upper half', true, UPPER, 13n],
  ] as const)('%s: translation fault at the level of the leaf', (_name, e2h, base, bit) => {
    for (const level of [2, 3]) {
      const w = new RmeWorld(m, PAS.realm);
      leaf(w, e2h, 0n, level);
      m.reg('SCTLR2_EL2', EMEC);
      w.enter(2);
      expect(m.translate(base + VA, 3)).toMatchObject({ iss: 4 + level });
      // The other half's bit does not help; its own does.
      m.reg('TCR2_EL2', (3n << 12n) & ~(1n << bit));
      w.enter(2);
      expect(m.translate(base + VA, 3)).toMatchObject({ iss: 4 + level });
      m.reg('TCR2_EL2', 1n << bit);
      w.enter(2);
      expect('pa' in m.translate(base + VA, 3)).toBe(true);
      // TCR2_EL2 counts as 0 without SCR_EL3.TCR2En.
      m.reg('SCR_EL3', scrOf(PAS.realm) & ~(1n << 43n));
      w.enter(2);
      expect(m.translate(base + VA, 3)).toMatchObject({ iss: 4 + level });
      // Without EMEC the bit is ignored.
      m.reg('SCTLR2_EL2', 0n);
      w.enter(2);
      expect('pa' in m.translate(base + VA, 3)).toBe(true);
    }
  });
  it('is ignored where the output is Non-secure', () => {
    const w = new RmeWorld(m, PAS.realm);
    leaf(w, true, S1.ns);
    m.reg('SCTLR2_EL2', EMEC);
    w.enter(2);
    expect('pa' in m.translate(VA, 3)).toBe(true);
  });
  it('goes before address size and access flag faults', () => {
    const w = new RmeWorld(m, PAS.realm);
    const t = w.own(2, RAM + 0xa0_0000n);
    t.map(VA, DATA, AMEC);
    m.reg('SCTLR2_EL2', EMEC);
    w.enter(2);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x07 });
    t.map(VA, (1n << 47n) | DATA, AF | AMEC);
    m.reg('TCR_EL2', m.get('TCR_EL2') & ~(7n << 16n));
    w.enter(2);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x07 });
  });
  it('never faults in stage 2, nor at EL3', () => {
    const w = new RmeWorld(m, PAS.realm);
    m.reg('SCTLR2_EL2', EMEC);
    m.reg('SCTLR2_EL3', EMEC);
    const s2 = w.w.stage2(RAM + 0x80_0000n);
    s2.map(IPA, DATA, RW2 | AMEC);
    w.w.lower.map(VA, IPA, KERNEL);
    w.enter(1);
    expect('pa' in m.translate(VA, 3)).toBe(true);
    const t = w.own(3, RAM + 0xa0_0000n);
    t.map(VA, DATA, AF | AMEC | S1.ns | (1n << 11n));
    w.enter(3);
    expect('pa' in m.translate(VA, 3)).toBe(true);
  });
});

describe('a MECID that changes', () => {
  /** Realm EL2&0 with one page through each selector. */
  const PAGES: readonly (readonly [Selector, bigint, bigint])[] = [
    ['p0', VA, 0n],
    ['a0', VA + 0x1000n, AMEC],
    ['p1', UPPER + VA + 0x2000n, 0n],
    ['a1', UPPER + VA + 0x3000n, AMEC],
    ['none', VA + 0x4000n, S1.ns],
  ];
  const REGISTER = { p0: 'MECID_P0_EL2', a0: 'MECID_A0_EL2', p1: 'MECID_P1_EL2', a1: 'MECID_A1_EL2' } as const;
  function filled(extra = 0): RmeWorld {
    const w = new RmeWorld(m, PAS.realm);
    const t = w.own(2, RAM + 0xa0_0000n, true);
    m.reg('SCTLR2_EL2', EMEC);
    m.reg('TCR2_EL2', 3n << 12n);
    const all = [
      ...PAGES,
      ...Array.from({ length: extra }, (_, i) => ['a1', UPPER + VA + 0x10000n + BigInt(i) * 0x1000n, AMEC] as const),
    ];
    for (const [, va, bits] of all) t.map(va & 0x7f_ffff_ffffn, DATA, AF | bits);
    w.enter(2);
    for (const [, va] of all) m.fill(va, 3);
    return w;
  }
  const inTlb = (): string[] => PAGES.filter(([, va]) => m.cached(va)).map(([s]) => s);
  it.each(Object.entries(REGISTER))('%s: costs only the entries made through it', (selector, name) => {
    for (const extra of [0, 20]) {
      filled(extra);
      expect(inTlb()).toEqual(PAGES.map(([s]) => s));
      m.reg(name, 5n);
      m.call('mecChanged');
      expect([extra, inTlb()]).toEqual([extra, PAGES.map(([s]) => s).filter((s) => s !== selector)]);
      if (selector === 'a1' && extra) expect(m.cached(UPPER + VA + 0x10000n + 19n * 0x1000n)).toBe(false);
    }
  });
  it('one after the other, whichever comes first: each finds its own, however many entries there are', () => {
    const names = Object.entries(REGISTER);
    for (const extra of [0, 20]) {
      for (let first = 0; first < names.length; first++) {
        filled(extra);
        const left = new Set(PAGES.map(([s]) => s as string));
        for (const [selector, name] of [...names.slice(first), ...names.slice(0, first)]) {
          m.reg(name, 5n);
          m.call('mecChanged');
          left.delete(selector);
          expect([extra, first, inTlb()]).toEqual([extra, first, [...left]]);
        }
      }
    }
  });
  it('written with the value that it has costs nothing', () => {
    filled();
    m.call('mecChanged');
    expect(inTlb()).toEqual(PAGES.map(([s]) => s));
  });
  it('VMECID_P_EL2 is a switch of banks: the entries are there again when the value is', () => {
    const w = new RmeWorld(m, PAS.realm);
    m.reg('SCTLR2_EL2', EMEC);
    w.w.stage2(RAM + 0x80_0000n);
    w.enter(1);
    m.fill(VA, 3);
    expect(m.cached(VA)).toBe(true);
    m.reg('VMECID_P_EL2', 9n);
    m.call('mecChanged');
    expect(m.cached(VA)).toBe(false);
    m.reg('VMECID_P_EL2', 0n);
    m.call('mecChanged');
    expect(m.cached(VA)).toBe(true);
  });
  it('takes effect by MSR and ISB alone, without TLBI', () => {
    const w = filled();
    m.reg('mask MECID_A1_EL2', 0xffffn);
    const [, va] = PAGES[3]!;
    // MSR MECID_A1_EL2, X0
    expect(w.exec(0xd51ca860, 2, 7n).exception).toBe(0);
    expect(m.get('MECID_A1_EL2')).toBe(7n);
    w.enter(2);
    expect(m.cached(va)).toBe(false);
    expect(inTlb()).toContain('p1');
  });
});
