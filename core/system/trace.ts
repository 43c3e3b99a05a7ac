/**
 * From core threads to text: a thread appends records to a ring in shared memory, the host's thread formats them. A thread waits
 * when its ring is full, so a trace is complete, and runs at the speed of its reader.
 */
import { ByteRing } from '../devices/ring.ts';
import { formatRecord, type TraceNames } from './trace-format.ts';
import { decodeRecord, encodeRecord, TRACE_BYTES, type TraceRecord } from './trace-record.ts';

export { TRACE_CHOICES, TRACE_KIND, type TraceChoice, type TraceConfig } from './trace-record.ts';
export type { TraceNames, TraceRecord };

const RING_BYTES = 1 << 18;
/** Records collected before they go to the ring. */
const BATCH = 64;

/** Shared memory of one thread's trace, in bytes. */
export const TRACE_RING_BYTES = ByteRing.bytes(RING_BYTES);

/** A core thread's end. */
export class TraceWriter {
  private readonly ring: ByteRing;
  private readonly bell: { ring(): void; makeRoom?(): void };
  private readonly batch = new Uint8Array(BATCH * TRACE_BYTES);
  private used = 0;

  /** `bell`: makes the host's thread read; see `HostBell` of `console.ts`. */
  constructor(buffer: SharedArrayBuffer, offset: number, bell: { ring(): void; makeRoom?(): void }) {
    this.ring = new ByteRing(buffer, offset, RING_BYTES);
    this.bell = bell;
  }

  append(record: TraceRecord): void {
    encodeRecord(record, new DataView(this.batch.buffer, this.used, TRACE_BYTES));
    this.used += TRACE_BYTES;
    if (this.used === this.batch.length) this.flush();
  }

  /** Hands over what was collected: call it whenever the thread leaves guest code. */
  flush(): void {
    let rest = this.batch.subarray(0, this.used);
    while (rest.length > 0) {
      rest = rest.subarray(this.ring.write(rest));
      if (this.ring.raiseAttention()) this.bell.ring();
      if (rest.length === 0) break;
      if (this.bell.makeRoom) this.bell.makeRoom();
      else this.ring.waitForSpace(100);
    }
    this.used = 0;
  }
}

/** The host's end of one thread's trace. */
export class TraceReader {
  private readonly ring: ByteRing;
  private readonly names: TraceNames;
  private rest = new Uint8Array(0);

  constructor(buffer: SharedArrayBuffer, offset: number, names: TraceNames) {
    this.ring = new ByteRing(buffer, offset, RING_BYTES);
    this.names = names;
  }

  /** The lines that came since the last call, or an empty string. */
  read(): string {
    this.ring.takeAttention();
    const fresh = this.ring.read(RING_BYTES);
    const bytes = new Uint8Array(this.rest.length + fresh.length);
    bytes.set(this.rest);
    bytes.set(fresh, this.rest.length);
    const whole = Math.floor(bytes.length / TRACE_BYTES) * TRACE_BYTES;
    const lines: string[] = [];
    for (let at = 0; at < whole; at += TRACE_BYTES) {
      const record = decodeRecord(new DataView(bytes.buffer, at, TRACE_BYTES));
      lines.push(formatRecord(record, this.names), '\n');
    }
    this.rest = bytes.slice(whole);
    return lines.join('');
  }
}
