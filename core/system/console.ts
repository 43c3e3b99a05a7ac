/**
 * A console: bytes between a guest's device and the host, through two rings in shared memory.
 *
 * Guest threads use a `ConsolePort`. The host's thread has the `ConsoleHost`: it hands on what was shown, and queues what was typed
 * until the guest takes it. Neither side loses a byte: a guest thread waits when the output ring is full.
 *
 * The output ring holds pairs: a byte, and its tag, which says who wrote it (`console-tag.ts`). Pairs go in and out under one lock, so
 * a tag never parts from its byte, whichever threads write.
 *
 * In an exact console (deterministic mode) the two sides meet only when the guest thread calls `settle`, at the end of a turn: the
 * host sees what was shown since the last time, types its answer, and from then on the guest sees what was typed. So an answer
 * comes at the same instruction in every run.
 */
import { ByteRing } from '../devices/ring.ts';
import { DEVICE_TAG } from './console-tag.ts';

/** 64 KiB of output, and as many tags. */
const OUTPUT_BYTES = 1 << 17;
const INPUT_BYTES = 1 << 12;
/** Milliseconds after which the host looks again where it has found output. */
const LOOK = 4;

/** Shared memory of one console, in bytes. */
export const CONSOLE_BYTES = ByteRing.bytes(OUTPUT_BYTES) + ByteRing.bytes(INPUT_BYTES);

function rings(buffer: SharedArrayBuffer, offset: number): { output: ByteRing; input: ByteRing } {
  const output = new ByteRing(buffer, offset, OUTPUT_BYTES);
  return { output, input: new ByteRing(buffer, offset + ByteRing.bytes(OUTPUT_BYTES), INPUT_BYTES) };
}

/** How a guest thread meets the host's thread. */
export interface HostBell {
  /** Makes the host's thread call `ConsoleHost.service` soon. */
  ring(): void;
  /**
   * Set where guest and host share a thread: called when the output ring is full, it must make room. Otherwise the thread sleeps
   * until there is room.
   */
  makeRoom?(): void;
}

/** A console as devices see it (a `SerialLine` of the PL011; semihosting's console). */
export class ConsolePort {
  private readonly output: ByteRing;
  private readonly input: ByteRing;
  private readonly bell: HostBell;
  private readonly exact: boolean;
  private readonly source: () => number;
  /** Exact: something happened that the host has to be told of. */
  private changed = false;
  /** Exact: how far the guest sees the input, as a count of bytes written to its ring. */
  private horizon: number;

  /** `source`: the tag of what is being written. */
  constructor(
    buffer: SharedArrayBuffer,
    offset: number,
    bell: HostBell,
    exact = false,
    source: () => number = () => DEVICE_TAG,
  ) {
    const { output, input } = rings(buffer, offset);
    this.output = output;
    this.input = input;
    this.bell = bell;
    this.source = source;
    this.exact = exact;
    this.horizon = input.written;
  }

  send(byte: number): void {
    const tag = this.source();
    // Serial lines send byte by byte: almost all find room.
    if (!this.output.writeTwo(byte, tag)) {
      this.sendPairs(Uint8Array.of(byte, tag));
      return;
    }
    this.changed = true;
    if (!this.exact && this.output.raiseAttention()) this.bell.ring();
  }

  sendAll(bytes: Uint8Array): void {
    this.sendPairs(this.tagged(bytes));
  }

  /** Sends as many bytes as there is room for, without waiting; yields how many. */
  sendSome(bytes: Uint8Array): number {
    this.changed = true;
    const sent = this.output.write(this.tagged(bytes)) / 2;
    if ((sent < bytes.length || !this.exact) && this.output.raiseAttention()) this.bell.ring();
    return sent;
  }

  private tagged(bytes: Uint8Array): Uint8Array {
    const tag = this.source();
    const pairs = new Uint8Array(2 * bytes.length);
    for (let i = 0; i < bytes.length; i++) {
      pairs[2 * i] = bytes[i]!;
      pairs[2 * i + 1] = tag;
    }
    return pairs;
  }

  private sendPairs(pairs: Uint8Array): void {
    let rest = pairs;
    this.changed = true;
    for (;;) {
      rest = rest.subarray(this.output.write(rest));
      const full = rest.length > 0;
      if ((full || !this.exact) && this.output.raiseAttention()) this.bell.ring();
      if (!full) return;
      if (this.bell.makeRoom) this.bell.makeRoom();
      else this.output.waitForSpace(100);
    }
  }

  /** Exact consoles: meets the host; returns when it has handed on what was shown and taken in what was typed in answer. */
  settle(): void {
    if (!this.exact) return;
    if (this.changed) {
      this.changed = false;
      const visit = this.output.askForVisit();
      this.bell.ring();
      this.output.waitForVisit(visit);
    }
    this.horizon = this.input.written;
  }

  /** The next byte typed, or −1. */
  receive(): number {
    return this.waiting === 0 ? -1 : (this.receiveSome(1)[0] ?? -1);
  }

  /** Up to `limit` bytes typed. */
  receiveSome(limit: number): Uint8Array {
    const bytes = this.input.read(Math.min(limit, this.waiting));
    if (bytes.length === 0) return bytes;
    if (this.exact) this.changed = true;
    else if (this.input.takeAttention()) this.bell.ring();
    return bytes;
  }

  /** Bytes that have been typed and not received. */
  get waiting(): number {
    return this.exact ? (this.horizon - this.input.taken) >>> 0 : this.input.length;
  }
}

/** What the host's side of a console calls. */
export interface ConsoleEvents {
  /** The guest showed bytes; `tags` has who wrote each of them. */
  output(bytes: Uint8Array, tags: Uint8Array): void;
  /** Input became available: the device should look, and cores that sleep for it should wake. */
  inputReady(): void;
  /** There is room for output again: a device that does not wait for it should look. */
  drained?(): void;
}

export class ConsoleHost {
  private readonly output: ByteRing;
  private readonly input: ByteRing;
  private readonly events: ConsoleEvents;
  private readonly exact: boolean;
  private queue: Uint8Array[] = [];
  private held = false;
  /** Exact: what was read to make room, and is not to be seen yet. */
  private early: Uint8Array[] = [];
  private visits = 0;
  private nextLook: NodeJS.Timeout | null = null;

  constructor(buffer: SharedArrayBuffer, offset: number, events: ConsoleEvents, exact = false) {
    const { output, input } = rings(buffer, offset);
    this.output = output;
    this.input = input;
    this.events = events;
    this.exact = exact;
  }

  /** Does what is to do on the host's side; call it when the bell rang. */
  service(): void {
    const visit = this.output.visitAsked;
    if (this.exact && visit === this.visits) {
      this.readEarly();
      return;
    }
    this.drain();
    this.pump();
    if (this.held) return;
    this.visits = visit;
    this.output.visited(visit);
  }

  private readEarly(): void {
    this.output.takeAttention();
    const bytes = this.output.read(OUTPUT_BYTES);
    if (bytes.length > 0) this.early.push(bytes);
  }

  /** Hands on what the guest showed, unless held back; call it when the guest has ended, too. */
  drain(): void {
    if (this.held) return;
    const shown = this.readAll();
    if (this.exact || (!shown && this.nextLook === null)) {
      // Lowered before the ring is read once more: what comes later raises it, and rings.
      this.output.takeAttention();
      if (!this.readAll()) return;
    }
    if (this.exact) return;
    // The guest does not ring again until a look finds nothing: to ring costs it more than what it shows.
    this.nextLook ??= setTimeout(() => {
      this.nextLook = null;
      this.drain();
    }, LOOK).unref();
  }
  private readAll(): boolean {
    let drained = false;
    while (!this.held) {
      const first = this.early.shift();
      if (first) {
        this.emit(first);
        continue;
      }
      const bytes = this.output.read(OUTPUT_BYTES);
      if (bytes.length === 0) break;
      drained = true;
      this.emit(bytes);
    }
    if (drained) this.events.drained?.();
    return drained;
  }

  private emit(pairs: Uint8Array): void {
    const bytes = new Uint8Array(pairs.length >> 1);
    const tags = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = pairs[2 * i]!;
      tags[i] = pairs[2 * i + 1]!;
    }
    this.events.output(bytes, tags);
  }

  /** Bytes that were typed. */
  type(bytes: Uint8Array): void {
    if (bytes.length > 0) this.queue.push(bytes.slice());
    this.pump();
  }

  hold(held: boolean): void {
    this.held = held;
    if (!held) this.service();
  }

  /** Forgets what was typed and not taken yet. */
  flushInput(): void {
    this.queue = [];
    this.input.read(INPUT_BYTES);
  }

  private pump(): void {
    let moved = false;
    while (this.queue.length > 0) {
      const first = this.queue[0]!;
      const count = this.input.write(first);
      if (count > 0) moved = true;
      if (count === first.length) {
        this.queue.shift();
        continue;
      }
      this.queue[0] = first.subarray(count);
      // Ask to be told of room, and look once more: the guest may have made some just before.
      this.input.raiseAttention();
      if (this.input.length < INPUT_BYTES) continue;
      break;
    }
    if (moved) this.events.inputReady();
  }
}
