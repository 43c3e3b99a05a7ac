/** Reset of a core: system registers, PSTATE, and what generated code reads of the CPU (D1.4.3, "Resets"). */
import { type CpuModel, type CpuOptions, cpuFeatures, cpuModel } from '../features.ts';
import { CONFIG as PAUTH_CONFIG, pauthConfig } from '../pauth/config.ts';
import * as state from '../state.ts';
import type { ResetContext } from './define.ts';
import { idFields, idFieldValue } from './id-fields.ts';
import { maskVaries, resetValue, writableMask } from './masks.ts';
import { maskOffset, registersEnd, regOffset } from './storage.ts';
import { registers } from './table.ts';

/** Everything about a CPU that its cores share. */
export interface Cpu {
  readonly model: CpuModel;
  readonly features: ReadonlySet<string>;
  /** Values of the identification registers by name. */
  readonly id: ReadonlyMap<string, bigint>;
  readonly paRange: number;
  /** Bits of a MECID (FEAT_MEC), 1–16. */
  readonly mecidWidth: number;
  /** log2 of the bytes that an entry of a level 0 granule protection table covers (FEAT_RME): 30, 34, 36 or 39. */
  readonly l0gptsz: number;
}
/** What of a CPU is a number; as in QEMU and Arm's models by default. */
export interface CpuSizes {
  readonly mecidWidth?: number;
  readonly l0gptsz?: number;
}

/** A CPU by the name of its model and changes to it; see `cpuFeatures`. */
export function cpuOf(name: string, options: CpuOptions = {}, sizes: CpuSizes = {}): Cpu {
  const model = cpuModel(name);
  const features = cpuFeatures(name, options);
  const paRange = features.has('LPA') ? 6 : model.paRange;
  const { mecidWidth = 16, l0gptsz = 30 } = sizes;
  return { model, features, paRange, mecidWidth, l0gptsz, id: idRegisters(model, features, paRange) };
}

/** Values of the identification registers; those that are not in the map read as zero. */
export function idRegisters(model: CpuModel, features: ReadonlySet<string>, paRange: number): Map<string, bigint> {
  const id = new Map<string, bigint>([
    ['MIDR_EL1', model.midr],
    ['REVIDR_EL1', model.revidr],
    ['CLIDR_EL1', model.clidr],
    ['CTR_EL0', model.ctr],
    ['DCZID_EL0', 4n],
    ['CNTFRQ_EL0', BigInt(model.counterHz)],
    ['PMCR_EL0', features.has('PMUv3') ? model.pmcr : 0n],
  ]);
  for (const [name, fields] of Object.entries(idFields)) {
    let value = 0n;
    for (const f of fields) {
      const v = f.name === 'PARange' ? paRange : idFieldValue(f, features);
      value |= BigInt(v) << BigInt(f.lsb);
    }
    id.set(name, value);
  }
  return id;
}

/** Bits of SPSR_ELx that the CPU has no use for (PSTATE_ABSENT). */
function absentBits(features: ReadonlySet<string>): number {
  const bits: readonly (readonly [string, number])[] = [
    ['BTI', 3 << 10],
    ['SSBS', 1 << 12],
    ['PAN', 1 << 22],
    ['UAO', 1 << 23],
    ['DIT', 1 << 24],
  ];
  return bits.reduce((v, [feature, mask]) => (features.has(feature) ? v : v | mask), 0);
}

/**
 * Puts core `index`, whose state begins at `at`, into the state after a cold reset at the highest exception level. Registers that
 * are UNKNOWN then are 0. PC, TLB banks and what the engine keeps in the state are the caller's.
 */
export function resetRegisters(view: DataView, at: number, cpu: Cpu, index: number): void {
  const { features } = cpu;
  const [el2, el3] = [features.has('EL2'), features.has('EL3')];
  const put = (offset: number, v: number): void => view.setUint32(at + offset, v >>> 0, true);
  for (let o = state.STATE_END; o < registersEnd(); o += 4) put(o, 0);
  const { mecidWidth, l0gptsz } = cpu;
  const context: ResetContext = { features, index, el2, el3, id: cpu.id, mecidWidth, l0gptsz };
  for (const r of registers) {
    if (r.alias || r.storedAs !== undefined) continue;
    view.setBigUint64(at + regOffset(r.name), resetValue(r, context), true);
    if (maskVaries(r)) view.setBigUint64(at + maskOffset(r.name), writableMask(r, features, el2, mecidWidth), true);
  }
  cpu.model.ccsidr.forEach((v, n) => {
    view.setBigUint64(at + regOffset(`cache ${n}`), v, true);
  });
  view.setFloat64(at + regOffset('ticks a nanosecond'), cpu.model.counterHz / 1e9, true);
  const wide = features.has('PMUv3p5') ? (1n << 64n) - 1n : 0xffffffffn;
  view.setBigUint64(at + regOffset('pmu width'), wide, true);
  const el = el3 ? 3 : el2 ? 2 : 1;
  put(state.EL, el);
  put(state.SPSEL, 1);
  put(state.DAIF, 15);
  for (const o of [state.PAN, state.UAO, state.DIT, state.SSBS, state.BTYPE, state.IL, state.SS]) put(o, 0);
  put(state.FPCR, 0);
  put(state.FPSR, 0);
  put(state.SECURITY, features.has('RME') ? 2 : el3 ? 0 : 1);
  put(state.PSTATE_ABSENT, absentBits(features));
  put(PAUTH_CONFIG, pauthConfig(features));
  const keep = state.CONFIG.hostHvc | state.CONFIG.hostSmc | state.CONFIG.semihosting;
  const flags =
    (view.getUint32(at + state.CONFIG_FLAGS, true) & keep) |
    (el2 ? 0 : state.CONFIG.noEl2) |
    (el3 ? 0 : state.CONFIG.noEl3) |
    (features.has('RME') ? state.CONFIG.rme : 0) |
    (features.has('IDST') ? state.CONFIG.idst : 0);
  put(state.CONFIG_FLAGS, flags);
}
