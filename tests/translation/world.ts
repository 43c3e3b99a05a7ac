/** Ready-made worlds for the tests: Non-secure EL1&0 with two halves, hypervisor, monitor; instructions that run in them. */
import * as state from '../../core/arch/state.ts';
import { EXIT } from '../../core/engine/abi.ts';
import { RAM, type TranslationMachine } from './machine.ts';
import { RW2, S1, Tables } from './tables.ts';

/** Where instructions are put: mapped to itself in every world. */
export const CODE = RAM;
export const USER_CODE = RAM + 0x1000n;
export const TABLES = RAM + 0x10_0000n;
export const DATA = RAM + 0x100_0000n;
/** Base of the upper half with 39-bit addresses. */
export const UPPER = 0xffff_ff80_0000_0000n;
const HLT_SEMIHOSTING = 0xd45e_0000;

/** A kernel page or block: read and write at EL1, executable there. */
export const KERNEL = S1.af | S1.uxn;
export const USER = S1.af | S1.user | S1.nG;

export const SCTLR_ON = 0x1005n;
export const TCR = {
  /** 39-bit halves of 4 KiB pages, 48-bit output. */
  plain: 0x5_b519_3519n,
  tbi0: 1n << 37n,
  tbi1: 1n << 38n,
  ha: 1n << 39n,
  hd: 1n << 40n,
  a1: 1n << 22n,
  as16: 1n << 36n,
} as const;

export class World {
  readonly m: TranslationMachine;
  readonly lower: Tables;
  readonly upper: Tables;
  constructor(m: TranslationMachine) {
    this.m = m;
    this.lower = new Tables(m, 12, 39, TABLES);
    this.upper = new Tables(m, 12, 39, this.lower.end);
    m.reg('MAIR_EL1', 0x44_00_ffn);
    m.reg('TCR_EL1', TCR.plain | TCR.as16);
    m.reg('TTBR0_EL1', this.lower.root | (1n << 48n));
    m.reg('TTBR1_EL1', this.upper.root);
    m.reg('SCTLR_EL1', SCTLR_ON);
    m.reg('SCR_EL3', 0x501n);
    m.reg('HCR_EL2', 1n << 31n);
    m.reg('VTTBR_EL2', 0n);
    m.reg('VTCR_EL2', 0n);
    m.reg('HCRX_EL2', 0n);
    for (const n of [2, 3]) m.reg(`SCTLR_EL${n}`, 0n);
    this.lower.map(CODE, CODE, KERNEL);
    m.setWord(state.CONFIG_FLAGS, state.CONFIG.semihosting);
    this.lower.map(USER_CODE, USER_CODE, USER | S1.readOnly | S1.pxn);
    for (const n of [1, 2, 3]) m.reg(`VBAR_EL${n}`, CODE);
    m.core.place(Number(CODE), new Array(2048).fill(HLT_SEMIHOSTING));
    m.call('resetTlb', m.core.layout.banks(0));
    m.enter(1);
  }
  /** Stage 2 over 40-bit IPAs from level 1, everything mapped to itself in blocks of 1 GiB where `map` says nothing else. */
  stage2(at: bigint): Tables {
    const t = new Tables(this.m, 12, 40, at, 1);
    for (let i = 0n; i < 4n; i++) t.map(i << 30n, i << 30n, RW2, 1);
    this.m.reg('VTCR_EL2', 24n | (1n << 6n) | (2n << 16n) | (5n << 16n));
    this.m.reg('VTTBR_EL2', t.root | (7n << 48n));
    this.m.reg('HCR_EL2', this.m.get('HCR_EL2') | 1n);
    return t;
  }
  /** Runs one instruction at a level; tells whether it completed, or took an exception to which level. */
  exec(word: number, el: number, x0 = 0n): { readonly exception: number; readonly esr: bigint; readonly far: bigint } {
    const { m } = this;
    // The vectors are at the start of the page, the instruction near its end.
    const at = Number(el === 0 ? USER_CODE : CODE) + 0xff0;
    m.core.place(at, [word]);
    for (const n of [1, 2, 3]) m.reg(`ESR_EL${n}`, 0n);
    m.enter(el);
    m.core.setX(0, x0);
    m.core.pc = BigInt(at);
    const reason = m.core.run(100);
    if (reason !== EXIT.host) throw new Error(`left with ${reason} at ${m.core.pc.toString(16)}`);
    if (m.core.pc === BigInt(at) + 8n) return { exception: 0, esr: 0n, far: 0n };
    const level = m.word(state.EL);
    // EL0 has no semihosting: the HLT behind the instruction is undefined there.
    if (el === 0 && m.get(`ELR_EL${level}`) === BigInt(at) + 4n) return { exception: 0, esr: 0n, far: 0n };
    return { exception: level, esr: m.get(`ESR_EL${level}`), far: m.get(`FAR_EL${level}`) };
  }
}

/** Words of system instructions with operand X0. */
const sys = (op1: number, crn: number, crm: number, op2: number): number =>
  0xd5080000 | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5);
export const TLBI_WORD = {
  VMALLE1: sys(0, 8, 7, 0),
  VAE1: sys(0, 8, 7, 1),
  ASIDE1: sys(0, 8, 7, 2),
  VAAE1: sys(0, 8, 7, 3),
  VALE1: sys(0, 8, 7, 5),
  VAALE1: sys(0, 8, 7, 7),
  VAE1IS: sys(0, 8, 3, 1),
  VMALLE1IS: sys(0, 8, 3, 0),
  RVAE1: sys(0, 8, 6, 1),
  RVAAE1: sys(0, 8, 6, 3),
  ALLE1: sys(4, 8, 7, 4),
  ALLE2: sys(4, 8, 7, 0),
  VAE2: sys(4, 8, 7, 1),
  VMALLS12E1: sys(4, 8, 7, 6),
  IPAS2E1: sys(4, 8, 4, 1),
  ALLE3: sys(6, 8, 7, 0),
  VAE3: sys(6, 8, 7, 1),
} as const;
export const AT_WORD = {
  S1E1R: sys(0, 7, 8, 0),
  S1E1W: sys(0, 7, 8, 1),
  S1E0R: sys(0, 7, 8, 2),
  S1E0W: sys(0, 7, 8, 3),
  S1E1RP: sys(0, 7, 9, 0),
  S1E1A: sys(0, 7, 9, 2),
  S1E2A: sys(4, 7, 9, 2),
  S1E3A: sys(6, 7, 9, 2),
  S1E2R: sys(4, 7, 8, 0),
  S12E1R: sys(4, 7, 8, 4),
  S12E1W: sys(4, 7, 8, 5),
  S12E0R: sys(4, 7, 8, 6),
  S1E3R: sys(6, 7, 8, 0),
} as const;
export const CACHE_WORD = {
  'DC ZVA': sys(3, 7, 4, 1),
  'DC CVAC': sys(3, 7, 10, 1),
  'DC CVAU': sys(3, 7, 11, 1),
  'DC CIVAC': sys(3, 7, 14, 1),
  'DC IVAC': sys(0, 7, 6, 1),
  'DC CISW': sys(0, 7, 14, 2),
  'CFP RCTX': sys(3, 7, 3, 4),
  'DVP RCTX': sys(3, 7, 3, 5),
  'COSP RCTX': sys(3, 7, 3, 6),
  'CPP RCTX': sys(3, 7, 3, 7),
  'IC IVAU': sys(3, 7, 5, 1),
  'IC IALLU': sys(0, 7, 5, 0),
  'IC IALLUIS': sys(0, 7, 1, 0),
} as const;
