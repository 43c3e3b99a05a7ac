/**
 * The vocabulary in which an instruction's meaning is written, once, for all tiers.
 *
 * `core/engine` implements it twice: for the interpreter, where operands are read from the instruction's record, and for the
 * region compiler, where they are constants. Expressions are `Val`s of `core/wasm`; integer methods work at the value's width.
 */
import type { Ty } from '../wasm/opcodes.ts';
import { F32, F64, I32, I64 } from '../wasm/opcodes.ts';
import { i32, i64, op, type Val } from '../wasm/value.ts';
import type { Flags } from './flags.ts';

/** How an access wants to be treated; everything absent is an ordinary, privileged-as-the-core access. */
export interface Access {
  /** LDTR/STTR and the unprivileged forms of others. */
  readonly unprivileged?: boolean;
  /** Load-acquire or store-release: an atomic access of the host. */
  readonly ordered?: boolean;
  /** Must be aligned to its size whatever SCTLR.A says (exclusives, atomics without LSE2). */
  readonly aligned?: boolean;
  /** The access is checked as a write too (atomics). */
  readonly write?: boolean;
  /** For `atomicAddress`: load-exclusives only read, store-exclusives only write. */
  readonly only?: 'read' | 'write';
}

/** Kinds of indirect branches: BLR, RET, BR. The register that names the target is the pattern's first operand. */
export type JumpKind = 'call' | 'return' | 'jump';
/**
 * What branches make of PSTATE.BTYPE (C6.2, BR and BLR): `jump` is BR out of a guarded page by a register other than X16 and X17,
 * `veneer` any other BR.
 */
export const BTYPE_OF = { veneer: 1, call: 2, jump: 3 } as const;

/** Size of an access in bytes. */
export type Bytes = 1 | 2 | 4 | 8 | 16;

export interface Sem {
  /** True when this is the interpreter's handler: exceptional ways out exist there only. */
  readonly interpreting: boolean;
  readonly cpu: Val;

  // General registers by the name of their field. `sf` = 1: i64, 0: i32 (writes zero-extend).
  x(field: string): Val;
  w(field: string): Val;
  r(sf: number, field: string): Val;
  setX(field: string, v: Val): void;
  setW(field: string, v: Val): void;
  setR(sf: number, field: string, v: Val): void;
  /** A fixed general register (the link register, say). */
  xReg(n: number): Val;
  setXReg(n: number, v: Val): void;
  /** For fields of kind `x` (read and written): true when the field names register 31. */
  isZr(field: string): boolean;
  /** Register number of a field plus `add` modulo 32, as general register slot (pairs of CASP): reads ZR as zero. */
  xPlus(field: string, add: number): Val;
  setXPlus(field: string, add: number, v: Val): void;

  // Vector registers by field; scalar accessors take the low lane and, on writes, clear the rest.
  v(field: string): Val;
  setV(field: string, v: Val): void;
  vPlus(field: string, add: number): Val;
  setVPlus(field: string, add: number, v: Val): void;
  d(field: string): Val;
  setD(field: string, v: Val): void;
  s(field: string): Val;
  setS(field: string, v: Val): void;

  // The immediate that the pattern's `imm` function computed.
  imm(): Val;
  imm32(): Val;
  /** Byte n (0–7) of the immediate, zero-extended, as i32. */
  immByte(n: number): Val;

  // Flags.
  flags(): Flags;
  setFlags(f: Flags): void;
  /** i32 0/1: does the condition hold? `cc` is the 4-bit condition field (C1.2.4). */
  cond(cc: number): Val;

  // Control. Each ends the instruction.
  /** Address of this instruction. */
  pc(): Val;
  /** Branch to the target that decode computed from the pattern's `target` (direct branches). */
  jump(): void;
  /** The same, taken when `cond` is non-zero; otherwise the next instruction follows. */
  jumpIf(cond: Val): void;
  /** Branch to an address in a register. */
  jumpTo(address: Val, kind: JumpKind): void;
  /** Ends the instruction and hands over to a routine of the core module: `routine(cpu, rec, n, …args)`. */
  leaveTo(routine: string, ...args: Val[]): void;
  /** Calls `routine(cpu, …args)` of the core module, which comes back: it acts on state that compiled code never keeps in locals. */
  effect(routine: string, ...args: Val[]): void;
  /** The same of a routine that answers; it may change the TLB. */
  ask(routine: string, ...args: Val[]): Val;
  /** ISB: what follows is fetched anew, and messages of other cores are taken before it. */
  fetchAnew(): void;

  // Memory. Addresses are i64 virtual addresses. Faults leave the instruction without any effect of it.
  load(access: string, address: Val, bytes: Bytes, opts?: Access): Val;
  /**
   * Two registers' worth. FEAT_LSE2 makes a pair of doublewords within aligned 16 bytes single-copy atomic (B2.2.1): where cores run
   * in parallel it is one access of the host, except on the stack (base SP), which threads do not share like this: one access of 128
   * bits costs more than two of 64, and stalls behind narrower stores.
   */
  loadPair(address: Val, bytes: 4 | 8): [Val, Val];
  loadV(address: Val, bytes: Bytes, opts?: Access): Val;
  store(access: string, address: Val, v: Val, bytes: Bytes, opts?: Access): void;
  storePair(address: Val, bytes: 4 | 8, lo: Val, hi: Val): void;
  storeV(address: Val, v: Val, bytes: Bytes, opts?: Access): void;
  /**
   * Accesses of several elements in a row, each an access of `element` bytes; `bytes` (at most 64) in all. A load yields the
   * host address where all of it can be read right away; a store calls `write` with the one where it is to be written.
   */
  loadArea(address: Val, bytes: number, element: Bytes): Val;
  storeArea(address: Val, bytes: number, element: Bytes, write: (at: Val) => void): void;
  /**
   * Host address for an atomic read-modify-write of `bytes`, checked for reading and writing (or `opts.only` one of them). In
   * compiled code it is aligned; interpreted it may be misaligned, within aligned 16 bytes, where LSE2 allows that.
   */
  atomicAddress(address: Val, bytes: Bytes, opts?: Access): Val;

  /** Calls a pure helper of the core module (no effect on the core's state): soft float, crypto. */
  helper(name: string, ...args: Val[]): Val;
  /** A word of the core's state (only for state that compiled code never keeps in locals). */
  state(access: string, offset: number): Val;
  setState(access: string, offset: number, v: Val): void;
  /** Ends the region before this instruction when compiling; nothing when interpreting (for rare, awkward cases). */
  giveUp(): void;
  /** Field of the mode word (`MODE_FIELD`): a constant in compiled code (checked on entry), a load when interpreted. */
  mode(field: readonly [number, number]): Val;
}

export { F32, F64, I32, I64, i32, i64, op, type Ty, type Val };
