/** Granules: what the live granule protection table says of physical memory, and whose plain text each page holds. */
import type { GranuleState } from '../arch/granules/model.ts';
import type { World } from '../system/console-tag.ts';
import type { SystemProbe } from '../system/probe.ts';
import { ownerOf, type PageOwner, worldNumber } from './contexts.ts';

const PAGE = 4096;
/** States of a map that can be told apart. */
const KINDS = 255;

/** A part of physical memory that is alike throughout. */
export interface Stretch {
  readonly from: number;
  /** First address behind it. */
  readonly to: number;
  /** `off` where there are no checks. */
  readonly state: GranuleState;
  /** Null: nobody's yet, or memory that is not encrypted. */
  readonly owner: PageOwner | null;
}
/** One kind of a map's buckets. */
export interface GranuleKind {
  readonly state: GranuleState;
  readonly pas: World | null;
  readonly mecid: number | null;
}
export interface GranuleMap {
  readonly bucketBytes: number;
  /** A byte a bucket: index into `kinds` of what most of it is. */
  readonly kind: Uint8Array;
  readonly kinds: readonly GranuleKind[];
  /** A byte a bucket: how recently some page of it changed, as far as was seen: 255 just now, 0 longer ago than `HEAT_SECONDS` or never. */
  readonly heat: Uint8Array;
}
export const HEAT_SECONDS = 10;

/** What pages of a region were when last looked at. */
interface Memory {
  readonly base: number;
  readonly size: number;
  readonly kind: Uint8Array;
  /** Seconds at which that was seen to have changed. */
  readonly changed: Float32Array;
}

export class GranuleView {
  private readonly probe: SystemProbe;
  private readonly kinds: GranuleKind[] = [];
  private readonly numbers = new Map<string, number>();
  private memory: readonly Memory[] | null = null;

  constructor(probe: SystemProbe) {
    this.probe = probe;
  }
  /** From `from` to before `to`: physical addresses, multiples of 4096. In order, without gaps. */
  *stretches(from: number, to: number): Generator<Stretch> {
    const { granules, protection } = this.probe;
    const states = granules?.ranges(from, to) ?? [{ state: 'off' as const, base: from, bytes: to - from }];
    const owners = protection ? [...protection.owners(from, to)] : [];
    let next = 0;
    for (const { state, base, bytes } of states) {
      for (let at = base; at < base + bytes; ) {
        while (next < owners.length && owners[next]!.base + owners[next]!.bytes <= at) next++;
        const here = owners[next];
        const inside = here !== undefined && here.base <= at;
        const end = Math.min(
          base + bytes,
          here === undefined ? Number.POSITIVE_INFINITY : inside ? here.base + here.bytes : here.base,
        );
        yield { from: at, to: end, state, owner: inside && here.owner ? ownerOf(here.owner) : null };
        at = end;
      }
    }
  }
  /** The granule at a physical address: its state, what the same table entry covers, and whose plain text the page holds. */
  at(address: number): Stretch {
    const page = Math.floor(address / PAGE) * PAGE;
    const found = this.probe.granules?.at(address) ?? { state: 'off' as const, base: page, bytes: PAGE };
    const owner = this.probe.protection?.ownerAt(address) ?? null;
    return { from: found.base, to: found.base + found.bytes, state: found.state, owner: owner && ownerOf(owner) };
  }
  /** Bytes of the machine's memory by state. */
  summary(): Partial<Record<GranuleState, number>> {
    const bytes: Partial<Record<GranuleState, number>> = {};
    for (const { base, size } of this.probe.regions) {
      for (const s of this.stretches(base, base + size)) bytes[s.state] = (bytes[s.state] ?? 0) + s.to - s.from;
    }
    return bytes;
  }
  /** Bytes of memory by owning context, the largest first. */
  contexts(): readonly { readonly owner: PageOwner; readonly bytes: number }[] {
    const found = new Map<string, { owner: PageOwner; bytes: number }>();
    for (const { base, size } of this.probe.regions) {
      for (const { owner, from, to } of this.stretches(base, base + size)) {
        if (!owner) continue;
        const key = `${owner.pas} ${owner.mecid}`;
        const entry = found.get(key) ?? { owner, bytes: 0 };
        entry.bytes += to - from;
        found.set(key, entry);
      }
    }
    return [...found.values()].sort((a, b) => b.bytes - a.bytes);
  }
  /** A number that changes when the table or an owner may have changed. */
  revision(cores: number): number {
    const { protection } = this.probe;
    const { converted, wiped } = protection?.counts ?? { converted: 0, wiped: 0 };
    let n = converted + wiped;
    // Only EL3 writes the table.
    for (let core = 0; core < cores; core++) {
      for (const world of ['normal', 'realm', 'secure'] as const) n += this.probe.counts(core)[world].entries;
    }
    return n;
  }

  /** A map of `buckets` equal parts of the addresses from `from` to before `to`. */
  map(from: number, to: number, buckets: number): GranuleMap {
    const bucketBytes = Math.max(PAGE, Math.ceil((to - from) / buckets / PAGE) * PAGE);
    const count = Math.ceil((to - from) / bucketBytes);
    const kind = new Uint8Array(count);
    const heat = new Uint8Array(count);
    this.look();
    let votes = new Map<number, number>();
    let bucket = 0;
    const close = (): void => {
      let most = 0;
      for (const [number, bytes] of votes) {
        if (bytes <= most) continue;
        most = bytes;
        kind[bucket] = number;
      }
      votes = new Map();
    };
    for (const stretch of this.stretches(from, to)) {
      const number = this.numberOf(stretch);
      for (let at = stretch.from; at < stretch.to; ) {
        const n = Math.floor((at - from) / bucketBytes);
        if (n !== bucket) {
          close();
          bucket = n;
        }
        const end = Math.min(stretch.to, from + (n + 1) * bucketBytes);
        votes.set(number, (votes.get(number) ?? 0) + end - at);
        at = end;
      }
    }
    close();
    const now = this.probe.now() / 1e9;
    for (const { base, size, changed } of this.memory!) {
      for (let at = Math.max(base, from); at < Math.min(base + size, to); at += PAGE) {
        const age = now - changed[(at - base) / PAGE]!;
        if (age >= HEAT_SECONDS) continue;
        const n = Math.floor((at - from) / bucketBytes);
        heat[n] = Math.max(heat[n]!, Math.round(255 * (1 - Math.max(0, age) / HEAT_SECONDS)));
      }
    }
    return { bucketBytes, kind, kinds: this.kinds, heat };
  }
  private numberOf({ state, owner }: Stretch): number {
    const key = `${state} ${owner?.pas} ${owner?.mecid}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    // Too many contexts to tell apart: those share the last number.
    const number = Math.min(this.kinds.length, KINDS);
    if (number === KINDS && this.kinds.length > KINDS) return KINDS;
    this.kinds.push({ state, pas: owner?.pas ?? null, mecid: number === KINDS ? null : (owner?.mecid ?? null) });
    this.numbers.set(key, number);
    return number;
  }
  /** Compares memory with how it was. */
  private look(): void {
    const first = this.memory === null;
    this.memory ??= this.probe.regions.map(({ base, size }) => ({
      ...{ base, size, kind: new Uint8Array(size / PAGE) },
      changed: new Float32Array(size / PAGE).fill(Number.NEGATIVE_INFINITY),
    }));
    const now = this.probe.now() / 1e9;
    for (const { base, size, kind, changed } of this.memory) {
      for (const stretch of this.stretches(base, base + size)) {
        const number = this.numberOf(stretch);
        const end = (stretch.to - base) / PAGE;
        for (let page = (stretch.from - base) / PAGE; page < end; page++) {
          if (kind[page] === number) continue;
          kind[page] = number;
          if (!first) changed[page] = now;
        }
      }
    }
  }

  /**
   * Physical memory as accesses in an address space and with a MECID would find it (granule protection apart): the bytes that can be
   * read from the first on; and whether some of them are another context's, and so are not its plain text. Nothing changes.
   */
  readAs(
    address: number,
    length: number,
    pas: World,
    mecid: number,
    plain: (address: number, length: number) => Uint8Array,
  ): { readonly bytes: Uint8Array; readonly foreign: boolean } {
    const { protection } = this.probe;
    const bytes = plain(address, length).slice();
    let foreign = false;
    if (!protection) return { bytes, foreign };
    for (let at = Math.floor(address / PAGE) * PAGE; at < address + bytes.length; at += PAGE) {
      const page = protection.pageAs(at, worldNumber(pas), pas === 'realm' ? mecid : 0);
      if (!page) continue;
      const from = Math.max(at, address);
      const to = Math.min(at + PAGE, address + bytes.length);
      bytes.set(page.subarray(from - at, to - at), from - address);
      const owner = protection.ownerAt(at);
      if (owner && protection.owner(worldNumber(pas), pas === 'realm' ? mecid : 0) !== protection.ownerWord(at)) {
        foreign = true;
      }
    }
    return { bytes, foreign };
  }
}
