/**
 * Between a thread that runs cores and the one that compiles for it. Jobs go through a ring in shared memory, which costs the one that
 * runs code next to nothing; modules come back over a port.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { CompiledBatch, RegionJob } from '../../engine/region-compiler.ts';
import type { Elsewhere } from '../../engine/regions.ts';

/** Words of a channel: batches answered; words of the ring written, and read, so far. */
const ANSWERED = 0;
const WRITTEN = 1;
const READ = 2;
/** Behind them the ring: a batch is its number of jobs, then base, index, mode word and table entry of each. */
const RING = 4;
const RING_WORDS = 1024;
const JOB_WORDS = 4;

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

interface Answer {
  readonly jobs: readonly RegionJob[];
  readonly batch: CompiledBatch;
}
const place = (n: number): number => RING + ((n >>> 0) % RING_WORDS);

/** The end of the thread that wants regions. */
export class CompilerClient implements Elsewhere {
  private readonly channel: CompilerChannel;
  private received = 0;

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
      for (const word of [job.base, job.at, job.mode, job.slot]) words[place(at++)] = word;
    }
    Atomics.store(words, WRITTEN, at | 0);
    if (Atomics.exchange(bell, ASLEEP, 0) !== 0) Atomics.notify(bell, ASLEEP);
    return true;
  }
  receive(): Answer | null {
    if (Atomics.load(this.channel.words, ANSWERED) === this.received) return null;
    const got = receiveMessageOnPort(this.channel.port);
    if (!got) return null;
    this.received = (this.received + 1) | 0;
    return got.message as Answer;
  }
}

/** The next batch of a ring, or null. */
function nextOf(words: Int32Array<SharedArrayBuffer>): RegionJob[] | null {
  let at = words[READ]!;
  if (at === Atomics.load(words, WRITTEN)) return null;
  const take = (): number => words[place(at++)]!;
  const jobs = Array.from({ length: take() }, () => ({ base: take(), at: take(), mode: take(), slot: take() }));
  Atomics.store(words, READ, at | 0);
  return jobs;
}

/** Compiles what comes over these channels, for ever. */
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
    for (const { port, words } of channels) {
      const jobs = nextOf(words);
      if (!jobs) continue;
      busy = true;
      const answer: Answer = { jobs, batch: compile(jobs) };
      port.postMessage(answer);
      Atomics.add(words, ANSWERED, 1);
    }
    if (busy) looks = 0;
    else if (sleeps) Atomics.wait(bell, ASLEEP, 1);
    else Atomics.wait(bell, ASLEEP, 0, NAP);
  }
}
