/**
 * One core at EL1 in a flat address space (or behind tables of the test's), in one of the engine's modes; every exception goes to
 * a vector that stops the core, unless the test places a handler there.
 */
import { archLibraries } from '../../core/arch/library.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { BareCore, type BareOptions, EXIT, type Mode } from '../support/bare-core.ts';
import type { Code } from './asm.ts';

export const MODES: readonly Mode[] = ['interpreter', 'compiled', 'normal'];

export const RAM = 0x47000000;
export const RAM_BYTES = 16 << 20;
export const CODE = RAM + 0x10000;
export const VECTORS = RAM + 0x8000;
export const DATA = RAM + 0x400000;
/** Memory for tables of `mapPages`. */
const TABLES = RAM + 0xe00000;
/** Synchronous exceptions from EL1 with SP_EL1. */
export const SAME_LEVEL = VECTORS + 0x200;
const HLT_SEMIHOSTING = 0xd45e0000;

/** Instructions that run at most before the machine looks around. */
const SLICE = 5000;

export interface Result {
  readonly x: readonly bigint[];
  readonly sp: bigint;
  readonly nzcv: number;
  readonly v: string;
  readonly pc: bigint;
  readonly executed: number;
  readonly fpsr: number;
  readonly esr: bigint;
  readonly far: bigint;
  readonly elr: bigint;
  readonly spsr: bigint;
}

export class Machine {
  readonly core: BareCore;
  readonly mode: Mode;

  /** `bounds`: less room than usual, see BareOptions. */
  constructor(mode: Mode, bounds: Pick<BareOptions, 'recordPages' | 'codeBytes'> = {}) {
    this.mode = mode;
    let core: BareCore | null = null;
    const host = {
      invalidateCode: (_cpu: number, at: number) => core!.space.invalidate(at & ~63, 64),
      invalidateAllCode: () => core!.space.invalidateAll(),
      nanoseconds: () => 0,
      random: () => 0n,
    };
    core = new BareCore({ mode, libraries: archLibraries(), host, base: RAM, memoryBytes: RAM_BYTES, ...bounds });
    this.core = core;
    for (let at = 0; at < 0x800; at += 0x80) core.place(VECTORS + at, [HLT_SEMIHOSTING]);
    this.setReg('VBAR_EL1', BigInt(VECTORS));
    this.setReg('CPACR_EL1', 3n << 20n);
    this.setReg('CPTR_EL2', 3n << 20n);
    core.setField32(state.CONFIG_FLAGS, state.CONFIG.semihosting);
    core.setField32(state.DAIF, 15);
    this.changed();
  }
  reg(name: string): bigint {
    return this.core.view.getBigUint64(this.core.cpu + regOffset(name), true);
  }
  setReg(name: string, v: bigint): void {
    this.core.view.setBigUint64(this.core.cpu + regOffset(name), BigInt.asUintN(64, v), true);
  }
  changed(): void {
    this.core.space.core.contextChanged!(this.core.cpu);
  }
  bytes(address: number, count: number): Uint8Array {
    const at = this.core.host(address);
    return this.core.u8.subarray(at, at + count);
  }
  word(address: number): number {
    return this.core.view.getUint32(this.core.host(address), true);
  }
  read64(address: number): bigint {
    return this.core.view.getBigUint64(this.core.host(address), true);
  }
  write64(address: number, v: bigint): void {
    this.core.view.setBigUint64(this.core.host(address), BigInt.asUintN(64, v), true);
  }
  place(address: number, code: Code): void {
    this.core.place(address, code.finish());
  }
  /** Registers zero, PC at CODE, stack in the middle of memory. */
  start(entry = CODE): void {
    const { core } = this;
    for (let n = 0; n < 31; n++) core.setX(n, 0n);
    core.setX(state.SLOT_SP, BigInt(RAM + 0x300000));
    core.u8.fill(0, core.cpu + state.V, core.cpu + state.V + 512);
    core.nzcv = 0;
    for (const f of [state.FPCR, state.FPSR, state.FAULT, state.PENDING, state.EXCL_ADDR, state.NESTED]) {
      core.setField32(f, 0);
    }
    core.setField32(state.EL, 1);
    core.setField32(state.SPSEL, 1);
    core.setField32(state.DAIF, 15);
    for (const name of ['ESR_EL1', 'FAR_EL1', 'ELR_EL1', 'SPSR_EL1']) this.setReg(name, 0n);
    core.pc = BigInt(entry);
    this.changed();
  }
  /** Runs to a semihosting HLT, in slices as a system does; what got hot is compiled between them. */
  finish(slices = 20_000): Result {
    const { core } = this;
    let granted = 0;
    let left = 0;
    for (let n = 0; n < slices; n++) {
      granted += SLICE;
      const why = core.run(left + SLICE);
      left = core.view.getInt32(core.cpu + state.BUDGET, true);
      if (why === EXIT.host) return this.result(granted - left);
      if (why !== EXIT.pending) throw new Error(`${this.mode}: left with ${why} at 0x${core.pc.toString(16)}`);
      core.regions?.flush();
    }
    throw new Error(`${this.mode}: does not end, at 0x${core.pc.toString(16)}`);
  }
  result(executed: number): Result {
    const { core } = this;
    return {
      x: Array.from({ length: 31 }, (_, n) => core.x(n)),
      sp: core.x(state.SLOT_SP),
      nzcv: core.nzcv,
      v: Buffer.from(core.u8.slice(core.cpu + state.V, core.cpu + state.V + 512)).toString('hex'),
      pc: core.pc,
      executed,
      fpsr: core.field32(state.FPSR),
      esr: this.reg('ESR_EL1'),
      far: this.reg('FAR_EL1'),
      elr: this.reg('ELR_EL1'),
      spsr: this.reg('SPSR_EL1'),
    };
  }
  /** Assembled code at CODE, run from a fresh start; `setup` may change registers before. */
  run(code: Code, setup?: () => void): Result {
    this.place(CODE, code);
    this.start();
    setup?.();
    return this.finish();
  }
  /** Compiles each of these instructions that ran before as the start of a region. */
  warm(address: number, words: number): void {
    const { space, regions, layout, view } = this.core;
    if (!regions) return;
    for (let i = 0; i < words; i++) {
      const host = this.core.host(address + 4 * i);
      const base = view.getUint32(layout.recordMap(0) + 4 * (host >>> 12), true);
      if (!base) continue;
      const rec = base + ((host & 0xffc) << 2);
      if (space.u16[(rec + 2) >> 1]! !== 0) regions.hot(rec);
    }
    regions.flush();
  }
  /**
   * Maps 4 MB from DATA by pages (levels 2 and 3 of a 39-bit space), all of RAM otherwise by blocks of 2 MB. `entry` gives the
   * descriptor of a page's address. Changes of a descriptor need TLBI.
   */
  mapPages(entry: (page: number) => bigint = NORMAL): void {
    const level1 = TABLES;
    const level2 = TABLES + 0x1000;
    const gig = 0x40000000;
    this.bytes(TABLES, 0x10000).fill(0);
    this.write64(level1 + 8 * (gig / 2 ** 30), BigInt(level2) | 3n);
    for (let i = 0; i < 512; i++) {
      const at = gig + i * 0x200000;
      const paged = at === DATA || at === DATA + 0x200000;
      const table = TABLES + 0x2000 + (at === DATA ? 0 : 0x1000);
      this.write64(level2 + 8 * i, paged ? BigInt(table) | 3n : BigInt(at) | 0x701n);
    }
    for (let at = DATA; at < DATA + 0x400000; at += 4096) this.write64(this.descriptorOf(at), entry(at));
    this.setReg('TTBR0_EL1', BigInt(TABLES));
    this.core.space.core.resetTlb!(this.core.cpu, this.core.layout.banks(0));
    this.changed();
  }
  /** Where the descriptor of a page of DATA lies. */
  descriptorOf(address: number): number {
    return TABLES + 0x2000 + ((address - DATA) >>> 12) * 8;
  }
}

/** Descriptors of pages: Normal memory, accessible; the same read-only; executable only by nobody. */
export const NORMAL = (page: number): bigint => BigInt(page) | 0x703n;
export const READ_ONLY = (page: number): bigint => BigInt(page) | 0x783n;
export const NO_EXEC = (page: number): bigint => BigInt(page) | 0x703n | (1n << 53n);
export const INVALID = (): bigint => 0n;

const machines = new Map<Mode, Machine>();
/** A machine of this mode; they are kept, because making one takes a while. */
export function machine(mode: Mode, fresh = false): Machine {
  let m = machines.get(mode);
  if (!m || fresh) {
    m = new Machine(mode);
    machines.set(mode, m);
  }
  return m;
}
