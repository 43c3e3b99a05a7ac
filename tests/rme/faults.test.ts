/** Faults of granule protection as software sees them: class, syndrome, registers, routing, priority. */
import { beforeAll, describe, expect, it } from 'vitest';
import { FAULT_HINT } from '../../core/arch/exceptions/fault-kinds.ts';
import { GPCSC } from '../../core/arch/granules/format.ts';
import * as state from '../../core/arch/state.ts';
import { INFO, RAM, type TranslationMachine } from '../translation/machine.ts';
import { RW2, S1, Tables } from '../translation/tables.ts';
import { AT_WORD, CACHE_WORD, CODE, KERNEL, TCR } from '../translation/world.ts';
import { BR, GPI, LDADD, LDR, PAGE, PAS, RmeWorld, rmeMachine, STR, VA } from './world.ts';

const EC = { gpc: 0x1e, instruction: 0x20, data: 0x24 } as const;
const SCR_GPF = 1n << 48n;
const HCR = { VM: 1n, TGE: 1n << 27n, GPF: 1n << 48n, RW: 1n << 31n } as const;
const WNR = 1 << 6;
const S1PTW = 1 << 7;
const CM = 1 << 8;
let m: TranslationMachine;
beforeAll(() => {
  m = rmeMachine();
});
const mfar = (pas: number, pa: bigint): bigint => (BigInt(pas & 1) << 63n) | (BigInt(pas >> 1) << 62n) | (pa & ~0xfffn);
/** ISS of a granule protection check exception: kind, level of the granule table, translation's status code, more bits. */
const gpc = (kind: keyof typeof GPCSC, level: number, fsc: number, more = 0): number =>
  ((GPCSC[kind] | level) << 14) | fsc | more;

/** A world whose data page has the given code. */
function page(code: number, security: number = PAS.nonSecure): RmeWorld {
  const w = new RmeWorld(m, security);
  const t = w.gpt();
  t.granule(PAGE, code);
  w.on(t);
  return w;
}

describe('a granule of another address space, SCR_EL3.GPF = 0: an ordinary abort, FSC 0x28', () => {
  it('from EL1 to EL1', () => {
    const w = page(GPI.realm);
    expect(w.exec(LDR, 1, VA + 8n)).toEqual({ exception: 1, ec: EC.data + 1, iss: 0x28, far: VA + 8n });
    expect(w.exec(STR, 1, VA)).toEqual({ exception: 1, ec: EC.data + 1, iss: 0x28 | WNR, far: VA });
    expect(w.exec(LDADD, 1, VA)).toMatchObject({ exception: 1, iss: 0x28 });
    expect(w.exec(BR, 1, VA)).toEqual({ exception: 1, ec: EC.instruction + 1, iss: 0x28, far: VA });
    expect(m.get('ELR_EL1')).toBe(VA);
  });
  it('leaves registers alone, and returns to the instruction', () => {
    const w = page(GPI.realm);
    m.core.setX(1, 77n);
    w.exec(0xf8408401, 1, VA); // LDR X1, [X0], #8
    expect([m.core.x(0), m.core.x(1)]).toEqual([VA, 77n]);
    expect(m.get('ELR_EL1')).toBe(CODE + 0xff0n);
  });
  it('HCR_EL2.GPF takes it to EL2', () => {
    const w = page(GPI.realm);
    m.reg('HCR_EL2', HCR.RW | HCR.GPF);
    expect(w.exec(LDR, 1, VA)).toEqual({ exception: 2, ec: EC.data, iss: 0x28, far: VA });
  });
  it('and so does HCR_EL2.TGE from EL0', () => {
    const w = page(GPI.realm);
    w.w.lower.map(VA, PAGE, S1.af | S1.user | S1.nG);
    m.reg('HCR_EL2', HCR.RW);
    expect(w.exec(LDR, 0, VA)).toMatchObject({ exception: 1, ec: EC.data, iss: 0x28 });
    m.reg('HCR_EL2', HCR.RW | HCR.GPF);
    expect(w.exec(LDR, 0, VA)).toMatchObject({ exception: 2, ec: EC.data, iss: 0x28 });
    m.reg('HCR_EL2', HCR.RW | HCR.TGE);
    // With TGE stage 1 of EL1&0 is off: the address is the page's own.
    const t = w.gpt();
    t.granule(PAGE, GPI.realm);
    w.on(t);
    expect(w.exec(LDR, 0, PAGE)).toMatchObject({ exception: 2, ec: EC.data, iss: 0x28 });
  });
  it('from EL2 to EL2, in every security state', () => {
    for (const security of [PAS.secure, PAS.nonSecure, PAS.realm]) {
      const w = page(GPI.root, security);
      m.reg('SCTLR_EL2', 0n);
      expect([security, w.exec(LDR, 2, PAGE)]).toEqual([
        security,
        { exception: 2, ec: EC.data + 1, iss: 0x28, far: PAGE },
      ]);
    }
  });
  it('at EL3: Root has no way around it', () => {
    const w = page(GPI.nonSecure);
    expect(w.exec(LDR, 3, PAGE)).toEqual({ exception: 3, ec: EC.data + 1, iss: 0x28, far: PAGE });
  });
});

describe('SCR_EL3.GPF = 1: a granule protection check exception to EL3', () => {
  it.each([
    ['LDR', LDR, 0],
    ['STR', STR, WNR],
    ['LDADD', LDADD, 0],
  ] as const)('%s', (_name, word, more) => {
    const w = page(GPI.realm).in(PAS.nonSecure, SCR_GPF);
    expect(w.exec(word, 1, VA + 16n)).toEqual({
      exception: 3,
      ec: EC.gpc,
      iss: gpc('fail', 1, 0x28, more),
      far: VA + 16n,
    });
    expect(m.get('MFAR_EL3')).toBe(mfar(PAS.nonSecure, PAGE));
  });
  it('fetches set InD', () => {
    const w = page(GPI.realm).in(PAS.nonSecure, SCR_GPF);
    expect(w.exec(BR, 1, VA)).toEqual({ exception: 3, ec: EC.gpc, iss: gpc('fail', 1, 0x28, 1 << 20), far: VA });
  });
  it('cache maintenance sets CM and WnR', () => {
    const w = page(GPI.realm).in(PAS.nonSecure, SCR_GPF);
    for (const name of ['DC CIVAC', 'DC CVAC', 'DC IVAC', 'IC IVAU'] as const) {
      expect([name, w.exec(CACHE_WORD[name], 1, VA)]).toEqual([
        name,
        { exception: 3, ec: EC.gpc, iss: gpc('fail', 1, 0x28, CM | WNR), far: VA },
      ]);
    }
    expect(w.exec(CACHE_WORD['DC ZVA'], 1, VA).iss).toBe(gpc('fail', 1, 0x28, WNR));
  });
  it('but not at EL3, where it stays a Data Abort', () => {
    const w = page(GPI.nonSecure).in(PAS.nonSecure, SCR_GPF);
    expect(w.exec(LDR, 3, PAGE)).toMatchObject({ exception: 3, ec: EC.data + 1, iss: 0x28 });
  });
  it('MFAR_EL3 names the address space of the access', () => {
    for (const security of [PAS.secure, PAS.nonSecure, PAS.realm]) {
      const w = page(GPI.none, security).in(security, SCR_GPF);
      w.exec(LDR, 2, PAGE + 0x18n);
      expect(m.get('MFAR_EL3').toString(16)).toBe(mfar(security, PAGE).toString(16));
    }
  });
});

describe('what is wrong with the table itself goes to EL3 whatever SCR_EL3.GPF says', () => {
  it('invalid entry', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.gpt();
    t.granule(PAGE, 4);
    w.on(t);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 3, ec: EC.gpc, iss: gpc('walk', 1, 0x28) });
  });
  it('also from EL3', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.gpt();
    t.granule(PAGE, 4);
    w.on(t);
    expect(w.exec(LDR, 3, PAGE)).toMatchObject({ exception: 3, ec: EC.gpc, iss: gpc('walk', 1, 0x28) });
  });
  it('table beyond the protected addresses; external abort on it, at the SError vector with SCR_EL3.EASE', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.gpt();
    t.block(0x8000_0000n, GPI.any);
    m.write64(t.entry0(0x8000_0000n), (1n << 36n) | 3n);
    w.on(t);
    w.w.lower.map(VA, 0x8000_0000n, KERNEL);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 3, ec: EC.gpc, iss: gpc('addressSize', 0, 0x28) });
    m.write64(t.entry0(0x8000_0000n), (1n << 35n) | 3n);
    w.on(t);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 3, ec: EC.gpc, iss: gpc('externalAbort', 1, 0x28) });
    const vector = (): number => Number(m.core.pc & 0x7ffn) - 4;
    expect(vector()).toBe(0x400);
    w.in(PAS.nonSecure, 1n << 19n);
    w.exec(LDR, 1, VA);
    expect(vector()).toBe(0x400 + 0x180);
    // Other faults of the table stay synchronous.
    m.write64(t.entry0(0x8000_0000n), 0n);
    w.on(t);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 3, ec: EC.gpc, iss: gpc('walk', 0, 0x28) });
    expect(vector()).toBe(0x400);
  });
});

describe('walks', () => {
  /** The tables of EL1 with their pages' codes by level. */
  function walks(security: number = PAS.nonSecure): { w: RmeWorld; table: (level: number) => bigint } {
    const w = new RmeWorld(m, security);
    const table = (level: number): bigint => w.w.lower.entry(VA, level) & ~0xfffn;
    return { w, table };
  }
  it.each([1, 2, 3])('a table of stage 1, level %i', (level) => {
    const { w, table } = walks();
    const t = w.gpt();
    t.granule(table(level), GPI.root);
    w.on(t);
    // The code is mapped by other tables of the lower levels; level 1 is common, so look without running.
    const r = m.translate(VA, 3 | INFO.write);
    expect(r).toMatchObject({ kind: 1, iss: (0x24 + level) | WNR, far: VA });
    w.in(PAS.nonSecure, SCR_GPF);
    const e = m.translate(VA, 3 | INFO.write);
    expect(e).toMatchObject({ kind: 5, iss: gpc('fail', 1, 0x24 + level, WNR), far: VA });
    expect(m.long(state.FAULT_PA)).toBe(mfar(PAS.nonSecure, table(level)));
    expect(m.translate(VA, 2 | INFO.exec)).toMatchObject({ kind: 5, iss: gpc('fail', 1, 0x24 + level, 1 << 20) });
  });
  it.each([
    [-1, 52, 0x23],
    [0, 48, 0x24],
  ])('a table of level %i', (_level, bits, fsc) => {
    // FEAT_LPA2: TCR_EL1.DS lets addresses have 52 bits.
    const deep = rmeMachine({ features: { LPA2: true } });
    const w = new RmeWorld(deep, PAS.nonSecure);
    const tables = new Tables(deep, 12, bits, RAM + 0xb0_0000n);
    deep.reg('TCR_EL1', (TCR.plain & ~63n) | BigInt(64 - bits) | (1n << 59n));
    deep.reg('TTBR0_EL1', tables.root);
    tables.map(CODE, CODE, S1.af);
    const t = w.gpt();
    w.on(t);
    expect('pa' in deep.translate(CODE, 3)).toBe(true);
    t.granule(tables.root, GPI.root);
    w.on(t);
    expect(deep.translate(CODE, 3)).toMatchObject({ kind: 1, iss: fsc });
    expect(deep.call('abortTarget', fsc)).toBe(1);
    // The fetch already fails.
    deep.reg('HCR_EL2', HCR.RW | HCR.GPF);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 2, ec: EC.instruction, iss: fsc });
    w.in(PAS.nonSecure, SCR_GPF);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 3, ec: EC.gpc, iss: gpc('fail', 1, fsc, 1 << 20) });
  });
  it('go before anything that the descriptor would say', () => {
    const { w, table } = walks();
    m.write64(w.w.lower.entry(VA, 2), 0n);
    const t = w.gpt();
    t.granule(table(2), GPI.root);
    w.on(t);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x26 });
    t.granule(table(2), GPI.any);
    w.on(t);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x06 });
  });
  it('translation and permission faults go before the check of the output', () => {
    const w = page(GPI.realm);
    w.w.lower.map(VA, PAGE, KERNEL | S1.readOnly);
    expect(w.exec(STR, 1, VA)).toMatchObject({ iss: 0x0f | WNR });
    expect(w.exec(LDR, 1, VA)).toMatchObject({ iss: 0x28 });
  });
  const IPA_TABLES = RAM + 0x80_0000n;
  it('a table of stage 2: to EL2, with HPFAR_EL2; S1PTW when stage 1’s walk met it', () => {
    const { w } = walks();
    const s2 = w.w.stage2(IPA_TABLES);
    // The page under a table of level 2 of its own, the tables of stage 1 by blocks.
    const ipa = 0x1_0000_0000n;
    s2.map(ipa, PAGE, RW2);
    w.w.lower.map(VA, ipa, KERNEL);
    const t = w.gpt();
    t.granule(s2.entry(ipa, 3) & ~0xfffn, GPI.realm);
    w.on(t);
    w.enter(1);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 2, ec: EC.data, far: VA });
    expect(Number(m.get('ESR_EL2')) & 0xff).toBe(0x27);
    expect(m.get('HPFAR_EL2')).toBe(ipa >> 8n);
    w.in(PAS.nonSecure, SCR_GPF);
    expect(w.exec(STR, 1, VA)).toEqual({
      exception: 3,
      ec: EC.gpc,
      iss: gpc('fail', 1, 0x27, (1 << 21) | WNR),
      far: VA,
    });
    expect(m.get('HPFAR_EL2')).toBe(ipa >> 8n);
    expect(m.get('MFAR_EL3')).toBe(mfar(PAS.nonSecure, s2.entry(ipa, 3)));

    // Now a table of stage 1 lies under that table of stage 2.
    const root = w.w.lower.root;
    const moved = 0x1_0000_5000n;
    s2.map(moved, root, RW2);
    m.reg('TTBR0_EL1', moved | (1n << 48n));
    w.enter(1);
    const whole = gpc('fail', 1, 0x27, (1 << 21) | S1PTW) | FAULT_HINT.ipaValid;
    expect(m.translate(VA, 3)).toMatchObject({ kind: 5, iss: whole, ipa: moved });
    w.in(PAS.nonSecure);
    const r = m.translate(VA, 3);
    expect(r).toMatchObject({ kind: 1, ipa: moved });
    expect((r as { iss: number }).iss & 0x1ff).toBe(0x27 | S1PTW);
  });
  it('a table of stage 1 behind stage 2 is stage 1’s fault', () => {
    const { w, table } = walks();
    w.w.stage2(IPA_TABLES);
    const t = w.gpt();
    t.granule(table(3), GPI.realm);
    w.on(t);
    w.enter(1);
    expect(m.translate(VA, 3)).toMatchObject({ kind: 1, iss: 0x27 });
    w.in(PAS.nonSecure, SCR_GPF);
    expect(m.translate(VA, 3)).toMatchObject({ kind: 5, iss: gpc('fail', 1, 0x27) });
  });
  it('tables of EL2 and EL3 are of their own address space', () => {
    const { w } = walks(PAS.realm);
    const two = w.own(2, RAM + 0x90_0000n);
    two.map(VA, PAGE, 1n << 10n);
    const three = w.own(3, RAM + 0xa0_0000n);
    three.map(VA, PAGE, 1n << 10n);
    const t = w.gpt();
    const pages = (x: typeof two): bigint => x.entry(VA, 3) & ~0xfffn;
    t.granule(pages(two), GPI.realm);
    t.granule(pages(three), GPI.root);
    t.granule(PAGE, GPI.any);
    w.on(t);
    w.enter(2);
    expect('pa' in m.translate(VA, 3)).toBe(true);
    w.enter(3);
    expect('pa' in m.translate(VA, 3)).toBe(true);
    t.granule(pages(two), GPI.root);
    t.granule(pages(three), GPI.realm);
    w.on(t);
    w.enter(2);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x27 });
    w.enter(3);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x27 });
  });
});

describe('AT', () => {
  it('does not check the output; faults on walks go to PAR_EL1', () => {
    const w = page(GPI.realm);
    expect(w.exec(AT_WORD.S1E1R, 1, VA).exception).toBe(0);
    expect(m.get('PAR_EL1') & 1n).toBe(0n);
    const t = w.gpt();
    t.granule(w.w.lower.entry(VA, 3) & ~0xfffn, GPI.realm);
    w.on(t);
    expect(w.exec(AT_WORD.S1E1R, 1, VA).exception).toBe(0);
    expect(Number(m.get('PAR_EL1') & 0x7fn)).toBe((0x27 << 1) | 1);
  });
  it('takes them as exceptions where SCR_EL3.GPF or, from EL1, HCR_EL2.GPF says so', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.gpt();
    t.granule(w.w.lower.entry(VA, 3) & ~0xfffn, GPI.realm);
    w.on(t);
    m.reg('HCR_EL2', HCR.RW | HCR.GPF);
    expect(w.exec(AT_WORD.S1E1R, 1, VA)).toMatchObject({ exception: 2, ec: EC.data, iss: 0x27 | CM | WNR });
    // At EL2 the register says nothing.
    expect(w.exec(AT_WORD.S1E1R, 2, VA).exception).toBe(0);
    expect(w.exec(AT_WORD.S12E1R, 2, VA).exception).toBe(0);
    w.in(PAS.nonSecure, SCR_GPF);
    expect(w.exec(AT_WORD.S1E1W, 1, VA)).toMatchObject({
      exception: 3,
      ec: EC.gpc,
      iss: gpc('fail', 1, 0x27, CM | WNR),
    });
  });
});
