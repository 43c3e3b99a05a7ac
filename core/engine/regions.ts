/**
 * Regions: what is hot is compiled, a batch at a time; what was compiled is found, dropped and evicted here.
 */
import {
  FIRST_REGION,
  H_FIRST_FREE,
  PAGE_WORDS,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_SHIFT,
  recordAddress,
} from './abi.ts';
import type { CodeSpace } from './codespace.ts';
import { type CompiledBatch, RegionCompiler, type RegionJob } from './region-compiler.ts';

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
  /** What it takes the mode word to be, under the bits of the mask. */
  readonly assume: { readonly value: number; readonly mask: number };
}

/** A compiler on another thread. */
export interface Elsewhere {
  /** Asks for a module of these regions; false: it cannot take them now. */
  send(jobs: readonly RegionJob[]): boolean;
  /** What has been made next of what was asked for, in any order; null: nothing yet. */
  receive(): { readonly jobs: readonly RegionJob[]; readonly batch: CompiledBatch } | null;
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
      if (!this.eager && (this.rewritten.get(page) ?? 0) > MAX_REWRITES) this.queued.delete(rec);
      else {
        const base = this.space.baseOfPage(page);
        jobs.push({ base, at: (rec - base) >> REC_SHIFT, mode, slot: this.slot() });
      }
    }
    if (jobs.length === 0) return;
    if (!this.elsewhere?.send(jobs)) this.space.around(() => this.install(jobs, this.compiler.compile(jobs)));
  }
  /** Takes what was compiled elsewhere. */
  private collect(): void {
    if (!this.elsewhere) return;
    for (let done = this.elsewhere.receive(); done; done = this.elsewhere.receive())
      this.install(done.jobs, done.batch);
  }
  /** Lets a module's functions enter the table, and those regions be run whose code is still the same. */
  private install(jobs: readonly RegionJob[], { module, bytes, regions, ms, v8ms }: CompiledBatch): void {
    const started = performance.now();
    for (const { base, at } of jobs) this.queued.delete(recordAddress(base, at));
    const unused = new Set(jobs.map(({ slot }) => slot));
    const made: Region[] = [];
    const further: { rec: number; mode: number }[] = [];
    for (const { job, modeMask, code, instructions, continuations } of regions) {
      if (!this.holds(job.base, code)) continue;
      unused.delete(job.slot);
      const assume = { value: job.mode, mask: modeMask };
      made.push({ rec: recordAddress(job.base, job.at), slot: job.slot, assume });
      this.stats.regions++;
      this.stats.instructions += instructions;
      for (const at of continuations) further.push({ rec: recordAddress(job.base, at), mode: job.mode });
    }
    if (module && made.length > 0) {
      this.evictFor(bytes);
      this.stats.bytes += bytes;
      this.stats.batches++;
      new WebAssembly.Instance(module, { env: this.space.env } as WebAssembly.Imports);
      this.batches.push({ bytes, regions: made });
      this.liveBytes += bytes;
      for (const r of made) this.enter(r);
    }
    for (const slot of unused) this.space.freeSlot(slot);
    for (const { rec, mode } of further) this.goesOn(rec, mode);
    const here = performance.now() - started;
    this.stats.ms += ms + here;
    this.stats.v8ms += v8ms + here;
  }
  /** Are the records of a page still those of this code (pairs of index and word)? */
  private holds(base: number, code: Uint32Array): boolean {
    const { u16, u32 } = this.space;
    for (let i = 0; i < code.length; i += 2) {
      const [at, word] = [code[i]!, code[i + 1]!];
      if (u16[(recordAddress(base, at) + REC_BASE_HANDLER) >> 1]! < H_FIRST_FREE) return false;
      if (u32[(base + PAGE_WORDS + 4 * at) >> 2] !== word) return false;
    }
    return true;
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
