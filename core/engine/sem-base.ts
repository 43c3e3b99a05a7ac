/** What the interpreter's and the compiler's view of an instruction have in common. */

import type { Pattern } from '../arch/a64/pattern.ts';
import { condition, type Flags } from '../arch/flags.ts';
import type { Access } from '../arch/semantics.ts';
import * as state from '../arch/state.ts';
import { choose, load, run, store } from '../wasm/build.ts';
import type { Link } from '../wasm/library.ts';
import { F32, F64, I32, I64, V128 } from '../wasm/opcodes.ts';
import { f32, f64, i32, i64, lane, op, type Val } from '../wasm/value.ts';
import { TLB_ADDEND, TLB_READ, TLB_WRITE } from './abi.ts';
import { tlbEntry } from './access.ts';
import { half, pair } from './atomic-access.ts';

export abstract class SemBase {
  abstract readonly interpreting: boolean;
  readonly cpu: Val;
  protected readonly link: Link;
  protected pattern!: Pattern;

  private readonly parallel: boolean;

  /** `parallel`: other cores run in other threads. */
  constructor(cpu: Val, link: Link, parallel: boolean) {
    this.cpu = cpu;
    this.link = link;
    this.parallel = parallel;
  }

  // Register slots by operand; the two tiers differ in how a slot is read and written.
  protected abstract readX(operand: number, add: number): Val;
  protected abstract writeX(operand: number, add: number, v: Val): void;
  protected abstract readV(operand: number, add: number): Val;
  protected abstract writeV(operand: number, add: number, v: Val): void;
  abstract isZr(field: string): boolean;
  abstract xReg(n: number): Val;
  abstract setXReg(n: number, v: Val): void;
  abstract imm(): Val;
  abstract flags(): Flags;

  protected operandOf(field: string): number {
    const at = this.pattern.operands.findIndex((o) => o.name === field);
    if (at < 0) throw new Error(`${this.pattern.name} has no register field ${field}`);
    return at;
  }
  x(field: string): Val {
    const operand = this.operandOf(field);
    if (this.isZr(field) && this.pattern.operands[operand]!.role === 'both') return i64(0);
    return this.readX(operand, 0);
  }
  w(field: string): Val {
    return this.x(field).lo32();
  }
  r(sf: number, field: string): Val {
    return sf ? this.x(field) : this.w(field);
  }
  setX(field: string, v: Val): void {
    if (v.ty !== I64) throw new Error(`${this.pattern.name}: X register wants an i64`);
    const operand = this.operandOf(field);
    if (this.isZr(field) && this.pattern.operands[operand]!.role === 'both') return;
    this.writeX(operand, 0, v);
  }
  setW(field: string, v: Val): void {
    if (v.ty !== I32) throw new Error(`${this.pattern.name}: W register wants an i32`);
    this.setX(field, v.zext64());
  }
  setR(sf: number, field: string, v: Val): void {
    if (sf) this.setX(field, v);
    else this.setW(field, v);
  }
  xPlus(field: string, add: number): Val {
    return this.readX(this.operandOf(field), add);
  }
  setXPlus(field: string, add: number, v: Val): void {
    this.writeX(this.operandOf(field), add, v);
  }
  v(field: string): Val {
    return this.readV(this.operandOf(field), 0);
  }
  setV(field: string, v: Val): void {
    if (v.ty !== V128) throw new Error(`${this.pattern.name}: V register wants a v128`);
    this.writeV(this.operandOf(field), 0, v);
  }
  vPlus(field: string, add: number): Val {
    return this.readV(this.operandOf(field), add);
  }
  setVPlus(field: string, add: number, v: Val): void {
    this.writeV(this.operandOf(field), add, v);
  }
  d(field: string): Val {
    return lane('f64x2.extract_lane', this.v(field), 0);
  }
  setD(field: string, v: Val): void {
    if (v.ty !== F64) throw new Error(`${this.pattern.name}: D register wants an f64`);
    this.setV(field, lane('f64x2.replace_lane', op('f64x2.splat', f64(0)), 0, v));
  }
  s(field: string): Val {
    return lane('f32x4.extract_lane', this.v(field), 0);
  }
  setS(field: string, v: Val): void {
    if (v.ty !== F32) throw new Error(`${this.pattern.name}: S register wants an f32`);
    this.setV(field, lane('f32x4.replace_lane', op('f32x4.splat', f32(0)), 0, v));
  }
  imm32(): Val {
    return this.imm().lo32();
  }
  cond(cc: number): Val {
    return condition(this.flags(), cc);
  }
  helper(name: string, ...args: Val[]): Val {
    return callOf(this.link, name, args);
  }
  effect(routine: string, ...args: Val[]): void {
    run(this.link(routine), this.cpu, ...args);
  }
  ask(routine: string, ...args: Val[]): Val {
    return callOf(this.link, routine, [this.cpu, ...args]);
  }

  /** Are `bytes` of each of two registers one access? See `Sem.loadPair`. */
  private whole(bytes: 4 | 8): boolean {
    return bytes === 8 && this.parallel && !this.isZr('Rn');
  }
  protected loadPairAt(at: Val, bytes: 4 | 8): [Val, Val] {
    if (this.whole(bytes)) {
      const both = load('v128', at);
      return [half(both, 0), half(both, 1)];
    }
    const access = bytes === 8 ? 'i64' : 'i32';
    return [load(access, at), load(access, at, bytes)];
  }
  protected storePairAt(at: Val, bytes: 4 | 8, lo: Val, hi: Val): void {
    if (this.whole(bytes)) {
      store('v128', at, pair(lo, hi));
      return;
    }
    const access = bytes === 8 ? 'i64' : 'i32';
    store(access, at, lo);
    store(access, at, hi, bytes);
  }

  /** Alignment bits to test beside the page, or null when none can be needed. */
  protected abstract alignTest(bytes: number, opts: Access | undefined): Val | null;
  protected bankOffset(opts: Access | undefined): number {
    return opts?.unprivileged ? state.BANK_UNPRIV : state.BANK;
  }
  /** Address of the TLB bank that serves the access. */
  protected bank(opts: Access | undefined): Val {
    return load('i32', this.cpu, this.bankOffset(opts));
  }

  /** The TLB entry for `address`, and whether it misses for this access (i32, non-zero). */
  protected probe(
    address: Val,
    bytes: number,
    opts: Access | undefined,
    write: boolean,
    element = bytes,
  ): { entry: Val; miss: Val } {
    const entry = tlbEntry(this.bank(opts), address);
    // The page of the last byte: an access that crosses into another page can't match.
    let seen = (bytes === 1 ? address : address.add(bytes - 1)).and(~0xfffn);
    const align = element === 1 ? null : this.alignTest(element, opts);
    if (align) seen = seen.or(address.and(align));
    const tag = load('i64', entry, write ? TLB_WRITE : TLB_READ);
    return { entry, miss: tag.ne(seen) };
  }
  protected hostOf(entry: Val, address: Val): Val {
    return load('i32', entry, TLB_ADDEND).add(address.lo32());
  }
}

import { call } from '../wasm/build.ts';
export function callOf(link: Link, name: string, args: Val[]): Val {
  return call(link(name), ...args);
}

/** A slot of the state as address offset, from a slot number known when building. */
export const slotOffset = (slot: number): number => state.X + 8 * slot;
export { choose, i32, i64 };
