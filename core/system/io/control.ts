/**
 * How a system and its I/O thread speak: four shared words. Whoever has work for it rings the doorbell; the system's main thread tells it to
 * go on, to rest, or to end, and can wait until it does.
 */

const BELL = 0;
const COMMAND = 1;
const STATE = 2;

/** Shared words. */
export const IO_WORDS = 4;

/** Commands, and states once they are obeyed. */
export const IO = { running: 0, resting: 1, ended: 2 } as const;

/** Wakes the I/O thread; from any thread. */
export function ringIo(words: Int32Array): void {
  Atomics.add(words, BELL, 1);
  Atomics.notify(words, BELL);
}

/** The main thread's side. */
export class IoControl {
  private readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** Wakes it to look for work. */
  ring(): void {
    ringIo(this.words);
  }
  /** Lets it go on. */
  resume(): void {
    this.command(IO.running);
  }
  /** Resolves when it does nothing more to guest memory or files; false if it has not obeyed within `milliseconds`. */
  rest(milliseconds = 10_000): Promise<boolean> {
    return this.obeyed(IO.resting, milliseconds);
  }
  /** Resolves when it has closed its files. */
  end(milliseconds = 2_000): Promise<boolean> {
    return this.obeyed(IO.ended, milliseconds);
  }

  private command(command: number): void {
    Atomics.store(this.words, COMMAND, command);
    Atomics.notify(this.words, COMMAND);
    ringIo(this.words);
  }

  private async obeyed(command: number, milliseconds: number): Promise<boolean> {
    this.command(command);
    const limit = performance.now() + milliseconds;
    for (;;) {
      const state = Atomics.load(this.words, STATE);
      if (state === command || state === IO.ended) return true;
      const left = limit - performance.now();
      if (left <= 0) return false;
      const change = Atomics.waitAsync(this.words, STATE, state, left);
      if (change.async) await change.value;
    }
  }
}

/** The I/O thread's side. */
export class IoOrders {
  private readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** To be read before one looks for work, and given to `sleep`. */
  get bell(): number {
    return Atomics.load(this.words, BELL);
  }
  get command(): number {
    return Atomics.load(this.words, COMMAND);
  }
  /** Tells what is being done. */
  tell(state: number): void {
    Atomics.store(this.words, STATE, state);
    Atomics.notify(this.words, STATE);
  }
  /** Sleeps until the bell rings again. */
  sleep(bell: number): void {
    Atomics.wait(this.words, BELL, bell);
  }
}
