/**
 * Regions: what is hot is compiled, a batch at a time; what was compiled is found, dropped and evicted here.
 */
import { FIRST_REGION, REC_ACTIVE, REC_BASE_HANDLER, REC_SHIFT, recordAddress } from './abi.ts';
import type { CodeSpace } from './codespace.ts';
import { Offers } from './offers.ts';
import { type CompiledBatch, type CompiledRegion, RegionCompiler, type RegionJob } from './region-compiler.ts';

/** Hot entries that are compiled together at most, and milliseconds that the first of them waits at most. */
const BATCH = 24;
const WAIT = 4;

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
  readonly assume: CompiledRegion['assume'];
}

/** Regions that were compiled together. */
interface Batch {
  readonly module: WebAssembly.Module;
  /** Of WebAssembly. */
  readonly bytes: number;
  /** Its functions, and those of them that may run; null: none is in use. */
  functions: WebAssembly.Exports | null;
  regions: Region[];
}

/** What was made of jobs; without jobs: of another code space's. */
export interface Made {
  readonly jobs: readonly RegionJob[];
  readonly batch: CompiledBatch;
}
/** A compiler on another thread. */
export interface Elsewhere {
  /** Asks for a module of these regions; false: it cannot take them now. */
  send(jobs: readonly RegionJob[]): boolean;
  /** What has been made next, in any order; null: nothing yet. */
  receive(): Made | null;
}

export class Regions {
  private readonly space: CodeSpace;
  private readonly bound: number;
  /** Hot places, with the mode in which they were. */
  private queue: { readonly rec: number; readonly mode: number }[] = [];
  private readonly queued = new Set<number>();
  /** When the queue began to fill (`performance.now()`). */
  private since = 0;
  private readonly compiler: RegionCompiler;
  /** Compiles for us while the code goes on; null: nobody does. */
  elsewhere: Elsewhere | null = null;
  /** In use, oldest first. */
  private readonly batches: Batch[] = [];
  private readonly offers = new Offers<{ readonly region: CompiledRegion; readonly batch: Batch }>();
  private liveBytes = 0;
  private readonly misses = new Map<number, number>();
  private readonly byPage = new Map<number, Region[]>();
  /** How often compiled code of a page was dropped because the page changed. */
  private readonly rewritten = new Map<number, number>();
  modeOf: () => number = () => 0;
  /** Everything is compiled as soon as it is decoded (tests). */
  eager = false;
  /** `shared`: regions that were made for other code spaces and are used here, too; all others but `dropped` are of our own. */
  readonly stats = { regions: 0, instructions: 0, bytes: 0, batches: 0, ms: 0, v8ms: 0, shared: 0, dropped: 0 };

  /** `bound`: bytes of generated code that are kept. */
  constructor(space: CodeSpace, bound = CODE_BYTES) {
    this.space = space;
    this.bound = bound;
    const { memory, library, memoryType, decoder, layout } = space;
    this.compiler = new RegionCompiler(memory.buffer, library, memoryType, decoder, layout.parallel);
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
    space.onNewPage = (host, base) => {
      for (const { region, batch } of this.offers.take(host)) this.share(region, base, batch);
    };
  }

  /** Compiles the block that begins at `rec`, at once. */
  compileNow(rec: number): void {
    this.queue.push({ rec, mode: this.modeOf() });
    this.compileQueue();
  }

  /** Notes that `rec` is worth compiling. */
  hot(rec: number): void {
    // A stepped branch counts heat in the copy of its record.
    if (!this.space.isRecord(rec)) return;
    this.enqueue(rec, this.modeOf());
    if (this.queue.length >= BATCH) this.flush();
  }

  /** What follows an instruction that regions leave to the interpreter is as hot as they are, but no branch goes there. */
  private goesOn(rec: number, mode: number): void {
    if (this.space.u16[(rec + REC_ACTIVE) >> 1]! < FIRST_REGION) this.enqueue(rec, mode);
  }
  private enqueue(rec: number, mode: number): void {
    if (this.queued.has(rec)) return;
    if (this.queue.length === 0) this.since = performance.now();
    this.queued.add(rec);
    this.queue.push({ rec, mode });
  }

  /** Compiles all that is queued, as one module. */
  flush(): void {
    this.collect();
    if (this.queue.length) this.compileQueue();
  }
  /** The same when it has waited long enough: modules are costly, whatever is in them. */
  flushDue(): void {
    this.collect();
    if (this.queue.length && performance.now() - this.since >= WAIT) this.compileQueue();
  }
  private compileQueue(): void {
    const list = this.queue;
    this.queue = [];
    const jobs: RegionJob[] = [];
    for (const { rec, mode } of list) {
      const page = this.space.pageOf(rec);
      const base = this.space.baseOfPage(page);
      // Another code space's region may have come since.
      if (this.unsteady(page) || (!this.eager && this.fitting(rec, mode))) this.queued.delete(rec);
      else jobs.push({ base, at: (rec - base) >> REC_SHIFT, mode });
    }
    if (jobs.length === 0) return;
    if (!this.elsewhere?.send(jobs)) {
      this.space.around(() => this.install({ jobs, batch: this.compiler.compile(jobs) }));
    }
  }
  /** Does a page's code change too often for its regions to pay? */
  private unsteady(page: number): boolean {
    return !this.eager && (this.rewritten.get(page) ?? 0) > MAX_REWRITES;
  }
  /** Takes what was compiled elsewhere. */
  private collect(): void {
    if (!this.elsewhere) return;
    for (let made = this.elsewhere.receive(); made; made = this.elsewhere.receive()) this.install(made);
  }
  /** Lets those regions of a module be run whose code is here, and still the same. */
  private install({ jobs, batch: { module, bytes, regions, ms, v8ms } }: Made): void {
    const started = performance.now();
    for (const { base, at } of jobs) this.queued.delete(recordAddress(base, at));
    if (!module) return;
    const batch: Batch = { module, bytes, functions: null, regions: [] };
    if (jobs.length === 0) {
      for (const region of regions) this.offered(region, batch);
      return;
    }
    for (const region of regions) {
      const base = this.space.recordsOf(region.host);
      if (base === 0 || !this.use(region, base, batch)) continue;
      this.stats.regions++;
      this.stats.instructions += region.instructions;
      for (const at of region.continuations) this.goesOn(recordAddress(base, at), region.assume.value);
    }
    const here = performance.now() - started;
    this.stats.bytes += bytes;
    this.stats.batches++;
    this.stats.ms += ms + here;
    this.stats.v8ms += v8ms + here;
  }
  /** A region was made for another code space: it is used, or waits for its page to run here. */
  private offered(region: CompiledRegion, batch: Batch): void {
    const base = this.space.recordsOf(region.host);
    if (base === 0) this.offers.add(region.host, { region, batch });
    else this.share(region, base, batch);
  }
  /** Uses a region that was made for another code space, unless there is one already. */
  private share(region: CompiledRegion, base: number, batch: Batch): void {
    const rec = recordAddress(base, region.at);
    if (this.unsteady(this.space.pageOf(rec)) || this.fitting(rec, region.assume.value)) return;
    if (this.use(region, base, batch)) this.stats.shared++;
  }
  /** Lets a region be run at the page whose records begin at `base`; false: the code there is another. */
  private use({ name, at, assume, code }: CompiledRegion, base: number, batch: Batch): boolean {
    if (!this.space.holds(base, code)) return false;
    const slot = this.slot();
    const functions = this.open(batch);
    this.space.table.set(slot, functions[name] as never);
    const region = { rec: recordAddress(base, at), slot, assume };
    batch.regions.push(region);
    this.enter(region);
    return true;
  }
  /** A batch's functions. */
  private open(batch: Batch): WebAssembly.Exports {
    if (!batch.functions) {
      // Makes room under the bound: the oldest go first.
      while (this.batches.length && this.liveBytes + batch.bytes > this.bound) this.evictOldest();
      batch.functions = this.space.instantiate(batch.module);
      this.batches.push(batch);
      this.liveBytes += batch.bytes;
    }
    return batch.functions;
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
    const fits = this.fitting(rec, this.modeOf());
    if (fits) {
      this.space.u16[(rec + REC_ACTIVE) >> 1] = fits.slot;
      return fits.slot;
    }
    const misses = (this.misses.get(rec) ?? 0) + 1;
    this.misses.set(rec, misses % MODE_MISSES);
    if (misses === MODE_MISSES) this.hot(rec);
    return this.space.u16[(rec + REC_BASE_HANDLER) >> 1]!;
  }
  /** The region that begins at a record, for this mode. */
  private fitting(rec: number, mode: number): Region | undefined {
    const list = this.byPage.get(this.space.pageOf(rec));
    return list?.find((r) => r.rec === rec && r.slot >= 0 && ((mode ^ r.assume.value) & r.assume.mask) === 0);
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
    batch.functions = null;
    batch.regions = [];
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
