/**
 * A code space: the records, handlers and compiled regions that one worker runs its cores from.
 *
 * Records of words that were never met are filled here, in JavaScript; the others by generated code, from templates.
 */
import type { Decoder } from '../arch/a64/decoder.ts';
import * as state from '../arch/state.ts';
import type { Library } from '../wasm/library.ts';
import type { MemoryType } from '../wasm/module.ts';
import {
  FIRST_REGION,
  H_BREAK,
  H_CROSS_PAGE,
  H_DECODE,
  H_FIRST_FREE,
  H_STOP,
  H_TRACE,
  PAGE_HOST,
  PAGE_SENTINEL,
  PAGE_STRIDE,
  PAGE_WORDS,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_IMM,
  REC_SHIFT,
  recordAddress,
  TABLE_SIZE,
  TLB_BANK_BYTES,
  TLB_ENTRY,
  TLB_EXEC,
} from './abi.ts';
import { analyse, type Decoded } from './decoded.ts';
import { Handlers, type MadeHandlers, type Wanted } from './handlers.ts';
import { BANKS_PER_CORE, CORE_STRIDE, type Layout } from './layout.ts';
import { Templates } from './templates.ts';

/** What the host does for guest code. */
export interface Host {
  mmioRead(cpu: number, lo: number, hi: number, info: number): number;
  mmioWrite(cpu: number, lo: number, hi: number, vLo: number, vHi: number, info: number): void;
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
  private readonly handlers: Handlers;
  private readonly templates: Templates;
  private nextRegion = FIRST_REGION;
  private readonly freeRegions: number[] = [];
  private nextPage = 0;
  private readonly freePages: number[] = [];
  /** Record pages in use, oldest first. */
  private readonly inUse: number[] = [];
  private readonly cores: number[] = [];
  private readonly recordsBase: number;
  private readonly mapBase: number;
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
  private evictedPages = 0;

  constructor(
    memory: WebAssembly.Memory<SharedArrayBuffer>,
    layout: Layout,
    index: number,
    coreModule: WebAssembly.Module,
    library: Library,
    decoder: Decoder,
    host: Host,
    extra: Record<string, unknown>,
    made: MadeHandlers | null = null,
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
    this.handlers = new Handlers(library, this.memoryType, layout.parallel, (m) => this.instantiate(m));
    this.templates = new Templates(memory.buffer, layout.templates(index));
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: TABLE_SIZE });
    this.recordsBase = layout.records(index);
    this.mapBase = layout.recordMap(index);
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
    if (made) this.handlers.adopt(made);
    this.table.set(H_DECODE, this.core.decodeHandler as never);
    this.table.set(H_CROSS_PAGE, this.core.crossPageHandler as never);
    this.table.set(H_STOP, this.core.stopHandler as never);
    this.table.set(H_BREAK, this.core.breakHandler as never);
    this.table.set(H_TRACE, this.core.traceHandler as never);
  }

  get stats(): {
    readonly decoded: number;
    readonly handlers: number;
    readonly modules: number;
    readonly evictedPages: number;
  } {
    const decoded = this.cores.reduce((sum, core) => sum + this.u32[(this.layout.core(core) + state.DECODED) >> 2]!, 0);
    return { decoded, evictedPages: this.evictedPages, ...this.handlers.stats };
  }

  /** Binds a core to this code space. */
  attach(cpu: number): void {
    const core = (cpu - this.layout.core(0)) / CORE_STRIDE;
    this.cores.push(core);
    this.u32[(cpu + state.REC_MAP) >> 2] = this.mapBase;
    this.u32[(cpu + state.MAPPED) >> 2] = this.layout.mapped(core);
    this.u32[(cpu + state.PAIR_MAP) >> 2] = this.layout.pairs;
  }

  // Record pages.
  private newRecords(hostPage: number): number {
    if (this.freePages.length === 0 && this.nextPage === this.layout.recordPages) this.evict();
    const used = this.freePages.pop();
    const page = used ?? this.nextPage++;
    const base = this.recordsBase + page * PAGE_STRIDE;
    // Memory is zero where no record was.
    if (used !== undefined) this.u8.fill(0, base, base + PAGE_WORDS);
    this.u16[(base + PAGE_SENTINEL) >> 1] = H_CROSS_PAGE;
    this.u16[(base + PAGE_SENTINEL + REC_BASE_HANDLER) >> 1] = H_CROSS_PAGE;
    this.u32[(base + PAGE_HOST) >> 2] = hostPage;
    this.inUse.push(page);
    this.u32[(this.mapBase >> 2) + (hostPage >>> 12)] = base;
    this.onNewPage(hostPage >>> 0, base);
    return base;
  }
  /** Records of the page at a host address; 0: there are none. */
  recordsOf(hostPage: number): number {
    return this.u32[(this.mapBase >> 2) + (hostPage >>> 12)]!;
  }
  /** Called when a page gets records. */
  onNewPage: (hostPage: number, base: number) => void = () => {};
  /** Gives up the oldest quarter of the record pages. Instruction TLBs that name them are emptied. */
  private evict(): void {
    const old = this.inUse.splice(0, Math.max(1, this.inUse.length >> 2));
    for (const page of old) {
      this.onEvict(page);
      this.u32[(this.mapBase >> 2) + (this.hostPage(page) >>> 12)] = 0;
      this.freePages.push(page);
    }
    for (const core of this.cores) this.forgetFetches(core);
    this.evictedPages += old.length;
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
  /** Host address of the page that a record page in use stands for. */
  private hostPage(page: number): number {
    return this.u32[(this.baseOfPage(page) + PAGE_HOST) >> 2]!;
  }
  /** Host address of the instruction that a record stands for. */
  hostOf(rec: number): number {
    const page = this.pageOf(rec);
    return this.hostPage(page) + ((rec - this.baseOfPage(page)) >> (REC_SHIFT - 2));
  }

  // Decoding.
  private decodeRecord(cpu: number, rec: number): void {
    this.i32[(cpu + state.DECODED) >> 2]!++;
    const host = this.hostOf(rec);
    const offset = host & 0xfff;
    const word = this.u32[host >>> 2]!;
    if (!this.fill(rec)) this.decodeAnew(rec, host, word);
    const breaks = this.anyBreaks && this.breaksAt(offset);
    const watched = breaks ? H_BREAK : this.isTraced?.(word) ? H_TRACE : 0;
    if (watched) {
      this.behindBreak.set(rec, this.u16[(rec + REC_BASE_HANDLER) >> 1]!);
      this.u16[(rec + REC_BASE_HANDLER) >> 1] = watched;
      this.u16[(rec + REC_ACTIVE) >> 1] = watched;
    } else this.onDecoded?.(rec);
    const asked = this.anyBreaks || this.isTraced !== null || this.onDecoded !== null || this.allFar;
    this.u32[(cpu + state.TEMPLATES) >> 2] = asked ? 0 : this.layout.templates(this.index);
  }
  /**
   * Is the code of a page this one (pairs of an instruction's index and its word)? Instructions that have not run yet are fetched: a
   * core may do that at any time.
   */
  holds(base: number, code: Uint32Array): boolean {
    const words = (base + PAGE_WORDS) >> 2;
    for (let i = 0; i < code.length; i += 2) {
      const [at, word] = [code[i]!, code[i + 1]!];
      const rec = recordAddress(base, at);
      if (this.u16[(rec + REC_BASE_HANDLER) >> 1] === H_DECODE) {
        if (this.u32[this.hostOf(rec) >>> 2] !== word) return false;
        this.decodeRecord(this.layout.core(this.cores[0]!), rec);
      }
      // Below are breakpoints.
      if (this.u16[(rec + REC_BASE_HANDLER) >> 1]! < H_FIRST_FREE || this.u32[words + at] !== word) return false;
    }
    return true;
  }
  /** Fills a record from a template; false: there is none. */
  private fill(rec: number): boolean {
    const base = this.baseOfPage(this.pageOf(rec));
    return this.core.fillRecord!(base, rec, this.layout.templates(this.index), this.allFar ? 1 : 0) !== 0;
  }
  /** From now on the host is asked about each record that is filled. */
  private ask(): void {
    for (const core of this.cores) this.u32[(this.layout.core(core) + state.TEMPLATES) >> 2] = 0;
  }
  private decodeAnew(rec: number, host: number, word: number): void {
    const d = analyse(this.decoder, word);
    this.u32[(this.baseOfPage(this.pageOf(rec)) + PAGE_WORDS + (host & 0xfff)) >> 2] = word;
    if (!d) {
      const handler = this.handlers.undefined();
      this.i32[(rec + REC_IMM) >> 2] = word;
      this.u16[(rec + REC_BASE_HANDLER) >> 1] = handler;
      this.u16[(rec + REC_ACTIVE) >> 1] = handler;
      return;
    }
    const near = this.isNear(host, d);
    const wanted = { word, d, near };
    if (this.handlers.find(wanted) < 0) this.around(() => this.handlers.make(this.lookAhead(host)));
    this.templates.note(word, d, near, this.handlers.find(wanted));
    this.fill(rec);
  }
  /** The instructions from a host address on: their handlers will be missing too. */
  private *lookAhead(host: number): Generator<Wanted> {
    const end = Math.min(pageOfHost(host) + 4096, host + 4 * LOOK_AHEAD);
    for (let at = host; at < end; at += 4) {
      const word = this.u32[at >>> 2]!;
      const d = analyse(this.decoder, word);
      // Data, most likely: what lies behind it is reached by a branch of its own.
      if (!d) return;
      yield { word, d, near: this.isNear(at, d) };
    }
  }
  /** Does a direct branch at this host address stay in its page? */
  private isNear(host: number, d: Decoded): boolean {
    return d.target !== null && !this.allFar && (((host & 0xfff) + d.target) & ~0xfff) === 0;
  }

  // Invalidation.
  /** Runs `body` with each record page of a host range (address signed or not), and the part of its page that is meant, in bytes. */
  private eachRecordPage(at: number, bytes: number, body: (page: number, from: number, to: number) => void): void {
    const host = at >>> 0;
    for (let start = pageOfHost(host); start < host + bytes; start += 4096) {
      const base = this.u32[(this.mapBase >> 2) + (start >>> 12)]!;
      if (!base) continue;
      body(this.pageOf(base), Math.max(host, start) & 0xffc, Math.min(host + bytes, start + 4096) - start);
    }
  }
  /** Forgets what was decoded in a part of a page. */
  private forget(page: number, from: number, to: number): void {
    this.onInvalidate(page);
    // Only the lines named, or records would be lost that run on meanwhile; regions are all of the page's.
    const base = this.baseOfPage(page);
    this.u8.fill(0, base + (from << 2), base + (((to + 3) & ~3) << 2));
  }
  /** Is a record in a part of a page of another word than memory has now? */
  private differs(page: number, from: number, to: number): boolean {
    const [base, host] = [this.baseOfPage(page), this.hostPage(page)];
    for (let at = from; at < to; at += 4) {
      if (this.u16[(base + (at << 2) + REC_BASE_HANDLER) >> 1] === H_DECODE) continue;
      if (this.u32[(base + PAGE_WORDS + at) >> 2] !== this.u32[(host + at) >>> 2]) return true;
    }
    return false;
  }
  /** Forgets what was decoded of guest memory at a host address; regions of the pages go with it. */
  invalidate(at: number, bytes: number): void {
    this.eachRecordPage(at, bytes, (page, from, to) => this.forget(page, from, to));
  }
  /**
   * Guest code at a host address may have changed (IC IVAU): what was decoded there is forgotten unless it is still the same. Kernels
   * do this for whole pages to alter few words, and again before they run a page that they have only loaded.
   */
  codeChanged(at: number, bytes: number): void {
    this.eachRecordPage(at, bytes, (page, from, to) => {
      if (this.differs(page, from, to)) this.forget(page, from, to);
    });
  }
  /** The same for all code (IC IALLU). */
  allCodeChanged(): void {
    for (const page of this.inUse) if (this.differs(page, 0, 4096)) this.forget(page, 0, 4096);
  }
  /** Forgets everything that was decoded. */
  invalidateAll(): void {
    for (const page of this.inUse) this.forget(page, 0, 4096);
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
    this.ask();
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
    this.ask();
    this.guestOffsets.add(offset);
    for (const page of this.inUse) {
      const rec = this.baseOfPage(page) + (offset << (REC_SHIFT - 2));
      if (this.u16[(rec + REC_BASE_HANDLER) >> 1] === H_DECODE) continue;
      // The code is as it was, but it must not run on past this record: regions of the page go.
      this.onRecordChange(page);
      this.u8.fill(0, rec, rec + (1 << REC_SHIFT));
    }
  }
  private get anyBreaks(): boolean {
    return this.breakOffsets.size + this.guestOffsets.size > 0;
  }
  private breaksAt(offset: number): boolean {
    return this.breakOffsets.has(offset) || this.guestOffsets.has(offset);
  }
  private breakpoint(rec: number, pc: bigint): number {
    return this.breakpoints.has(BigInt.asUintN(64, pc)) ? 0 : this.behindBreak.get(rec)!;
  }

  // Table entries.
  instantiate(m: WebAssembly.Module): WebAssembly.Exports {
    return new WebAssembly.Instance(m, { env: this.env } as WebAssembly.Imports).exports;
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
