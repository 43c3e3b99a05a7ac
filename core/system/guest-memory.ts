/** Physical memory as requesters other than cores see it (DMA). */

import type { MemoryProtection } from '../arch/encryption/engine.ts';
import type { GranuleModel } from '../arch/granules/model.ts';
import type { GuestMemory, Pas } from '../devices/device.ts';
import { lock, unlock } from '../devices/lock.ts';
import type { Layout } from '../engine/layout.ts';
import { GLOBAL, globalIndex } from './control.ts';
import type { MachinePlan, PlannedRegion } from './plan.ts';
import { granuleModel } from './protection.ts';

const PAGE = 4096;

/**
 * The memory that answers in one physical address space, as far as the granule protection table gives it. Reads of flash see its
 * contents; nothing writes to it this way. Bytes behind the memory protection engine are those in DRAM.
 */
export class RequesterMemory implements GuestMemory {
  private readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  private readonly layout: Layout;
  private readonly plan: MachinePlan;
  private readonly pas: Pas;
  private readonly regions: readonly PlannedRegion[];
  private readonly words: Int32Array;
  private readonly protection: () => MemoryProtection | null;
  private readonly refused: ((address: number, writes: boolean) => void) | undefined;
  private granules: GranuleModel | null = null;

  constructor(
    memory: WebAssembly.Memory<SharedArrayBuffer>,
    layout: Layout,
    plan: MachinePlan,
    pas: Pas,
    /** This thread's memory protection engine. */
    protection: () => MemoryProtection | null,
    /** Told of accesses that granule protection refuses: the first address that is not the requester's. */
    refused?: (address: number, writes: boolean) => void,
  ) {
    this.memory = memory;
    this.layout = layout;
    this.plan = plan;
    this.pas = pas;
    this.regions = plan.regions.filter((r) => (r.pas >>> pas) & 1);
    this.words = new Int32Array(memory.buffer);
    this.protection = protection;
    this.refused = refused;
  }
  read(address: number, length: number): Uint8Array | null {
    const window = this.window(address, length, false);
    if (!window) return null;
    const out = new Uint8Array(length);
    const done = this.exchange(address, length, false, (from, n) => copy(out, from, window, from, n));
    return done ? out : null;
  }
  write(address: number, bytes: Uint8Array): boolean {
    const window = this.window(address, bytes.length, true);
    return (
      window !== null && this.exchange(address, bytes.length, true, (from, n) => copy(window, from, bytes, from, n))
    );
  }
  view(address: number, length: number): Uint8Array | null {
    // What may be taken away while the requester looks at it is copied.
    if (this.guarded()) return null;
    return this.window(address, length, true);
  }
  /** Are there granule protection checks, or contexts? */
  private guarded(): boolean {
    this.granules ??= granuleModel(this.memory.buffer, this.layout, this.plan, () => this.protection());
    return this.protection() !== null || this.granules.on;
  }
  private window(address: number, length: number, write: boolean): Uint8Array<SharedArrayBuffer> | null {
    for (const r of this.regions) {
      if (address < r.base || address + length > r.base + r.size || (write && r.readOnly)) continue;
      return new Uint8Array(this.memory.buffer, this.layout.arena + r.host + (address - r.base), length);
    }
    return null;
  }
  /**
   * Moves bytes page by page; false, before any is moved, when a granule is not the requester's. A change of granules that another
   * thread completes (`awaitRequesters`) waits for what began before.
   */
  private exchange(address: number, length: number, writes: boolean, move: (from: number, n: number) => void): boolean {
    if (!this.guarded()) {
      move(0, length);
      return true;
    }
    const engine = this.protection();
    const at = globalIndex(GLOBAL.requester);
    lock(this.words, at);
    try {
      const foreign = this.foreign(address, length);
      if (foreign !== null) {
        this.refused?.(foreign, writes);
        return false;
      }
      for (let done = 0; done < length; ) {
        const n = Math.min(length - done, PAGE - ((address + done) % PAGE));
        const from = done;
        if (engine) engine.request(address + from, n, writes, () => move(from, n));
        else move(from, n);
        done += n;
      }
      return true;
    } finally {
      unlock(this.words, at);
    }
  }
  /** The first address of a range that granule protection does not give the requester; null: it may access all of it. */
  private foreign(address: number, length: number): number | null {
    const { granules, pas } = this;
    if (!granules?.on) return null;
    for (let at = address; at < address + length; ) {
      if (!granules.mayAccess(pas, at)) return at;
      const { base, bytes } = granules.at(at);
      at = base + bytes;
    }
    return null;
  }
}

/** Copies bytes; an aligned pair, which cores look at while it changes, in one access. */
function copy(to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number, n: number): void {
  const half = (bytes: Uint8Array, at: number): Uint16Array | null =>
    n === 2 && ((bytes.byteOffset + at) & 1) === 0 ? new Uint16Array(bytes.buffer, bytes.byteOffset + at, 1) : null;
  const [source, target] = [half(from, fromAt), half(to, toAt)];
  if (source && target) Atomics.store(target, 0, Atomics.load(source, 0));
  else to.set(from.subarray(fromAt, fromAt + n), toAt);
}
