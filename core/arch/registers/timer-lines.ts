/** The host's side of the generic timer: outputs, deadlines, event streams, computed from a core's state in shared memory. */
import * as state from '../state.ts';
import { regOffset } from './storage.ts';
import { TIMERS } from './timers.ts';

export interface TimerOutputs {
  /** Bit n: the output of `TIMERS[n]` is asserted. */
  asserted: number;
  /** Physical count at which the next output will change; infinity: none will. */
  deadline: number;
}

const U64 = (1n << 64n) - 1n;
/** Bits of control registers, each in the word that it is looked for in. */
const CNTHCTL_ECV = 1 << 12;
const CNTHCTL_CNTVMASK = 1 << 18;
const CNTHCTL_CNTPMASK = 1 << 19;
const SCR_ECVEN = 1 << 28;
const SCR_NS_OR_EEL2 = (1 << 18) | 1;
const HCR_TGE = 1 << 27;
const HCR_E2H_HIGH = 1 << 2;

/** Ticks of the physical counter at `ns` nanoseconds of guest time. */
export function ticksAt(view: DataView, cpu: number, ns: number): bigint {
  return BigInt(Math.trunc(ns * view.getFloat64(cpu + regOffset('ticks a nanosecond'), true)));
}

const CTL = TIMERS.map(({ registers }) => regOffset(registers[0]));
const CVAL = TIMERS.map(({ registers }) => regOffset(registers[1]));
const CNTHCTL = regOffset('CNTHCTL_EL2');
const SCR = regOffset('SCR_EL3');
const HCR = regOffset('HCR_EL2');
const CNTVOFF = regOffset('CNTVOFF_EL2');
const CNTPOFF = regOffset('CNTPOFF_EL2');
const HIGH = 2 ** 32;

/**
 * Outputs of all timers of a core when the physical count is `count` (below 2^53). This runs whenever a timer is programmed, so it
 * does without 64-bit integers: where a compare value is too large for a number, the count will not get there anyway. The result
 * is the same object every time.
 */
export function timerOutputs(view: DataView, cpu: number, count: number): TimerOutputs {
  result.asserted = 0;
  result.deadline = Number.POSITIVE_INFINITY;
  for (let n = 0; n < CTL.length; n++) {
    if ((view.getUint32(cpu + CTL[n]!, true) & 3) !== 1) continue;
    if (n < 2 && masked(view, cpu, n)) continue;
    const left = ticksLeft(view, cpu + CVAL[n]!, offsetAt(view, cpu, n), count);
    if (left <= 0) result.asserted |= 1 << n;
    else result.deadline = Math.min(result.deadline, count + left);
  }
  return result;
}
const result: TimerOutputs = { asserted: 0, deadline: 0 };

/** Realm and Root: the hypervisor's masks of EL1's timers (FEAT_RME). */
function masked(view: DataView, cpu: number, n: number): boolean {
  const mask = n === 0 ? CNTHCTL_CNTPMASK : CNTHCTL_CNTVMASK;
  return (view.getUint32(cpu + CNTHCTL, true) & mask) !== 0 && view.getUint32(cpu + state.SECURITY, true) >= 2;
}
/** Where the offset lies that is taken off the count for a timer; 0: none is. */
function offsetAt(view: DataView, cpu: number, n: number): number {
  if (n === 1) return cpu + CNTVOFF;
  return n === 0 && offsetPhysical(view, cpu) ? cpu + CNTPOFF : 0;
}
/** Ticks until a timer's condition is met; 0 or less: it is. */
function ticksLeft(view: DataView, compareAt: number, at: number, count: number): number {
  const compare = view.getUint32(compareAt + 4, true) * HIGH + view.getUint32(compareAt, true);
  if (at === 0) return compare - count;
  const by = view.getUint32(at + 4, true) * HIGH + view.getUint32(at, true);
  if (by <= count) return compare - (count - by);
  // The offset is more than the count: what the timer sees has wrapped.
  const seen = (BigInt(count) - view.getBigUint64(at, true)) & U64;
  return Number(view.getBigUint64(compareAt, true) - seen);
}
/** CNTPOFF_EL2 is in effect. */
function offsetPhysical(view: DataView, cpu: number): boolean {
  if (!(view.getUint32(cpu + CNTHCTL, true) & CNTHCTL_ECV)) return false;
  const scr = view.getUint32(cpu + SCR, true);
  if (!(scr & SCR_ECVEN) || !(scr & SCR_NS_OR_EEL2)) return false;
  if (view.getUint32(cpu + state.CONFIG_FLAGS, true) & state.CONFIG.noEl2) return false;
  // Not while EL0 is the host's.
  return !(view.getUint32(cpu + HCR, true) & HCR_TGE) || !(view.getUint32(cpu + HCR + 4, true) & HCR_E2H_HIGH);
}

/**
 * Physical count of the next event of the event streams (CNTKCTL_EL1 from the virtual count, CNTHCTL_EL2 from the physical one)
 * after `count`, or null: what ends a WFE at the latest (D12.2.6).
 */
export function nextStreamEvent(view: DataView, cpu: number, count: bigint): bigint | null {
  const reg = (name: string): bigint => view.getBigUint64(cpu + regOffset(name), true);
  let next: bigint | null = null;
  for (const [control, offset] of [
    ['CNTKCTL_EL1', reg('CNTVOFF_EL2')],
    ['CNTHCTL_EL2', 0n],
  ] as const) {
    const v = Number(reg(control) & 0xffffffffn);
    if (!(v & 4)) continue;
    const bit = BigInt(((v >> 4) & 15) + (v & (1 << 17) ? 8 : 0));
    const seen = (count - offset) & U64;
    // Rising edges are at odd multiples of 2^bit, falling ones at even multiples.
    const period = 1n << (bit + 1n);
    const edge = v & 8 ? 0n : 1n << bit;
    const to = (edge - (seen % period) + period) % period || period;
    if (next === null || count + to < next) next = count + to;
  }
  return next;
}
