/** The region compiler's view of an instruction: operands are constants, registers live in locals, faults leave the region. */
import type { Pattern } from '../arch/a64/pattern.ts';
import { type Flags, RawFlags } from '../arch/flags.ts';
import { type Access, BTYPE_OF, type Bytes, type JumpKind, type Sem } from '../arch/semantics.ts';
import * as state from '../arch/state.ts';
import { atomicLoad, call, load, newLocal, setLocals, stableLocal, store, unlikely, variable } from '../wasm/build.ts';
import type { Link } from '../wasm/library.ts';
import { I32, I64, type Ty, V128 } from '../wasm/opcodes.ts';
import { fnState } from '../wasm/scope.ts';
import { i32, i64, lane, op, type Val } from '../wasm/value.ts';
import { TLB_EXEC, TLB_RECORDS } from './abi.ts';
import { atomicInfoOf, infoOf, tlbEntry } from './access.ts';
import type { Decoded } from './decoded.ts';
import { atomicLoadAny, atomicStoreAny } from './interpret.ts';
import { SemBase } from './sem-base.ts';

/** Registers that a region keeps in locals: general slots 0–31, vectors, and the four flag words. */
export class RegisterFile {
  private readonly xs: number[] = [];
  private readonly vs: number[] = [];
  private readonly fs: number[] = [];
  x(slot: number): number {
    this.xs[slot] ??= newLocal(I64);
    return this.xs[slot]!;
  }
  v(n: number): number {
    this.vs[n] ??= newLocal(V128);
    return this.vs[n]!;
  }
  private bankLocal = -1;
  /** The TLB bank of ordinary accesses: it can't change inside a region. */
  bank(): number {
    if (this.bankLocal < 0) this.bankLocal = newLocal(I32);
    return this.bankLocal;
  }
  get usesBank(): boolean {
    return this.bankLocal >= 0;
  }
  /** Locals of nf, zf, cf, vf. */
  flags(): number[] {
    if (!this.fs.length) this.fs.push(newLocal(I64), newLocal(I64), newLocal(I32), newLocal(I64));
    return this.fs;
  }
}

/** What the mode word was taken to be: checked on entry under the bits that were looked at. */
export class ModeAssumption {
  mask = 0;
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** How an instruction ends that does not just go on. */
export type Terminator =
  | { readonly kind: 'jump' }
  | { readonly kind: 'branch'; readonly cond: Val }
  /** `btype`: what it makes of PSTATE.BTYPE, 0 for returns. */
  | { readonly kind: 'indirect'; readonly to: Val; readonly btype: number }
  /** The instruction at index `at` of the page is always left to the interpreter. */
  | { readonly kind: 'left'; readonly at: number };

export class RegionSem extends SemBase implements Sem {
  readonly interpreting = false;
  private readonly file: RegisterFile;
  private readonly assume: ModeAssumption;
  private readonly leave: (at: number, count: number) => void;
  protected decoded!: Decoded;
  /** Index of the instruction in its page, and how many of this block came before it. */
  private at = 0;
  private before = 0;

  private readonly xs = new Map<number, Val>();
  private readonly vs = new Map<number, Val>();
  /** Flags as this block has set them; null while they are those of its start. */
  fl: Flags | null = null;
  private oldFlags: Flags | null = null;
  private pcPage: Val | null = null;
  term: Terminator | null = null;

  /** `leave(at, count)` emits the way out before instruction `at`, after `count` instructions of the block. */
  constructor(
    cpu: Val,
    link: Link,
    file: RegisterFile,
    assume: ModeAssumption,
    leave: (at: number, count: number) => void,
    parallel: boolean,
  ) {
    super(cpu, link, parallel);
    this.file = file;
    this.assume = assume;
    this.leave = leave;
  }
  /** Emits one instruction. */
  run(d: Decoded, fields: Readonly<Record<string, number>>, at: number, before: number): void {
    this.pattern = d.pattern as Pattern;
    this.decoded = d;
    this.at = at;
    this.before = before;
    if (d.pattern.fp && this.mode(state.MODE_FIELD.fpTrapped).k === 1) this.leaveTo();
    else {
      if (d.pattern.spBase && this.isZr('Rn') && this.mode(state.MODE_FIELD.spAlign).k === 1) this.checkSp();
      d.pattern.run(this, fields);
    }
  }
  /** The stack pointer, checked once for each value that it takes in a block. */
  private checkSp(): void {
    const sp = this.xReg(state.SLOT_SP);
    const key = this.xs.get(state.SLOT_SP) ?? null;
    if (this.checkedSp === key) return;
    this.checkedSp = key;
    unlikely(sp.lo32().and(15), () => this.sideExit());
  }
  private checkedSp: Val | null | undefined;
  giveUp(): void {
    this.leaveTo();
  }

  // Registers.
  isZr(field: string): boolean {
    return (this.decoded.zr & (1 << this.operandOf(field))) !== 0;
  }
  protected readX(operand: number, add: number): Val {
    const slot = this.decoded.ops[operand]! + add;
    return slot === state.SLOT_ZERO || (add && slot === 31) ? i64(0) : this.xReg(slot);
  }
  protected writeX(operand: number, add: number, v: Val): void {
    const slot = this.decoded.ops[operand]! + add;
    if (slot !== state.SLOT_SINK && !(add && slot === 31)) this.setXReg(slot, v);
  }
  xReg(slot: number): Val {
    return this.xs.get(slot) ?? stableLocal(I64, this.file.x(slot));
  }
  setXReg(slot: number, v: Val): void {
    this.xs.set(slot, v);
  }
  protected readV(operand: number, add: number): Val {
    const n = (this.decoded.ops[operand]! + add) & 31;
    return this.vs.get(n) ?? stableLocal(V128, this.file.v(n));
  }
  protected writeV(operand: number, add: number, v: Val): void {
    this.vs.set((this.decoded.ops[operand]! + add) & 31, v);
  }
  imm(): Val {
    return i64((BigInt(this.decoded.immHi) << 32n) | BigInt(this.decoded.immLo >>> 0));
  }
  immByte(n: number): Val {
    const word = n < 4 ? this.decoded.immLo : this.decoded.immHi;
    return i32((word >>> (8 * (n & 3))) & 255);
  }
  flags(): Flags {
    if (this.fl) return this.fl;
    if (!this.oldFlags) {
      const [n, z, c, v] = this.file.flags() as [number, number, number, number];
      this.oldFlags = new RawFlags(stableLocal(I64, n), stableLocal(I64, z), stableLocal(I32, c), stableLocal(I64, v));
    }
    return this.oldFlags;
  }
  setFlags(f: Flags): void {
    this.fl = f;
  }
  state(access: string, offset: number): Val {
    return load(access, this.cpu, offset);
  }
  setState(access: string, offset: number, v: Val): void {
    store(access, this.cpu, v, offset);
  }
  mode([lo, len]: readonly [number, number]): Val {
    this.assume.mask |= (2 ** len - 1) << lo;
    return i32((this.assume.value >>> lo) & (2 ** len - 1));
  }

  // Control: noted here, emitted by the region compiler, which knows the blocks.
  pc(): Val {
    this.pcPage ??= load('i64', this.cpu, state.PC_PAGE);
    return this.pcPage.add(this.at * 4);
  }
  jump(): void {
    this.term = { kind: 'jump' };
  }
  jumpIf(cond: Val): void {
    this.term = { kind: 'branch', cond };
  }
  jumpTo(to: Val, kind: JumpKind): void {
    const veneer = (this.decoded.ops[0]! & ~1) === 16;
    const btype = kind === 'return' ? 0 : kind === 'call' ? BTYPE_OF.call : veneer ? BTYPE_OF.veneer : BTYPE_OF.jump;
    this.term = { kind: 'indirect', to, btype };
  }
  leaveTo(): void {
    const root = !fnState().block.cold && this.rootBlock === fnState().block;
    this.sideExit();
    if (root) this.term ??= { kind: 'left', at: this.at };
  }
  /** The page may be mapped elsewhere by now, and what it holds may have changed (its regions are gone then: PEND.inbox). */
  fetchAnew(): void {
    const pc = this.pc();
    const entry = tlbEntry(load('i32', this.cpu, state.BANK), pc);
    const pageMoved = load('i64', entry, TLB_EXEC).ne(pc.and(~0xfffn));
    const recordsMoved = load('i32', entry, TLB_RECORDS)
      .and(~15)
      .ne(load('i32', this.cpu, state.REC_BASE));
    unlikely(atomicLoad('i32', this.cpu, state.PENDING).or(pageMoved).or(recordsMoved), () => this.leaveTo());
  }
  rootBlock: unknown = null;
  private sideExit(): void {
    this.flush(true);
    this.leave(this.at, this.before);
  }

  /** Writes what this block has changed into the locals, together with `extra` values computed at the same moment. */
  flush(flagsToo: boolean, extra: readonly (readonly [number, Val])[] = []): void {
    const locals: number[] = [];
    const values: Val[] = [];
    for (const [slot, v] of this.xs) {
      locals.push(this.file.x(slot));
      values.push(v);
    }
    for (const [n, v] of this.vs) {
      locals.push(this.file.v(n));
      values.push(v);
    }
    if (flagsToo && this.fl) {
      locals.push(...this.file.flags());
      values.push(this.fl.n(), this.fl.z(), this.fl.c(), this.fl.v());
    }
    for (const [l, v] of extra) {
      locals.push(l);
      values.push(v);
    }
    setLocals(locals, values);
  }

  // Memory.
  protected alignTest(bytes: number, opts: Access | undefined): Val | null {
    if (opts?.aligned || opts?.ordered) return i64(bytes - 1);
    return (Number(this.mode(state.MODE_FIELD.align).k) & 1) !== 0 ? i64(bytes - 1) : null;
  }
  protected override bank(opts: Access | undefined): Val {
    return opts?.unprivileged ? super.bank(opts) : stableLocal(I32, this.file.bank());
  }
  private host(address: Val, bytes: Bytes, write: boolean, opts?: Access, info = infoOf(bytes, write, opts)): Val {
    const { entry, miss } = this.probe(address, bytes, opts, write);
    const at = variable(I32, this.hostOf(entry, address));
    unlikely(miss, () => {
      const filled = call(this.link('fillDirect'), this.cpu, address, i32(info));
      unlikely(filled.eqz(), () => this.sideExit());
      at.set(filled);
    });
    return at.get();
  }
  load(access: string, address: Val, bytes: Bytes, opts?: Access): Val {
    const at = this.host(address, bytes, false, opts);
    return opts?.ordered ? atomicLoadAny(access, at) : load(access, at);
  }
  loadPair(address: Val, bytes: 4 | 8): [Val, Val] {
    return this.loadPairAt(this.area(address, 2 * bytes, bytes, false), bytes);
  }
  loadV(address: Val, bytes: Bytes, opts?: Access): Val {
    const at = this.host(address, bytes, false, opts);
    if (bytes >= 4) return load(bytes === 16 ? 'v128' : bytes === 8 ? 'v128_64z' : 'v128_32z', at);
    const v = load(bytes === 1 ? 'i32_8u' : 'i32_16u', at);
    return lane('i32x4.replace_lane', op('i32x4.splat', i32(0)), 0, v);
  }
  store(access: string, address: Val, v: Val, bytes: Bytes, opts?: Access): void {
    const at = this.host(address, bytes, true, opts);
    if (opts?.ordered) atomicStoreAny(access, at, v);
    else store(access, at, v);
  }
  storePair(address: Val, bytes: 4 | 8, lo: Val, hi: Val): void {
    this.storePairAt(this.area(address, 2 * bytes, bytes, true), bytes, lo, hi);
  }
  storeV(address: Val, v: Val, bytes: Bytes, opts?: Access): void {
    const at = this.host(address, bytes, true, opts);
    if (bytes === 16) store('v128', at, v);
    else store(bytes === 8 ? 'i64' : `i64_${bytes * 8}`, at, lane('i64x2.extract_lane', v, 0));
  }
  private area(address: Val, bytes: number, element: Bytes, write: boolean): Val {
    const { entry, miss } = this.probe(address, bytes, undefined, write, element);
    const at = variable(I32, this.hostOf(entry, address));
    unlikely(miss, () => {
      const info = i32(infoOf(element, write, undefined));
      const filled = call(this.link('areaDirect'), this.cpu, address, i32(bytes), info);
      unlikely(filled.eqz(), () => this.sideExit());
      at.set(filled);
    });
    return at.get();
  }
  loadArea(address: Val, bytes: number, element: Bytes): Val {
    return this.area(address, bytes, element, false);
  }
  storeArea(address: Val, bytes: number, element: Bytes, write: (at: Val) => void): void {
    write(this.area(address, bytes, element, true));
  }
  atomicAddress(address: Val, bytes: Bytes, opts?: Access): Val {
    return this.host(address, bytes, opts?.only !== 'read', { ...opts, aligned: true }, atomicInfoOf(bytes, opts));
  }
}

export type { Ty };
