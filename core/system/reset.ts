/** Puts a core of a system into its state after reset, or after CPU_ON. */

import { writableMask } from '../arch/registers/masks.ts';
import type { Cpu } from '../arch/registers/reset.ts';
import { resetRegisters } from '../arch/registers/reset.ts';
import { regOffset } from '../arch/registers/storage.ts';
import { registers } from '../arch/registers/table.ts';
import * as state from '../arch/state.ts';
import type { Layout } from '../engine/layout.ts';
import type { SystemConfig } from './api.ts';

/** Fields of SCR_EL3 that firmware sets before it starts a Non-secure kernel: the state, AArch64, and whatever else would trap. */
const SCR_NON_SECURE = 'NS HCE RW APK API EnSCXT ATA FGTEn ECVEn HXEn EnTP2 TCR2En SCTLR2En PIEn'.split(' ');

function scrOfFirmware(features: ReadonlySet<string>): bigint {
  const scr = registers.find((r) => r.name === 'SCR_EL3')!;
  const named = scr.fields!.filter((f) => SCR_NON_SECURE.includes(f.name));
  return named.reduce((v, f) => v | (1n << BigInt(f.lsb)), 0n) & writableMask(scr, features);
}

export interface Start {
  readonly entry: bigint;
  readonly el: number;
  /** X0: the context of CPU_ON. */
  readonly x0: bigint;
}

/**
 * Sets core `index` up at `start`. The words through which other threads speak to it (PENDING, lines, control block) are kept;
 * the caller has the TLB emptied (`resetTlb`) and derived state computed (`contextChanged`).
 */
export function resetCore(
  buffer: SharedArrayBuffer,
  system: { readonly layout: Layout; readonly config: SystemConfig; readonly cpu: Cpu },
  index: number,
  start: Start,
): void {
  const view = new DataView(buffer);
  const at = system.layout.core(index);
  const { config } = system;
  const put = (offset: number, v: number): void => view.setUint32(at + offset, v, true);
  for (let n = 0; n < 34; n++) view.setBigUint64(at + state.X + 8 * n, 0n, true);
  new Uint8Array(buffer).fill(0, at + state.V, at + state.V + 512);
  put(state.INDEX, index);
  put(state.MAPPED, system.layout.mapped(index));
  const { hostHvc, hostSmc, semihosting } = state.CONFIG;
  put(
    state.CONFIG_FLAGS,
    (config.psci === 'hvc' ? hostHvc : 0) |
      (config.psci === 'smc' ? hostSmc : 0) |
      (config.semihosting ? semihosting : 0),
  );
  const { cores } = config.machine;
  put(state.PEERS, cores > 1 ? 1 | (system.layout.parallel ? cores << 1 : 0) : 0);
  resetRegisters(view, at, system.cpu, index);
  put(state.EL, start.el);
  if (config.skipsEl3) {
    const scr = at + regOffset('SCR_EL3');
    view.setBigUint64(scr, view.getBigUint64(scr, true) | scrOfFirmware(system.cpu.features), true);
    put(state.SECURITY, 1);
  }
  for (let n = 0; n < 4; n++) {
    put(state.WORLD_ENTRIES + 4 * n, 0);
    put(state.WORLD_EXITS + 4 * n, 0);
    view.setBigUint64(at + state.WORLD_RAN + 8 * n, 0n, true);
  }
  const ran = view.getBigInt64(at + state.GRANTED, true) - BigInt(view.getInt32(at + state.BUDGET, true));
  view.setBigInt64(at + state.WORLD_NOTED, ran, true);
  put(state.FAULT, 0);
  put(state.EXCL_ADDR, 0);
  put(state.EVENT, 0);
  view.setBigUint64(at + state.X, start.x0, true);
  view.setBigUint64(at + state.PC, start.entry, true);
}
