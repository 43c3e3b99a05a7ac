/** Security states: which there are, how they are entered, what belongs to them: registers, maintenance, execution. */
import { beforeAll, describe, expect, it } from 'vitest';
import { cpuOf } from '../../core/arch/registers/reset.ts';
import * as state from '../../core/arch/state.ts';
import { RegisterCore } from '../registers/support.ts';
import { INFO, RAM, type TranslationMachine } from '../translation/machine.ts';
import { RW2, S1, S2 } from '../translation/tables.ts';
import { CODE, KERNEL } from '../translation/world.ts';
import { ERET, GPI, LDR, PAGE, PAS, RmeWorld, rmeMachine, STR, scrOf, VA } from './world.ts';

let m: TranslationMachine;
beforeAll(() => {
  m = rmeMachine();
});
const pasOf = (r: unknown): number => (r as { pas: number }).pas;
const sys = (op1: number, crm: number, op2: number, crn = 8): number =>
  0xd5080000 | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5);

describe('identification', () => {
  it.each([
    [{ 'x-rme': false }, 0, 0],
    [{ RME: true }, 1, 0],
    [{ 'x-rme': true }, 2, 0],
    [{ 'x-rme': true, RME_GPC3: true }, 3, 0],
    [{ 'x-rme': true, mec: true }, 2, 1],
    [{ 'x-rme': true, mec: false }, 2, 0],
  ] as const)('%j', (options, rme, mec) => {
    const { id } = cpuOf('max', options);
    expect(Number((id.get('ID_AA64PFR0_EL1')! >> 52n) & 15n)).toBe(rme);
    expect(Number((id.get('ID_AA64MMFR3_EL1')! >> 28n) & 15n)).toBe(mec);
  });
});

describe('ERET from EL3', () => {
  it.each([
    ['Secure', PAS.secure],
    ['Non-secure', PAS.nonSecure],
    ['Realm', PAS.realm],
  ] as const)('to %s state', (_name, security) => {
    const w = new RmeWorld(m, security);
    m.reg('SPSR_EL3', 0x3c9n);
    m.reg('ELR_EL3', CODE + 0x800n);
    m.core.place(Number(CODE) + 0x800, [0xd45e0000]);
    m.core.place(Number(CODE) + 0xff0, [ERET]);
    w.enter(3);
    m.core.pc = CODE + 0xff0n;
    m.core.run(10);
    expect([m.word(state.EL), m.word(state.SECURITY), m.word(state.IL)]).toEqual([2, security, 0]);
  });
  it('with NSE set and NS clear is illegal, except to EL3', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    for (const [spsr, illegal] of [
      [0x3c9n, 1],
      [0x3c5n, 1],
      [0x3cdn, 0],
    ] as const) {
      m.reg('SCR_EL3', (scrOf(PAS.secure) & ~1n) | (1n << 62n));
      m.reg('SPSR_EL3', spsr);
      m.reg('ELR_EL3', CODE + 0x800n);
      m.core.place(Number(CODE) + 0xff0, [ERET]);
      m.setWord(state.SECURITY, PAS.root);
      m.enter(3);
      m.core.pc = CODE + 0xff0n;
      m.setWord(state.IL, 0);
      m.core.run(1);
      expect([spsr, m.word(state.EL), m.word(state.SECURITY)]).toEqual([spsr, 3, PAS.root]);
      // The next instruction finds PSTATE.IL, whose exception sets ESR_EL3.
      m.reg('ESR_EL3', 0n);
      m.core.run(10);
      expect(Number(m.get('ESR_EL3') >> 26n)).toBe(illegal ? 0x0e : 0);
    }
    void w;
  });
  it('EL3 is Root state, whatever SCR_EL3 says', () => {
    const w = new RmeWorld(m, PAS.realm);
    w.exec(0xd4000003, 1); // SMC #0
    expect([m.word(state.EL), m.word(state.SECURITY)]).toEqual([3, PAS.root]);
  });
});

describe('registers', () => {
  const core = new RegisterCore('max', { 'x-rme': true, RME_GPC3: true, mec: true });
  const SCR_ALL = (1n << 43n) | (1n << 44n) | (1n << 49n) | (1n << 38n) | (1n << 10n) | (1n << 18n);
  const at = (name: string, el: number, security: number, write: boolean, scr = SCR_ALL): string => {
    core.setReg('SCR_EL3', scr | (security === 3 ? (1n << 62n) | 1n : BigInt(security & 1)));
    core.enter(el, el === 3 ? 2 : security);
    const o = write ? core.msr(name, 0x1234_5678_9abc_def0n) : core.mrs(name);
    return o.kind === 'done' ? 'ok' : o.kind === 'undefined' ? '-' : `${o.to}:${o.ec.toString(16)}`;
  };
  it.each(['GPCCR_EL3', 'GPTBR_EL3', 'GPCBW_EL3', 'MFAR_EL3', 'MECID_RL_A_EL3', 'SCTLR2_EL3'])(
    '%s is of EL3',
    (name) => {
      for (const write of [false, true]) {
        for (const security of [0, 1, 3])
          expect([0, 1, 2].map((el) => at(name, el, security, write))).toEqual(['-', '-', '-']);
        expect(at(name, 3, 1, write)).toBe('ok');
      }
    },
  );
  it.each(['MECID_P0_EL2', 'MECID_A0_EL2', 'MECID_P1_EL2', 'MECID_A1_EL2', 'VMECID_P_EL2', 'VMECID_A_EL2'])(
    '%s: EL3, and EL2 of Realm state where SCR_EL3.MECEn lets it',
    (name) => {
      for (const write of [false, true]) {
        expect([0, 1].map((el) => at(name, el, 3, write))).toEqual(['-', '-']);
        expect([0, 1, 3].map((security) => at(name, 2, security, write))).toEqual(['-', '-', 'ok']);
        expect(at(name, 2, 3, write, SCR_ALL & ~(1n << 49n))).toBe('3:18');
        expect(at(name, 2, 1, write, SCR_ALL & ~(1n << 49n))).toBe('-');
        expect(at(name, 3, 1, write, 0n)).toBe('ok');
      }
    },
  );
  it('MECIDR_EL2 is read by EL2 of every security state, and never written', () => {
    for (const security of [0, 1, 3]) expect(at('MECIDR_EL2', 2, security, false, 1n << 18n)).toBe('ok');
    expect(at('MECIDR_EL2', 1, 3, false)).toBe('-');
    expect(at('MECIDR_EL2', 3, 1, false)).toBe('ok');
  });
  it('SCTLR2_EL2 and TCR2_EL2 trap to EL3 without their enables', () => {
    expect(at('SCTLR2_EL2', 2, 3, true, SCR_ALL & ~(1n << 44n))).toBe('3:18');
    expect(at('TCR2_EL2', 2, 3, true, SCR_ALL & ~(1n << 43n))).toBe('3:18');
    expect(at('SCTLR2_EL2', 2, 3, true)).toBe('ok');
    expect(at('TCR2_EL2', 2, 3, true)).toBe('ok');
  });
  it('keep the bits that they have', () => {
    const kept = (name: string): bigint => {
      core.reset();
      core.enter(3, 2);
      core.setReg(name, 0n);
      core.msr(name, (1n << 64n) - 1n);
      return core.reg(name);
    };
    expect(kept('GPTBR_EL3')).toBe((1n << 40n) - 1n);
    expect(kept('GPCBW_EL3')).toBe((7n << 37n) | (31n << 32n) | ((1n << 26n) - 1n));
    // GPCBW, APPSAA, NSO, GPCP, GPC, PGS, SH, ORGN, IRGN, SPAD, NSPAD, RLPAD, PPS3, PPS.
    expect(kept('GPCCR_EL3').toString(16)).toBe(
      ((1n << 29n) | (1n << 24n) | ((7n << 17n) & ~(1n << 18n)) | 0x1ffefn).toString(16),
    );
    expect(kept('MFAR_EL3')).toBe((3n << 62n) | 0xff_ffff_ffff_f000n);
    expect(kept('VMECID_P_EL2')).toBe(0xffffn);
    expect(kept('SCTLR2_EL2') & 2n).toBe(2n);
    expect(kept('TCR2_EL2') & 0x3000n).toBe(0x3000n);
    expect(kept('SCR_EL3') & ((1n << 62n) | (1n << 49n) | (1n << 48n))).toBe((1n << 62n) | (1n << 49n) | (1n << 48n));
    expect(kept('HCR_EL2') & (1n << 48n)).toBe(1n << 48n);
  });
  it.each(Array.from({ length: 16 }, (_, i) => i + 1))('MECIDs of %i bits', (width) => {
    const { mask } = widths(width);
    expect(mask.MECIDR).toBe(BigInt(width - 1));
    expect(mask.written).toBe((1n << BigInt(width)) - 1n);
  });
  it.each([30, 34, 36, 39])('GPCCR_EL3.L0GPTSZ for %i bits, read-only', (l0gptsz) => {
    expect(widths(16, l0gptsz).gpccr >> 20n).toBe(BigInt(l0gptsz - 30));
  });
});
function widths(mecidWidth: number, l0gptsz = 30): { mask: { MECIDR: bigint; written: bigint }; gpccr: bigint } {
  const core = new RegisterCore('max', { 'x-rme': true, mec: true }, 'interpreter', {}, { mecidWidth, l0gptsz });
  core.enter(3, 2);
  core.msr('MECID_RL_A_EL3', 0xffff_ffffn);
  const rl = core.reg('MECID_RL_A_EL3');
  core.msr('MECID_A1_EL2', 0xffff_ffffn);
  expect(core.reg('MECID_A1_EL2')).toBe(rl);
  core.msr('GPCCR_EL3', 15n << 20n);
  return { mask: { MECIDR: core.reg('MECIDR_EL2'), written: rl }, gpccr: core.reg('GPCCR_EL3') };
}

describe('physical address spaces of accesses', () => {
  const AF = 1n << 10n;
  it('EL3: NSE and NS of the descriptor name any of the four', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.own(3, RAM + 0xa0_0000n);
    for (const [pas, bits] of [
      [PAS.secure, 0n],
      [PAS.nonSecure, 1n << 5n],
      [PAS.root, 1n << 11n],
      [PAS.realm, (1n << 11n) | (1n << 5n)],
    ] as const) {
      t.map(VA, PAGE, AF | bits);
      w.enter(3);
      expect([pas, pasOf(m.translate(VA, 3))]).toEqual([pas, pas]);
      // Nothing but Root memory is executed.
      const fetch = m.translate(VA, 2 | INFO.exec);
      expect('pa' in fetch).toBe(pas === PAS.root);
      if (pas !== PAS.root) expect(fetch).toMatchObject({ iss: 0x0f });
    }
    m.reg('SCTLR_EL3', 0n);
    w.enter(3);
    expect(pasOf(m.translate(PAGE, 3))).toBe(PAS.root);
  });
  it.each([false, true])('Realm EL2 (E2H %s): NS of the descriptor; no fetch from Non-secure memory', (e2h) => {
    const w = new RmeWorld(m, PAS.realm);
    const t = w.own(2, RAM + 0xa0_0000n, e2h);
    w.enter(2);
    t.map(VA, PAGE, AF);
    expect(pasOf(m.translate(VA, 3))).toBe(PAS.realm);
    expect('pa' in m.translate(VA, 2 | INFO.exec)).toBe(true);
    t.map(VA, PAGE, AF | S1.ns);
    expect(pasOf(m.translate(VA, 3))).toBe(PAS.nonSecure);
    expect(m.translate(VA, 2 | INFO.exec)).toMatchObject({ iss: 0x0f });
    // NSTable means nothing.
    const at = t.entry(VA, 2);
    m.write64(at, m.read64(at)! | (1n << 63n));
    t.map(VA, PAGE, AF);
    expect(pasOf(m.translate(VA, 3))).toBe(PAS.realm);
    m.reg('SCTLR_EL2', 0n);
    w.enter(2);
    expect(pasOf(m.translate(PAGE, 3))).toBe(PAS.realm);
  });
  it('Realm EL1: Realm, whatever NS of stage 1 says; stage 2’s NS (bit 55) decides', () => {
    const w = new RmeWorld(m, PAS.realm);
    w.w.lower.map(VA, PAGE, KERNEL | S1.ns);
    expect(pasOf(m.translate(VA, 3))).toBe(PAS.realm);
    const s2 = w.w.stage2(RAM + 0x80_0000n);
    const ipa = 0x1_0000_0000n;
    w.w.lower.map(VA, ipa, KERNEL & ~S1.uxn);
    s2.map(ipa, PAGE, RW2);
    w.enter(1);
    expect(pasOf(m.translate(VA, 3))).toBe(PAS.realm);
    s2.map(ipa, PAGE, RW2 | (1n << 55n));
    expect(pasOf(m.translate(VA, 3))).toBe(PAS.nonSecure);
    // Fetches from there are stage 2's permission faults, and so are stage 1 tables there.
    expect(m.translate(VA, 2 | INFO.exec)).toMatchObject({ kind: 2, iss: 0x0f | (1 << 25) });
    s2.map(0x1_0000_1000n, w.w.lower.root, RW2 | (1n << 55n));
    m.reg('TTBR0_EL1', 0x1_0000_1000n);
    w.enter(1);
    const walk = m.translate(VA, 3) as { iss: number };
    expect(walk.iss & 0xff).toBe(0x0f | (1 << 7));
    m.reg('SCTLR_EL1', 0n);
    m.reg('HCR_EL2', 1n << 31n);
    w.enter(1);
    expect(pasOf(m.translate(PAGE, 3))).toBe(PAS.realm);
    void S2;
  });
  it('Secure EL1 does not execute Non-secure memory with SCR_EL3.SIF', () => {
    const w = new RmeWorld(m, PAS.secure);
    w.w.lower.map(VA, PAGE, (KERNEL | S1.ns) & ~S1.uxn);
    expect('pa' in m.translate(VA, 2 | INFO.exec)).toBe(true);
    w.in(PAS.secure, 1n << 9n);
    expect(m.translate(VA, 2 | INFO.exec)).toMatchObject({ iss: 0x0f });
  });
  it('Non-secure: NS bits mean nothing', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    w.w.lower.map(VA, PAGE, KERNEL);
    expect(pasOf(m.translate(VA, 3))).toBe(PAS.nonSecure);
  });
  it('PAR_EL1 of EL3 tells NS and NSE', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.own(3, RAM + 0xa0_0000n);
    for (const [pas, bits] of [
      [PAS.secure, 0n],
      [PAS.nonSecure, 1n << 5n],
      [PAS.root, 1n << 11n],
      [PAS.realm, (1n << 11n) | (1n << 5n)],
    ] as const) {
      t.map(VA, PAGE, AF | bits);
      m.call('forgetTables');
      w.exec(sys(6, 8, 0, 7), 3, VA);
      const par = m.get('PAR_EL1');
      expect([Number((par >> 11n) & 1n), Number((par >> 9n) & 1n)]).toEqual([pas >> 1, pas & 1]);
    }
  });
});

describe('maintenance', () => {
  const WORDS = {
    PAALL: sys(6, 7, 4),
    PAALLOS: sys(6, 1, 4),
    RPAOS: sys(6, 4, 3),
    RPALOS: sys(6, 4, 7),
    CIPAPA: sys(6, 14, 1, 7),
    CIPAE: sys(4, 14, 0, 7),
    CIGDPAPA: sys(6, 14, 5, 7),
    CIGDPAE: sys(4, 14, 7, 7),
    APAS: sys(6, 0, 0, 7),
  } as const;
  it('encodings are the ones that firmware uses', () => {
    expect((WORDS.PAALL | 31) >>> 0).toBe(0xd50e879f);
    expect((WORDS.PAALLOS | 31) >>> 0).toBe(0xd50e819f);
    expect(WORDS.CIPAPA >>> 0).toBe(0xd50e7e20);
  });
  it.each(['PAALL', 'PAALLOS', 'RPAOS', 'RPALOS', 'CIPAPA'] as const)('%s is of EL3 alone', (name) => {
    for (const security of [PAS.secure, PAS.nonSecure, PAS.realm]) {
      const w = new RmeWorld(m, security);
      for (const el of [1, 2]) expect(w.exec(WORDS[name], el)).toMatchObject({ exception: el, ec: 0 });
    }
    expect(new RmeWorld(m, PAS.realm).exec(WORDS[name], 3).exception).toBe(0);
  });
  it('DC CIPAE is of EL3 and Realm EL2', () => {
    for (const security of [PAS.secure, PAS.nonSecure, PAS.realm]) {
      const w = new RmeWorld(m, security);
      expect(w.exec(WORDS.CIPAE, 1).exception).toBe(1);
      expect(w.exec(WORDS.CIPAE, 2).exception).toBe(security === PAS.realm ? 0 : 2);
      expect(w.exec(WORDS.CIPAE, 3).exception).toBe(0);
    }
  });
  it('tag forms are UNDEFINED without FEAT_MTE2, all without FEAT_RME or FEAT_MEC', () => {
    const w = new RmeWorld(m, PAS.realm);
    expect(w.exec(WORDS.CIGDPAPA, 3)).toMatchObject({ exception: 3, ec: 0 });
    expect(w.exec(WORDS.CIGDPAE, 2)).toMatchObject({ exception: 2, ec: 0 });
    const plain = new RmeWorld(rmeMachine({ features: { mec: false } }), PAS.realm);
    expect(plain.exec(WORDS.CIPAE, 3)).toMatchObject({ exception: 3, ec: 0 });
    expect(plain.exec(WORDS.CIPAPA, 3).exception).toBe(0);
  });
  it('APAS is of EL3 alone, and of FEAT_RME_GPC3', () => {
    expect(new RmeWorld(m, PAS.realm).exec(WORDS.APAS, 3)).toMatchObject({ exception: 3, ec: 0 });
    const w = new RmeWorld(rmeMachine({ features: { RME_GPC3: true } }), PAS.realm);
    for (const el of [1, 2]) expect(w.exec(WORDS.APAS, el)).toMatchObject({ exception: el, ec: 0 });
    expect(w.exec(WORDS.APAS, 3).exception).toBe(0);
  });

  it('with NSE set and NS clear there is no lower state that EL3 could maintain or translate for', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    m.reg('SCR_EL3', (scrOf(PAS.secure) & ~1n) | (1n << 62n));
    // TLBI VMALLE1, VAE1, ALLE1, ALLE2; AT S1E1R, S1E2R, S12E1R.
    for (const word of [sys(0, 7, 0), sys(0, 7, 1), sys(4, 7, 4), sys(4, 7, 0)]) {
      expect(w.exec(word, 3)).toMatchObject({ exception: 3, ec: 0 });
    }
    for (const word of [sys(0, 8, 0, 7), sys(4, 8, 0, 7), sys(4, 8, 4, 7)]) {
      expect(w.exec(word, 3)).toMatchObject({ exception: 3, ec: 0 });
    }
    // EL3's own are not concerned: TLBI ALLE3, AT S1E3R.
    for (const word of [sys(6, 7, 0), sys(6, 8, 0, 7)]) expect(w.exec(word, 3).exception).toBe(0);
  });

  const cached = (): boolean => m.cached(VA, 'read');
  /** The data page in the TLB of EL1, then its granule given to another state. */
  function stale(): RmeWorld {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.gpt();
    t.granule(PAGE, GPI.nonSecure);
    t.granule(PAGE + 0x1000n, GPI.nonSecure);
    w.on(t);
    w.enter(1);
    m.fill(VA, 3);
    expect(cached()).toBe(true);
    t.granule(PAGE, GPI.realm);
    return w;
  }
  const operand = (pa: bigint, size: bigint): bigint => (pa >> 12n) | (size << 44n);
  it('until the TLBI the old right may hold, from it on it does not', () => {
    const w = stale();
    expect(w.exec(LDR, 1, VA).exception).toBe(0);
    w.exec(WORDS.RPALOS, 3, operand(PAGE, 0n));
    w.enter(1);
    expect(cached()).toBe(false);
    expect(w.exec(STR, 1, VA)).toMatchObject({ exception: 1, iss: 0x28 | 0x40 });
  });
  it.each([
    ['PAALL', 0n],
    ['PAALLOS', 0n],
    ['RPAOS', operand(PAGE, 0n)],
    ['RPALOS', operand(PAGE & ~0xffffn, 2n)],
    ['RPALOS', operand(PAGE & ~0x1fffffn, 3n)],
    ['RPALOS', operand(PAGE & ~0x3fffffffn, 6n)],
    ['RPAOS', operand(0n, 9n)],
  ] as const)('%s %# removes it', (name, x0) => {
    const w = stale();
    w.exec(WORDS[name], 3, x0);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 1, iss: 0x28 });
  });
  it.each([
    ['RPAOS', operand(PAGE + 0x1000n, 0n)],
    ['RPALOS', operand(PAGE + 0x10000n, 2n)],
  ] as const)('%s of another range leaves it', (name, x0) => {
    const w = stale();
    w.exec(WORDS[name], 3, x0);
    w.enter(1);
    expect(cached()).toBe(true);
  });
  it.each(['PAALL', 'PAALLOS', 'RPAOS', 'RPALOS'] as const)('%s waits for requesters', (name) => {
    let waited = 0;
    const other = rmeMachine({ host: { awaitRequesters: () => void waited++ } });
    expect(new RmeWorld(other, PAS.realm).exec(WORDS[name], 3, operand(PAGE, 0n)).exception).toBe(0);
    expect(waited).toBe(1);
  });
  it('finds a page however often it is mapped, in every bank', () => {
    const w = stale();
    for (let i = 0n; i < 8n; i++) w.w.lower.map(VA + i * 0x1000n, PAGE, KERNEL);
    m.reg('GPCCR_EL3', 0n);
    w.enter(1);
    for (let i = 0n; i < 8n; i++) m.fill(VA + i * 0x1000n, 3);
    expect(m.cached(VA + 0x7000n, 'read')).toBe(true);
    w.exec(WORDS.RPALOS, 3, operand(PAGE, 0n));
    w.enter(1);
    for (let i = 0n; i < 8n; i++) expect(m.cached(VA + i * 0x1000n, 'read')).toBe(false);
  });
  it('forgets tables that lie in the granule', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.gpt();
    const table = w.w.lower.entry(VA, 3) & ~0xfffn;
    t.granule(table, GPI.nonSecure);
    w.on(t);
    w.enter(1);
    m.fill(VA, 3);
    w.w.lower.map(VA + 0x1000n, PAGE, KERNEL);
    t.granule(table, GPI.realm);
    w.exec(WORDS.RPALOS, 3, operand(table, 0n));
    w.enter(1);
    expect(m.translate(VA + 0x1000n, 3, { stale: true })).toMatchObject({ iss: 0x27 });
  });
  it('enabling and changing the checks by MSR holds at once', () => {
    const w = new RmeWorld(m, PAS.nonSecure);
    const t = w.gpt();
    t.granule(PAGE, GPI.realm);
    m.reg('GPTBR_EL3', t.root >> 12n);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 0 });
    // MSR GPCCR_EL3, X0; the machine of these tests was not reset, so its mask is not set.
    m.reg('mask GPCCR_EL3', -1n);
    expect(w.exec(0xd51e21c0, 3, t.gpccr).exception).toBe(0);
    expect(w.exec(LDR, 1, VA)).toMatchObject({ exception: 1, iss: 0x28 });
    expect(w.exec(0xd51e21c0, 3, t.gpccr & ~(1n << 16n)).exception).toBe(0);
    expect(w.exec(LDR, 1, VA).exception).toBe(0);
  });
});
