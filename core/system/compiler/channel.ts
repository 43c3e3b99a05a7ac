/**
 * Between a thread that runs cores and the one that compiles for it. Jobs go through a ring in shared memory, which costs the one that
 * runs code next to nothing; modules come back over a port.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { CompiledBatch, RegionJob } from '../../engine/region-compiler.ts';
import type { Elsewhere, Made } from '../../engine/regions.ts';

/** Words of a channel: batches sent back, and received; words of the ring written, and read, so far. */
const SENT = 0;
const RECEIVED = 1;
const WRITTEN = 2;
const READ = 3;
/** Behind them the ring: a batch is its number of jobs, then base, index and mode word of each. */
const RING = 4;
const RING_WORDS = 1024;
const JOB_WORDS = 3;

/** Batches that may wait to be received by a thread before it is offered no more of what was made for others: it may sleep for ever. */
const BACKLOG = 256;

/** The doorbell of the compiler: is it there; does it sleep until it is woken. */
const READY = 0;
const ASLEEP = 1;
/**
 * To wake a thread costs the one that does so a good part of a millisecond on some hosts: while there is work the compiler looks by
 * itself, so often (ms), and only sleeps after as many looks in vain.
 */
const NAP = 1;
const LOOKS = 200;

export interface CompilerChannel {
  readonly port: MessagePort;
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly bell: Int32Array<SharedArrayBuffer>;
}
export const newBell = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(8));
export const newWords = (): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(4 * (RING + RING_WORDS)));

const place = (n: number): number => RING + ((n >>> 0) % RING_WORDS);

/** The end of the thread that wants regions. */
export class CompilerClient implements Elsewhere {
  private readonly channel: CompilerChannel;

  constructor(channel: CompilerChannel) {
    this.channel = channel;
  }
  send(jobs: readonly RegionJob[]): boolean {
    const { words, bell } = this.channel;
    if (Atomics.load(bell, READY) === 0) return false;
    let at = words[WRITTEN]!;
    const used = (at - Atomics.load(words, READ)) | 0;
    if (used + 1 + jobs.length * JOB_WORDS > RING_WORDS) return false;
    words[place(at++)] = jobs.length;
    for (const job of jobs) {
      for (const word of [job.base, job.at, job.mode]) words[place(at++)] = word;
    }
    Atomics.store(words, WRITTEN, at | 0);
    if (Atomics.exchange(bell, ASLEEP, 0) !== 0) Atomics.notify(bell, ASLEEP);
    return true;
  }
  receive(): Made | null {
    const { words, port } = this.channel;
    if (Atomics.load(words, SENT) === words[RECEIVED]) return null;
    const got = receiveMessageOnPort(port);
    if (!got) return null;
    Atomics.add(words, RECEIVED, 1);
    return got.message as Made;
  }
}

/** The next batch of a ring, or null. */
function nextOf(words: Int32Array<SharedArrayBuffer>): RegionJob[] | null {
  let at = words[READ]!;
  if (at === Atomics.load(words, WRITTEN)) return null;
  const take = (): number => words[place(at++)]!;
  const jobs = Array.from({ length: take() }, () => ({ base: take(), at: take(), mode: take() }));
  Atomics.store(words, READ, at | 0);
  return jobs;
}

function sendBack({ port, words }: CompilerChannel, made: Made): void {
  port.postMessage(made);
  Atomics.add(words, SENT, 1);
}
const backlog = ({ words }: CompilerChannel): number => (words[SENT]! - Atomics.load(words, RECEIVED)) | 0;

/** Compiles what comes over these channels, for ever. What was made for one is offered to all. */
export function serve(
  channels: readonly CompilerChannel[],
  bell: Int32Array<SharedArrayBuffer>,
  compile: (jobs: readonly RegionJob[]) => CompiledBatch,
): never {
  Atomics.store(bell, READY, 1);
  for (let looks = 0; ; looks++) {
    // Set before the rings are read: who writes later finds it.
    const sleeps = looks >= LOOKS;
    if (sleeps) Atomics.store(bell, ASLEEP, 1);
    let busy = false;
    for (const channel of channels) {
      const jobs = nextOf(channel.words);
      if (!jobs) continue;
      busy = true;
      const batch = compile(jobs);
      sendBack(channel, { jobs, batch });
      if (batch.module === null) continue;
      for (const other of channels) {
        if (other !== channel && backlog(other) < BACKLOG) sendBack(other, { jobs: [], batch });
      }
    }
    if (busy) looks = 0;
    else if (sleeps) Atomics.wait(bell, ASLEEP, 1);
    else Atomics.wait(bell, ASLEEP, 0, NAP);
  }
}
