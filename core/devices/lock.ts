/** A lock in shared memory: 0 free, 1 taken, 2 taken and somebody sleeps on it. Not recursive; for short sections only. */

const SPINS = 200;

/** What this thread does while it waits for a lock: see `whileWaiting`. */
let waiting: (() => void) | null = null;
/**
 * Threads that run cores read their messages while they wait for a lock: who holds it may need their answers (a requester that
 * takes over a page, `arch/encryption`).
 */
export function whileWaiting(work: () => void): void {
  waiting = work;
}

export function lock(words: Int32Array, index: number): void {
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.compareExchange(words, index, 0, 1) === 0) return;
  }
  // The time limit heals a wake-up that went to a thread which has just been ended.
  while (Atomics.exchange(words, index, 2) !== 0) {
    waiting?.();
    Atomics.wait(words, index, 2, waiting ? 0.2 : 10);
  }
}

export function unlock(words: Int32Array, index: number): void {
  if (Atomics.exchange(words, index, 0) === 2) Atomics.notify(words, index, 1);
}
