/**
 * Threads for a system's cores that load their modules while the system is still being made: both take about as long, and neither
 * needs the other.
 */
import { extname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';

/** The thread's module, as a source or as it was built. */
const WORKER = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);

/**
 * Threads that start from now on begin with this much room for new objects, and keep to it: V8 would reach it by itself, but only through
 * a dozen collections while they load, and they have next to nothing to collect; and then it would take twice that, which costs the host
 * as much to clear. MiB.
 */
const NEW_SPACE = 16;

export class Crew {
  private readonly free: Worker[] = [];

  /** `count`: threads that are wanted soon. */
  constructor(count: number) {
    for (const end of ['min', 'max']) setFlagsFromString(`--${end}-semi-space-size=${NEW_SPACE}`);
    this.want(count);
  }
  /** From now on so many wait. */
  want(count: number): void {
    while (this.free.length < count) {
      const worker = new Worker(WORKER, { stdout: false, stderr: false });
      // Nobody has to wait for a thread that has no work yet.
      worker.unref();
      this.free.push(worker);
    }
    for (const worker of this.free.splice(count)) void worker.terminate();
  }
  /** A thread that waits for its `ThreadSetup`; one more than there are starts now. */
  take(): Worker {
    const worker = this.free.shift() ?? new Worker(WORKER, { stdout: false, stderr: false });
    worker.ref();
    return worker;
  }
  /** Ends those that nobody took. */
  async dismiss(): Promise<void> {
    await Promise.all(this.free.splice(0).map((worker) => worker.terminate()));
  }
}
