/** What observers get of a system: state in shared memory, read at any time, and records of what happens (`watch-record.ts`). */
import type { MemoryProtection } from '../arch/encryption/engine.ts';
import type { GranuleModel } from '../arch/granules/model.ts';
import * as state from '../arch/state.ts';
import { type Layout, WATCH } from '../engine/layout.ts';
import { WORLDS, type World } from './console-tag.ts';
import type { MachinePlan } from './plan.ts';
import { granuleModel, hostProtection } from './protection.ts';
import { WatchReader } from './watch-ring.ts';

/** What is recorded, each including the one before: faults and mismatches; switches between worlds; EL2's entries and returns; EL1's. */
export type WatchDepth = 'faults' | 'worlds' | 'el2' | 'el1';
const MASKS: Readonly<Record<WatchDepth, number>> = { faults: 1, worlds: 1 | 8, el2: 1 | 8 | 4, el1: 1 | 8 | 4 | 2 };

/** One core's switches between worlds since the machine's start; Root is EL3. */
export interface WorldCounts {
  /** How often EL3 was entered from this world, and left for it. */
  readonly entries: number;
  readonly exits: number;
  /** Instructions that ran in it. */
  readonly instructions: number;
}

export interface MemoryRegion {
  readonly name: string;
  readonly base: number;
  readonly size: number;
}

export interface SystemProbe {
  /** Nanoseconds of the guest's clock. */
  now(): number;
  /** The granule protection table as it is in memory; null without FEAT_RME. */
  readonly granules: GranuleModel | null;
  /** The memory protection engine; null: there are no contexts. */
  readonly protection: MemoryProtection | null;
  /** Memory, by address. */
  readonly regions: readonly MemoryRegion[];
  /** Security state and exception level of a core just now. */
  level(core: number): { readonly world: World; readonly el: number };
  counts(core: number): Readonly<Record<World, WorldCounts>>;
  /** Whole records (`decodeWatch`) of one thread, in order, as bytes; yields a function that ends the subscription. */
  watch(depth: WatchDepth, listener: (records: Uint8Array) => void): () => void;
  /** Hands the listeners what has come. Done anyway from time to time while somebody watches. */
  service(): void;
  /** Records that were dropped because nobody took them in time. */
  readonly dropped: number;
}

/** How often the rings are looked at while somebody watches, in milliseconds. */
const INTERVAL = 25;

export class HostProbe implements SystemProbe {
  readonly granules: GranuleModel | null;
  readonly regions: readonly MemoryRegion[];
  readonly now: () => number;
  private readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  private readonly layout: Layout;
  private readonly plan: MachinePlan;
  private readonly view: DataView;
  private readonly readers: readonly WatchReader[];
  private listeners: readonly { readonly depth: WatchDepth; readonly take: (records: Uint8Array) => void }[] = [];
  private timer: NodeJS.Timeout | null = null;
  private engine: MemoryProtection | null = null;

  constructor(
    memory: WebAssembly.Memory<SharedArrayBuffer>,
    layout: Layout,
    plan: MachinePlan,
    rme: boolean,
    seconds: () => number,
  ) {
    const { buffer } = memory;
    this.memory = memory;
    this.layout = layout;
    this.plan = plan;
    this.view = new DataView(buffer);
    this.regions = plan.regions.map(({ name, base, size }) => ({ name, base, size })).sort((a, b) => a.base - b.base);
    this.now = () => seconds() * 1e9;
    this.granules = rme ? granuleModel(buffer, layout, plan, () => this.protection) : null;
    const { watches } = plan;
    this.readers = watches.map((ring) => new WatchReader(buffer, layout.devices, ring));
  }
  /** Set up with the machine's memory, after the probe. */
  get protection(): MemoryProtection | null {
    this.engine ??= hostProtection(this.memory, this.layout, this.plan);
    return this.engine;
  }
  level(core: number): { world: World; el: number } {
    const at = this.layout.core(core);
    const word = (offset: number): number => this.view.getUint32(at + offset, true);
    return { world: WORLDS[word(state.SECURITY) & 3]!, el: word(state.EL) & 3 };
  }
  counts(core: number): Readonly<Record<World, WorldCounts>> {
    const { view } = this;
    const at = this.layout.core(core);
    const executed = view.getBigInt64(at + state.GRANTED, true) - BigInt(view.getInt32(at + state.BUDGET, true));
    const present = view.getUint32(at + state.SECURITY, true);
    const of = (n: number): WorldCounts => {
      const ran = view.getBigInt64(at + state.WORLD_RAN + 8 * n, true);
      const since = present === n ? executed - view.getBigInt64(at + state.WORLD_NOTED, true) : 0n;
      return {
        entries: view.getUint32(at + state.WORLD_ENTRIES + 4 * n, true),
        exits: view.getUint32(at + state.WORLD_EXITS + 4 * n, true),
        instructions: Number(ran + since),
      };
    };
    return Object.fromEntries(WORLDS.map((world, n) => [world, of(n)])) as Record<World, WorldCounts>;
  }
  watch(depth: WatchDepth, take: (records: Uint8Array) => void): () => void {
    const listener = { depth, take };
    // What came before was for others.
    this.service();
    this.listeners = [...this.listeners, listener];
    this.setMask();
    return () => {
      this.service();
      this.listeners = this.listeners.filter((other) => other !== listener);
      this.setMask();
    };
  }
  private setMask(): void {
    const mask = this.listeners.reduce((bits, { depth }) => bits | MASKS[depth], 0);
    this.view.setUint32(WATCH, mask, true);
    if (mask !== 0) this.timer ??= setInterval(() => this.service(), INTERVAL).unref();
    else if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
    }
  }
  service(): void {
    for (const reader of this.readers) {
      const records = reader.read();
      if (records.length > 0) for (const { take } of this.listeners) take(records);
    }
  }
  get dropped(): number {
    return this.readers.reduce((sum, reader) => sum + reader.dropped, 0);
  }
}
