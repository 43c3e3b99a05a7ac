/**
 * Watches a system from outside, without the guest's help: worlds, granules, contexts, faults, whether firmware fits. While nobody has
 * an observer, a system records nothing but counts.
 */
import type { System } from '../system/api.ts';
import type { World } from '../system/console-tag.ts';
import { Emitter } from '../system/emitter.ts';
import type { WatchDepth } from '../system/probe.ts';
import { decodeWatch, PAYLOAD, WATCH_BYTES, WATCH_KIND } from '../system/watch-record.ts';
import { type MemoryEvent, MemoryEvents, memoryEvent } from './faults.ts';
import { FirmwareCheck, type FirmwareNotice } from './firmware.ts';
import { GranuleView } from './granules.ts';
import { RealmTracker } from './realms.ts';
import { WorldHistory } from './worlds.ts';

export interface ObserverEvents {
  /** A granule protection fault, or a context met another's page. */
  memory: [event: MemoryEvent];
  /** Firmware does not fit the machine. */
  notice: [notice: FirmwareNotice];
}

/** What a core is at just now. */
export interface CoreState {
  readonly core: number;
  readonly world: World;
  readonly el: number;
  readonly on: boolean;
  readonly waiting: boolean;
}

/** Calls `say` for what does not fit. Costs nothing; for those who want no more than that. */
export function checkFirmware(system: System, say: (notice: FirmwareNotice) => void): () => void {
  const { mec } = system.config;
  const rme = system.probe.granules !== null;
  const check = new FirmwareCheck({ rme, mec: rme && (mec?.enabled ?? system.config.features?.mec ?? false) });
  const tell = (notice: FirmwareNotice | null): void => {
    if (notice) say(notice);
  };
  const ends = [
    system.on('firmware', (fact) => tell(check.take(fact))),
    system.on('exit', ({ reason }) => tell(check.ended(reason === 'wild'))),
  ];
  return () => {
    for (const end of ends) end();
  };
}

export class Observer {
  readonly granules: GranuleView;
  readonly worlds: WorldHistory;
  readonly memory = new MemoryEvents();
  /** With the calls that tell of them. */
  readonly realms: RealmTracker;
  private readonly system: System;
  private readonly events = new Emitter<ObserverEvents>();
  private readonly ends: readonly (() => void)[];

  /** `depth`: what switches are recorded; see `WatchDepth`. */
  constructor(system: System, depth: WatchDepth = 'el2') {
    this.system = system;
    const { probe } = system;
    this.granules = new GranuleView(probe);
    this.worlds = new WorldHistory(probe, system.cores.length);
    this.realms = new RealmTracker({
      read: (address, length) => system.readMemory(address, length),
      dropped: () => probe.dropped,
    });
    this.ends = [
      probe.watch(depth, (records) => this.take(records)),
      checkFirmware(system, (notice) => this.events.emit('notice', notice)),
    ];
  }
  on<E extends keyof ObserverEvents>(event: E, listener: (...args: ObserverEvents[E]) => void): () => void {
    return this.events.on(event, listener);
  }
  private take(records: Uint8Array): void {
    this.realms.begin();
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    for (let at = 0; at < records.byteLength; at += WATCH_BYTES) {
      const record = decodeWatch(view, at);
      if (record.kind < WATCH_KIND.granule) {
        this.worlds.add(record);
        this.realms.calls.add(record);
        continue;
      }
      if (record.kind === WATCH_KIND.words || record.kind === WATCH_KIND.bytes) {
        this.realms.calls.addPayload(record, records.subarray(at + PAYLOAD.at, at + PAYLOAD.at + PAYLOAD.bytes));
        continue;
      }
      const event = memoryEvent(record);
      if (!event) continue;
      this.memory.add(event);
      this.events.emit('memory', event);
    }
  }
  /** Brings what is known up to date. */
  refresh(): void {
    this.system.probe.service();
    this.realms.calls.flush();
  }
  cores(): CoreState[] {
    const { cores, probe } = this.system;
    return cores.map(({ index, on, waiting }) => ({ core: index, ...probe.level(index), on, waiting }));
  }
  /** There are encryption contexts that can be told apart. */
  get hasContexts(): boolean {
    return this.system.probe.protection !== null && (this.system.config.mec?.enabled ?? false);
  }
  /** Records that were lost because they came too fast. */
  get dropped(): number {
    return this.system.probe.dropped;
  }
  /** Physical memory as an address space and MECID would find it; see `GranuleView.readAs`. */
  readAs(address: number, length: number, pas: World, mecid: number): { bytes: Uint8Array; foreign: boolean } {
    return this.granules.readAs(address, length, pas, mecid, (at, n) => this.system.readMemory(BigInt(at), n));
  }
  close(): void {
    for (const end of this.ends) end();
  }
}
