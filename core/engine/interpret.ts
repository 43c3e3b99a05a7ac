/** The interpreter's view of an instruction: operands come from the record, state lives in memory. */
import type { Pattern } from '../arch/a64/pattern.ts';
import { type Flags, RawFlags } from '../arch/flags.ts';
import { type Access, BTYPE_OF, type Bytes, type JumpKind, type Sem } from '../arch/semantics.ts';
import * as state from '../arch/state.ts';
import {
  atomicLoad,
  atomicStore,
  call,
  choose,
  fence,
  iff,
  load,
  run,
  store,
  tailCall,
  tailCallIndirect,
  unlikely,
  type Var,
  variable,
} from '../wasm/build.ts';
import type { Link } from '../wasm/library.ts';
import { I32, V128 } from '../wasm/opcodes.ts';
import { type Block, fnState } from '../wasm/scope.ts';
import { i32, i64, lane, op, select, type Val } from '../wasm/value.ts';
import { HANDLER, HOT, REC_ACTIVE, REC_HEAT, REC_IMM, REC_OPS, REC_SIZE } from './abi.ts';
import { atomicInfoOf, fromRaw, infoOf, toRaw, typeOf } from './access.ts';
import { SemBase, slotOffset } from './sem-base.ts';

/** What decode adds to the shape: is a direct branch's target in this page; which `x` fields name register 31. */
export interface Variant {
  readonly near: boolean;
  readonly zr: number;
  /** Other cores run in other threads. */
  readonly parallel: boolean;
}

export class InterpreterSem extends SemBase implements Sem {
  readonly interpreting = true;
  private readonly rec: Val;
  private readonly n: Val;
  private readonly variant: Variant;
  private readonly root: Block;
  private ended = false;
  private check: Var | null = null;

  constructor(pattern: Pattern, variant: Variant, link: Link, cpu: Val, rec: Val, n: Val) {
    super(cpu, link, variant.parallel);
    this.pattern = pattern;
    this.variant = variant;
    this.rec = rec;
    this.n = n;
    this.root = fnState().block;
  }

  // Operands.
  private slot(operand: number): Val {
    return load('i32_8u', this.rec, REC_OPS + operand);
  }
  isZr(field: string): boolean {
    return (this.variant.zr & (1 << this.operandOf(field))) !== 0;
  }
  protected readX(operand: number, add: number): Val {
    let slot = this.slot(operand);
    if (add) {
      slot = slot.add(add);
      slot = select(slot.eq(31), i32(state.SLOT_ZERO), slot);
    }
    return load('i64', this.cpu.add(slot.shl(3)), state.X);
  }
  protected writeX(operand: number, add: number, v: Val): void {
    let slot = this.slot(operand);
    if (add) {
      slot = slot.add(add);
      slot = select(slot.eq(31), i32(state.SLOT_SINK), slot);
    }
    store('i64', this.cpu.add(slot.shl(3)), v, state.X);
  }
  private vectorAt(operand: number, add: number): Val {
    const n = add ? this.slot(operand).add(add).and(31) : this.slot(operand);
    return this.cpu.add(n.shl(4));
  }
  protected readV(operand: number, add: number): Val {
    return load('v128', this.vectorAt(operand, add), state.V);
  }
  protected writeV(operand: number, add: number, v: Val): void {
    store('v128', this.vectorAt(operand, add), v, state.V);
  }
  override d(field: string): Val {
    return load('f64', this.vectorAt(this.operandOf(field), 0), state.V);
  }
  override s(field: string): Val {
    return load('f32', this.vectorAt(this.operandOf(field), 0), state.V);
  }
  xReg(n: number): Val {
    return load('i64', this.cpu, slotOffset(n));
  }
  setXReg(n: number, v: Val): void {
    store('i64', this.cpu, v, slotOffset(n));
  }
  imm(): Val {
    return load('i64', this.rec, REC_IMM);
  }
  override imm32(): Val {
    return load('i32', this.rec, REC_IMM);
  }
  immByte(n: number): Val {
    return load('i32_8u', this.rec, REC_IMM + n);
  }

  // Flags live in memory between instructions.
  flags(): Flags {
    return new MemoryFlags(this.cpu);
  }
  setFlags(f: Flags): void {
    // All four words are computed before the first is stored: they may depend on the old ones.
    const [n, z, c, v] = [f.n(), f.z(), f.c(), f.v()];
    store('i64', this.cpu, n, state.NF);
    store('i64', this.cpu, z, state.ZF);
    store('i32', this.cpu, c, state.CF);
    store('i64', this.cpu, v, state.VF);
  }
  state(access: string, offset: number): Val {
    return load(access, this.cpu, offset);
  }
  setState(access: string, offset: number, v: Val): void {
    store(access, this.cpu, v, offset);
  }
  mode([lo, len]: readonly [number, number]): Val {
    return load('i32', this.cpu, state.MODE).bits(lo, len);
  }
  giveUp(): void {}
  /** Emits the whole handler. */
  emit(fields: Readonly<Record<string, number>>): void {
    if (this.pattern.fp) {
      unlikely(this.mode(state.MODE_FIELD.fpTrapped), () => {
        tailCall(this.link('fpTrap'), this.cpu, this.rec, this.n);
      });
    }
    if (this.pattern.spBase && this.isZr('Rn')) {
      const misaligned = this.xReg(state.SLOT_SP).lo32().and(15);
      unlikely(misaligned.ne(0).and(this.mode(state.MODE_FIELD.spAlign)), () => {
        tailCall(this.link('spAlignmentFault'), this.cpu, this.rec, this.n);
      });
    }
    this.pattern.run(this, fields);
    this.finish();
  }

  // Control.
  pc(): Val {
    return pcOf(this.cpu, this.rec);
  }
  private end(): void {
    if (fnState().block === this.root) this.ended = true;
  }
  jump(): void {
    const n = this.n.sub(1);
    if (this.variant.near) {
      const to = this.rec.add(load('i32', this.rec, REC_IMM));
      const pending = load('i32', this.cpu, state.PENDING);
      unlikely(pending.or(n.shrU(31)), () => tailCall(this.link('leave'), this.cpu, to, n));
      const heat = load('i32_16u', this.rec, REC_HEAT).add(1);
      store('i32_16', this.rec, heat, REC_HEAT);
      unlikely(heat.eq(HOT), () => run(this.link('hot'), this.cpu, to));
      tailCallIndirect(HANDLER, load('i32_16u', to, REC_ACTIVE), this.cpu, to, n);
    } else {
      tailCall(this.link('jump'), this.cpu, this.pc().add(load('i32', this.rec, REC_IMM).sext64()), n);
    }
    this.end();
  }
  jumpIf(cond: Val): void {
    iff(cond, () => this.jump());
    this.next(1);
    this.ended = true;
  }
  jumpTo(address: Val, kind: JumpKind): void {
    if (kind !== 'return') {
      // A mark for the target's place in its page: the region compiler follows jumps to where they went before.
      const mark = i64(1).shl(address.shrU(2).and(63));
      store('i64', this.rec, load('i64', this.rec, REC_IMM).or(mark), REC_IMM);
    }
    if (kind === 'return') tailCall(this.link('jump'), this.cpu, address, this.n.sub(1));
    else {
      const veneer = this.slot(0).and(~1).eq(16);
      const btype = kind === 'call' ? i32(BTYPE_OF.call) : select(veneer, i32(BTYPE_OF.veneer), i32(BTYPE_OF.jump));
      tailCall(this.link('jumpIndirect'), this.cpu, address, this.n.sub(1), btype);
    }
    this.end();
  }
  leaveTo(routine: string, ...args: Val[]): void {
    tailCall(this.link(routine), this.cpu, this.rec, this.n, ...args);
    this.end();
  }
  fetchAnew(): void {
    this.leaveTo('isb');
  }
  private next(count: number): void {
    const to = this.rec.add(REC_SIZE * count);
    tailCallIndirect(
      HANDLER,
      load('i32_16u', this.rec, REC_SIZE * count + REC_ACTIVE),
      this.cpu,
      to,
      this.n.sub(count),
    );
  }
  /** Ends the handler: on to the next record. */
  private finish(): void {
    if (this.ended) return;
    if (this.check) {
      const check = this.check;
      unlikely(check.get(), () => tailCall(this.link('proceed'), this.cpu, this.rec.add(REC_SIZE), this.n.sub(1)));
    }
    this.next(1);
  }

  // Memory.
  protected alignTest(bytes: number, opts: Access | undefined): Val | null {
    // Ordered accesses are atomics of the host, which trap when misaligned: those go the slow way.
    if (opts?.aligned || opts?.ordered) return i64(bytes - 1);
    return load('i64', this.cpu, state.ALIGN_TEST).and(bytes - 1);
  }
  private deliverFault(): void {
    const fault = load('i32', this.cpu, state.FAULT);
    unlikely(fault, () => tailCall(this.link('deliver'), this.cpu, this.rec, this.n));
  }
  private slowLoad(address: Val, bytes: Bytes, opts: Access | undefined): Val {
    store('i32', this.cpu, this.n, state.BUDGET);
    store('i32', this.cpu, this.rec, state.SLOW_REC);
    const raw = call(this.link('loadSlow'), this.cpu, address, i32(infoOf(bytes, false, opts)));
    this.deliverFault();
    return raw;
  }
  load(access: string, address: Val, bytes: Bytes, opts?: Access): Val {
    const { entry, miss } = this.probe(address, bytes, opts, false);
    const v = variable(typeOf(access));
    iff(
      miss,
      () => v.set(fromRaw(access, this.slowLoad(address, bytes, opts))),
      () => {
        const at = this.hostOf(entry, address);
        v.set(opts?.ordered ? atomicLoadAny(access, at) : load(access, at));
      },
      true,
    );
    return v.get();
  }
  loadPair(address: Val, bytes: 4 | 8): [Val, Val] {
    return this.loadPairAt(this.loadArea(address, 2 * bytes, bytes), bytes);
  }
  loadV(address: Val, bytes: Bytes, opts?: Access): Val {
    if (bytes < 4) {
      const v = this.load(bytes === 1 ? 'i32_8u' : 'i32_16u', address, bytes, opts);
      return lane('i32x4.replace_lane', op('i32x4.splat', i32(0)), 0, v);
    }
    const { entry, miss } = this.probe(address, bytes, opts, false);
    const v = variable(V128);
    iff(
      miss,
      () => {
        const raw = this.slowLoad(address, bytes, opts);
        const low = lane('i64x2.replace_lane', op('i64x2.splat', i64(0)), 0, raw);
        v.set(bytes === 16 ? lane('i64x2.replace_lane', low, 1, load('i64', this.cpu, state.SCRATCH_HI)) : low);
      },
      () => {
        const at = this.hostOf(entry, address);
        v.set(load(bytes === 16 ? 'v128' : bytes === 8 ? 'v128_64z' : 'v128_32z', at));
      },
      true,
    );
    return v.get();
  }
  private slowStore(address: Val, bytes: Bytes, lo: Val, hi: Val, opts: Access | undefined): void {
    store('i32', this.cpu, this.n, state.BUDGET);
    store('i32', this.cpu, this.rec, state.SLOW_REC);
    this.check ??= variable(I32);
    this.check.set(call(this.link('storeSlow'), this.cpu, address, lo, hi, i32(infoOf(bytes, true, opts))));
    this.deliverFault();
  }
  store(access: string, address: Val, v: Val, bytes: Bytes, opts?: Access): void {
    const { entry, miss } = this.probe(address, bytes, opts, true);
    iff(
      miss,
      () => this.slowStore(address, bytes, toRaw(v), i64(0), opts),
      () => {
        const at = this.hostOf(entry, address);
        if (opts?.ordered) atomicStoreAny(access, at, v);
        else store(access, at, v);
      },
      true,
    );
  }
  storePair(address: Val, bytes: 4 | 8, lo: Val, hi: Val): void {
    this.storeArea(address, 2 * bytes, bytes, (at) => this.storePairAt(at, bytes, lo, hi));
  }
  storeV(address: Val, v: Val, bytes: Bytes, opts?: Access): void {
    const lo = lane('i64x2.extract_lane', v, 0);
    if (bytes === 16) {
      const { entry, miss } = this.probe(address, bytes, opts, true);
      iff(
        miss,
        () => this.slowStore(address, 16, lo, lane('i64x2.extract_lane', v, 1), opts),
        () => store('v128', this.hostOf(entry, address), v),
        true,
      );
    } else this.store(bytes === 8 ? 'i64' : `i64_${bytes * 8}`, address, lo, bytes, opts);
  }
  loadArea(address: Val, bytes: number, element: Bytes): Val {
    const { entry, miss } = this.probe(address, bytes, undefined, false, element);
    const at = variable(I32, this.hostOf(entry, address));
    unlikely(miss, () => at.set(this.slowArea('areaLoad', address, bytes, infoOf(element, false, undefined))));
    return at.get();
  }
  storeArea(address: Val, bytes: number, element: Bytes, write: (at: Val) => void): void {
    const { entry, miss } = this.probe(address, bytes, undefined, true, element);
    const at = variable(I32, this.hostOf(entry, address));
    const scratch = variable(I32, 0);
    const info = infoOf(element, true, undefined);
    unlikely(miss, () => {
      const to = this.slowArea('areaStore', address, bytes, info);
      at.set(to);
      scratch.set(to.eq(this.cpu.add(state.SCRATCH_AREA)));
    });
    write(at.get());
    unlikely(scratch.get(), () => {
      this.check ??= variable(I32);
      this.check.set(call(this.link('areaStored'), this.cpu, address, i32(bytes), i32(info)));
      this.deliverFault();
    });
  }
  private slowArea(routine: string, address: Val, bytes: number, info: number): Val {
    store('i32', this.cpu, this.n, state.BUDGET);
    store('i32', this.cpu, this.rec, state.SLOW_REC);
    const at = call(this.link(routine), this.cpu, address, i32(bytes), i32(info));
    this.deliverFault();
    return at;
  }
  atomicAddress(address: Val, bytes: Bytes, opts?: Access): Val {
    const { entry, miss } = this.probe(address, bytes, { ...opts, aligned: true }, opts?.only !== 'read');
    return choose(
      miss,
      I32,
      () => {
        store('i32', this.cpu, this.n, state.BUDGET);
        store('i32', this.cpu, this.rec, state.SLOW_REC);
        const host = call(this.link('atomicSlow'), this.cpu, address, i32(atomicInfoOf(bytes, opts)));
        this.deliverFault();
        return host;
      },
      () => this.hostOf(entry, address),
    );
  }
}

class MemoryFlags implements Flags {
  private readonly cpu: Val;
  constructor(cpu: Val) {
    this.cpu = cpu;
  }
  n(): Val {
    return load('i64', this.cpu, state.NF);
  }
  z(): Val {
    return load('i64', this.cpu, state.ZF);
  }
  c(): Val {
    return load('i32', this.cpu, state.CF);
  }
  v(): Val {
    return load('i64', this.cpu, state.VF);
  }
  operands(): readonly Val[] {
    return [this.n(), this.z(), this.c(), this.v()];
  }
  rebuild(o: readonly Val[]): Flags {
    return new RawFlags(o[0]!, o[1]!, o[2]!, o[3]!);
  }
}
export const memoryFlags = (cpu: Val): Flags => new MemoryFlags(cpu);

/** PC of a record of the page that is executing. */
export function pcOf(cpu: Val, rec: Val): Val {
  return load('i64', cpu, state.PC_PAGE).add(
    rec
      .sub(load('i32', cpu, state.REC_BASE))
      .shrS(2)
      .sext64(),
  );
}

/** Acquire loads: atomic of the host where the width has one. The caller has seen to alignment. */
export function atomicLoadAny(access: string, at: Val): Val {
  if (!/s$/.test(access)) return atomicLoad(access, at);
  const ty = access.slice(0, 3);
  const bits = Number(access.slice(4, -1)) as 8 | 16 | 32;
  return atomicLoad(`${ty}_${bits}u`, at).sext(bits);
}
export function atomicStoreAny(access: string, at: Val, v: Val): void {
  atomicStore(access, at, v);
  // STLR is ordered before any later LDAR: the sequentially consistent store already is.
}
export { fence };
