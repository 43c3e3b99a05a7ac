/** Entropy device (virtio 1.2, section 5.4). */
import type { Backend } from './backend.ts';
import type { VirtQueue } from './queue.ts';

/** Bytes given in answer to one request, at most. */
const MOST = 1 << 12;
const TURN = 16;

export class RngBackend implements Backend {
  private readonly queue: VirtQueue;
  private readonly random: (into: Uint8Array) => void;

  constructor(queue: VirtQueue, random: (into: Uint8Array) => void) {
    this.queue = queue;
    this.random = random;
  }

  serve(): boolean {
    for (let turn = 0; turn < TURN; turn++) {
      const request = this.queue.pop();
      if (!request) return false;
      const bytes = new Uint8Array(Math.min(MOST, request.writable.total));
      this.random(bytes);
      this.queue.push(request, this.queue.scatter(request, 0, bytes) ? bytes.length : 0);
    }
    return true;
  }

  reset(): void {}
  close(): void {}
}
