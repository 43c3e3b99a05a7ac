/**
 * A console: bytes between a guest's device and the host, through two rings in shared memory.
 *
 * Guest threads use a `ConsolePort`. The host's thread has the `ConsoleHost`: it hands on what was shown, and queues what was typed
 * until the guest takes it. Neither side loses a byte: a guest thread waits when the output ring is full.
 */
import { ByteRing } from '../devices/ring.ts';

const OUTPUT_BYTES = 1 << 16;
const INPUT_BYTES = 1 << 12;

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
  private readonly one = new Uint8Array(1);
  private sent = false;

  constructor(buffer: SharedArrayBuffer, offset: number, bell: HostBell) {
    const { output, input } = rings(buffer, offset);
    this.output = output;
    this.input = input;
    this.bell = bell;
  }

  send(byte: number): void {
    this.one[0] = byte;
    this.sendAll(this.one);
  }

  sendAll(bytes: Uint8Array): void {
    let rest = bytes;
    this.sent = true;
    for (;;) {
      rest = rest.subarray(this.output.write(rest));
      if (this.output.raiseAttention()) this.bell.ring();
      if (rest.length === 0) return;
      if (this.bell.makeRoom) this.bell.makeRoom();
      else this.output.waitForSpace(100);
    }
  }

  /**
   * Waits until the host has handed on everything that this port sent, and has taken in what was typed in answer: so in the
   * deterministic mode an answer always comes at the same instruction. Not where guest and host share a thread.
   */
  settle(): void {
    if (!this.sent) return;
    this.sent = false;
    const visit = this.output.askForVisit();
    this.bell.ring();
    this.output.waitForVisit(visit);
  }

  /** The next byte typed, or −1. */
  receive(): number {
    const byte = this.input.readByte();
    if (byte >= 0) this.tellRoom();
    return byte;
  }

  /** Up to `limit` bytes typed. */
  receiveSome(limit: number): Uint8Array {
    const bytes = this.input.read(limit);
    if (bytes.length > 0) this.tellRoom();
    return bytes;
  }

  get waiting(): number {
    return this.input.length;
  }

  private tellRoom(): void {
    if (this.input.takeAttention()) this.bell.ring();
  }
}

/** What the host's side of a console calls. */
export interface ConsoleEvents {
  /** The guest showed bytes. */
  output(bytes: Uint8Array): void;
  /** Input became available: the device should look, and cores that sleep for it should wake. */
  inputReady(): void;
}

export class ConsoleHost {
  private readonly output: ByteRing;
  private readonly input: ByteRing;
  private readonly events: ConsoleEvents;
  private queue: Uint8Array[] = [];
  private held = false;

  constructor(buffer: SharedArrayBuffer, offset: number, events: ConsoleEvents) {
    const { output, input } = rings(buffer, offset);
    this.output = output;
    this.input = input;
    this.events = events;
  }

  /** Does what is to do on the host's side; call it when the bell rang, and once more when the guest has ended. */
  service(): void {
    const visit = this.output.visitAsked;
    this.drain();
    this.pump();
    if (!this.held) this.output.visited(visit);
  }

  /** Hands on what the guest showed, unless held back. */
  drain(): void {
    while (!this.held) {
      // Lowered before the ring is read: what comes later raises it, and rings, again.
      this.output.takeAttention();
      const bytes = this.output.read(OUTPUT_BYTES);
      if (bytes.length === 0) return;
      this.events.output(bytes);
    }
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
