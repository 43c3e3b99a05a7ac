/** Between a thread that runs cores and the one that compiles for it: what passes over the port, and how each end reads it. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { CompiledBatch, RegionJob } from '../../engine/region-compiler.ts';
import type { Elsewhere } from '../../engine/regions.ts';

/** Words of a channel: is somebody there who compiles; batches answered so far. */
const READY = 0;
const ANSWERED = 1;
const WORDS = 2;

export interface CompilerChannel {
  readonly port: MessagePort;
  readonly words: Int32Array<SharedArrayBuffer>;
}
export const channelWords = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(4 * WORDS));

interface Answer {
  readonly jobs: readonly RegionJob[];
  readonly batch: CompiledBatch;
}

/** The end of the thread that wants regions. */
export class CompilerClient implements Elsewhere {
  private readonly channel: CompilerChannel;
  private received = 0;

  constructor(channel: CompilerChannel) {
    this.channel = channel;
  }
  get ready(): boolean {
    return Atomics.load(this.channel.words, READY) !== 0;
  }
  send(jobs: readonly RegionJob[]): void {
    this.channel.port.postMessage(jobs);
  }
  receive(): Answer | null {
    if (Atomics.load(this.channel.words, ANSWERED) === this.received) return null;
    const got = receiveMessageOnPort(this.channel.port);
    if (!got) return null;
    this.received = (this.received + 1) | 0;
    return got.message as Answer;
  }
}

/** The end of the compiler. */
export function serve({ port, words }: CompilerChannel, compile: (jobs: readonly RegionJob[]) => CompiledBatch): void {
  port.on('message', (jobs: readonly RegionJob[]) => {
    const answer: Answer = { jobs, batch: compile(jobs) };
    port.postMessage(answer);
    Atomics.add(words, ANSWERED, 1);
  });
  Atomics.store(words, READY, 1);
}
