/** The threads that run a system's cores, seen from the main thread: started, commanded, brought to a stop, ended. */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import * as state from '../arch/state.ts';
import { PEND } from '../engine/abi.ts';
import type { Layout } from '../engine/layout.ts';
import { CompilerThread, compilesElsewhere } from './compiler/thread.ts';
import { CTL, controlIndex } from './control.ts';
import type { Crew } from './crew.ts';
import type { Command } from './runner.ts';
import type { ThreadSetup } from './thread.ts';
import type { FromWorker, ToWorker } from './worker.ts';

/** What threads tell, but for what is between them and this file. */
export type ThreadNews = Exclude<FromWorker, { r: 'ready' | 'paused' | 'stats' }>;

export interface ThreadEvents {
  told(news: ThreadNews): void;
  /** A thread came to an end by an error of ours. */
  failed(error: Error): void;
}

interface Handle {
  readonly worker: Worker;
  readonly commands: MessagePort;
  readonly cores: readonly number[];
  paused: boolean;
  /** It reads commands. */
  ready: boolean;
  stats: Record<string, number>;
}

/** Milliseconds that threads have to end by themselves. */
const PATIENCE = 2000;

export class CoreThreads {
  private readonly i32: Int32Array;
  private readonly layout: Layout;
  private readonly events: ThreadEvents;
  private readonly crew: Crew;
  private readonly compiler: CompilerThread;
  private list: readonly Handle[] = [];
  private waiters: (() => void)[] = [];

  constructor(buffer: SharedArrayBuffer, layout: Layout, crew: Crew, events: ThreadEvents) {
    this.i32 = new Int32Array(buffer);
    this.layout = layout;
    this.events = events;
    this.crew = crew;
    this.compiler = new CompilerThread((error) => events.failed(error));
  }

  /**
   * One thread for each group of cores, all paused; resolves when the first is ready. The others come when they are loaded, and what they
   * are told waits for them: the first core has to turn them on, most often.
   */
  async start(groups: readonly (readonly number[])[], setup: Omit<ThreadSetup, 'cores' | 'space'>): Promise<void> {
    const { memory, modules, arrangement, config } = setup;
    const elsewhere = compilesElsewhere(config);
    // Like a core that sleeps, one that is not there yet reads its messages before it runs.
    for (const core of groups.flat()) Atomics.store(this.i32, controlIndex(this.layout, core, CTL.quiet), 1);
    const started = groups.map((cores, space) => this.spawn({ ...setup, cores, space }, elsewhere));
    this.list = started.map(({ handle }) => handle);
    await started[0]!.ready;
    if (elsewhere) this.compiler.start({ memory, core: modules.core, arrangement, config });
  }
  private spawn(setup: ThreadSetup, elsewhere: boolean): { handle: Handle; ready: Promise<void> } {
    const { port1, port2 } = new MessageChannel();
    const worker = this.crew.take();
    const handle: Handle = { worker, commands: port1, cores: setup.cores, paused: true, ready: false, stats: {} };
    const ready = new Promise<void>((resolve, reject) => {
      worker.on('message', (m: FromWorker) => {
        if (m.r !== 'ready') this.told(handle, m);
        else {
          handle.ready = true;
          resolve();
        }
      });
      worker.on('error', (e: Error) => {
        reject(e);
        this.events.failed(e);
      });
    });
    const compiler = elsewhere ? this.compiler.channel() : null;
    const start: ToWorker = { setup, commands: port2, compiler };
    worker.postMessage(start, compiler ? [port2, compiler.port] : [port2]);
    // Those that nobody waits for have told of their error.
    ready.catch(() => {});
    return { handle, ready };
  }

  private told(t: Handle, m: Exclude<FromWorker, { r: 'ready' }>): void {
    if (m.r === 'stats') {
      t.stats = m.stats;
      return;
    }
    if (m.r === 'paused' || m.r === 'stopped') t.paused = true;
    if (m.r !== 'paused') this.events.told(m);
    else if (this.list.every((other) => other.paused)) for (const done of this.waiters.splice(0)) done();
  }

  /** Sends a command to every thread, and makes their cores look. */
  command(c: Command): void {
    this.send(c, this.list);
  }
  private send(c: Command, to: readonly Handle[]): void {
    for (const t of to) {
      t.commands.postMessage(c);
      Atomics.store(this.i32, controlIndex(this.layout, t.cores[0]!, CTL.attention), 1);
      for (const core of t.cores) {
        Atomics.or(this.i32, (this.layout.core(core) + state.PENDING) >> 2, PEND.stop);
        const wake = controlIndex(this.layout, core, CTL.wake);
        Atomics.add(this.i32, wake, 1);
        Atomics.notify(this.i32, wake);
      }
    }
  }
  /** Resolves when all cores stand still. */
  pause(): Promise<void> {
    const busy = this.list.filter((t) => !t.paused);
    if (busy.length === 0) return Promise.resolve();
    const done = new Promise<void>((resolve) => this.waiters.push(resolve));
    this.send({ c: 'pause' }, busy);
    return done;
  }
  run(c: Command & { c: 'run' }): void {
    for (const t of this.list) t.paused = false;
    this.command(c);
  }
  /** What the engines counted when their cores stopped last, summed up. */
  stats(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const t of this.list) for (const [k, v] of Object.entries(t.stats)) sums[k] = (sums[k] ?? 0) + v;
    return sums;
  }
  /** Ends all threads; `also` ends by then, too, if it ends soon. */
  async quit(also: Promise<void>): Promise<void> {
    const ending = this.list.map((t) => new Promise<void>((resolve) => t.worker.once('exit', () => resolve())));
    // Before the channels of threads that end are gone.
    const compiler = this.compiler.end();
    this.command({ c: 'quit' });
    for (const { ready, worker } of this.list) if (!ready) void worker.terminate();
    const late = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE).unref());
    await Promise.race([Promise.all([...ending, also]), late]);
    await Promise.all([this.crew.dismiss(), compiler, ...this.list.map((t) => t.worker.terminate())]);
  }
}
