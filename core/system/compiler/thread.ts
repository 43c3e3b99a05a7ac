/** The thread that compiles regions, seen from the main thread. */
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { SystemConfig } from '../api.ts';
import { type CompilerChannel, newBell, newWords } from './channel.ts';
import type { CompilerSetup } from './worker.ts';

/** The thread's module, as a source or as it was built. */
const WORKER = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);

/** Milliseconds that a system must run before a thread is worth while. */
const PATIENCE = 200;

/**
 * Does a thread of its own compile? Not where everything is compiled at once or nothing is, not in the deterministic mode, whose host
 * time is one thread's, and not on a host with one processor, which it would only take from the code.
 */
export const compilesElsewhere = ({ engine, deterministic }: SystemConfig): boolean =>
  engine !== 'interpreter' && engine !== 'compiled' && !deterministic && availableParallelism() > 1;

export class CompilerThread {
  private readonly failed: (error: Error) => void;
  private readonly ends: CompilerChannel[] = [];
  private readonly bell = newBell();
  private worker: Worker | null = null;
  private starts: NodeJS.Timeout | undefined;

  /** `failed`: the thread came to an end by an error of ours. */
  constructor(failed: (error: Error) => void) {
    this.failed = failed;
  }
  /** A channel for a thread that runs cores; before `start`. */
  channel(): CompilerChannel {
    const { port1, port2 } = new MessageChannel();
    const common = { words: newWords(), bell: this.bell };
    this.ends.push({ port: port1, ...common });
    return { port: port2, ...common };
  }
  /** Starts it soon. Threads that have its channels compile for themselves until it is there. */
  start(setup: Omit<CompilerSetup, 'channels' | 'bell'>): void {
    this.starts = setTimeout(() => this.spawn(setup), PATIENCE).unref();
  }
  private spawn(setup: Omit<CompilerSetup, 'channels' | 'bell'>): void {
    const channels = this.ends.splice(0);
    const transferList: MessagePort[] = channels.map(({ port }) => port);
    const workerData: CompilerSetup = { ...setup, channels, bell: this.bell };
    this.worker = new Worker(WORKER, { workerData, transferList, stdout: false, stderr: false });
    this.worker.on('error', this.failed);
    // It is not what keeps a system going.
    this.worker.unref();
  }
  async end(): Promise<void> {
    clearTimeout(this.starts);
    await this.worker?.terminate();
  }
}
