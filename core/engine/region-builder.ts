/**
 * The region compiler: one region becomes one WebAssembly function.
 *
 * A region is a set of basic blocks of one page, reached from one entry over direct branches, loops included; only
 * instructions that have run before belong to it. Registers live in locals, loops become structured loops (built from the
 * dominator tree), and every way out goes through a record, so that regions need no knowledge of each other.
 *
 * Nor does a region know where in memory it is: records are found from the one that it is entered at. So it serves every code space.
 */
import { fieldsOf } from '../arch/a64/pattern.ts';
import type { Flags } from '../arch/flags.ts';
import * as state from '../arch/state.ts';
import {
  atomicLoad,
  block,
  br,
  brIf,
  brTable,
  iff,
  load,
  loop,
  newLocal,
  setLocals,
  stableLocal,
  store,
  tailCall,
  tailCallIndirect,
  unlikely,
  Var,
  variable,
} from '../wasm/build.ts';
import type { Link } from '../wasm/library.ts';
import { I32, I64, type Ty } from '../wasm/opcodes.ts';
import { fnState, type Label, nested, statement } from '../wasm/scope.ts';
import { i32, select, type Val } from '../wasm/value.ts';
import {
  FIRST_REGION,
  HANDLER,
  PAGE_RECORDS,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_SHIFT,
  REC_SIZE,
  recordAddress,
} from './abi.ts';
import type { Cfg, CfgBlock, Registers } from './cfg.ts';
import { type ModeAssumption, RegionSem, RegisterFile } from './region-sem.ts';

/** Instructions that a region may run before it goes through its record again, so that V8 can replace its code by better. */
const STINT = 200_000;

/** Emits one region. */
export class RegionBuilder {
  private readonly u16: Uint16Array;
  private readonly parallel: boolean;
  private readonly base: number;
  private readonly cfg: Cfg;
  private readonly assume: ModeAssumption;
  private readonly link: Link;
  private readonly file!: RegisterFile;
  private cpu!: Val;
  /** The record of the entry. */
  private entry!: Val;
  private n!: Var;
  private limit!: number;
  private exitRec!: Var;
  private leaveLabel!: Label;
  private readonly labels = new Map<CfgBlock, Label>();
  private readonly headers = new Map<CfgBlock, Label>();
  /** Flags that a block has set but only its exits need. */
  private readonly frozen = new Map<CfgBlock, Flags>();
  /** Indices of instructions that follow one which is left to the interpreter: code goes on there by no branch. */
  readonly continuations: number[] = [];

  /** `u16`: all of memory; `base`: records of the page, to look at while compiling. */
  constructor(u16: Uint16Array, base: number, cfg: Cfg, assume: ModeAssumption, link: Link, parallel: boolean) {
    this.u16 = u16;
    this.parallel = parallel;
    this.base = base;
    this.cfg = cfg;
    this.assume = assume;
    this.link = link;
    this.file = new RegisterFile();
  }
  /** The record of the instruction at index `at`. */
  private rec(at: number): Val {
    return this.entry.add((at - this.cfg.entry.start) * REC_SIZE);
  }

  emit(cpu: Val, entry: Val, n: Val): void {
    this.cpu = cpu;
    this.entry = entry;
    this.n = new Var(I32, 2);
    this.limit = newLocal(I32);
    this.exitRec = variable(I32);
    const used = this.cfg.used;
    const prologue = nested(() => {}, false, false);
    statement({ s: 'block', args: [], blocks: [prologue], label: { loop: false, used: false } });
    setLocals([this.limit], [select(n.gtS(STINT), n.sub(STINT), i32(0))]);
    for (let i = 0; i < 32; i++) {
      if (used.x & (1 << i)) setLocals([this.file.x(i)], [load('i64', cpu, state.X + 8 * i)]);
      if (used.v & (1 << i)) setLocals([this.file.v(i)], [load('v128', cpu, state.V + 16 * i)]);
    }
    if (used.flags) {
      const words = [
        load('i64', cpu, state.NF),
        load('i64', cpu, state.ZF),
        load('i32', cpu, state.CF),
        load('i64', cpu, state.VF),
      ];
      setLocals(this.file.flags(), words);
    }
    block((leave) => {
      this.leaveLabel = leave;
      this.tree(this.cfg.entry);
    });
    // A side exit: the interpreter's own handler repeats the instruction.
    this.spill(this.cfg.written);
    const rec = this.exitRec.get();
    tailCallIndirect(HANDLER, load('i32_16u', rec, REC_BASE_HANDLER), cpu, rec, this.n.get());
    // The prologue comes last, when it is known which bits of the mode were relied on.
    this.fill(prologue, () => {
      if (this.assume.mask) {
        const differs = load('i32', cpu, state.MODE)
          .and(this.assume.mask)
          .ne(this.assume.value & this.assume.mask);
        unlikely(differs, () => tailCall(this.link('modeMiss'), cpu, entry, n));
      }
      if (this.file.usesBank) setLocals([this.file.bank()], [load('i32', cpu, state.BANK)]);
      unlikely(load('i32', cpu, state.PENDING).or(n.shrU(31)), () => tailCall(this.link('leave'), cpu, entry, n));
    });
  }
  private fill(into: ReturnType<typeof nested>, build: () => void): void {
    const f = fnState();
    const outer = f.block;
    f.block = into;
    build();
    f.block = outer;
  }

  /** Stores registers from their locals. */
  private spill(w: Registers, frozen?: Flags): void {
    for (let i = 0; i < 32; i++) {
      if (w.x & (1 << i)) store('i64', this.cpu, stableLocal(I64, this.file.x(i)), state.X + 8 * i);
    }
    for (let i = 0; i < 32; i++) {
      if (w.v & (1 << i)) store('v128', this.cpu, stableLocal(0x7b, this.file.v(i)), state.V + 16 * i);
    }
    if (frozen) {
      store('i64', this.cpu, frozen.n(), state.NF);
      store('i64', this.cpu, frozen.z(), state.ZF);
      store('i32', this.cpu, frozen.c(), state.CF);
      store('i64', this.cpu, frozen.v(), state.VF);
    } else if (w.flags) {
      const [a, b, c, d] = this.file.flags() as [number, number, number, number];
      store('i64', this.cpu, stableLocal(I64, a), state.NF);
      store('i64', this.cpu, stableLocal(I64, b), state.ZF);
      store('i32', this.cpu, stableLocal(I32, c), state.CF);
      store('i64', this.cpu, stableLocal(I64, d), state.VF);
    }
  }
  /** Out of the region to a record of the same page. */
  private exitNear(from: CfgBlock, at: number, counted: boolean): void {
    this.spill(from.dirty, this.frozen.get(from));
    const rec = this.rec(at);
    const active = load('i32_16u', rec, REC_ACTIVE);
    // What is only interpreted so far counts heat on the way (the record behind the page's last one has no counter).
    if (counted && at < PAGE_RECORDS && this.u16[(recordAddress(this.base, at) + REC_ACTIVE) >> 1]! < FIRST_REGION) {
      unlikely(active.ltU(FIRST_REGION), () => tailCall(this.link('goNear'), this.cpu, rec, this.n.get()));
    }
    tailCallIndirect(HANDLER, active, this.cpu, rec, this.n.get());
  }
  /** To another page, or anywhere: `btype` is null for direct branches, 0 for returns. */
  private exitTo(from: CfgBlock, va: Val, btype: number | null): void {
    this.spill(from.dirty, this.frozen.get(from));
    if (btype !== null) {
      // Within the page no TLB is asked: what made the page executable for this region holds for all of it.
      const offset = va.sub(load('i64', this.cpu, state.PC_PAGE));
      const inside = offset.and(~0xffcn).eqz();
      iff(btype ? inside.and(load('i32', this.cpu, state.PAGE_GUARD).eqz()) : inside, () => {
        const rec = offset
          .lo32()
          .shl(REC_SHIFT - 2)
          .add(this.rec(0));
        const active = load('i32_16u', rec, REC_ACTIVE);
        iff(active.geU(FIRST_REGION), () => tailCallIndirect(HANDLER, active, this.cpu, rec, this.n.get()));
      });
    }
    if (btype) tailCall(this.link('jumpIndirect'), this.cpu, va, this.n.get(), i32(btype));
    else tailCall(this.link('jump'), this.cpu, va, this.n.get());
  }

  // Structure.
  private tree(b: CfgBlock): void {
    const merges = b.children.filter((c) => c.merge).sort((p, q) => q.order - p.order);
    if (!b.header) {
      this.within(b, merges);
      return;
    }
    loop((label) => {
      this.headers.set(b, label);
      this.within(b, merges);
    });
  }
  private within(b: CfgBlock, merges: readonly CfgBlock[]): void {
    const [first, ...rest] = merges;
    if (!first) {
      this.body(b);
      return;
    }
    block((label) => {
      this.labels.set(first, label);
      this.within(b, rest);
    });
    this.tree(first);
  }
  private go(from: CfgBlock, at: number): void {
    const to = from.successors.get(at);
    if (!to) {
      this.exitNear(from, at, true);
      return;
    }
    const header = this.headers.get(to);
    if (to.header && to.order <= from.order && header) {
      const stop = atomicLoad('i32', this.cpu, state.PENDING).or(this.n.get().ltS(stableLocal(I32, this.limit)));
      unlikely(stop, () => this.exitNear(from, at, false));
      br(header);
    } else if (to.merge) br(this.labels.get(to)!);
    else this.tree(to);
  }
  private body(b: CfgBlock): void {
    const leave = (at: number, count: number): void => {
      this.exitRec.set(this.rec(at));
      this.n.set(this.n.get().sub(count));
      br(this.leaveLabel);
    };
    const sem = new RegionSem(this.cpu, this.link, this.file, this.assume, leave, this.parallel);
    sem.rootBlock = fnState().block;
    b.code.forEach((ins, i) => {
      sem.run(ins.d, fieldsOf(ins.d.pattern, ins.word), b.start + i, i);
    });
    const count = b.code.length;
    const last = b.code[count - 1];
    const term = sem.term;
    const extra: (readonly [number, Val])[] = [[2, stableLocal(I32, 2).sub(count)]];
    const kept: [number, Ty][] = [];
    const flags = b.flagsOut ? null : sem.fl;
    for (const v of flags?.operands() ?? []) {
      const l = newLocal(v.ty);
      extra.push([l, v]);
      kept.push([l, v.ty]);
    }
    // The flags are built anew behind the assignment: a value built before it would be computed before it.
    const flush = (more: readonly (readonly [number, Val])[] = []): void => {
      sem.flush(b.flagsOut, [...extra, ...more]);
      if (flags) this.frozen.set(b, flags.rebuild(kept.map(([l, ty]) => stableLocal(ty, l))));
    };
    if (term?.kind === 'branch') {
      const cond = newLocal(I32);
      flush([[cond, term.cond]]);
      const at = b.start + count - 1;
      iff(
        stableLocal(I32, cond),
        () => this.branchTo(b, at, last!.d.target!),
        () => this.go(b, at + 1),
      );
    } else if (term?.kind === 'indirect') {
      const to = newLocal(I64);
      flush([[to, term.to]]);
      const address = stableLocal(I64, to);
      const { flow } = last!.d.pattern;
      if (flow !== 'return' && b.successors.size > 0) this.dispatch(b, address);
      else
        for (const at of b.successors.keys()) {
          // The return that was expected: the call was followed into.
          iff(address.eq(load('i64', this.cpu, state.PC_PAGE).add(4 * at)), () => this.go(b, at));
        }
      this.exitTo(b, address, term.btype);
    } else if (term?.kind === 'jump') {
      flush();
      this.branchTo(b, b.start + count - 1, last!.d.target!);
    } else if (term?.kind === 'left') this.continuations.push(term.at + 1);
    else {
      flush();
      if (b.end === 'special') {
        this.continuations.push(b.start + count + 1);
        this.exitNear(b, b.start + count, false);
      } else if (b.end === 'page') this.exitTo(b, load('i64', this.cpu, state.PC_PAGE).add(4096), null);
      else this.go(b, b.start + count);
    }
  }
  /** An indirect jump to one of the places where it went before. */
  private dispatch(b: CfgBlock, address: Val): void {
    const places = [...b.successors.keys()].sort((p, q) => p - q);
    const [low, high] = [places[0]!, places[places.length - 1]!];
    const distance = address.sub(load('i64', this.cpu, state.PC_PAGE)).sub(4 * low);
    // Rotated so that low bits of a misaligned target make the index large.
    const index = variable(I32, distance.lo32().rotr(2));
    block((outside) => {
      brIf(distance.geU(4096).or(load('i32', this.cpu, state.PAGE_GUARD)), outside);
      const build = (n: number, labels: readonly Label[]): void => {
        if (n === places.length) {
          const table = Array.from({ length: high - low + 1 }, (_, i) => labels[places.indexOf(low + i)] ?? outside);
          brTable(index.get(), table, outside);
          return;
        }
        block((label) => build(n + 1, [...labels, label]));
        this.go(b, places[n]!);
      };
      build(0, []);
    });
  }
  private branchTo(b: CfgBlock, at: number, target: number): void {
    const to = at + target / 4;
    if (to < 0 || to >= 1024) this.exitTo(b, load('i64', this.cpu, state.PC_PAGE).add(4 * to), null);
    else this.go(b, to);
  }
}
