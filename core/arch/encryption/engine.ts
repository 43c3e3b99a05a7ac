/**
 * The memory protection engine, the host's side: who takes over a page that is another context's, what its bytes become, new keys,
 * and what any context would see. All state is in shared memory, so every thread has an instance of its own. See `owners.ts` for
 * how cores and this side keep out of each other's way.
 */
import type { Layout } from '../../engine/layout.ts';
import * as state from '../state.ts';
import { masterKey, PAGE, PageCipher } from './cipher.ts';
import {
  GENERATIONS,
  isContext,
  LINE,
  MODEL,
  mecidOfOwner,
  OWNER,
  ownerOf,
  P_CONVERTED,
  P_CORES,
  P_GENERATIONS,
  P_JUNK,
  P_MASTER,
  P_MODEL,
  P_OWNERS,
  P_WIPED,
  PLAIN,
  PROTECTION,
  pasOf,
  WHO,
} from './layout.ts';

/** A part of DRAM that lies behind the engine. */
export interface ProtectedRegion {
  /** Physical address and size in bytes, multiples of 4096. */
  readonly base: number;
  readonly size: number;
  /** Where it is in the Wasm memory. */
  readonly host: number;
}

/** What the engine needs of the thread that it works for. */
export interface PageNeighbours {
  /** Cores that this thread runs. */
  readonly own: readonly number[];
  /** Code space of a core. */
  spaceOf(core: number): number;
  /** Removes a host page from the TLB of one of the own cores. */
  drop(core: number, host: number): void;
  /** Forgets what was decoded of a host page in this thread's code space. */
  forgetCode(host: number): void;
  /** Has cores of other threads do both; true when messages for the own cores were read meanwhile. */
  ask(cores: readonly number[], host: number): boolean;
  /** All cores' TLBs drop everything. */
  dropAll(): void;
}

/** An encryption context: physical address space (numbered like security states), MECID, how often its key was renewed. */
export interface Context {
  readonly pas: number;
  readonly mecid: number;
  readonly generation: number;
}
/** A page changed its owner. */
export interface Transfer {
  /** Physical address of the page. */
  readonly address: number;
  /** Core whose access it was; null: a requester or the host. */
  readonly core: number | null;
  /** Owners (`OWNER`). */
  readonly from: number;
  readonly to: number;
  /** It is being overwritten: its old content is not needed. */
  readonly overwritten: boolean;
  /** `WHO` of the access; of a requester's, `write` alone. */
  readonly who: number;
}

export type ProtectionModel = keyof typeof MODEL;
const contextOf = (owner: number): Context => ({
  pas: pasOf(owner),
  mecid: mecidOfOwner(owner),
  generation: (owner >>> OWNER.generationShift) - 1,
});

/** Sets the engine's words up as after power-on: no page has an owner, all keys are new. `seed`: keys come from it. */
export function powerOnProtection(
  buffer: SharedArrayBuffer,
  layout: Layout,
  o: { readonly model: ProtectionModel; readonly seed?: number },
): void {
  const view = new DataView(buffer);
  const u8 = new Uint8Array(buffer);
  u8.fill(0, PROTECTION, PROTECTION + P_MASTER + 32);
  if (o.model === 'off') return;
  view.setUint32(PROTECTION + P_MODEL, MODEL[o.model], true);
  view.setUint32(PROTECTION + P_OWNERS, layout.owners, true);
  view.setUint32(PROTECTION + P_GENERATIONS, layout.generations, true);
  view.setUint32(PROTECTION + P_JUNK, layout.junk, true);
  view.setUint32(PROTECTION + P_CORES, layout.cores, true);
  u8.set(masterKey(o.seed), PROTECTION + P_MASTER);
  u8.fill(0, layout.owners + ((layout.arena >>> 12) << 2), layout.owners + ((layout.pages * 16) << 2));
  u8.fill(0, layout.generations, layout.generations + 0x40000);
  for (let at = 0; at < PAGE; at += 4) view.setUint32(layout.junk + at, 0xdeadbeef, true);
  for (let n = 0; n < layout.cores; n++) view.setUint32(layout.core(n) + state.WIPE_PAGE, 0, true);
}

export class MemoryProtection {
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly layout: Layout;
  private readonly regions: readonly ProtectedRegion[];
  private readonly neighbours: PageNeighbours;
  private readonly cipher: PageCipher;
  /** Told of each page that changes its owner on this thread's behalf. */
  onTransfer: ((t: Transfer) => void) | null = null;

  constructor(
    buffer: SharedArrayBuffer,
    layout: Layout,
    regions: readonly ProtectedRegion[],
    neighbours: PageNeighbours,
  ) {
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.layout = layout;
    this.regions = regions;
    this.neighbours = neighbours;
    this.cipher = new PageCipher(
      () => this.u8.subarray(PROTECTION + P_MASTER, PROTECTION + P_MASTER + 32),
      (owner) => (pasOf(owner) === 3 ? this.renewals(mecidOfOwner(owner)) >>> 16 : 0),
    );
  }
  /** Is the engine at work in this memory? */
  static works(buffer: SharedArrayBuffer): boolean {
    return new DataView(buffer).getUint32(PROTECTION + P_MODEL, true) !== MODEL.off;
  }
  private get model(): number {
    return this.i32[(PROTECTION + P_MODEL) >> 2]!;
  }
  private count(offset: number): void {
    Atomics.add(this.i32, (PROTECTION + offset) >> 2, 1);
  }
  /** Pages that were converted, and pages that were taken over whole. */
  get counts(): { readonly converted: number; readonly wiped: number } {
    const at = (offset: number): number => Atomics.load(this.i32, (PROTECTION + offset) >> 2) >>> 0;
    return { converted: at(P_CONVERTED), wiped: at(P_WIPED) };
  }
  private ownerIndex(host: number): number {
    return (this.layout.owners >> 2) + (host >>> 12);
  }
  private word(core: number, offset: number): number {
    return Atomics.load(this.i32, (this.layout.core(core) + offset) >> 2);
  }
  private setWord(core: number, offset: number, v: number): void {
    Atomics.store(this.i32, (this.layout.core(core) + offset) >> 2, v);
  }
  private physical(host: number): number {
    const region = this.regions.find((r) => host >= r.host && host < r.host + r.size);
    if (!region) throw new Error(`host page ${host.toString(16)} is not behind the memory protection engine`);
    return host - region.host + region.base;
  }
  private hostOf(address: number): number | null {
    const region = this.regions.find((r) => address >= r.base && address < r.base + r.size);
    return region ? address - region.base + region.host : null;
  }
  private renewals(mecid: number): number {
    return Atomics.load(this.i32, (this.layout.generations >> 2) + mecid);
  }
  /** The owner that accesses in a context give a page. */
  owner(pas: number, mecid: number): number {
    return ownerOf(pas, mecid, pas === 3 ? this.renewals(mecid) & 0xffff : 0);
  }

  /** May the core be accessing the page, or have something of it? */
  private has(core: number, page: number): boolean {
    if (Atomics.load(this.i32, (this.layout.mapped(core) >> 2) + (page >>> 12)) !== 0) return true;
    for (let n = 0; n < 3; n++) if (this.word(core, state.IN_FLIGHT + 4 * n) >>> 0 === page) return true;
    if (this.word(core, state.WIPE_PAGE) >>> 0 === page) return true;
    return this.records(this.neighbours.spaceOf(core), page);
  }
  private records(space: number, page: number): boolean {
    return Atomics.load(this.i32, (this.layout.recordMap(space) >> 2) + (page >>> 12)) !== 0;
  }
  /** No core has anything of the page afterwards; true when messages were read meanwhile. */
  private clear(page: number): boolean {
    const { own } = this.neighbours;
    const others: number[] = [];
    for (let core = 0; core < this.layout.cores; core++) {
      if (!own.includes(core)) {
        if (this.has(core, page)) others.push(core);
        continue;
      }
      this.neighbours.drop(core, page);
      if (this.records(this.neighbours.spaceOf(core), page)) this.neighbours.forgetCode(page);
    }
    return others.length > 0 && this.neighbours.ask(others, page);
  }
  private convert(page: number, from: number, to: number): void {
    const bytes = this.u8.subarray(page, page + PAGE);
    this.u8.set(this.cipher.convert(from, to, this.physical(page), bytes), page);
    this.count(P_CONVERTED);
  }
  /** Ends the overwriting of a page that nobody accesses: what is left is converted. Yields its owner. */
  private settle(core: number, page: number): number {
    const owner = this.word(core, state.WIPE_OWNER) >>> 0;
    const view = new DataView(this.i32.buffer, this.layout.core(core));
    const done = view.getBigUint64(state.WIPE_DONE, true);
    const old = this.word(core, state.WIPE_OLD) >>> 0;
    const seen = this.cipher.convert(old, owner, this.physical(page), this.u8.subarray(page, page + PAGE));
    for (let line = 0; line < PAGE / LINE; line++) {
      if ((done >> BigInt(line)) & 1n) continue;
      this.u8.set(seen.subarray(line * LINE, (line + 1) * LINE), page + line * LINE);
    }
    this.count(P_CONVERTED);
    this.setWord(core, state.WIPE_PAGE, 0);
    view.setBigInt64(state.WIPE_VA, -1n, true);
    return owner;
  }
  /** Takes the page out of everybody's hands: its owner until now, or null when somebody else is at it. */
  private seize(page: number, owner: number): { readonly from: number; readonly waited: boolean } | null {
    if (Atomics.compareExchange(this.i32, this.ownerIndex(page), owner | 0, OWNER.busy | 0) !== (owner | 0))
      return null;
    const waited = this.clear(page);
    const wiper = owner >>> 0 >= OWNER.wiping ? owner & 0xffff : null;
    return { from: wiper === null ? owner : this.settle(wiper, page), waited };
  }
  private tell(core: number | null, page: number, from: number, to: number, overwritten: boolean, who = 0): void {
    if (!this.onTransfer || !isContext(from) || from === to) return;
    this.onTransfer({ address: this.physical(page), core, from, to, overwritten, who });
  }

  /**
   * Gives a page to an owner: 1, or 0 when the access has to start again. `overwritten`: all its bytes are about to be written;
   * `who`: for `onTransfer`.
   */
  claim(core: number | null, host: number, want: number, overwritten = false, who = 0): 0 | 1 {
    const page = (host & ~0xfff) >>> 0;
    const at = this.ownerIndex(page);
    const owner = Atomics.load(this.i32, at) >>> 0;
    if (owner === want >>> 0) return 1;
    if (owner === OWNER.busy) return 0;
    const { exact } = MODEL;
    if (owner === OWNER.none && this.model === exact) {
      return Atomics.compareExchange(this.i32, at, 0, want | 0) === 0 ? 1 : 0;
    }
    const seized = this.seize(page, owner);
    if (!seized) return 0;
    if (this.model === exact && !overwritten && seized.from !== want >>> 0) this.convert(page, seized.from, want >>> 0);
    this.tell(core, page, seized.from, want >>> 0, overwritten, who);
    Atomics.store(this.i32, at, want | 0);
    return seized.waited ? 0 : 1;
  }
  /** A core starts to overwrite a page, beginning with the line at `host`: 1, or 0 when the access has to start again. */
  beginWipe(core: number, host: number, want: number): 0 | 1 {
    const page = (host & ~0xfff) >>> 0;
    const at = this.ownerIndex(page);
    if (!this.endWipe(core)) return 0;
    const owner = Atomics.load(this.i32, at) >>> 0;
    if (owner === want >>> 0) return 1;
    if (owner === OWNER.busy) return 0;
    if (owner === OWNER.none) return Atomics.compareExchange(this.i32, at, 0, want | 0) === 0 ? 1 : 0;
    const seized = this.seize(page, owner);
    if (!seized) return 0;
    const line = BigInt((host >>> 6) & 63);
    const view = new DataView(this.i32.buffer, this.layout.core(core));
    this.setWord(core, state.WIPE_OWNER, want | 0);
    this.setWord(core, state.WIPE_OLD, seized.from | 0);
    view.setBigUint64(state.WIPE_DONE, seized.waited ? 0n : 1n << line, true);
    this.setWord(core, state.WIPE_PAGE, page | 0);
    // While others of its lines are to come the page stays out of the TLB.
    this.setWord(core, state.TR_DEVICE, 1);
    this.tell(core, page, seized.from, want >>> 0, true);
    Atomics.store(this.i32, at, OWNER.wiping | core | 0);
    return seized.waited ? 0 : 1;
  }
  /** Ends what a core was overwriting; false when another is at that page just now. */
  private endWipe(core: number): boolean {
    const page = this.word(core, state.WIPE_PAGE) >>> 0;
    if (page === 0) return true;
    const at = this.ownerIndex(page);
    const mine = OWNER.wiping | core | 0;
    if (Atomics.compareExchange(this.i32, at, mine, OWNER.busy | 0) !== mine) return false;
    Atomics.store(this.i32, at, this.settle(core, page) | 0);
    return true;
  }

  /** The key of a Realm context becomes another one: what was written under the old one is noise from now on. */
  renewKey(mecid: number): void {
    if (this.model !== MODEL.exact) return;
    if ((this.renewals(mecid) & 0xffff) >= GENERATIONS - 1) this.retire(mecid);
    else Atomics.add(this.i32, (this.layout.generations >> 2) + mecid, 1);
    this.neighbours.dropAll();
  }
  /** All numbers of a context's keys were used: its pages become what is in DRAM, and counting starts again, in another era. */
  private retire(mecid: number): void {
    for (const r of this.regions) {
      for (let page = r.host; page < r.host + r.size; page += PAGE) {
        const owner = Atomics.load(this.i32, this.ownerIndex(page)) >>> 0;
        if (isContext(owner) && pasOf(owner) === 3 && mecidOfOwner(owner) === mecid) this.claimSoon(page, PLAIN);
      }
    }
    const era = (this.renewals(mecid) >>> 16) + 1;
    Atomics.store(this.i32, (this.layout.generations >> 2) + mecid, era << 16);
  }
  private claimSoon(host: number, want: number, overwritten = false, who = 0): void {
    while (Atomics.load(this.i32, this.ownerIndex(host)) >>> 0 !== want >>> 0) {
      if (this.claim(null, host, want, overwritten, who) === 0) this.neighbours.ask([], host);
    }
  }

  /**
   * An access of a requester of the Non-secure address space, within one page: the page becomes what such a requester sees, and is
   * nobody else's while `work` reads or writes it. A page that is written whole needs no conversion.
   */
  request(address: number, length: number, writes: boolean, work: () => void): void {
    const host = this.model === MODEL.exact ? this.hostOf(address) : null;
    if (host === null) {
      work();
      return;
    }
    const page = (host & ~0xfff) >>> 0;
    const at = this.ownerIndex(page);
    for (;;) {
      this.claimSoon(page, PLAIN, writes && length === PAGE, writes ? WHO.write : 0);
      if (Atomics.compareExchange(this.i32, at, PLAIN, OWNER.busy | 0) === PLAIN) break;
    }
    try {
      work();
    } finally {
      Atomics.store(this.i32, at, PLAIN);
    }
  }

  /**
   * Owners of pages from a physical address to before another, both multiples of 4096, in order; neighbours of the same owner are one.
   * What is not behind the engine is left out; null: nobody's yet.
   */
  *owners(
    from: number,
    to: number,
  ): Generator<{ readonly base: number; readonly bytes: number; readonly owner: Context | null }> {
    for (const r of this.regions) {
      const end = Math.min(to, r.base + r.size);
      const wordAt = (at: number): number => {
        const raw = Atomics.load(this.i32, this.ownerIndex(at - r.base + r.host)) >>> 0;
        return raw === OWNER.none || isContext(raw) ? raw : this.ownerWord(at);
      };
      for (let base = Math.max(from, r.base); base < end; ) {
        const word = wordAt(base);
        let next = base + PAGE;
        while (next < end && wordAt(next) === word) next += PAGE;
        yield { base, bytes: next - base, owner: word ? contextOf(word) : null };
        base = next;
      }
    }
  }
  /** Physical address of a host page that is behind the engine. */
  addressOf(host: number): number {
    return this.physical(host);
  }
  /** The owner of a page of physical memory, or of who overwrites it; `OWNER.none` where there is none. */
  ownerWord(address: number): number {
    const owner = this.ownerAt(address);
    return owner ? ownerOf(owner.pas, owner.mecid, owner.generation) : OWNER.none;
  }
  /** Whose plain text the page at a physical address holds; null: nobody's yet, or it is not behind the engine. */
  ownerAt(address: number): Context | null {
    const host = this.hostOf(address);
    if (host === null) return null;
    const owner = Atomics.load(this.i32, this.ownerIndex(host)) >>> 0;
    if (isContext(owner)) return contextOf(owner);
    return owner >= OWNER.wiping && owner !== OWNER.busy
      ? contextOf(this.word(owner & 0xffff, state.WIPE_OWNER) >>> 0)
      : null;
  }
  /**
   * The page of 4096 bytes at a physical address as accesses in an address space and MECID would find it, without changing anything;
   * null when it is not behind the engine. While cores run, a page in transition may show a mixture.
   */
  pageAs(address: number, pas: number, mecid: number): Uint8Array | null {
    const page = this.hostOf(Math.floor(address / PAGE) * PAGE);
    if (page === null) return null;
    const bytes = this.u8.slice(page, page + PAGE);
    const owner = Atomics.load(this.i32, this.ownerIndex(page)) >>> 0;
    const to = this.owner(pas, mecid);
    if (owner === OWNER.busy || this.model === MODEL.off) return bytes;
    if (this.model === MODEL.deadbeef) {
      // What has no tag counts as context 0's.
      const tag = owner === OWNER.none ? this.owner(3, 0) : owner;
      return pas !== 3 || tag === to ? bytes : this.u8.slice(this.layout.junk, this.layout.junk + PAGE);
    }
    if (owner === OWNER.none) return bytes;
    const at = this.physical(page);
    if (isContext(owner)) return this.cipher.convert(owner, to, at, bytes);
    const core = owner & 0xffff;
    const done = new DataView(this.i32.buffer, this.layout.core(core)).getBigUint64(state.WIPE_DONE, true);
    const [fresh, old] = [state.WIPE_OWNER, state.WIPE_OLD].map((o) =>
      this.cipher.convert(this.word(core, o) >>> 0, to, at, bytes),
    ) as [Uint8Array, Uint8Array];
    const out = new Uint8Array(PAGE);
    for (let line = 0; line < PAGE / LINE; line++) {
      const from = (done >> BigInt(line)) & 1n ? fresh : old;
      out.set(from.subarray(line * LINE, (line + 1) * LINE), line * LINE);
    }
    return out;
  }
}
