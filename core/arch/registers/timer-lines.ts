/** The host's side of the generic timer: outputs, deadlines, event streams, computed from a core's state in shared memory. */
import * as state from '../state.ts';
import { regOffset } from './storage.ts';
import { TIMERS } from './timers.ts';

export interface TimerOutputs {
  /** Bit n: the output of `TIMERS[n]` is asserted. */
  readonly asserted: number;
  /** Physical count at which the next output will change, or null. */
  readonly deadline: bigint | null;
}

const U64 = (1n << 64n) - 1n;
const CNTHCTL_ECV = 1n << 12n;
const CNTHCTL_CNTVMASK = 1n << 18n;
const CNTHCTL_CNTPMASK = 1n << 19n;
const SCR_ECVEN = 1n << 28n;
const HOST = (1n << 34n) | (1n << 27n);

/** Ticks of the physical counter at `ns` nanoseconds of guest time. */
export function ticksAt(view: DataView, cpu: number, ns: number): bigint {
  return BigInt(Math.trunc(ns * view.getFloat64(cpu + regOffset('ticks a nanosecond'), true)));
}
/** The first nanosecond of guest time at which the counter has reached `ticks`. */
export function nanosecondsOf(view: DataView, cpu: number, ticks: bigint): number {
  return Math.ceil(Number(ticks) / view.getFloat64(cpu + regOffset('ticks a nanosecond'), true));
}

/** Outputs of all timers of a core when the physical count is `count`. */
export function timerOutputs(view: DataView, cpu: number, count: bigint): TimerOutputs {
  const reg = (name: string): bigint => view.getBigUint64(cpu + regOffset(name), true);
  const cnthctl = reg('CNTHCTL_EL2');
  const scr = reg('SCR_EL3');
  const security = view.getUint32(cpu + state.SECURITY, true);
  const noEl2 = (view.getUint32(cpu + state.CONFIG_FLAGS, true) & state.CONFIG.noEl2) !== 0;
  const enabled2 = !noEl2 && (scr & ((1n << 18n) | 1n)) !== 0n;
  const host = enabled2 && (reg('HCR_EL2') & HOST) === HOST;
  const poff = (cnthctl & CNTHCTL_ECV) !== 0n && (scr & SCR_ECVEN) !== 0n && enabled2 && !host;
  // Realm and Root: the hypervisor's masks (FEAT_RME).
  const masks = security >= 2;
  let asserted = 0;
  let deadline: bigint | null = null;
  TIMERS.forEach(({ registers }, n) => {
    const ctl = view.getUint32(cpu + regOffset(registers[0]), true);
    if ((ctl & 3) !== 1) return;
    if (masks && n < 2 && (cnthctl & (n === 0 ? CNTHCTL_CNTPMASK : CNTHCTL_CNTVMASK)) !== 0n) return;
    const offset = n === 1 ? reg('CNTVOFF_EL2') : n === 0 && poff ? reg('CNTPOFF_EL2') : 0n;
    const seen = (count - offset) & U64;
    const cval = reg(registers[1]);
    if (seen >= cval) asserted |= 1 << n;
    else {
      const at = count + (cval - seen);
      if (deadline === null || at < deadline) deadline = at;
    }
  });
  return { asserted, deadline };
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
