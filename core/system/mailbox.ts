/** Messages between cores: TLB and code invalidation, standing still, events. */
import * as state from '../arch/state.ts';
import { lock, unlock } from '../devices/lock.ts';
import { PEND } from '../engine/abi.ts';
import { CORE_CONTROL, type Layout } from '../engine/layout.ts';
import { CTL, controlIndex, GLOBAL, globalIndex, RING_ENTRIES, RING_ENTRY } from './control.ts';

/** `page`: a page of memory becomes another context's; operand: its address in the Wasm memory. */
export const MESSAGE = { tlbi: 1, code: 2, allCode: 3, allTlb: 4, page: 5 } as const;
/** What a core has to forget when a message was lost, bit by bit. */
export const LOST = { translations: 1, code: 2 } as const;
const lostWith = (kind: number): number => {
  if (kind === MESSAGE.page) return LOST.translations | LOST.code;
  return kind === MESSAGE.code || kind === MESSAGE.allCode ? LOST.code : LOST.translations;
};

/** Takes a message that arrived: kind, operand, 64-bit operand as two halves. */
export type Receive = (core: number, kind: number, a: number, lo: number, hi: number) => void;

/** Looks at a word before the thread sleeps, and for how long it sleeps then (milliseconds) where nobody wakes it. */
const SPINS = 500;
const NAP = 0.05;

export class Mailbox {
  private readonly i32: Int32Array;
  private readonly layout: Layout;
  private readonly receive: Receive;
  /** What to do for a core whose inbox overflowed while it slept: forget everything that messages could have named (`LOST`). */
  private readonly dropAll: (core: number, what: number) => void;

  constructor(i32: Int32Array, layout: Layout, receive: Receive, dropAll: (core: number, what: number) => void) {
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

  /** For each other core, the last of our messages that it has still to read, or null. */
  private readonly unanswered: (number | null)[] = [];

  /**
   * Sends to every core of another thread, without waiting; `own`: the cores of this thread. Yields whether there is an answer to
   * wait for: some core was awake.
   */
  announce(own: readonly number[], kind: number, a: number, lo: number, hi: number): boolean {
    this.announceHeld(own);
    for (let core = 0; core < this.layout.cores; core++) {
      if (own.includes(core)) continue;
      // A core that sleeps reads all of its messages before it runs.
      this.unanswered[core] = this.post(own, core, kind, a, lo, hi);
    }
    return this.unanswered.some((ticket) => ticket !== null && ticket !== undefined);
  }
  /** Code that was announced last: bytes from a host address on. */
  private held: { readonly at: number; readonly bytes: number } | null = null;
  /**
   * Announces that code has changed, at the latest before the next answers are awaited: code is written line by line, and lines that
   * follow each other go in one message.
   */
  announceCode(own: readonly number[], at: number, bytes: number): void {
    if (this.held && this.held.at + this.held.bytes === at) {
      this.held = { at: this.held.at, bytes: this.held.bytes + bytes };
      return;
    }
    this.announceHeld(own);
    this.held = { at, bytes };
  }
  private announceHeld(own: readonly number[]): void {
    if (!this.held) return;
    const { at, bytes } = this.held;
    this.held = null;
    this.announce(own, MESSAGE.code, bytes, at, 0);
  }
  /** Returns when all that was announced has been done. */
  awaitAnswers(own: readonly number[]): void {
    this.announceHeld(own);
    for (const [core, ticket] of this.unanswered.entries()) {
      if (ticket !== null && ticket !== undefined) this.await(own, core, ticket);
    }
    this.unanswered.length = 0;
  }
  /** Sends to every core of another thread, and waits until all have done it. `own`: the cores of this thread. */
  broadcast(own: readonly number[], kind: number, a: number, lo: number, hi: number): void {
    const others = Array.from({ length: this.layout.cores }, (_, n) => n).filter((core) => !own.includes(core));
    this.ask(others, own, kind, a, lo, hi);
  }
  /**
   * Sends to some cores of other threads, and waits until they have done it. True when messages to the own cores were
   * read meanwhile: what the running instruction knew of translations may be out of date then.
   */
  ask(cores: readonly number[], own: readonly number[], kind: number, a: number, lo: number, hi: number): boolean {
    const before = this.served;
    const tickets: [number, number][] = [];
    for (const core of cores) {
      const ticket = this.post(own, core, kind, a, lo, hi);
      if (ticket !== null) tickets.push([core, ticket]);
    }
    for (const [core, ticket] of tickets) this.await(own, core, ticket);
    return this.served !== before;
  }
  /** Messages read. */
  private served = 0;
  /** Puts a message in; yields the count to wait for, or null when the core sleeps (it will read before it runs). */
  private post(own: readonly number[], core: number, kind: number, a: number, lo: number, hi: number): number | null {
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
      if (asleep) Atomics.or(i32, this.at(core, CTL.lost), lostWith(kind));
      unlock(i32, this.at(core, CTL.lock));
      if (asleep && Atomics.load(i32, this.at(core, CTL.quiet)) !== 0) return null;
      this.serve(own);
    }
  }
  private await(own: readonly number[], core: number, ticket: number): void {
    const read = this.at(core, CTL.read);
    this.aside(own, () => {
      for (let spins = 0; ; spins++) {
        const done = Atomics.load(this.i32, read);
        if (((done - ticket) | 0) >= 0) return;
        if (Atomics.load(this.i32, this.at(core, CTL.quiet)) !== 0) return;
        // While waiting, answer others: two cores that invalidate each other must not wait for ever.
        for (const one of own) this.drain(one);
        if (spins > SPINS) Atomics.wait(this.i32, read, done, 1);
      }
    });
  }
  /** Reads what came for the cores of this thread, and stands still while another core asks for it. */
  serve(own: readonly number[]): void {
    for (const core of own) this.drain(core);
    this.park(own);
  }
  private drain(core: number): void {
    const { i32 } = this;
    const read = this.at(core, CTL.read);
    const lost = Atomics.exchange(i32, this.at(core, CTL.lost), 0);
    if (lost !== 0) {
      this.served++;
      this.dropAll(core, lost);
    }
    for (;;) {
      const n = Atomics.load(i32, read);
      if (n === Atomics.load(i32, this.at(core, CTL.written))) return;
      const at = this.slot(core, n >>> 0);
      this.served++;
      this.receive(core, i32[at]!, i32[at + 1]!, i32[at + 2]!, i32[at + 3]!);
      Atomics.store(i32, read, (n + 1) | 0);
      Atomics.notify(i32, read);
    }
  }
  private park(own: readonly number[]): void {
    if (Atomics.load(this.i32, globalIndex(GLOBAL.park)) !== 0) this.aside(own, () => {});
  }

  /** Does `work`, which must leave guest memory alone (reading code apart): meanwhile these cores count as standing still. */
  aside(own: readonly number[], work: () => void): void {
    const park = globalIndex(GLOBAL.park);
    const still = (on: number): void => {
      for (const core of own) Atomics.store(this.i32, this.at(core, CTL.still), on);
    };
    still(1);
    try {
      work();
    } finally {
      do {
        still(1);
        for (let spins = 0; Atomics.load(this.i32, park) !== 0; spins++) {
          if (spins > SPINS) Atomics.wait(this.i32, park, 1, NAP);
        }
        still(0);
      } while (Atomics.load(this.i32, park) !== 0);
    }
  }

  /** Stops all cores of other threads until `resumeOthers`; they stand between two instructions. See `engine/standstill.ts`. */
  stopOthers(own: readonly number[]): void {
    const { i32 } = this;
    const owner = globalIndex(GLOBAL.exclusive);
    this.aside(own, () => {
      while (Atomics.compareExchange(i32, owner, 0, 1) !== 0) Atomics.wait(i32, owner, 1, NAP);
      // Ours now: nobody else stops anybody, so this thread need not stand.
    });
    Atomics.store(i32, globalIndex(GLOBAL.park), 1);
    for (let core = 0; core < this.layout.cores; core++) {
      if (own.includes(core)) continue;
      Atomics.or(i32, (this.layout.core(core) + state.PENDING) >> 2, PEND.park);
      const still = this.at(core, CTL.still);
      for (
        let spins = 0;
        Atomics.load(i32, this.at(core, CTL.quiet)) === 0 && Atomics.load(i32, still) === 0;
        spins++
      ) {
        if (spins > SPINS) Atomics.wait(i32, still, 0, NAP);
      }
    }
  }
  resumeOthers(): void {
    Atomics.store(this.i32, globalIndex(GLOBAL.park), 0);
    Atomics.notify(this.i32, globalIndex(GLOBAL.park));
    Atomics.store(this.i32, globalIndex(GLOBAL.exclusive), 0);
  }
}
