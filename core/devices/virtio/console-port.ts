/** A port of a virtio console (virtio 1.2, section 5.3.6.1): a queue to the guest and one from it, a line at the host's end. */
import type { Request, VirtQueue } from './queue.ts';

/** The host's end. */
export interface ConsoleLine {
  /** Takes as many bytes as there is room for, from the first on, and yields how many. */
  sendSome(bytes: Uint8Array): number;
  /** Up to `limit` bytes that were typed. */
  receiveSome(limit: number): Uint8Array;
  /** Bytes that were typed and not received. */
  readonly waiting: number;
}

const PIECE = 1 << 12;
const TURN = 16;

export class ConsolePort {
  private readonly toGuest: VirtQueue;
  private readonly fromGuest: VirtQueue;
  private readonly line: ConsoleLine;
  /** A request of the transmit queue that waits for room on the line, and how much of it has gone. */
  private held: { readonly request: Request; sent: number } | null = null;

  constructor(toGuest: VirtQueue, fromGuest: VirtQueue, line: ConsoleLine) {
    this.toGuest = toGuest;
    this.fromGuest = fromGuest;
    this.line = line;
  }

  /** Input may have come, or room for output; true: something was done. */
  poll(): boolean {
    const received = this.line.waiting > 0 && this.receive();
    return (this.held !== null && this.transmit()) || received;
  }
  reset(): void {
    this.held = null;
  }

  /** True: there may be more to do. */
  transmit(): boolean {
    const queue = this.fromGuest;
    let moved = false;
    for (let turn = 0; turn < TURN; turn++) {
      if (!this.held) {
        const request = queue.pop();
        if (!request) return moved;
        this.held = { request, sent: 0 };
      }
      const { held } = this;
      const bytes = new Uint8Array(Math.min(PIECE, held.request.readable.total - held.sent));
      const legible = bytes.length > 0 && queue.gather(held.request, held.sent, bytes);
      if (legible) {
        const count = this.line.sendSome(bytes);
        held.sent += count;
        moved ||= count > 0;
        // The rest waits until the host rings.
        if (count < bytes.length) return moved;
        if (held.sent < held.request.readable.total) continue;
      }
      queue.push(held.request, 0);
      this.held = null;
      moved = true;
    }
    return true;
  }

  receive(): boolean {
    const queue = this.toGuest;
    let moved = false;
    for (let turn = 0; turn < TURN && this.line.waiting > 0; turn++) {
      const request = queue.pop();
      if (!request) break;
      const bytes = this.line.receiveSome(Math.min(PIECE, request.writable.total));
      queue.push(request, queue.scatter(request, 0, bytes) ? bytes.length : 0);
      moved = true;
    }
    return moved;
  }
}
