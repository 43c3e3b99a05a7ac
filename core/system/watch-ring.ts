/**
 * The way of observers' records from the threads of a system to the host. Nobody waits for observers: what does not fit is dropped and counted.
 * The host is told at once of faults, and when much has come together; else it looks when it wants to.
 */
import { ByteRing } from '../devices/ring.ts';
import { encodeWatch, PAYLOAD, WATCH_BYTES, WATCH_KIND, type WatchRecord } from './watch-record.ts';

/** Records collected before they go to the ring. */
const BATCH = 64;
/**
 * All rings of a system together, in bytes; and the largest single one. To give a realm of 16 MB its memory fills 2 MB, while the host may be
 * busy with something else.
 */
const TOGETHER = 1 << 22;
const LARGEST = 1 << 20;

/** Bytes of records in the ring of one of `threads` threads; a power of two. */
export const watchCapacity = (threads: number): number =>
  2 ** Math.floor(Math.log2(Math.min(LARGEST, TOGETHER / threads)));
/** The same of the I/O thread, which has little to tell. */
export const IO_WATCH_CAPACITY = 1 << 13;

/** One thread's ring: a word for the count of dropped records, then the ring. */
export interface WatchRing {
  /** Offset in the devices' memory. */
  readonly at: number;
  /** Bytes of records that it holds. */
  readonly capacity: number;
}
/** Shared memory of a ring, in bytes. */
export const watchRingBytes = (capacity: number): number => 64 + ByteRing.bytes(capacity);

function ringAt(
  buffer: SharedArrayBuffer,
  devices: number,
  { at, capacity }: WatchRing,
): { dropped: Int32Array; ring: ByteRing } {
  return {
    dropped: new Int32Array(buffer, devices + at, 1),
    ring: new ByteRing(buffer, devices + at + 64, capacity),
  };
}

/** The end of the thread that records. */
export class WatchWriter {
  private readonly ring: ByteRing;
  private readonly dropped: Int32Array;
  private readonly bell: { ring(): void };
  private readonly bytes = new Uint8Array(BATCH * WATCH_BYTES);
  private readonly view = new DataView(this.bytes.buffer);
  private used = 0;
  private urgent = false;

  /** `devices`: address of the devices' memory. */
  constructor(buffer: SharedArrayBuffer, devices: number, place: WatchRing, bell: { ring(): void }) {
    ({ ring: this.ring, dropped: this.dropped } = ringAt(buffer, devices, place));
    this.bell = bell;
  }
  append(record: WatchRecord): void {
    encodeWatch(record, this.view, this.used);
    this.used += WATCH_BYTES;
    if (record.kind === WATCH_KIND.granule || record.kind === WATCH_KIND.mismatch) this.urgent = true;
    if (this.used === this.bytes.length) this.flush();
  }
  /** A record of words or bytes (`PAYLOAD.bytes` of them). */
  appendPayload(kind: number, core: number, from: number, detail: number, payload: Uint8Array): void {
    const at = this.used;
    this.view.setUint32(at, kind | (core << 8) | (from << 16), true);
    this.view.setUint32(at + 4, detail, true);
    this.bytes.set(payload, at + PAYLOAD.at);
    this.used += WATCH_BYTES;
    if (this.used === this.bytes.length) this.flush();
  }
  /** Hands over what was collected: whenever the thread leaves guest code. */
  flush(): void {
    if (this.used === 0) return;
    const { ring } = this;
    if (ring.capacity - ring.length >= this.used) ring.write(this.bytes.subarray(0, this.used));
    else Atomics.add(this.dropped, 0, this.used / WATCH_BYTES);
    this.used = 0;
    const much = 2 * ring.length > ring.capacity;
    if ((this.urgent || much) && ring.raiseAttention()) this.bell.ring();
    this.urgent = false;
  }
}

/** The host's end of one thread's records. */
export class WatchReader {
  private readonly ring: ByteRing;
  private readonly counted: Int32Array;

  constructor(buffer: SharedArrayBuffer, devices: number, place: WatchRing) {
    ({ ring: this.ring, dropped: this.counted } = ringAt(buffer, devices, place));
  }
  /** Whole records that came since the last call. */
  read(): Uint8Array {
    this.ring.takeAttention();
    return this.ring.read(Math.floor(this.ring.length / WATCH_BYTES) * WATCH_BYTES);
  }
  /** Records that found no room, since the start. */
  get dropped(): number {
    return Atomics.load(this.counted, 0) >>> 0;
  }
}
