/** Entry of a thread that runs cores. */
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import type { FirmwareFact, SystemExit } from './api.ts';
import { type CompilerChannel, CompilerClient } from './compiler/channel.ts';
import { HostCalls } from './host-calls.ts';
import { stepBack } from './priority.ts';
import { type Command, type Report, Runner } from './runner.ts';
import { Thread, type ThreadSetup } from './thread.ts';
import { describeWild } from './wild.ts';

/** What the host's thread gets from a worker. */
export type FromWorker =
  | Report
  | { readonly r: 'ready' }
  | { readonly r: 'exit'; readonly exit: SystemExit }
  | { readonly r: 'reset' }
  | { readonly r: 'firmware'; readonly fact: FirmwareFact }
  | { readonly r: 'stats'; readonly stats: Record<string, number> };

/** What a worker gets first; what comes later goes over `commands`, which can be read while the thread is busy. */
export interface ToWorker {
  readonly setup: ThreadSetup;
  readonly commands: MessagePort;
  /** Compiles regions for this thread; null: it does so itself. */
  readonly compiler: CompilerChannel | null;
}

const post = (m: FromWorker): void => parentPort!.postMessage(m);

parentPort!.once('message', ({ setup, commands, compiler }: ToWorker) => {
  if (setup.config.background) stepBack();
  const ends = {
    exit: (exit: SystemExit) => post({ r: 'exit', exit }),
    reset: () => post({ r: 'reset' }),
    firmware: (fact: FirmwareFact) => post({ r: 'firmware', fact }),
  };
  const thread = new Thread(setup, { ring: () => post({ r: 'bell' }) }, ends);
  if (thread.regions && compiler) thread.regions.elsewhere = new CompilerClient(compiler);
  const calls = new HostCalls(thread);
  const runner = new Runner(thread, {
    commands: () => {
      const list: Command[] = [];
      for (let m = receiveMessageOnPort(commands); m; m = receiveMessageOnPort(commands))
        list.push(m.message as Command);
      return list;
    },
    report: (r) => {
      if (r.r === 'paused' || r.r === 'stopped') post({ r: 'stats', stats: thread.stats() });
      post(r);
    },
    hostCall: (core) => calls.answer(core),
    startCore: (core) => calls.startCore(core),
    wild: (core) => {
      const about = describeWild(new DataView(setup.memory.buffer), thread.core(core), core);
      post({ r: 'exit', exit: { reason: 'wild', status: 1, core, ...about } });
    },
    limit: () => post({ r: 'exit', exit: { reason: 'limit', status: 1 } }),
  });
  post({ r: 'ready' });
  runner.run();
  post({ r: 'stats', stats: thread.stats() });
  process.exit(0);
});
