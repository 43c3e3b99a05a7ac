/** Messages between cores: TLB and code invalidation, standing still, events. */
import * as state from '../arch/state.ts';
import { lock, unlock } from '../devices/lock.ts';
import { PEND } from '../engine/abi.ts';
import { CORE_CONTROL, type Layout } from '../engine/layout.ts';
import { CTL, controlIndex, GLOBAL, globalIndex, RING_ENTRIES, RING_ENTRY } from './control.ts';

export const MESSAGE = { tlbi: 1, code: 2, allCode: 3, allTlb: 4 } as const;

/** Takes a message that arrived: kind, operand, 64-bit operand as two halves. */
export type Receive = (core: number, kind: number, a: number, lo: number, hi: number) => void;

export class Mailbox {
  private readonly i32: Int32Array;
  private readonly layout: Layout;
  private readonly receive: Receive;
  /** What to do for a core whose inbox overflowed while it slept: drop everything that messages could have named. */
  private readonly dropAll: (core: number) => void;

  constructor(i32: Int32Array, layout: Layout, receive: Receive, dropAll: (core: number) => void) {
    this.i32 = i32;
    this.layout = layout;
    this.receive = receive;
    this.dropAll = dropAll;
  }
  private at(core: number, offset: number): number {
    return controlIndex(this.layout, core, offset);
  }
  private slot(core: number, n: number): number {
    return (this.layout.core(core) + CORE_CONTROL + CTL.ring + (n % RING_ENTRIES) * RING_ENTRY) >> 2;
  }

  /** Sends to every core of another thread that listens, and waits until all have done it. `own`: the cores of this thread. */
  broadcast(from: number, own: readonly number[], kind: number, a: number, lo: number, hi: number): void {
    const tickets: [number, number][] = [];
    for (let core = 0; core < this.layout.cores; core++) {
      if (own.includes(core)) continue;
      const ticket = this.post(from, own, core, kind, a, lo, hi);
      if (ticket !== null) tickets.push([core, ticket]);
    }
    for (const [core, ticket] of tickets) this.await(own, core, ticket);
  }
  /** Puts a message in; yields the count to wait for, or null when the core sleeps (it will read before it runs). */
  private post(
    _from: number,
    own: readonly number[],
    core: number,
    kind: number,
    a: number,
    lo: number,
    hi: number,
  ): number | null {
    const { i32 } = this;
    const written = this.at(core, CTL.written);
    const read = this.at(core, CTL.read);
    for (;;) {
      lock(i32, this.at(core, CTL.lock));
      const n = Atomics.load(i32, written);
      if (n - Atomics.load(i32, read) < RING_ENTRIES) {
        const at = this.slot(core, n >>> 0);
        i32[at] = kind;
        i32[at + 1] = a;
        i32[at + 2] = lo;
        i32[at + 3] = hi;
        Atomics.store(i32, written, (n + 1) | 0);
        unlock(i32, this.at(core, CTL.lock));
        if (Atomics.load(i32, this.at(core, CTL.quiet)) !== 0) return null;
        Atomics.or(i32, (this.layout.core(core) + state.PENDING) >> 2, PEND.inbox);
        return (n + 1) | 0;
      }
      const asleep = Atomics.load(i32, this.at(core, CTL.quiet)) !== 0;
      if (asleep) Atomics.store(i32, this.at(core, CTL.lost), 1);
      unlock(i32, this.at(core, CTL.lock));
      if (asleep && Atomics.load(i32, this.at(core, CTL.quiet)) !== 0) return null;
      this.serve(own);
    }
  }
  private await(own: readonly number[], core: number, ticket: number): void {
    const read = this.at(core, CTL.read);
    for (let spins = 0; ; spins++) {
      const done = Atomics.load(this.i32, read);
      if (((done - ticket) | 0) >= 0) return;
      if (Atomics.load(this.i32, this.at(core, CTL.quiet)) !== 0) return;
      // While waiting, answer others: two cores that invalidate each other must not wait for ever.
      this.serve(own);
      if (spins > 500) Atomics.wait(this.i32, read, done, 1);
    }
  }
  /** Reads what came for the cores of this thread, and stands still while another core asks for it. */
  serve(own: readonly number[]): void {
    for (const core of own) this.drain(core);
    this.park(own);
  }
  private drain(core: number): void {
    const { i32 } = this;
    const read = this.at(core, CTL.read);
    if (Atomics.exchange(i32, this.at(core, CTL.lost), 0) !== 0) {
      lock(i32, this.at(core, CTL.lock));
      Atomics.store(i32, read, Atomics.load(i32, this.at(core, CTL.written)));
      unlock(i32, this.at(core, CTL.lock));
      this.dropAll(core);
    }
    for (;;) {
      const n = Atomics.load(i32, read);
      if (n === Atomics.load(i32, this.at(core, CTL.written))) return;
      const at = this.slot(core, n >>> 0);
      this.receive(core, i32[at]!, i32[at + 1]!, i32[at + 2]!, i32[at + 3]!);
      Atomics.store(i32, read, (n + 1) | 0);
      Atomics.notify(i32, read);
    }
  }
  private park(own: readonly number[]): void {
    const park = globalIndex(GLOBAL.park);
    while (Atomics.load(this.i32, park) !== 0) {
      for (const core of own) Atomics.store(this.i32, this.at(core, CTL.quiet), 1);
      Atomics.wait(this.i32, park, 1, 10);
      for (const core of own) Atomics.store(this.i32, this.at(core, CTL.quiet), 0);
    }
  }

  /** Stops all cores of other threads until `resumeOthers`; they stand between two instructions. */
  stopOthers(own: readonly number[]): void {
    const { i32 } = this;
    const owner = globalIndex(GLOBAL.exclusive);
    while (Atomics.compareExchange(i32, owner, 0, 1) !== 0) this.serve(own);
    Atomics.store(i32, globalIndex(GLOBAL.park), 1);
    for (let core = 0; core < this.layout.cores; core++) {
      if (own.includes(core)) continue;
      Atomics.or(i32, (this.layout.core(core) + state.PENDING) >> 2, PEND.inbox);
      while (Atomics.load(i32, this.at(core, CTL.quiet)) === 0) this.drainAll(own);
    }
  }
  private drainAll(own: readonly number[]): void {
    for (const core of own) this.drain(core);
  }
  resumeOthers(): void {
    Atomics.store(this.i32, globalIndex(GLOBAL.park), 0);
    Atomics.notify(this.i32, globalIndex(GLOBAL.park));
    unlock(this.i32, globalIndex(GLOBAL.exclusive));
  }
}
