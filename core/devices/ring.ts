/**
 * A queue of bytes in shared memory. Any thread may write, any may read, under one lock.
 *
 * Layout in 32-bit words: lock, bytes written so far, bytes read so far (both modulo 2^32), attention (see `raiseAttention`),
 * visits asked for and done (see `askForVisit`), then the bytes.
 */
import { lock, unlock } from './lock.ts';

const LOCK = 0;
const HEAD = 1;
const TAIL = 2;
const ATTENTION = 3;
const ASKED = 4;
const VISITED = 5;
const DATA = 8;
const NOTHING = new Uint8Array(0);

export class ByteRing {
  readonly capacity: number;
  private readonly words: Int32Array;
  private readonly data: Uint8Array;

  /** Bytes of shared memory for a ring of `capacity` bytes, a power of two. */
  static bytes(capacity: number): number {
    return 4 * DATA + capacity;
  }

  constructor(buffer: SharedArrayBuffer, offset: number, capacity: number) {
    if (capacity < 4 || (capacity & (capacity - 1)) !== 0) throw new RangeError('capacity must be a power of two');
    this.capacity = capacity;
    this.words = new Int32Array(buffer, offset, DATA);
    this.data = new Uint8Array(buffer, offset + 4 * DATA, capacity);
  }

  /** Bytes that wait. */
  get length(): number {
    return (Atomics.load(this.words, HEAD) - Atomics.load(this.words, TAIL)) >>> 0;
  }

  /** Bytes written and read so far, modulo 2^32, as signed numbers. */
  get written(): number {
    return Atomics.load(this.words, HEAD);
  }
  get taken(): number {
    return Atomics.load(this.words, TAIL);
  }

  /** Appends what fits; yields how many bytes. */
  write(bytes: Uint8Array): number {
    const { words, data, capacity } = this;
    lock(words, LOCK);
    const head = words[HEAD]!;
    const count = Math.min(bytes.length, capacity - ((head - words[TAIL]!) >>> 0));
    for (let i = 0; i < count; i++) data[(head + i) & (capacity - 1)] = bytes[i]!;
    Atomics.store(words, HEAD, (head + count) | 0);
    unlock(words, LOCK);
    return count;
  }
  /** Appends two bytes, or none when there is no room for both; yields whether it did. */
  writeTwo(first: number, second: number): boolean {
    const { words, data, capacity } = this;
    lock(words, LOCK);
    const head = words[HEAD]!;
    const fits = (head - words[TAIL]!) >>> 0 <= capacity - 2;
    if (fits) {
      data[head & (capacity - 1)] = first;
      data[(head + 1) & (capacity - 1)] = second;
      Atomics.store(words, HEAD, (head + 2) | 0);
    }
    unlock(words, LOCK);
    return fits;
  }

  /** Takes up to `limit` bytes from the front. */
  read(limit: number): Uint8Array {
    const { words, data, capacity } = this;
    // Looking costs no lock: devices look often.
    if (limit <= 0 || this.length === 0) return NOTHING;
    lock(words, LOCK);
    const tail = words[TAIL]!;
    const count = Math.min(limit, (words[HEAD]! - tail) >>> 0);
    const bytes = new Uint8Array(count);
    const from = tail & (capacity - 1);
    const first = Math.min(count, capacity - from);
    bytes.set(data.subarray(from, from + first));
    bytes.set(data.subarray(0, count - first), first);
    Atomics.store(words, TAIL, (tail + count) | 0);
    unlock(words, LOCK);
    if (count > 0) Atomics.notify(words, TAIL);
    return bytes;
  }

  /** Sleeps while the ring is full, at most `milliseconds`. */
  waitForSpace(milliseconds: number): void {
    const tail = Atomics.load(this.words, TAIL);
    if ((Atomics.load(this.words, HEAD) - tail) >>> 0 === this.capacity) {
      Atomics.wait(this.words, TAIL, tail, milliseconds);
    }
  }

  /**
   * The attention word keeps two threads from telling each other the same thing over and over: it is raised before one tells, and
   * lowered before the other looks. `raise` yields true when it was down, that is, when the other side has to be told.
   */
  raiseAttention(): boolean {
    return Atomics.exchange(this.words, ATTENTION, 1) === 0;
  }
  /** Lowers the attention word; yields whether it was up. */
  takeAttention(): boolean {
    return Atomics.exchange(this.words, ATTENTION, 0) === 1;
  }

  /** Asks the other side for a visit; yields its number, for `waitForVisit`. */
  askForVisit(): number {
    return (Atomics.add(this.words, ASKED, 1) + 1) | 0;
  }
  /** Sleeps until the visit has been made. */
  waitForVisit(visit: number): void {
    for (;;) {
      const done = Atomics.load(this.words, VISITED);
      if (((done - visit) | 0) >= 0) return;
      Atomics.wait(this.words, VISITED, done, 100);
    }
  }
  /** The other side: the last visit asked for; to be given to `visited` when everything is done. */
  get visitAsked(): number {
    return Atomics.load(this.words, ASKED);
  }
  visited(visit: number): void {
    if (Atomics.exchange(this.words, VISITED, visit) !== visit) Atomics.notify(this.words, VISITED);
  }
}
