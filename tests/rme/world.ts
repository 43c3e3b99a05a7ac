/** A core with FEAT_RME in any security state, behind tables that map what tests need, with a granule protection table. */
import { cpuFeatures } from '../../core/arch/features.ts';
import { GPI } from '../../core/arch/granules/format.ts';
import * as state from '../../core/arch/state.ts';
import type { Mode } from '../support/bare-core.ts';
import { RAM, TranslationMachine } from '../translation/machine.ts';
import { Tables } from '../translation/tables.ts';
import { CODE, DATA, KERNEL, World } from '../translation/world.ts';
import { GranuleTables, type TableShape } from './tables.ts';

export const PAS = { secure: 0, nonSecure: 1, root: 2, realm: 3 } as const;
export { GPI };
/** SCR_EL3.{NSE,NS} of a state below EL3, with RW, EEL2, SCTLR2En, TCR2En, MECEn, HXEn. */
export const scrOf = (security: number): bigint =>
  (BigInt(security >> 1) << 62n) |
  BigInt(security & 1) |
  (1n << 10n) |
  (1n << 18n) |
  (1n << 38n) |
  (1n << 43n) |
  (1n << 44n) |
  (1n << 49n);

/** Where the granule protection table lies, and a page for data that nothing else uses. */
export const GPT = RAM + 0x40_0000n;
export const PAGE = DATA;
export const VA = 0x12_3000n;

export interface Taken {
  readonly exception: number;
  readonly ec: number;
  readonly iss: number;
  readonly far: bigint;
}

export const LDR = 0xf9400001;
export const STR = 0xf9000001;
export const LDADD = 0xf8210001;
export const BR = 0xd61f0000;
export const ERET = 0xd69f03e0;

export function rmeMachine(
  o: { features?: Record<string, boolean>; mode?: Mode; host?: Record<string, (...args: never[]) => unknown> } = {},
): TranslationMachine {
  const features = cpuFeatures('max', { 'x-rme': true, mec: true, ...o.features });
  return new TranslationMachine({
    features,
    paRange: 5,
    mode: o.mode ?? 'interpreter',
    ...(o.host ? { host: o.host } : {}),
  });
}

export class RmeWorld {
  readonly m: TranslationMachine;
  readonly w: World;
  security = 1;
  constructor(m: TranslationMachine, security: number) {
    this.m = m;
    m.reg('GPCCR_EL3', 0n);
    for (const name of ['SCTLR2_EL2', 'SCTLR2_EL3', 'TCR2_EL2', 'TCR_EL2', 'TCR_EL3', 'MAIR_EL2', 'MAIR_EL3'])
      m.reg(name, 0n);
    for (const name of ['MFAR_EL3', 'HPFAR_EL2', 'HCR_EL2', 'VSTCR_EL2', 'VSTTBR_EL2']) m.reg(name, 0n);
    for (const r of ['P0', 'A0', 'P1', 'A1']) m.reg(`MECID_${r}_EL2`, 0n);
    for (const r of ['VMECID_P_EL2', 'VMECID_A_EL2', 'MECID_RL_A_EL3']) m.reg(r, 0n);
    m.call('mecChanged');
    this.w = new World(m);
    m.setWord(state.CONFIG_FLAGS, state.CONFIG.semihosting | state.CONFIG.rme);
    this.w.lower.map(VA, PAGE, KERNEL & ~(1n << 54n));
    this.in(security);
  }
  /** The security state below EL3. */
  in(security: number, scr = 0n): this {
    this.security = security;
    this.m.reg('SCR_EL3', scrOf(security) | scr);
    this.enter(1);
    return this;
  }
  enter(el: number): void {
    this.m.setWord(state.SECURITY, el === 3 ? PAS.root : this.security);
    this.m.enter(el);
  }
  gpt(shape: TableShape = {}): GranuleTables {
    return new GranuleTables(this.m, GPT, shape);
  }
  on(t: GranuleTables, extra = 0n): void {
    t.enable(extra);
    this.m.call('granulesChanged');
  }
  /** Tables of EL2 (E2H: both halves) or EL3 that map the code to itself. */
  own(el: 2 | 3, at: bigint, e2h = false): Tables {
    const { m } = this;
    const t = new Tables(m, 12, 39, at);
    // EL3 executes Root memory only.
    t.map(CODE, CODE, (1n << 10n) | (el === 3 ? 1n << 11n : 0n));
    m.reg(`MAIR_EL${el}`, 0x44_00_ffn);
    m.reg(`TTBR0_EL${el}`, t.root);
    if (e2h) {
      m.reg('HCR_EL2', m.get('HCR_EL2') | (1n << 34n));
      m.reg('TCR_EL2', 0x5_b519_3519n);
      m.reg('TTBR1_EL2', t.root);
    } else m.reg(`TCR_EL${el}`, 0x8085_3519n);
    m.reg(`SCTLR_EL${el}`, 0x1005n);
    return t;
  }
  /** Runs one instruction at a level of the present security state. */
  exec(word: number, el: number, x0 = 0n): Taken {
    this.m.setWord(state.SECURITY, el === 3 ? PAS.root : this.security);
    // A translation that was only looked at may have left a fault.
    this.m.setWord(state.FAULT, 0);
    const { exception, esr, far } = this.w.exec(word, el, x0);
    return { exception, ec: Number(esr >> 26n) & 63, iss: Number(esr & 0x1ffffffn), far };
  }
}
