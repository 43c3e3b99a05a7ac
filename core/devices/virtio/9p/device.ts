/** The 9P transport over virtio: each request is a message and the room for its answer. */
import type { Backend } from '../backend.ts';
import type { VirtQueue } from '../queue.ts';
import { MAX_MESSAGE, type NinepServer } from './server.ts';

const TURN = 16;

export class NinepBackend implements Backend {
  private readonly queue: VirtQueue;
  private readonly server: NinepServer;

  constructor(queue: VirtQueue, server: NinepServer) {
    this.queue = queue;
    this.server = server;
  }

  serve(): boolean {
    for (let turn = 0; turn < TURN; turn++) {
      const request = this.queue.pop();
      if (!request) return false;
      const message = new Uint8Array(Math.min(request.readable.total, MAX_MESSAGE));
      const legible = this.queue.gather(request, 0, message);
      const answer = this.server.answer(legible ? message : message.subarray(0, 0), request.writable.total);
      // Without room for an error the client cannot be told anything.
      if (answer.length === 0) this.queue.breakDown(request);
      else this.queue.push(request, this.queue.scatter(request, 0, answer) ? answer.length : 0);
    }
    return true;
  }

  reset(): void {
    this.server.reset();
  }
  close(): void {
    this.server.close();
  }
}
