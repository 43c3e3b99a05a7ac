/**
 * Runs the cores of one thread: grants slices, serves messages and commands, sleeps when there is nothing to do.
 *
 * Threaded: one core a thread, time of the host. Deterministic: all cores on one thread take turns in rounds of an exact number of
 * instructions; the last stretch of a turn is stepped, so that interpreted and compiled runs stop at the same instruction.
 */
import * as state from '../arch/state.ts';
import { EXIT, PEND } from '../engine/abi.ts';
import { CORE_CONTROL } from '../engine/layout.ts';
import type { CoreAction, StopReason, Watchpoint } from './api.ts';
import { CTL, controlIndex } from './control.ts';
import type { CallOutcome } from './cpu-view.ts';
import type { Thread } from './thread.ts';
import { runsWild } from './wild.ts';

/** Instructions that a core runs at most before its thread looks around. */
const SLICE = 400_000;
/** Instructions in one turn of the deterministic mode, and of these the last that are stepped: more than any code runs on past a
 * used-up slice (a region between two checks, or a page's worth of straight code). */
const TURN = 2_000_000;
const STEPPED = 2048;
/**
 * WFE while the exclusive monitor is open, in nanoseconds: how soon what is monitored is looked at, then at intervals that double; and
 * how long it waits at most, as a store of the same value is an event that nobody sees.
 */
const MONITOR_LOOK = 20e3;
const MONITOR_WAIT = 1e6;
/** Offset in the core's control block of the two records that stepping uses. */
const SCRATCH = 3584;

export type Command =
  | { readonly c: 'run'; readonly actions: readonly CoreAction[] | null }
  | { readonly c: 'pause' }
  | { readonly c: 'breakpoints'; readonly addresses: readonly bigint[] }
  | { readonly c: 'watchpoints'; readonly list: readonly Watchpoint[] }
  | { readonly c: 'input'; readonly console: number }
  | { readonly c: 'forget' }
  | { readonly c: 'quit' };

/** What a thread tells the host. */
export type Report =
  | { readonly r: 'paused' }
  | { readonly r: 'stopped'; readonly core: number; readonly reason: StopReason }
  | { readonly r: 'bell' };

export interface RunnerHooks {
  commands(): Command[];
  report(r: Report): void;
  hostCall(core: number): CallOutcome;
  /** Sets a core up that CPU_ON asked for. */
  startCore(core: number): void;
  /** The core can only fault for ever. */
  wild(core: number): void;
  /** The limit of guest time is reached. */
  limit(): void;
}

export class Runner {
  private readonly t: Thread;
  private readonly hooks: RunnerHooks;
  private readonly i32: Int32Array;
  private readonly view: DataView;
  private readonly waiting = new Map<number, 'event' | 'retry'>();
  private paused = true;
  private quit = false;
  private actions: readonly CoreAction[] | null = null;
  /** Cores that have to step off a breakpoint before anything else. */
  private readonly resumed = new Set<number>();
  private breakpoints = false;
  private watched = false;
  /** Deterministic: the longest turn of this round, in instructions. */
  private used = 0;
  /** Deterministic: nanoseconds that turns of this round may last. */
  private longest = 0;
  /** Instructions a millisecond, as measured. */
  private rate = 200_000;

  constructor(thread: Thread, hooks: RunnerHooks) {
    this.t = thread;
    this.hooks = hooks;
    this.i32 = thread.i32;
    this.view = new DataView(this.i32.buffer);
  }
  private ctl(core: number, word: number): number {
    return controlIndex(this.t.setup.layout, core, word);
  }
  private get cores(): readonly number[] {
    return this.t.setup.cores;
  }

  run(): void {
    this.listen();
    for (;;) {
      this.obey();
      if (this.quit) {
        // Nobody waits for a core that is gone.
        for (const core of this.cores) Atomics.store(this.i32, this.ctl(core, CTL.quiet), 1);
        return;
      }
      if (this.paused) {
        this.sleep(Number.POSITIVE_INFINITY);
        continue;
      }
      let ran = false;
      const left = this.timeLeft();
      if (left <= 0) {
        this.paused = true;
        this.hooks.limit();
        continue;
      }
      let next = left;
      if (this.cores.includes(0)) next = Math.min(next, this.t.devices.checkClock() * 1e9);
      const due = this.cores.map((core) => this.updateLines(core));
      this.longest = Math.min(left, ...due);
      for (const [i, core] of this.cores.entries()) {
        if (this.actions?.[core] === 'halt') continue;
        const until = due[i]!;
        if (this.runnable(core)) {
          ran = true;
          this.turn(core, this.t.setup.config.deterministic ? this.longest : until);
          if (this.paused || this.quit) break;
        } else next = Math.min(next, until);
      }
      this.serveIo();
      if (ran) this.t.regions?.flushDue();
      else this.t.regions?.flush();
      this.t.tracing?.flush();
      this.t.watchWriter.flush();
      if (this.t.setup.config.deterministic) this.nextRound(ran, next);
      if (!ran) this.sleep(next);
    }
  }

  /** Deterministic: what devices have to do is done at this point, all of it; what was shown may be answered here. */
  private serveIo(): void {
    if (!this.t.setup.config.deterministic) return;
    do {
      while (this.t.io?.service());
      for (const console of this.t.consoles) console.settle();
    } while (this.t.io?.service());
  }
  /** Deterministic: nanoseconds of guest time until the limit. */
  private timeLeft(): number {
    const { deterministic, timeLimit } = this.t.setup.config;
    if (!deterministic || timeLimit === undefined) return Number.POSITIVE_INFINITY;
    return timeLimit * 1e9 - this.t.clock.round;
  }

  // Commands of the host.
  private obey(): void {
    const attention = this.ctl(this.cores[0]!, CTL.attention);
    if (Atomics.load(this.i32, attention) === 0) return;
    Atomics.store(this.i32, attention, 0);
    for (const c of this.hooks.commands()) {
      switch (c.c) {
        case 'run':
          this.paused = false;
          this.t.ended = false;
          this.actions = c.actions;
          for (const core of this.cores) this.resumed.add(core);
          break;
        case 'pause':
          this.pause();
          break;
        case 'breakpoints':
          this.breakpoints = c.addresses.length > 0;
          this.t.space.setBreakpoints(new Set(c.addresses));
          break;
        case 'watchpoints':
          this.watched = c.list.length > 0;
          this.t.setWatchpoints(c.list);
          break;
        case 'input':
          // Between turns: what was typed counts from here on.
          this.t.consoles[c.console]?.settle();
          this.t.devices.uarts[c.console]?.arrived();
          for (const [core, why] of this.waiting) if (why === 'retry') this.wake(core);
          break;
        case 'forget':
          this.t.space.invalidateAll();
          for (const core of [...this.waiting.keys()]) this.wake(core);
          break;
        case 'quit':
          this.quit = true;
      }
    }
  }
  private pause(): void {
    this.paused = true;
    this.hooks.report({ r: 'paused' });
  }

  // Which cores can run.
  private runnable(core: number): boolean {
    const run = this.ctl(core, CTL.run);
    const now = Atomics.load(this.i32, run);
    if (now === 0) return false;
    if (now === 2) {
      this.hooks.startCore(core);
      this.wake(core);
      Atomics.store(this.i32, run, 1);
    }
    if (!this.waiting.has(core)) return true;
    if (!this.wakes(core)) return false;
    this.wake(core);
    return true;
  }
  private wakes(core: number): boolean {
    const cpu = this.t.core(core);
    if (this.waiting.get(core) === 'retry') return false;
    const kind = this.i32[(cpu + state.WAIT_KIND) >> 2];
    if (this.t.space.core.wakeup!(cpu)) return true;
    const limit = this.view.getBigUint64(cpu + state.WAIT_DEADLINE, true);
    if (limit !== 0xffffffffffffffffn && this.t.ticks(cpu) >= limit) return true;
    if (kind === state.WAIT.interrupt) return false;
    if (kind === state.WAIT.monitor && this.t.space.core.monitorLost!(cpu)) return true;
    return Atomics.exchange(this.i32, (cpu + state.EVENT) >> 2, 0) !== 0;
  }
  /** Brings the core's interrupt lines up to date; yields nanoseconds until the next timer (infinity: none). */
  private updateLines(core: number): number {
    const until = this.t.updateTimers(core);
    const cpu = this.t.core(core);
    // Only WFI and WFE have a kind and a limit.
    if (this.waiting.get(core) !== 'event') return until;
    const limit = this.view.getBigUint64(cpu + state.WAIT_DEADLINE, true);
    if (limit === 0xffffffffffffffffn) return until;
    const left = Math.min(until, Math.max(0, Number(limit - this.t.ticks(cpu)) * this.t.nsPerTick));
    if (this.i32[(cpu + state.WAIT_KIND) >> 2] !== state.WAIT.monitor || this.t.setup.config.deterministic) return left;
    this.look *= 2;
    return Math.min(left, this.look);
  }

  /** Nanoseconds after which a monitored value is looked at again. */
  private look = 0;
  private suspend(core: number, why: 'event' | 'retry'): void {
    this.look = MONITOR_LOOK / 2;
    this.waiting.set(core, why);
    Atomics.store(this.i32, this.ctl(core, CTL.waits), 1);
  }
  private wake(core: number): void {
    this.waiting.delete(core);
    Atomics.store(this.i32, this.ctl(core, CTL.waits), 0);
  }

  // Running.
  private turn(core: number, until: number): void {
    this.runTurn(core, until);
    if (this.t.ended) this.paused = true;
    if (this.paused || !runsWild(this.i32, this.t.core(core))) return;
    this.paused = true;
    this.hooks.wild(core);
  }
  private runTurn(core: number, until: number): void {
    const cpu = this.t.core(core);
    this.t.current = cpu;
    if (this.actions?.[core] === 'step') {
      this.step(core);
      this.stop(core, { kind: 'step' });
      return;
    }
    if (this.resumed.delete(core) && (this.breakpoints || this.watched)) {
      this.stepOver(core);
      if (this.paused) return;
    }
    if (this.t.setup.config.deterministic) {
      this.exactTurn(core, Math.ceil(Math.min(TURN, Math.max(1, until))));
      return;
    }
    const slice = Math.max(2000, Math.min(SLICE, (until / 1e6) * this.rate));
    const began = performance.now();
    this.t.turnEnds = this.t.clock.now(cpu) + (slice / this.rate) * 1e6;
    this.grant(cpu, Math.floor(slice));
    this.enter(core);
    const ms = performance.now() - began;
    const ran = slice - this.i32[(cpu + state.BUDGET) >> 2]!;
    if (ms > 0.05) {
      this.rate = 0.9 * this.rate + 0.1 * (ran / ms);
      this.t.nsPerInstruction = 1e6 / this.rate;
    }
  }
  /** Runs exactly `count` instructions, unless the core waits, stops or ends before, or has set a timer that is due earlier. */
  private exactTurn(core: number, count: number): void {
    const cpu = this.t.core(core);
    const budget = (cpu + state.BUDGET) >> 2;
    const { clock } = this.t;
    const ran = (): number => clock.slice - this.i32[budget]!;
    let end = count;
    this.grant(cpu, 0);
    clock.slice = 0;
    for (let goes = true; goes && ran() < end; ) {
      // The engine stops at its next check after its count is used up: so it gets less, and the rest is stepped.
      const fast = ran() < end - STEPPED;
      const slice = fast ? end - STEPPED : end;
      if (clock.slice !== slice) {
        this.grant(cpu, slice - ran());
        clock.slice = slice;
      }
      goes = fast ? this.enter(core) : this.step(core);
      if (this.t.timersMoved) {
        this.t.timersMoved = false;
        end = Math.min(end, ran() + Math.max(1, Math.ceil(this.t.updateTimers(core))));
        this.longest = Math.min(this.longest, end);
      }
    }
    this.used = Math.max(this.used, ran());
    this.grant(cpu, 0);
    clock.slice = 0;
  }
  private grant(cpu: number, count: number): void {
    const left = this.i32[(cpu + state.BUDGET) >> 2]!;
    const granted = this.view.getBigInt64(cpu + state.GRANTED, true) + BigInt(count - left);
    this.view.setBigInt64(cpu + state.GRANTED, granted, true);
    this.i32[(cpu + state.BUDGET) >> 2] = count;
  }
  /** Clears what only asked for attention; true when the host wants something. */
  private attend(core: number): boolean {
    const pending = (this.t.core(core) + state.PENDING) >> 2;
    const bits = Atomics.and(this.i32, pending, ~(PEND.stop | PEND.inbox | PEND.step | PEND.park));
    if (bits & (PEND.inbox | PEND.park)) this.t.mailbox.serve(this.cores);
    return Atomics.load(this.i32, this.ctl(this.cores[0]!, CTL.attention)) !== 0;
  }
  /** Runs guest code until it leaves; false when the core can't go on for now. */
  private enter(core: number): boolean {
    this.attend(core);
    const goes = this.left(core, this.t.space.core.enter!(this.t.core(core)));
    return !this.attend(core) && goes;
  }
  private step(core: number): boolean {
    this.attend(core);
    const cpu = this.t.core(core);
    const taken = (this.i32[(cpu + state.PENDING) >> 2]! & PEND.irq) !== 0 && this.t.space.core.takePending!(cpu) !== 0;
    if (taken && this.actions) return true;
    const why = this.t.space.core.step!(cpu, cpu + CORE_CONTROL + SCRATCH);
    const goes = this.left(core, why === EXIT.debug ? EXIT.pending : why);
    return !this.attend(core) && goes;
  }
  private left(core: number, why: number): boolean {
    switch (why) {
      case EXIT.pending:
        return true;
      case EXIT.wait:
        if (this.i32[(this.t.core(core) + state.WAIT_KIND) >> 2] !== state.WAIT.interrupt) {
          this.t.limitByStream(this.t.core(core));
        }
        this.boundWait(this.t.core(core));
        if (this.wakesAfter(core)) return true;
        this.suspend(core, 'event');
        return false;
      case EXIT.off:
        Atomics.store(this.i32, this.ctl(core, CTL.run), 0);
        return false;
      case EXIT.host:
        return this.answer(core, this.hooks.hostCall(core));
      case EXIT.trace:
        return this.t.tracing!.step(this.t.core(core), () => this.step(core));
      case EXIT.debug:
        this.stop(core, this.t.watchpoints.takeHit() ?? { kind: 'breakpoint' });
        return false;
      default:
        throw new Error(`guest code was left for an unknown reason, ${why}`);
    }
  }
  /** WFE with the exclusive monitor open. */
  private boundWait(cpu: number): void {
    if (this.i32[(cpu + state.WAIT_KIND) >> 2] !== state.WAIT.monitor) return;
    const soon = this.t.ticks(cpu) + BigInt(Math.ceil(MONITOR_WAIT / this.t.nsPerTick));
    const at = cpu + state.WAIT_DEADLINE;
    if (this.view.getBigUint64(at, true) > soon) this.view.setBigUint64(at, soon, true);
  }
  private wakesAfter(core: number): boolean {
    this.suspend(core, 'event');
    this.t.updateTimers(core);
    const wakes = this.wakes(core);
    this.wake(core);
    return wakes;
  }
  private answer(core: number, what: CallOutcome): boolean {
    const cpu = this.t.core(core);
    switch (what) {
      case 'continue':
        return true;
      case 'wait':
        this.i32[(cpu + state.WAIT_KIND) >> 2] = state.WAIT.interrupt;
        this.view.setBigUint64(cpu + state.WAIT_DEADLINE, 0xffffffffffffffffn, true);
        this.suspend(core, 'event');
        return false;
      case 'retry':
        this.view.setBigUint64(cpu + state.PC, this.view.getBigUint64(cpu + state.PC, true) - 4n, true);
        this.suspend(core, 'retry');
        return false;
      case 'off':
        Atomics.store(this.i32, this.ctl(core, CTL.run), 0);
        return false;
      case 'system':
        this.paused = true;
        return false;
    }
  }
  /** The first instruction after a stop: what stopped there must not stop again. */
  private stepOver(core: number): void {
    const watch = (this.t.core(core) + state.HOST_WATCH) >> 2;
    this.i32[watch] = 0;
    this.step(core);
    this.i32[watch] = this.watched ? 1 : 0;
  }
  private stop(core: number, reason: StopReason): void {
    this.paused = true;
    this.hooks.report({ r: 'stopped', core, reason });
  }

  private nextRound(ran: boolean, next: number): void {
    if (ran) this.t.clock.nextRound(this.used);
    else if (next !== Number.POSITIVE_INFINITY) this.t.clock.nextRound(Math.max(1, next));
    this.used = 0;
  }

  /** No core of this thread can run: sleep until a wake-up, a message or a command, at most `ns`. */
  private sleep(ns: number): void {
    if (this.t.setup.config.deterministic && !this.paused && ns !== Number.POSITIVE_INFINITY) return;
    const words = this.cores.map((core) => this.ctl(core, CTL.wake));
    const seen = Atomics.load(this.i32, words[0]!);
    for (const core of this.cores) Atomics.store(this.i32, this.ctl(core, CTL.quiet), 1);
    const wanted =
      Atomics.load(this.i32, this.ctl(this.cores[0]!, CTL.attention)) !== 0 ||
      (!this.paused && this.cores.some((core) => this.due(core)));
    if (!wanted) Atomics.wait(this.i32, words[0]!, seen, ns / 1e6);
    this.listen();
  }
  /** The cores are no longer quiet: what was sent to them meanwhile is done first. */
  private listen(): void {
    for (const core of this.cores) Atomics.store(this.i32, this.ctl(core, CTL.quiet), 0);
    this.t.mailbox.serve(this.cores);
  }
  private due(core: number): boolean {
    const run = Atomics.load(this.i32, this.ctl(core, CTL.run));
    if (run === 2) return true;
    if (run === 0 || !this.waiting.has(core)) return run === 1;
    if (this.waiting.get(core) === 'retry') return false;
    const cpu = this.t.core(core);
    if (this.t.space.core.wakeup!(cpu)) return true;
    return (
      this.i32[(cpu + state.WAIT_KIND) >> 2] !== state.WAIT.interrupt &&
      Atomics.load(this.i32, (cpu + state.EVENT) >> 2) !== 0
    );
  }
}
