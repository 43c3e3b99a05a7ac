/**
 * The region compiler: from places in pages of records to a WebAssembly module. It reads records and needs nothing else of a code
 * space, so it may run on another thread than the code; then records may change meanwhile, and what it has read is told with what it
 * made, to be compared before that is used.
 */
import type { Decoder } from '../arch/a64/decoder.ts';
import type { Library } from '../wasm/library.ts';
import { type MemoryType, Module } from '../wasm/module.ts';
import {
  H_FIRST_FREE,
  HANDLER,
  PAGE_HEAT,
  PAGE_HOST,
  PAGE_RECORDS,
  PAGE_WORDS,
  REC_BASE_HANDLER,
  REC_IMM,
  recordAddress,
  TABLE_SIZE,
} from './abi.ts';
import { buildCfg, type Cfg, type Instruction } from './cfg.ts';
import { analyse, type Decoded } from './decoded.ts';
import { EffectsFinder } from './effects.ts';
import { RegionBuilder } from './region-builder.ts';
import { ModeAssumption } from './region-sem.ts';

/** Indirect jumps: targets followed at most, and jumps there before that counts. */
const MAX_TARGETS = 40;
const WARM = 4;
/** Instructions that a region has at least where it only goes on behind what was left to the interpreter, or up to a branch. */
const CONTINUED = 4;

/** What is to be compiled. */
export interface RegionJob {
  /** Records of the page, and the index of the instruction at which the region begins. */
  readonly base: number;
  readonly at: number;
  /** The mode word that it is compiled for. */
  readonly mode: number;
}

/** A region of a module: good wherever the same code is, in any code space. */
export interface CompiledRegion {
  /** The module's name of it. */
  readonly name: string;
  /** Host address of the page that it was made of, and the index of the instruction at which it begins. */
  readonly host: number;
  readonly at: number;
  /** What it takes the mode word to be, under the bits of the mask. */
  readonly assume: { readonly value: number; readonly mask: number };
  /** What it consists of: the index of an instruction in the page, its word, and so on. */
  readonly code: Uint32Array;
  readonly instructions: number;
  /** Indices in the page of further places that are worth a region, as this one has to be left before them. */
  readonly continuations: readonly number[];
}
export interface CompiledBatch {
  /** Null: nothing can be compiled there. */
  readonly module: WebAssembly.Module | null;
  readonly bytes: number;
  readonly regions: readonly CompiledRegion[];
  /** Milliseconds, in all and of these in V8. */
  readonly ms: number;
  readonly v8ms: number;
}

function codeOf(cfg: Cfg): Uint32Array {
  const code: number[] = [];
  for (const b of cfg.blocks) for (const [i, ins] of b.code.entries()) code.push(b.start + i, ins.word);
  return Uint32Array.from(code);
}

export class RegionCompiler {
  private readonly library: Library;
  private readonly memoryType: MemoryType;
  private readonly decoder: Decoder;
  private readonly parallel: boolean;
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  private readonly effects: EffectsFinder;
  private readonly words = new Map<number, Decoded | null>();

  /** `parallel`: cores run in parallel. */
  constructor(
    memory: SharedArrayBuffer,
    library: Library,
    memoryType: MemoryType,
    decoder: Decoder,
    parallel: boolean,
  ) {
    this.u16 = new Uint16Array(memory);
    this.u32 = new Uint32Array(memory);
    this.library = library;
    this.memoryType = memoryType;
    this.decoder = decoder;
    this.parallel = parallel;
    this.effects = new EffectsFinder(library.linker(new Module(memoryType, TABLE_SIZE)));
  }

  /** Compiles all of it as one module. */
  compile(jobs: readonly RegionJob[]): CompiledBatch {
    const started = performance.now();
    const m = new Module(this.memoryType, TABLE_SIZE);
    const link = this.library.linker(m);
    const regions: CompiledRegion[] = [];
    for (const job of jobs) {
      const { base, at, mode } = job;
      const cfg = buildCfg(
        at,
        (i) => this.instruction(base, i, mode),
        (i) => this.targetsSeen(base, i),
      );
      if (!cfg) continue;
      const assume = new ModeAssumption(mode);
      const build = new RegionBuilder(this.u16, base, cfg, assume, link, this.parallel);
      const name = `r${regions.length}`;
      m.export(m.func(name, HANDLER.params, HANDLER.result, (cpu, rec, n) => build.emit(cpu!, rec!, n!)));
      const host = this.u32[(base + PAGE_HOST) >> 2]!;
      const continuations = build.continuations.filter((i) => this.worthwhile(base, i, mode));
      regions.push({ name, host, at, assume, code: codeOf(cfg), instructions: cfg.instructions, continuations });
    }
    if (!regions.length) return { module: null, bytes: 0, regions, ms: performance.now() - started, v8ms: 0 };
    const bytes = m.encode();
    const built = performance.now();
    const module = new WebAssembly.Module(bytes);
    const done = performance.now();
    return { module, bytes: bytes.length, regions, ms: done - started, v8ms: done - built };
  }

  /** What `word` means, or null when it is unallocated. Remembered by word. */
  private decode(word: number): Decoded | null {
    let d = this.words.get(word);
    if (d === undefined) {
      d = analyse(this.decoder, word);
      this.words.set(word, d);
    }
    return d;
  }
  /** The instruction at index `at` of a page, or null when it has not run yet, is unallocated, or has a breakpoint. */
  private instruction(base: number, at: number, mode: number): Instruction | null {
    if (this.u16[(recordAddress(base, at) + REC_BASE_HANDLER) >> 1]! < H_FIRST_FREE) return null;
    // Not what is in memory now: that is for the records to find out first.
    const word = this.u32[(base + PAGE_WORDS + 4 * at) >> 2]!;
    const d = this.decode(word);
    if (!d) return null;
    return { word, d, effects: this.effects.of(d, word, mode) };
  }
  /** Is there enough straight code for a region to pay at a place where no branch goes? */
  private worthwhile(base: number, at: number, mode: number): boolean {
    for (let i = at; i < at + CONTINUED; i++) {
      const instruction = i < PAGE_RECORDS ? this.instruction(base, i, mode) : null;
      if (instruction === null || instruction.d.pattern.interpretOnly) return false;
      if (instruction.d.pattern.flow) return i > at;
    }
    return true;
  }
  /** Where in its page the indirect jump at index `at` went before: targets that are warm, and that it has marked. */
  private targetsSeen(base: number, at: number): number[] {
    const marks = (recordAddress(base, at) + REC_IMM) >> 2;
    const [lo, hi] = [this.u32[marks]!, this.u32[marks + 1]!];
    const heat = (base + PAGE_HEAT) >> 1;
    const seen: number[] = [];
    for (let i = 0; i < PAGE_RECORDS && seen.length < MAX_TARGETS; i++) {
      const bit = i & 63;
      if (this.u16[heat + i]! >= WARM && ((bit < 32 ? lo >>> bit : hi >>> (bit - 32)) & 1) !== 0) seen.push(i);
    }
    return seen;
  }
}
