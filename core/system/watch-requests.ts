/** What requesters other than cores (DMA) meet, noted for observers: see `watch-record.ts`. Only while somebody watches. */
import type { Transfer } from '../arch/encryption/engine.ts';
import { WHO } from '../arch/encryption/layout.ts';
import { WATCH } from '../engine/layout.ts';
import { ACCESS, NO_CORE, NO_PC, WATCH_KIND } from './watch-record.ts';
import type { WatchWriter } from './watch-ring.ts';

/** All of them are Non-secure. */
const NON_SECURE = 1;
const PAGE = 4096;

export interface RequestingThread {
  readonly memory: SharedArrayBuffer;
  readonly writer: WatchWriter;
  /** Nanoseconds of guest time. */
  now(): number;
  /** Owner of a page of physical memory, `OWNER.none` where there is none. */
  ownerWord(address: number): number;
}

export class RequesterWatch {
  private readonly t: RequestingThread;
  private readonly view: DataView;

  constructor(t: RequestingThread) {
    this.t = t;
    this.view = new DataView(t.memory);
  }
  /** The granule protection table gives the page at a physical address to others. */
  refused(address: number, writes: boolean): void {
    const page = address - (address % PAGE);
    this.note(WATCH_KIND.granule, page, writes, 0, this.t.ownerWord(page));
  }
  /** A page of another context became the requester's. */
  tookOver({ address, from, to, overwritten, who }: Transfer): void {
    if (!overwritten) this.note(WATCH_KIND.mismatch, address, (who & WHO.write) !== 0, from, to);
  }
  private note(kind: number, page: number, writes: boolean, a: number, b: number): void {
    if (this.view.getUint32(WATCH, true) === 0) return;
    const level = NON_SECURE << 2;
    this.t.writer.append({
      ...{ kind, core: NO_CORE, from: level, to: level, time: this.t.now(), pc: NO_PC },
      ...{ address: BigInt(page), a, b },
      detail: NON_SECURE | ((writes ? ACCESS.write : ACCESS.read) << 8),
    });
  }
}
