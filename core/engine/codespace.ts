/**
 * A code space: the records, handlers and compiled regions that one worker runs its cores from.
 *
 * Decode happens here, in JavaScript, once for each instruction word met; handlers of the interpreter are generated when a shape
 * of instruction is first met, the common ones all at once.
 */
import type { Decoder } from '../arch/a64/decoder.ts';
import { fieldsOf, type Pattern } from '../arch/a64/pattern.ts';
import * as state from '../arch/state.ts';
import { tailCall } from '../wasm/build.ts';
import type { Library } from '../wasm/library.ts';
import { type MemoryType, Module } from '../wasm/module.ts';
import {
  FIRST_REGION,
  H_CROSS_PAGE,
  H_DECODE,
  H_FIRST_FREE,
  H_STOP,
  HANDLER,
  PAGE_RECORDS,
  PAGE_SENTINEL,
  PAGE_STRIDE,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_HEAT,
  REC_IMM,
  REC_OPS,
  REC_SHIFT,
  REC_SIZE,
  TABLE_SIZE,
} from './abi.ts';
import { InterpreterSem } from './interpret.ts';
import type { Layout } from './layout.ts';

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

/** Handler keys that are generated together at the start, most used first; see `docs/engine.md`. */
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
  private nextPage = 0;
  private readonly freePages: number[] = [];
  private readonly recordsBase: number;
  private readonly mapBase: number;
  /** Host page of each record page in use. */
  readonly hostPageOf: Uint32Array;
  /** Called when a branch target got hot. */
  onHot: (rec: number) => void = () => {};
  /** Called when a record was filled (tests compile everything at once here). */
  onDecoded: ((rec: number) => void) | null = null;
  readonly stats = { decoded: 0, handlers: 0, modules: 0 };

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
      newRecords: (_cpu: number, page: number) => this.newRecords(page),
      ...extra,
    };
    const instance = new WebAssembly.Instance(coreModule, { env } as WebAssembly.Imports);
    this.core = instance.exports as Record<string, (...args: number[]) => number>;
    this.env = { ...env, ...instance.exports };
    this.table.set(H_DECODE, this.core.decodeHandler as never);
    this.table.set(H_CROSS_PAGE, this.core.crossPageHandler as never);
    this.table.set(H_STOP, this.core.stopHandler as never);
  }

  /** Binds a core to this code space. */
  attach(cpu: number): void {
    this.u32[(cpu + state.REC_MAP) >> 2] = this.mapBase;
  }

  // Record pages.
  private newRecords(hostPage: number): number {
    let page = this.freePages.pop();
    if (page === undefined) {
      if (this.nextPage === this.layout.recordPages) this.evict();
      page = this.freePages.pop() ?? this.nextPage++;
    }
    const base = this.recordsBase + page * PAGE_STRIDE;
    this.u8.fill(0, base, base + PAGE_STRIDE);
    this.u16[(base + PAGE_SENTINEL) >> 1] = H_CROSS_PAGE;
    this.u16[(base + PAGE_SENTINEL + REC_BASE_HANDLER) >> 1] = H_CROSS_PAGE;
    this.hostPageOf[page] = hostPage >>> 0;
    this.u32[(this.mapBase >> 2) + (hostPage >>> 12)] = base;
    return base;
  }
  private evict(): void {
    throw new Error('record pool exhausted');
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
      if (o.vector || r !== 31 || o.role === 'sp') return r;
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
    const word = this.u32[host >> 2]!;
    const d = this.decodeWord(word);
    let handler: number;
    if (!d) {
      handler = this.undefinedHandler();
      this.i32[(rec + REC_IMM) >> 2] = word;
    } else {
      const offset = host & 0xfff;
      const near = d.target !== null && ((offset + d.target) & ~0xfff) === 0;
      handler = this.handlerOf(word, d, near);
      for (let i = 0; i < d.ops.length; i++) this.u8[rec + REC_OPS + i] = d.ops[i]!;
      this.i32[(rec + REC_IMM) >> 2] = d.target === null ? d.immLo : near ? d.target << (REC_SHIFT - 2) : d.target;
      this.i32[(rec + REC_IMM + 4) >> 2] = d.immHi;
      if (d.target !== null) this.u16[(rec + REC_HEAT) >> 1] = 0;
    }
    this.u16[(rec + REC_BASE_HANDLER) >> 1] = handler;
    this.u16[(rec + REC_ACTIVE) >> 1] = handler;
    this.onDecoded?.(rec);
  }

  // Invalidation.
  /** Forgets what was decoded of guest memory at a host address; regions of the pages go with it. */
  invalidate(host: number, bytes: number): void {
    for (let page = host & ~0xfff; page < host + bytes; page += 4096) {
      const base = this.u32[(this.mapBase >> 2) + (page >>> 12)]!;
      if (!base) continue;
      this.onInvalidate(this.pageOf(base));
      // Only the lines named, or records would be lost that run on meanwhile; regions are all of the page's.
      const from = Math.max(host, page) & 0xfff;
      const to = Math.min(host + bytes, page + 4096) - page;
      this.u8.fill(0, base + ((from & ~3) << 2), base + (((to + 3) & ~3) << 2));
    }
  }
  /** Called before records of a page are reset: its regions are no longer valid. */
  onInvalidate: (page: number) => void = () => {};
  /** Makes every record of the page run interpreted again. */
  dropRegions(page: number): void {
    const base = this.baseOfPage(page);
    for (let at = base; at < base + PAGE_SENTINEL; at += REC_SIZE) {
      this.u16[(at + REC_ACTIVE) >> 1] = this.u16[(at + REC_BASE_HANDLER) >> 1]!;
    }
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
  private handlerOf(word: number, d: Decoded, near: boolean): number {
    const key = `${d.pattern.id}.${(word & d.pattern.shapeMask) >>> 0}.${near ? 1 : 0}${d.zr}`;
    const known = this.handlers.get(key);
    if (known !== undefined) return known;
    return this.generate([{ key, build: (m) => this.buildHandler(m, key, word, d, near) }]);
  }
  private buildHandler(m: Module, key: string, word: number, d: Decoded, near: boolean): ReturnType<Module['func']> {
    const f = fieldsOf(d.pattern, word);
    return m.func(key, HANDLER.params, HANDLER.result, (cpu, rec, n) => {
      const sem = new InterpreterSem(d.pattern, { near, zr: d.zr }, this.library.linker(m), cpu!, rec!, n!);
      sem.emit(f);
    });
  }
  /** Generates handlers in one module; yields the slot of the first. */
  private generate(list: { key: string; build: (m: Module) => ReturnType<Module['func']> }[]): number {
    const m = new Module(this.memoryType, TABLE_SIZE);
    const first = this.nextSlot;
    if (first + list.length > FIRST_REGION) throw new Error('handler slots exhausted');
    const fns = list.map((h) => h.build(m));
    m.place(first, fns);
    this.instantiate(m);
    for (const h of list) this.handlers.set(h.key, this.nextSlot++);
    this.stats.handlers += list.length;
    return first;
  }
  /** Generates the handlers for the shapes of these words (and both near and far branches) in one module. */
  prepare(words: Iterable<number>): void {
    const list: { key: string; build: (m: Module) => ReturnType<Module['func']> }[] = [];
    const seen = new Set<string>();
    for (const word of words) {
      const d = this.decodeWord(word);
      if (!d) continue;
      for (const near of d.target === null ? [false] : [false, true]) {
        const key = `${d.pattern.id}.${(word & d.pattern.shapeMask) >>> 0}.${near ? 1 : 0}${d.zr}`;
        if (this.handlers.has(key) || seen.has(key)) continue;
        seen.add(key);
        list.push({ key, build: (m) => this.buildHandler(m, key, word, d, near) });
      }
    }
    if (list.length) this.generate(list);
  }
  instantiate(m: Module): void {
    const bytes = m.encode();
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: this.env } as WebAssembly.Imports);
    this.stats.modules++;
  }
  /** A free table slot for a region. */
  takeSlots(count: number): number {
    const first = this.nextRegion;
    this.nextRegion += count;
    if (this.nextRegion > TABLE_SIZE) throw new Error('function table exhausted');
    return first;
  }
}
export { PAGE_RECORDS, REC_SIZE };
