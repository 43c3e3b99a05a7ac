/** Granule protection faults, and contexts that met each other's pages, as they happened. */
import { WORLDS, type World } from '../system/console-tag.ts';
import { ACCESS_NAMES, NO_CORE, NO_PC, WATCH_KIND, type WatchRecord } from '../system/watch-record.ts';
import { ownerOfWord, type PageOwner } from './contexts.ts';

export interface MemoryEvent {
  /**
   * `granule-fault`: the table refused an access. `context-mismatch`: a context read, fetched or walked through what another wrote.
   * `takeover`: a context's first write to a page that was another's; what it does not write is noise to it.
   */
  readonly kind: 'granule-fault' | 'context-mismatch' | 'takeover';
  /** Seconds of the guest's clock. */
  readonly at: number;
  /** Null: a requester other than a core. */
  readonly core: number | null;
  /** Security state and exception level of the accessor. */
  readonly world: World;
  readonly el: number;
  /** Of the instruction; null where it is unknown. */
  readonly pc: bigint | null;
  /** Physical address of the page. */
  readonly address: number;
  /** Physical address space of the access. */
  readonly pas: World;
  readonly access: (typeof ACCESS_NAMES)[number];
  /** Whose plain text the page held; null: nobody's. */
  readonly owner: PageOwner | null;
  /** Who accessed it; null for faults, which are found before contexts matter. */
  readonly accessor: PageOwner | null;
}

/** The record of a fault or mismatch as an event; null for other records. */
export function memoryEvent(r: WatchRecord): MemoryEvent | null {
  if (r.kind !== WATCH_KIND.granule && r.kind !== WATCH_KIND.mismatch) return null;
  const access = ACCESS_NAMES[(r.detail >>> 8) & 3]!;
  const accessor = r.kind === WATCH_KIND.mismatch ? ownerOfWord(r.b) : null;
  const kind = r.kind === WATCH_KIND.granule ? 'granule-fault' : access === 'write' ? 'takeover' : 'context-mismatch';
  return {
    kind,
    at: r.time / 1e9,
    core: r.core === NO_CORE ? null : r.core,
    world: WORLDS[(r.from >>> 2) & 3]!,
    el: r.from & 3,
    pc: r.pc === NO_PC ? null : r.pc,
    address: Number(r.address),
    pas: accessor?.pas ?? WORLDS[r.detail & 3]!,
    access,
    owner: ownerOfWord(r.kind === WATCH_KIND.granule ? r.b : r.a),
    accessor,
  };
}

/** The last events, and how many there were of each kind. */
export class MemoryEvents {
  private readonly kept: MemoryEvent[] = [];
  private readonly limit: number;
  readonly counts = { 'granule-fault': 0, 'context-mismatch': 0, takeover: 0 };

  constructor(limit = 1000) {
    this.limit = limit;
  }
  add(event: MemoryEvent): void {
    this.counts[event.kind]++;
    this.kept.push(event);
    if (this.kept.length > 2 * this.limit) this.kept.splice(0, this.kept.length - this.limit);
  }
  /** The newest last. */
  get last(): readonly MemoryEvent[] {
    return this.kept.slice(-this.limit);
  }
}
