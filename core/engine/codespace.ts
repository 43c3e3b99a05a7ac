/**
 * A code space: the records, handlers and compiled regions that one worker runs its cores from.
 *
 * Decode happens here, in JavaScript, once for each instruction word met; handlers of the interpreter are generated when a shape
 * of instruction is first met, the common ones all at once.
 */
import type { Decoder } from '../arch/a64/decoder.ts';
import { fieldsOf, type Pattern } from '../arch/a64/pattern.ts';
import * as state from '../arch/state.ts';
import { type FnRef, tailCall } from '../wasm/build.ts';
import type { Library } from '../wasm/library.ts';
import { type MemoryType, Module } from '../wasm/module.ts';
import {
  FIRST_REGION,
  H_BREAK,
  H_CROSS_PAGE,
  H_DECODE,
  H_FIRST_FREE,
  H_STOP,
  H_TRACE,
  HANDLER,
  PAGE_SENTINEL,
  PAGE_STRIDE,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_HEAT,
  REC_IMM,
  REC_OPS,
  REC_SHIFT,
  TABLE_SIZE,
  TLB_BANK_BYTES,
  TLB_ENTRY,
  TLB_EXEC,
} from './abi.ts';
import { InterpreterSem } from './interpret.ts';
import { BANKS_PER_CORE, CORE_STRIDE, type Layout } from './layout.ts';

/** What the host does for guest code. */
export interface Host {
  mmioRead(cpu: number, lo: number, hi: number, info: number): number;
  mmioWrite(cpu: number, lo: number, hi: number, vLo: number, vHi: number, info: number): void;
}

/** An instruction as decoded: what goes into its record. */
export interface Decoded {
  readonly pattern: Pattern;
  /** Slots of the register fields, as the record holds them. */
  readonly ops: readonly number[];
  readonly immLo: number;
  readonly immHi: number;
  /** Byte offset of a direct branch's target. */
  readonly target: number | null;
  readonly zr: number;
}

/** Imports of the core module that a code space provides itself. */
export const ENGINE_IMPORTS = [
  'decode',
  'hot',
  'otherMode',
  'newRecords',
  'breakpoint',
  'breakAt',
  'watchpoint',
  'mmioRead',
  'mmioWrite',
] as const;

interface HandlerPlan {
  readonly key: string;
  readonly build: (m: Module) => FnRef;
}
/** Places in pages that are remembered for breakpoints of guests. */
const MAX_BREAK_OFFSETS = 64;
/** Instructions looked at for handlers that will be missing too. */
const LOOK_AHEAD = 200;
/** The page of a host address; these have 32 bits, so bit operations alone would make some negative. */
const pageOfHost = (host: number): number => (host & ~0xfff) >>> 0;

export class CodeSpace {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  readonly table: WebAssembly.Table;
  readonly layout: Layout;
  readonly index: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly core: Record<string, (...args: number[]) => number>;
  readonly library: Library;
  readonly memoryType: MemoryType;
  /** Environment of every generated module: memory, table, routines. */
  readonly env: Record<string, unknown>;
  readonly decoder: Decoder;
  private readonly handlers = new Map<string, number>();
  private readonly words = new Map<number, Decoded | null>();
  private nextSlot = H_FIRST_FREE;
  private nextRegion = FIRST_REGION;
  private readonly freeRegions: number[] = [];
  private nextPage = 0;
  private readonly freePages: number[] = [];
  /** Record pages in use, oldest first. */
  private readonly inUse: number[] = [];
  private readonly cores: number[] = [];
  private readonly recordsBase: number;
  private readonly mapBase: number;
  /** Host page of each record page in use. */
  readonly hostPageOf: Uint32Array;
  /** Called when a branch target got hot. */
  onHot: (rec: number) => void = () => {};
  /** The table entry to run for a record whose region is of another mode. */
  onOtherMode: (rec: number) => number = (rec) => this.u16[(rec + REC_BASE_HANDLER) >> 1]!;
  /** A data access while HOST_WATCH is set; see the import `watchpoint`. */
  onWatch: (cpu: number, va: bigint, bytes: number, kind: number) => number = () => 0;
  /** Tells instruction words that are traced. */
  isTraced: ((word: number) => boolean) | null = null;
  /** Makes every direct branch go through the routine `jump` (tracing of blocks). */
  allFar = false;
  /** Called when a record was filled (tests compile everything at once here). */
  onDecoded: ((rec: number) => void) | null = null;
  /** Runs work of the host that leaves guest memory alone, code being read apart. */
  around: (work: () => void) => void = (work) => work();
  readonly stats = { decoded: 0, handlers: 0, modules: 0, evictedPages: 0 };

  constructor(
    memory: WebAssembly.Memory<SharedArrayBuffer>,
    layout: Layout,
    index: number,
    coreModule: WebAssembly.Module,
    library: Library,
    decoder: Decoder,
    host: Host,
    extra: Record<string, unknown>,
  ) {
    this.memory = memory;
    this.layout = layout;
    this.index = index;
    this.library = library;
    this.decoder = decoder;
    this.u8 = new Uint8Array(memory.buffer);
    this.u16 = new Uint16Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.memoryType = { min: 1, max: 65536, shared: true };
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: TABLE_SIZE });
    this.recordsBase = layout.records(index);
    this.mapBase = layout.recordMap(index);
    this.hostPageOf = new Uint32Array(layout.recordPages);
    const env: Record<string, unknown> = {
      memory,
      table: this.table,
      mmioRead: host.mmioRead.bind(host),
      mmioWrite: host.mmioWrite.bind(host),
      decode: (cpu: number, rec: number) => this.decodeRecord(cpu, rec),
      hot: (_cpu: number, rec: number) => this.onHot(rec),
      breakAt: (_cpu: number, address: number) => this.breakAt(address & 0xfff),
      breakpoint: (_cpu: number, rec: number, pc: bigint) => this.breakpoint(rec, pc),
      watchpoint: (cpu: number, va: bigint, bytes: number, kind: number) => this.onWatch(cpu, va, bytes, kind),
      otherMode: (_cpu: number, rec: number) => this.onOtherMode(rec),
      newRecords: (_cpu: number, page: number) => this.newRecords(page),
      ...extra,
    };
    const instance = new WebAssembly.Instance(coreModule, { env } as WebAssembly.Imports);
    this.core = instance.exports as Record<string, (...args: number[]) => number>;
    this.env = { ...env, ...instance.exports };
    this.table.set(H_DECODE, this.core.decodeHandler as never);
    this.table.set(H_CROSS_PAGE, this.core.crossPageHandler as never);
    this.table.set(H_STOP, this.core.stopHandler as never);
    this.table.set(H_BREAK, this.core.breakHandler as never);
    this.table.set(H_TRACE, this.core.traceHandler as never);
  }

  /** Binds a core to this code space. */
  attach(cpu: number): void {
    const core = (cpu - this.layout.core(0)) / CORE_STRIDE;
    this.cores.push(core);
    this.u32[(cpu + state.REC_MAP) >> 2] = this.mapBase;
    this.u32[(cpu + state.MAPPED) >> 2] = this.layout.mapped(core);
  }

  // Record pages.
  private newRecords(hostPage: number): number {
    if (this.freePages.length === 0 && this.nextPage === this.layout.recordPages) this.evict();
    const page = this.freePages.pop() ?? this.nextPage++;
    const base = this.recordsBase + page * PAGE_STRIDE;
    this.u8.fill(0, base, base + PAGE_STRIDE);
    this.u16[(base + PAGE_SENTINEL) >> 1] = H_CROSS_PAGE;
    this.u16[(base + PAGE_SENTINEL + REC_BASE_HANDLER) >> 1] = H_CROSS_PAGE;
    this.hostPageOf[page] = hostPage >>> 0;
    this.inUse.push(page);
    this.u32[(this.mapBase >> 2) + (hostPage >>> 12)] = base;
    return base;
  }
  /** Gives up the oldest quarter of the record pages. Instruction TLBs that name them are emptied. */
  private evict(): void {
    const old = this.inUse.splice(0, Math.max(1, this.inUse.length >> 2));
    for (const page of old) {
      this.onEvict(page);
      this.u32[(this.mapBase >> 2) + (this.hostPageOf[page]! >>> 12)] = 0;
      this.hostPageOf[page] = 0;
      this.freePages.push(page);
    }
    for (const core of this.cores) this.forgetFetches(core);
    this.stats.evictedPages += old.length;
  }
  /** Empties the instruction side of all TLB banks of a core. */
  private forgetFetches(core: number): void {
    const first = this.layout.banks(core);
    for (let at = first; at < first + BANKS_PER_CORE * TLB_BANK_BYTES; at += TLB_ENTRY) {
      this.i32[(at + TLB_EXEC) >> 2] = -1;
      this.i32[(at + TLB_EXEC + 4) >> 2] = -1;
    }
  }
  isRecord(rec: number): boolean {
    return rec >= this.recordsBase && rec < this.recordsBase + this.nextPage * PAGE_STRIDE;
  }
  /** Record page number of a record. */
  pageOf(rec: number): number {
    return Math.floor((rec - this.recordsBase) / PAGE_STRIDE);
  }
  baseOfPage(page: number): number {
    return this.recordsBase + page * PAGE_STRIDE;
  }
  /** Host address of the instruction that a record stands for. */
  hostOf(rec: number): number {
    const page = this.pageOf(rec);
    return this.hostPageOf[page]! + ((rec - this.baseOfPage(page)) >> (REC_SHIFT - 2));
  }

  // Decoding.
  /** What `word` means, or null when it is unallocated. Remembered by word. */
  decodeWord(word: number): Decoded | null {
    const known = this.words.get(word);
    if (known !== undefined) return known;
    const d = this.analyse(word);
    this.words.set(word, d);
    return d;
  }
  private analyse(word: number): Decoded | null {
    const pattern = this.decoder.find(word);
    if (!pattern) return null;
    const f = fieldsOf(pattern, word);
    let imm: number | bigint = 0;
    let target: number | null = null;
    if (pattern.target) {
      const t = pattern.target(f);
      target = t.offset;
      imm = BigInt(t.aux ?? 0) << 48n;
    } else if (pattern.imm) {
      const v = pattern.imm(f);
      if (v === null) return null;
      imm = v;
    }
    let zr = 0;
    const ops = pattern.operands.map((o, i) => {
      const r = (word >>> o.shift) & 31;
      if (o.vector || r !== 31) return r;
      if (o.role === 'sp') {
        // A stack pointer that is a base address is a handler of its own, which checks it.
        if (pattern.spBase && o.name === 'Rn') zr |= 1 << i;
        return r;
      }
      if (o.role === 'both') {
        zr |= 1 << i;
        return state.SLOT_SINK;
      }
      return o.role === 'read' ? state.SLOT_ZERO : state.SLOT_SINK;
    });
    const wide = BigInt.asUintN(64, BigInt(imm));
    return { pattern, ops, immLo: Number(wide & 0xffffffffn) | 0, immHi: Number(wide >> 32n) | 0, target, zr };
  }
  private decodeRecord(_cpu: number, rec: number): void {
    this.stats.decoded++;
    const host = this.hostOf(rec);
    const word = this.u32[host >>> 2]!;
    const d = this.decodeWord(word);
    let handler: number;
    if (!d) {
      handler = this.undefinedHandler();
      this.i32[(rec + REC_IMM) >> 2] = word;
    } else {
      const near = this.isNear(host, d);
      handler = this.handlerOf(host, word, d);
      for (let i = 0; i < d.ops.length; i++) this.u8[rec + REC_OPS + i] = d.ops[i]!;
      this.i32[(rec + REC_IMM) >> 2] = d.target === null ? d.immLo : near ? d.target << (REC_SHIFT - 2) : d.target;
      this.i32[(rec + REC_IMM + 4) >> 2] = d.immHi;
      if (d.target !== null) this.u16[(rec + REC_HEAT) >> 1] = 0;
    }
    const offset = host & 0xfff;
    const breaks = this.breakOffsets.has(offset) || this.guestOffsets.has(offset);
    const watched = breaks ? H_BREAK : this.isTraced?.(word) ? H_TRACE : 0;
    if (watched) this.behindBreak.set(rec, handler);
    this.u16[(rec + REC_BASE_HANDLER) >> 1] = watched || handler;
    this.u16[(rec + REC_ACTIVE) >> 1] = watched || handler;
    if (!watched) this.onDecoded?.(rec);
  }

  // Invalidation.
  /** Forgets what was decoded of guest memory at a host address (signed or not); regions of the pages go with it. */
  invalidate(at: number, bytes: number): void {
    const host = at >>> 0;
    for (let page = pageOfHost(host); page < host + bytes; page += 4096) {
      const base = this.u32[(this.mapBase >> 2) + (page >>> 12)]!;
      if (!base) continue;
      this.onInvalidate(this.pageOf(base));
      // Only the lines named, or records would be lost that run on meanwhile; regions are all of the page's.
      const from = Math.max(host, page) & 0xfff;
      const to = Math.min(host + bytes, page + 4096) - page;
      this.u8.fill(0, base + ((from & ~3) << 2), base + (((to + 3) & ~3) << 2));
    }
  }
  /** Forgets everything that was decoded. */
  invalidateAll(): void {
    for (let page = 0; page < this.nextPage; page++) {
      if (this.hostPageOf[page] !== 0) this.invalidate(this.hostPageOf[page]!, 4096);
    }
  }
  /** Called before records of a page are reset: its regions are no longer valid. */
  onInvalidate: (page: number) => void = () => {};
  /** Called before a record changes though its page's code does not. */
  onRecordChange: (page: number) => void = () => {};
  /** Called before a page's records go to another page. */
  onEvict: (page: number) => void = () => {};

  // Breakpoints: records at an offset that a breakpoint has ask before they run; the address decides.
  private readonly breakOffsets = new Set<number>();
  private readonly behindBreak = new Map<number, number>();
  private breakpoints: ReadonlySet<bigint> = new Set();
  /** Replaces the set of virtual addresses that stop any core. Everything decoded is forgotten. */
  setBreakpoints(addresses: ReadonlySet<bigint>): void {
    this.breakpoints = addresses;
    this.breakOffsets.clear();
    this.behindBreak.clear();
    for (const a of addresses) this.breakOffsets.add(Number(a & 0xfffn));
    this.invalidateAll();
  }
  /**
   * Offsets at which breakpoints of guests are or were: kept when these go, so that a debugger that takes them out and puts them in
   * again (at each switch of threads, say) costs nothing.
   */
  private readonly guestOffsets = new Set<number>();
  private breakAt(offset: number): void {
    if (this.guestOffsets.has(offset)) return;
    if (this.guestOffsets.size >= MAX_BREAK_OFFSETS) {
      this.guestOffsets.clear();
      this.invalidateAll();
    }
    this.guestOffsets.add(offset);
    for (let page = 0; page < this.nextPage; page++) {
      const rec = this.baseOfPage(page) + (offset << (REC_SHIFT - 2));
      if (this.hostPageOf[page] === 0 || this.u16[(rec + REC_BASE_HANDLER) >> 1] === H_DECODE) continue;
      // The code is as it was, but it must not run on past this record: regions of the page go.
      this.onRecordChange(page);
      this.u8.fill(0, rec, rec + (1 << REC_SHIFT));
    }
  }
  private breakpoint(rec: number, pc: bigint): number {
    return this.breakpoints.has(BigInt.asUintN(64, pc)) ? 0 : this.behindBreak.get(rec)!;
  }

  // Handlers.
  private undefinedHandler(): number {
    return this.special('undefined', 'undefinedInstruction');
  }
  private special(key: string, routine: string): number {
    const known = this.handlers.get(key);
    if (known !== undefined) return known;
    return this.generate([
      {
        key,
        build: (m) =>
          m.func(key, HANDLER.params, HANDLER.result, (cpu, rec, n) =>
            tailCall(this.library.linker(m)(routine), cpu!, rec!, n!),
          ),
      },
    ]);
  }
  /** Does a direct branch at this host address stay in its page? */
  private isNear(host: number, d: Decoded): boolean {
    return d.target !== null && !this.allFar && (((host & 0xfff) + d.target) & ~0xfff) === 0;
  }
  private keyOf(word: number, d: Decoded, near: boolean): string {
    return `${d.pattern.id}.${(word & d.pattern.shapeMask) >>> 0}.${near ? 1 : 0}${d.zr}`;
  }
  /** Slot of the handler for the instruction at a host address. A missing one is made together with those that follow it. */
  private handlerOf(host: number, word: number, d: Decoded): number {
    const known = this.handlers.get(this.keyOf(word, d, this.isNear(host, d)));
    if (known !== undefined) return known;
    const list: HandlerPlan[] = [];
    const seen = new Set<string>();
    const end = Math.min(pageOfHost(host) + 4096, host + 4 * LOOK_AHEAD);
    for (let at = host; at < end; at += 4) {
      const w = this.u32[at >>> 2]!;
      const dd = this.decodeWord(w);
      if (!dd) {
        // Data, most likely: what lies behind it is reached by a branch of its own.
        break;
      }
      const near = this.isNear(at, dd);
      const key = this.keyOf(w, dd, near);
      if (this.handlers.has(key) || seen.has(key)) continue;
      seen.add(key);
      list.push({ key, build: (m) => this.buildHandler(m, key, w, dd, near) });
    }
    return this.generate(list);
  }
  private buildHandler(m: Module, key: string, word: number, d: Decoded, near: boolean): FnRef {
    const f = fieldsOf(d.pattern, word);
    return m.func(key, HANDLER.params, HANDLER.result, (cpu, rec, n) => {
      const sem = new InterpreterSem(
        d.pattern,
        { near, zr: d.zr, parallel: this.layout.parallel },
        this.library.linker(m),
        cpu!,
        rec!,
        n!,
      );
      sem.emit(f);
    });
  }
  /** Generates handlers in one module; yields the slot of the first. */
  private generate(list: readonly HandlerPlan[]): number {
    const first = this.nextSlot;
    if (first + list.length > FIRST_REGION) throw new Error('handler slots exhausted');
    this.around(() => {
      const m = new Module(this.memoryType, TABLE_SIZE);
      const fns = list.map((h) => h.build(m));
      m.place(first, fns);
      this.instantiate(m);
    });
    for (const h of list) this.handlers.set(h.key, this.nextSlot++);
    this.stats.handlers += list.length;
    return first;
  }
  instantiate(m: Module): void {
    const bytes = m.encode();
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: this.env } as WebAssembly.Imports);
    this.stats.modules++;
  }
  /** A free table slot for a region, or null when there is none. */
  takeSlot(): number | null {
    if (this.freeRegions.length) return this.freeRegions.pop()!;
    return this.nextRegion < TABLE_SIZE ? this.nextRegion++ : null;
  }
  /** Gives a slot back; its function is let go. */
  freeSlot(slot: number): void {
    this.table.set(slot, null);
    this.freeRegions.push(slot);
  }
}
