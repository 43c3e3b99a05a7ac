/** Console device (virtio 1.2, section 5.3) with one port: queue 0 to the guest, queue 1 from it. */
import type { Backend } from './backend.ts';
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

const RECEIVE = 0;
const TRANSMIT = 1;
const PIECE = 1 << 12;
const TURN = 16;

export class ConsoleBackend implements Backend {
  private readonly queues: readonly VirtQueue[];
  private readonly line: ConsoleLine;
  /** A request of the transmit queue that waits for room on the line, and how much of it has gone. */
  private held: { readonly request: Request; sent: number } | null = null;

  constructor(queues: readonly VirtQueue[], line: ConsoleLine) {
    this.queues = queues;
    this.line = line;
  }

  serve(n: number): boolean {
    return n === TRANSMIT ? this.transmit() : this.receive();
  }

  /** Input may have come, or room for output. */
  poll(): boolean {
    const received = this.line.waiting > 0 && this.receive();
    return (this.held !== null && this.transmit()) || received;
  }

  reset(): void {
    this.held = null;
  }
  close(): void {}

  private transmit(): boolean {
    const queue = this.queues[TRANSMIT]!;
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

  private receive(): boolean {
    const queue = this.queues[RECEIVE]!;
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
