/**
 * Guest time. Threaded: host time since the epoch, less the time spent paused. Deterministic: the cores take turns in rounds; a
 * round begins for all of them at the same time, and in it each instruction of a core takes a nanosecond.
 */
import * as state from '../arch/state.ts';
import { GLOBAL_CONTROL, type Layout } from '../engine/layout.ts';
import type { RtcConfig, SystemConfig } from './api.ts';

/**
 * f64 words behind the other global control words: nanoseconds of pauses; nanoseconds at the start of this round; when cores ran for the
 * first time, in seconds since 1970 by the host's clock.
 */
export const PAUSED = GLOBAL_CONTROL + 64;
const ROUND = GLOBAL_CONTROL + 72;
export const BEGAN = GLOBAL_CONTROL + 80;

/** Deterministic: nanoseconds of guest time at the start of the present round. */
export const roundTime = (buffer: SharedArrayBuffer): number => new Float64Array(buffer, ROUND, 1)[0]!;

/** 1 January 2026, 0:00 UTC. */
const DETERMINISTIC_START = 1_767_225_600;

export class Clock {
  private readonly f64: Float64Array;
  private readonly i32: Int32Array;
  private readonly view: DataView;
  private readonly layout: Layout;
  private readonly deterministic: boolean;
  /** Milliseconds to add to `performance.now()`: the epoch is not this thread's. */
  private readonly origin: number;
  private readonly rtc: RtcConfig | undefined;

  constructor(i32: Int32Array, layout: Layout, config: Pick<SystemConfig, 'deterministic' | 'rtc'>, epoch: number) {
    this.i32 = i32;
    this.f64 = new Float64Array(i32.buffer);
    this.view = new DataView(i32.buffer);
    this.layout = layout;
    this.deterministic = config.deterministic;
    this.origin = performance.timeOrigin - epoch;
    this.rtc = config.rtc;
  }
  /** Nanoseconds of guest time, as core `cpu` (address of its state) sees it. */
  now(cpu: number): number {
    if (this.deterministic) return this.f64[ROUND >> 3]! + this.slice - this.i32[(cpu + state.BUDGET) >> 2]!;
    return this.running();
  }
  /** Threaded: nanoseconds since the epoch that were not spent paused. */
  private running(): number {
    return (performance.now() + this.origin) * 1e6 - this.f64[PAUSED >> 3]!;
  }
  /** Seconds since 1970 by the machine's real time clock. */
  seconds(): number {
    const began = this.f64[BEGAN >> 3]!;
    const start = this.rtc?.start ?? (this.deterministic ? DETERMINISTIC_START : began);
    // In the deterministic mode all that the guest sees is its own.
    if (this.deterministic) return Math.floor(start + this.round / 1e9);
    const gone = this.rtc?.follows === 'guest' ? this.running() / 1e9 : Date.now() / 1000 - began;
    return Math.floor(start + gone);
  }
  /** Deterministic: instructions that the running core was granted in this round. */
  slice = 0;
  /** Instructions that a core has run since reset. */
  ran(cpu: number): number {
    return Number(this.view.getBigInt64(cpu + state.GRANTED, true)) - this.i32[(cpu + state.BUDGET) >> 2]!;
  }
  /** Deterministic: the next round begins `ns` later than this one. */
  nextRound(ns: number): void {
    this.f64[ROUND >> 3]! += ns;
  }
  get round(): number {
    return this.f64[ROUND >> 3]!;
  }
  get cores(): number {
    return this.layout.cores;
  }
}
