/** The host's side of the performance monitors: interrupt output, and how soon a counter will overflow. */
import * as state from '../state.ts';
import { regOffset } from './storage.ts';
import { COUNTERS } from './table/pmu.ts';

/** Interrupt of the performance monitors (PPI as INTID). */
export const PMU_INTID = 23;

export interface PmuOutput {
  readonly asserted: boolean;
  /** Instructions from now until a counter that may interrupt overflows, or null. */
  readonly remaining: number | null;
}

/** Output of a core; the routine `pmuSync` makes the overflow flags current first, where that matters. */
export function pmuOutput(view: DataView, cpu: number): PmuOutput {
  const reg = (name: string): bigint => view.getBigUint64(cpu + regOffset(name), true);
  const pmcr = Number(reg('PMCR_EL0') & 0xffffffffn);
  const mdcr = Number(reg('MDCR_EL2') & 0xffffffffn);
  const noEl2 = (view.getUint32(cpu + state.CONFIG_FLAGS, true) & state.CONFIG.noEl2) !== 0;
  const low = (noEl2 ? 0x7fffffff : 2 ** Math.min(mdcr & 31, 31) - 1) | 0x80000000;
  const on = ((pmcr & 1 ? low : 0) | (mdcr & 0x80 ? ~low : 0)) >>> 0;
  const may = (Number(reg('PMINTENSET_EL1')) & on) >>> 0;
  const asserted = (Number(reg('PMOVSSET_EL0')) & may) >>> 0 !== 0;
  const active = view.getUint32(cpu + regOffset('pmu active'), true);
  let remaining: bigint | null = null;
  const passed =
    view.getBigInt64(cpu + state.GRANTED, true) -
    BigInt(view.getInt32(cpu + state.BUDGET, true)) -
    view.getBigInt64(cpu + regOffset('pmu executed'), true);
  const consider = (value: bigint, bits: bigint): void => {
    const left = (1n << bits) - (value & ((1n << bits) - 1n)) - passed;
    if (remaining === null || left < remaining) remaining = left < 1n ? 1n : left;
  };
  for (let n = 0; n < COUNTERS; n++) {
    // A chained counter overflows when its partner has done so often: the partner's overflow is looked at.
    const wanted = (may & (1 << n)) !== 0 || (n % 2 === 0 && (may & (2 << n)) !== 0);
    if (!(active & (1 << n)) || !wanted) continue;
    const long = low & (1 << n) ? pmcr & 0x80 : mdcr & (1 << 26);
    consider(reg(`PMEVCNTR${n}_EL0`), long ? 64n : 32n);
  }
  if (active & may & 0x80000000) consider(reg('PMCCNTR_EL0'), 64n);
  return { asserted, remaining: remaining === null ? null : Number(remaining) };
}
