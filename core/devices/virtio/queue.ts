/**
 * A split virtqueue (virtio 1.2, section 2.7) as the device sees it: takes requests from the available ring, copies their data,
 * puts them into the used ring. Called by the I/O service only; each call holds the transport's lock, so that a reset by the
 * driver, on any thread, falls between two of them, and what is done for a request after it has no effect on the guest's memory.
 *
 * Nothing that the rings say is believed: a chain has at most 1024 buffers and 2^32 − 1 bytes (2.7.4), and whatever breaks the rules sets
 * DEVICE_NEEDS_RESET and stops the device.
 */
import type { GuestMemory } from '../device.ts';
import { GuestFault, GuestWindow } from './guest-window.ts';
import { FEATURE, INTERRUPT, Q, queueAt } from './layout.ts';
import type { VirtioMmio } from './mmio.ts';

/** Descriptor flags (2.7.5). */
const DESC = { next: 1, write: 2, indirect: 4 } as const;
const DESC_BYTES = 16;
/** VIRTQ_AVAIL_F_NO_INTERRUPT and VIRTQ_USED_F_NO_NOTIFY. */
const SUPPRESS = 1;
const MAX_BUFFERS = 1024;

/** Offsets in the rings, in bytes; the event field follows the entries. */
const RING = { flags: 0, index: 2, entries: 4 } as const;
const availableBytes = (size: number): number => 6 + 2 * size;
const usedBytes = (size: number): number => 6 + 8 * size;

/** Buffers of a request in one direction. */
export class Buffers {
  readonly addresses: number[] = [];
  readonly lengths: number[] = [];
  /** Sum of the lengths, in bytes. */
  total = 0;

  add(address: number, length: number): void {
    this.addresses.push(address);
    this.lengths.push(length);
    this.total += length;
  }
}

export interface Request {
  readonly head: number;
  readonly generation: number;
  /** What the driver sent, and the room for the answer. */
  readonly readable: Buffers;
  readonly writable: Buffers;
}

/** A ring that breaks the rules. */
class BrokenRing extends Error {}

interface Rings {
  readonly size: number;
  readonly available: GuestWindow;
  readonly used: GuestWindow;
}

export class VirtQueue {
  readonly transport: VirtioMmio;
  private readonly memory: GuestMemory;
  private readonly at: number;
  private readonly index: number;

  constructor(transport: VirtioMmio, index: number, memory: GuestMemory) {
    this.transport = transport;
    this.memory = memory;
    this.index = index;
    this.at = queueAt(index);
  }

  /** Takes the next request; null when there is none, and then the driver will notify the next one. */
  pop(): Request | null {
    return this.guarded(null, () => {
      const { words } = this.transport;
      const rings = this.rings();
      const taken = words[this.at + Q.taken]!;
      let waiting = this.waiting(rings, taken);
      if (waiting === 0) {
        this.wantNotification(rings, taken, true);
        // The driver may have added one before it saw that.
        waiting = this.waiting(rings, taken);
        if (waiting === 0) return null;
      }
      if (waiting > rings.size) throw new BrokenRing();
      this.wantNotification(rings, taken, false);
      const head = rings.available.get16(RING.entries + 2 * (taken % rings.size));
      const request = this.chain(head, rings.size);
      words[this.at + Q.taken] = (taken + 1) & 0xffff;
      return request;
    });
  }

  /** Copies what the driver sent, from byte `offset` on, to fill `into`. False: not so many bytes, not allowed, or void. */
  gather(request: Request, offset: number, into: Uint8Array): boolean {
    return this.pieces(request, request.readable, offset, into.length, (address, start, length) => {
      const bytes = this.memory.view(address, length) ?? this.memory.read(address, length);
      if (bytes) into.set(bytes, start);
      return bytes !== null;
    });
  }

  /** Writes into the room for the answer, from byte `offset` on. False as with `gather`. */
  scatter(request: Request, offset: number, from: Uint8Array): boolean {
    return this.pieces(request, request.writable, offset, from.length, (address, start, length) =>
      this.memory.write(address, from.subarray(start, start + length)),
    );
  }

  /** Returns a request to the driver; `written`: bytes of its room that were written, from the first on. */
  push(request: Request, written: number): void {
    this.guarded(undefined, () => {
      if (this.isVoid(request)) return;
      const { words } = this.transport;
      const { size, available, used } = this.rings();
      const before = words[this.at + Q.used]!;
      const after = (before + 1) & 0xffff;
      const entry = RING.entries + 8 * (before % size);
      used.set32(entry, request.head);
      used.set32(entry + 4, written);
      words[this.at + Q.used] = after;
      used.set16(RING.index, after);
      // Read after the index was written (2.7.7.2): else both sides could miss each other.
      const wanted = this.transport.accepted(FEATURE.eventIndex)
        ? available.get16(RING.entries + 2 * size) === before
        : (available.get16(RING.flags) & SUPPRESS) === 0;
      if (wanted) this.transport.interrupt(INTERRUPT.usedBuffer);
    });
  }

  /** The driver broke the rules of the device's requests: stops the device. */
  breakDown(request: Request): void {
    this.transport.locked(() => {
      if (!this.isVoid(request)) this.transport.fail();
    });
  }

  private isVoid(request: Request): boolean {
    return !this.transport.serves(this.index) || this.transport.words[this.at + Q.generation] !== request.generation;
  }

  private guarded<T>(otherwise: T, work: () => T): T {
    const { transport } = this;
    return transport.locked(() => {
      if (!transport.serves(this.index)) return otherwise;
      try {
        return work();
      } catch (error) {
        if (!(error instanceof BrokenRing || error instanceof GuestFault)) throw error;
        transport.fail();
        return otherwise;
      }
    });
  }

  private address(word: number): number {
    const { words } = this.transport;
    return (words[this.at + word]! >>> 0) + (words[this.at + word + 1]! >>> 0) * 2 ** 32;
  }

  /** Looked up anew each time: the memory may have been given to another world since. */
  private rings(): Rings {
    const size = this.transport.words[this.at + Q.size]!;
    const [available, used] = [this.address(Q.driverLow), this.address(Q.deviceLow)];
    if (available % 2 !== 0 || used % 4 !== 0) throw new BrokenRing();
    return {
      size,
      available: new GuestWindow(this.memory, available, availableBytes(size)),
      used: new GuestWindow(this.memory, used, usedBytes(size)),
    };
  }

  private waiting(rings: Rings, taken: number): number {
    return (rings.available.get16(RING.index) - taken) & 0xffff;
  }

  /** With the event index, the driver notifies when it adds entry number `avail_event`: not moving that keeps it silent (2.7.10). */
  private wantNotification({ size, used }: Rings, taken: number, wanted: boolean): void {
    if (!this.transport.accepted(FEATURE.eventIndex)) used.set16(RING.flags, wanted ? 0 : SUPPRESS);
    else if (wanted) used.set16(RING.entries + 8 * size, taken);
  }

  private chain(head: number, queueSize: number): Request {
    const generation = this.transport.words[this.at + Q.generation]!;
    const request = { head, generation, readable: new Buffers(), writable: new Buffers() };
    const { readable, writable } = request;
    let table = new GuestWindow(this.memory, this.address(Q.descriptorLow), DESC_BYTES * queueSize);
    let size = queueSize;
    let indirect = false;
    let next = head;
    for (let steps = 0; ; steps++) {
      // More steps than entries: a loop.
      if (next >= size || steps >= size) throw new BrokenRing();
      const at = DESC_BYTES * next;
      const address = table.get32(at) + table.get32(at + 4) * 2 ** 32;
      const length = table.get32(at + 8);
      const flags = table.get16(at + 12);
      next = table.get16(at + 14);
      if (flags & DESC.indirect) {
        const allowed = this.transport.accepted(FEATURE.indirectDescriptors) && !indirect && !(flags & DESC.next);
        if (!allowed || length === 0 || length % DESC_BYTES !== 0) throw new BrokenRing();
        size = length / DESC_BYTES;
        if (size > MAX_BUFFERS) throw new BrokenRing();
        table = new GuestWindow(this.memory, address, length);
        indirect = true;
        next = 0;
        steps = -1;
        continue;
      }
      if (flags & DESC.write) writable.add(address, length);
      else if (writable.lengths.length > 0) throw new BrokenRing();
      else readable.add(address, length);
      if (readable.lengths.length + writable.lengths.length > MAX_BUFFERS) throw new BrokenRing();
      if (readable.total + writable.total >= 2 ** 32) throw new BrokenRing();
      if (!(flags & DESC.next)) return request;
    }
  }

  /** Calls `work` for the pieces of `length` bytes of the buffers from `offset` on. */
  private pieces(
    request: Request,
    buffers: Buffers,
    offset: number,
    length: number,
    work: (address: number, start: number, length: number) => boolean,
  ): boolean {
    if (offset + length > buffers.total) return false;
    return this.transport.locked(() => {
      if (this.isVoid(request)) return false;
      let skip = offset;
      let done = 0;
      for (let i = 0; done < length; i++) {
        const size = buffers.lengths[i]!;
        if (skip >= size) {
          skip -= size;
          continue;
        }
        const count = Math.min(size - skip, length - done);
        if (!work(buffers.addresses[i]! + skip, done, count)) return false;
        done += count;
        skip = 0;
      }
      return true;
    });
  }
}
