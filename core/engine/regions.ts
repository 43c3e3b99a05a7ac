/**
 * Regions: what is hot is compiled, a batch at a time; what was compiled is found, dropped and evicted here.
 */
import type { FnRef } from '../wasm/build.ts';
import { Module } from '../wasm/module.ts';
import {
  H_FIRST_FREE,
  HANDLER,
  PAGE_HEAT,
  PAGE_RECORDS,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_IMM,
  TABLE_SIZE,
} from './abi.ts';
import { buildCfg, type Instruction } from './cfg.ts';
import type { CodeSpace } from './codespace.ts';
import { EffectsFinder } from './effects.ts';
import { RegionBuilder } from './region-builder.ts';
import { ModeAssumption, recordAddress } from './region-sem.ts';

/** Hot entries that are compiled together at most, and milliseconds that the first of them waits at most. */
const BATCH = 24;
const WAIT = 4;

/** Indirect jumps: targets followed at most, and jumps there before that counts. */
const MAX_TARGETS = 40;
const WARM = 4;
/** Generated code is kept up to this many bytes of WebAssembly; beyond it the oldest goes. */
const CODE_BYTES = 24 << 20;
/** Entries in a mode that no version fits before one is compiled. */
const MODE_MISSES = 16;
/** A page whose code changed this often after it was compiled stays interpreted. */
const MAX_REWRITES = 8;

/** A compiled region: where it begins, and its table entry (−1 when it is gone). */
interface Region {
  readonly rec: number;
  slot: number;
  /** What it takes the mode word to be. */
  readonly assume: ModeAssumption;
}

export class Regions {
  private readonly space: CodeSpace;
  private readonly bound: number;
  /** Hot places, with the mode in which they were. */
  private queue: { readonly rec: number; readonly mode: number }[] = [];
  private readonly queued = new Set<number>();
  /** When the queue began to fill (`performance.now()`). */
  private since = 0;
  private readonly effects: EffectsFinder;
  /** Compiled together, oldest first. */
  private readonly batches: { readonly bytes: number; readonly regions: readonly Region[] }[] = [];
  private liveBytes = 0;
  private readonly misses = new Map<number, number>();
  private readonly byPage = new Map<number, Region[]>();
  /** How often compiled code of a page was dropped because the page changed. */
  private readonly rewritten = new Map<number, number>();
  modeOf: () => number = () => 0;
  /** Everything is compiled as soon as it is decoded (tests). */
  eager = false;
  readonly stats = { regions: 0, instructions: 0, bytes: 0, batches: 0, ms: 0, v8ms: 0, dropped: 0 };

  /** `bound`: bytes of generated code that are kept. */
  constructor(space: CodeSpace, bound = CODE_BYTES) {
    this.space = space;
    this.bound = bound;
    this.effects = new EffectsFinder(space.library.linker(new Module(space.memoryType, TABLE_SIZE)));
    space.onInvalidate = (page) => {
      if (this.dropPage(page)) this.rewritten.set(page, (this.rewritten.get(page) ?? 0) + 1);
    };
    space.onRecordChange = (page) => this.dropPage(page);
    space.onEvict = (page) => {
      // Record pages are used again for other code, which has no history.
      this.dropPage(page);
      this.rewritten.delete(page);
    };
    space.onOtherMode = (rec) => this.otherMode(rec);
  }

  /** Compiles the block that begins at `rec`, at once. */
  compileNow(rec: number): void {
    this.queue.push({ rec, mode: this.modeOf() });
    this.flush();
  }

  /** Notes that `rec` is worth compiling. */
  hot(rec: number): void {
    // A stepped branch counts heat in the copy of its record.
    if (this.queued.has(rec) || !this.space.isRecord(rec)) return;
    if (this.queue.length === 0) this.since = performance.now();
    this.queued.add(rec);
    this.queue.push({ rec, mode: this.modeOf() });
    if (this.queue.length >= BATCH) this.flush();
  }

  /** The instruction at index `at` of a page, or null when it has not run yet, is unallocated, or has a breakpoint. */
  private instruction(page: number, at: number, mode: number): Instruction | null {
    const base = this.space.baseOfPage(page);
    if (this.space.u16[(recordAddress(base, at) + REC_BASE_HANDLER) >> 1] < H_FIRST_FREE) return null;
    // Not what is in memory now: that is for the records to find out first.
    const word = this.space.wordAt(page, at);
    const d = this.space.decodeWord(word);
    if (!d) return null;
    return { word, d, effects: this.effects.of(d, word, mode) };
  }

  /** Where in its page the indirect jump at index `at` went before: targets that are warm, and that it has marked. */
  private targetsSeen(page: number, at: number): number[] {
    const { space } = this;
    const base = space.baseOfPage(page);
    const marks = (recordAddress(base, at) + REC_IMM) >> 2;
    const [lo, hi] = [space.u32[marks]!, space.u32[marks + 1]!];
    const heat = (base + PAGE_HEAT) >> 1;
    const seen: number[] = [];
    for (let i = 0; i < PAGE_RECORDS && seen.length < MAX_TARGETS; i++) {
      const bit = i & 63;
      if (space.u16[heat + i]! >= WARM && ((bit < 32 ? lo >>> bit : hi >>> (bit - 32)) & 1) !== 0) seen.push(i);
    }
    return seen;
  }

  /** Compiles all that is queued, as one module. */
  flush(): void {
    if (this.queue.length) this.space.around(() => this.compileQueue());
  }
  /** The same when it has waited long enough: modules are costly, whatever is in them. */
  flushDue(): void {
    if (this.queue.length && performance.now() - this.since >= WAIT) this.flush();
  }
  private compileQueue(): void {
    const started = performance.now();
    const list = this.queue;
    this.queue = [];
    const m = new Module(this.space.memoryType, TABLE_SIZE);
    const link = this.space.library.linker(m);
    const made: Region[] = [];
    const fns: FnRef[] = [];
    for (const { rec, mode } of list) {
      this.queued.delete(rec);
      const page = this.space.pageOf(rec);
      const at = (rec - this.space.baseOfPage(page)) >> 4;
      const cfg = buildCfg(
        at,
        (i) => this.instruction(page, i, mode),
        (i) => this.targetsSeen(page, i),
      );
      if (!cfg || (!this.eager && (this.rewritten.get(page) ?? 0) > MAX_REWRITES)) continue;
      const assume = new ModeAssumption(mode);
      const build = new RegionBuilder(this.space, page, cfg, assume, link);
      const fn = m.func(`r${rec}`, HANDLER.params, HANDLER.result, (cpu, r, n) => build.emit(cpu!, r!, n!));
      const slot = this.slot();
      m.place(slot, [fn]);
      fns.push(fn);
      made.push({ rec, slot, assume });
      this.stats.regions++;
      this.stats.instructions += cfg.instructions;
    }
    if (!fns.length) return;
    const bytes = m.encode();
    this.evictFor(bytes.length);
    this.stats.bytes += bytes.length;
    this.stats.batches++;
    const t = performance.now();
    const module = new WebAssembly.Module(bytes);
    new WebAssembly.Instance(module, { env: this.space.env } as WebAssembly.Imports);
    this.stats.v8ms += performance.now() - t;
    this.batches.push({ bytes: bytes.length, regions: made });
    this.liveBytes += bytes.length;
    for (const r of made) this.enter(r);
    this.stats.ms += performance.now() - started;
  }

  private enter(r: Region): void {
    // Versions for other modes stay: `otherMode` goes back to them.
    this.space.u16[(r.rec + REC_ACTIVE) >> 1] = r.slot;
    const page = this.space.pageOf(r.rec);
    const list = this.byPage.get(page);
    if (list) list.push(r);
    else this.byPage.set(page, [r]);
  }
  /**
   * The table entry for a record whose active region does not fit the present mode: a version that does, which becomes the
   * active one, or the interpreter's handler until the place is hot in this mode, too.
   */
  private otherMode(rec: number): number {
    const mode = this.modeOf();
    const list = this.byPage.get(this.space.pageOf(rec)) ?? [];
    const fits = list.find((r) => r.rec === rec && r.slot >= 0 && ((mode ^ r.assume.value) & r.assume.mask) === 0);
    if (fits) {
      this.space.u16[(rec + REC_ACTIVE) >> 1] = fits.slot;
      return fits.slot;
    }
    const misses = (this.misses.get(rec) ?? 0) + 1;
    this.misses.set(rec, misses % MODE_MISSES);
    if (misses === MODE_MISSES) this.hot(rec);
    return this.space.u16[(rec + REC_BASE_HANDLER) >> 1]!;
  }
  private leave(r: Region): void {
    if (r.slot < 0) return;
    const active = (r.rec + REC_ACTIVE) >> 1;
    if (this.space.u16[active] === r.slot) this.space.u16[active] = this.space.u16[(r.rec + REC_BASE_HANDLER) >> 1]!;
    this.space.freeSlot(r.slot);
    r.slot = -1;
    this.stats.dropped++;
  }
  /** The regions of a page are no longer valid: its code changed, or its records go. Yields whether there were any. */
  private dropPage(page: number): boolean {
    const list = this.byPage.get(page);
    if (!list) return false;
    for (const r of list) this.leave(r);
    return this.byPage.delete(page);
  }
  /** Makes room under the bound: the oldest batches go first. */
  private evictFor(bytes: number): void {
    while (this.batches.length && this.liveBytes + bytes > this.bound) this.evictOldest();
  }
  private evictOldest(): void {
    const batch = this.batches.shift()!;
    for (const r of batch.regions) {
      const page = this.space.pageOf(r.rec);
      const list = this.byPage.get(page);
      if (list) {
        const rest = list.filter((o) => o !== r);
        if (rest.length) this.byPage.set(page, rest);
        else this.byPage.delete(page);
      }
      this.leave(r);
    }
    this.liveBytes -= batch.bytes;
  }
  private slot(): number {
    for (;;) {
      const slot = this.space.takeSlot();
      if (slot !== null) return slot;
      if (!this.batches.length) throw new Error('no table entry is left for compiled code');
      this.evictOldest();
    }
  }
}
