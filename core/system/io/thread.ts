/** The I/O thread of a system, seen from the main thread. */
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { layoutOf } from '../../engine/layout.ts';
import { IO_WORDS, IoControl } from './control.ts';
import type { IoSetup } from './worker.ts';

/** The thread's module, as a source or as it was built. */
const WORKER = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);

export interface IoEvents {
  /** A console has something to show. */
  bell(): void;
  /** The thread came to an end by an error of ours. */
  failed(error: Error): void;
}

export class IoThread {
  private readonly worker: Worker;
  private readonly control: IoControl;

  private constructor(worker: Worker, control: IoControl) {
    this.worker = worker;
    this.control = control;
  }
  /** Resolves when the thread serves. */
  static start(setup: IoSetup, events: IoEvents): Promise<IoThread> {
    const worker = new Worker(WORKER, {
      workerData: setup,
      stdout: false,
      stderr: false,
    });
    const at = layoutOf(...setup.arrangement).devices + setup.plan.io;
    const control = new IoControl(new Int32Array(setup.memory.buffer, at, IO_WORDS));
    return new Promise((resolve, reject) => {
      worker.on('message', (m: 'ready' | 'bell') => {
        if (m === 'ready') resolve(new IoThread(worker, control));
        else events.bell();
      });
      worker.on('error', (e: Error) => {
        reject(e);
        events.failed(e);
      });
    });
  }
  /** Resolves when guest memory and files are left alone. */
  async rest(): Promise<void> {
    await this.control.rest();
  }
  resume(): void {
    this.control.resume();
  }
  /** A console has input, or room for output. */
  ring(): void {
    this.control.ring();
  }
  async end(): Promise<void> {
    await this.control.end();
    await this.worker.terminate();
  }
}
