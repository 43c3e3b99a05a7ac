/** A core with vectors at every exception level that report where an exception went. */
import { archLibraries } from '../../core/arch/library.ts';
import { cpuOf, resetRegisters } from '../../core/arch/registers/reset.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { BareCore, EXIT, type Mode } from '../support/bare-core.ts';

export const MODES: readonly Mode[] = ['interpreter', 'compiled', 'normal'];

/** Where the code under test lies, and the vectors of EL1 to EL3. */
export const CODE = 0x47010000;
export const VECTORS = [0, 0x47100000, 0x47200000, 0x47300000] as const;
const HLT_SEMIHOSTING = 0xd45e0000;

const MAX = cpuOf('max');

/** Words of instructions that the tests use. */
export const ERET = 0xd69f03e0;
export const NOP = 0xd503201f;
export const WFI = 0xd503207f;
export const WFE = 0xd503205f;
export const SEV = 0xd503209f;
export const SEVL = 0xd50320bf;
export const ESB = 0xd503221f;
export const ISB = 0xd5033fdf;
export const UDF = 0;
export const svc = (imm: number): number => (0xd4000001 | (imm << 5)) >>> 0;
export const hvc = (imm: number): number => (0xd4000002 | (imm << 5)) >>> 0;
export const smc = (imm: number): number => (0xd4000003 | (imm << 5)) >>> 0;
export const brk = (imm: number): number => (0xd4200000 | (imm << 5)) >>> 0;
export const hlt = (imm: number): number => (0xd4400000 | (imm << 5)) >>> 0;
export const daifSet = (imm: number): number => (0xd50340df | (imm << 8)) >>> 0;
export const daifClr = (imm: number): number => (0xd50340ff | (imm << 8)) >>> 0;
/** ADD Xd, Xn, #imm. */
export const addImm = (d: number, n: number, imm: number): number => (0x91000000 | (imm << 10) | (n << 5) | d) >>> 0;

/** Bits of the registers that route exceptions, as bigints. */
export const bit = (n: number): bigint => 1n << BigInt(n);
export const SCR = { NS: bit(0), IRQ: bit(1), FIQ: bit(2), EA: bit(3), SMD: bit(7), HCE: bit(8), EEL2: bit(18) };
export const HCR = {
  VM: bit(0),
  FMO: bit(3),
  IMO: bit(4),
  AMO: bit(5),
  VF: bit(6),
  VI: bit(7),
  VSE: bit(8),
  DC: bit(12),
  TWI: bit(13),
  TWE: bit(14),
  TSC: bit(19),
  TGE: bit(27),
  HCD: bit(29),
  E2H: bit(34),
  TEA: bit(37),
};

/** What PSTATE is before a test. */
export interface Start {
  readonly el: 0 | 1 | 2 | 3;
  readonly spsel?: number;
  readonly daif?: number;
  readonly nzcv?: number;
  readonly security?: number;
  /** System registers by name. */
  readonly regs?: Readonly<Record<string, bigint>>;
  readonly words?: readonly number[];
}

/** Where an exception went. */
export interface Taken {
  readonly level: number;
  readonly offset: number;
  readonly esr: bigint;
  readonly elr: bigint;
  readonly spsr: bigint;
  readonly far: bigint;
}

export class World {
  readonly core: BareCore;
  constructor(mode: Mode = 'interpreter', host: Record<string, (...args: never[]) => unknown> = {}) {
    this.core = new BareCore({ mode, libraries: archLibraries(), host });
    const { core } = this;
    resetRegisters(core.view, core.cpu, MAX, 0);
    this.call('resetTlb', core.layout.banks(0));
    for (const base of VECTORS.slice(1)) {
      for (let at = 0; at < 0x800; at += 0x80) this.core.place(base + at, [HLT_SEMIHOSTING]);
    }
  }
  reg(name: string): bigint {
    return this.core.view.getBigUint64(this.core.cpu + regOffset(name), true);
  }
  setReg(name: string, v: bigint): void {
    this.core.view.setBigUint64(this.core.cpu + regOffset(name), BigInt.asUintN(64, v), true);
  }
  get(field: number): number {
    return this.core.field32(field);
  }
  set(field: number, v: number): void {
    this.core.setField32(field, v);
  }
  /** Calls a routine of the core module with the core as first argument. */
  call(name: string, ...args: (number | bigint)[]): number {
    const f = this.core.space.core[name] as unknown as (...a: (number | bigint)[]) => number;
    return f(this.core.cpu, ...args);
  }
  /** A clean core in the given state, about to run `words` at CODE. Non-secure, FP not trapped, stage 1 off. */
  start(s: Start): void {
    const { core } = this;
    core.u8.fill(0, core.cpu + state.EL, core.cpu + state.SECURITY + 4);
    for (const f of [state.FAULT, state.IRQ_LINES, state.EVENT, state.PENDING, state.EXCL_ADDR, state.STEPPING]) {
      this.set(f, 0);
    }
    for (const name of CLEARED) this.setReg(name, 0n);
    this.set(state.CONFIG_FLAGS, state.CONFIG.semihosting);
    this.setReg('SCR_EL3', SCR.NS | SCR.HCE);
    this.setReg('CPACR_EL1', 3n << 20n);
    this.setReg('CPTR_EL2', 3n << 20n);
    for (const n of [1, 2, 3]) {
      this.setReg(`VBAR_EL${n}`, BigInt(VECTORS[n]!));
      this.setReg(`SP_EL${n}`, BigInt(0x1000 * n));
    }
    this.setReg('SP_EL0', 0x9000n);
    this.set(state.EL, s.el);
    const spsel = s.spsel ?? (s.el === 0 ? 0 : 1);
    this.set(state.SPSEL, spsel);
    this.set(state.DAIF, s.daif ?? 0);
    this.set(state.SECURITY, s.security ?? (s.el === 3 ? 0 : 1));
    core.nzcv = s.nzcv ?? 0;
    for (const [name, v] of Object.entries(s.regs ?? {})) this.setReg(name, v);
    core.setX(31, this.reg(`SP_EL${spsel ? s.el : 0}`));
    if (s.words) core.place(CODE, s.words);
    core.pc = BigInt(CODE);
    this.call('debugRegistersChanged');
  }
  /** Runs until a vector is reached; `leaves`: how often the core may leave on the way because something was pending. */
  taken(budget = 1000, leaves = 20): Taken {
    let why = this.core.run(budget);
    for (let n = 0; n < leaves && why === EXIT.pending; n++) why = this.core.run(budget);
    if (why !== EXIT.host) throw new Error(`left with ${why} at ${this.core.pc.toString(16)}`);
    return this.at();
  }
  /** The exception whose vector was just executed, or PC is at. */
  at(): Taken {
    const pc = Number(this.core.pc) - 4;
    const level = VECTORS.findIndex((v, i) => i > 0 && (pc & ~0x7ff) === v);
    if (level < 0) throw new Error(`not at a vector: ${this.core.pc.toString(16)}`);
    return { level, offset: pc & 0x7ff, ...this.saved(level) };
  }
  saved(level: number): Omit<Taken, 'level' | 'offset'> {
    return {
      esr: this.reg(`ESR_EL${level}`),
      elr: this.reg(`ELR_EL${level}`),
      spsr: this.reg(`SPSR_EL${level}`),
      far: this.reg(`FAR_EL${level}`),
    };
  }
  /** `go({el: 1, words: […]})`: start and run to a vector. */
  go(s: Start): Taken {
    this.start(s);
    return this.taken();
  }
}

const CLEARED = [
  'HCR_EL2',
  'MDCR_EL2',
  'MDCR_EL3',
  'MDSCR_EL1',
  'OSLSR_EL1',
  'HFGITR_EL2',
  'CPTR_EL3',
  'SCTLR_EL1',
  'SCTLR_EL2',
  'SCTLR_EL3',
  'DISR_EL1',
  'VDISR_EL2',
  'VSESR_EL2',
  'HPFAR_EL2',
  'CONTEXTIDR_EL1',
  'TCR_EL1',
  'TCR_EL2',
  'TCR_EL3',
  ...[1, 2, 3].flatMap((n) => ['ESR', 'ELR', 'SPSR', 'FAR'].map((r) => `${r}_EL${n}`)),
  ...[0, 1, 2, 3, 4, 5].flatMap((n) => [`DBGBCR${n}_EL1`, `DBGBVR${n}_EL1`, `DBGWCR${n}_EL1`, `DBGWVR${n}_EL1`]),
];

/** ESR of an exception class, with IL. */
export const esrOf = (ec: number, iss = 0): bigint => (BigInt(ec) << 26n) | bit(25) | BigInt(iss);
