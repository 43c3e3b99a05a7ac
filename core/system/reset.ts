/** Puts a core of a system into its state after reset, or after CPU_ON. */
import type { Cpu } from '../arch/registers/reset.ts';
import { resetRegisters } from '../arch/registers/reset.ts';
import * as state from '../arch/state.ts';
import type { Layout } from '../engine/layout.ts';
import type { SystemConfig } from './api.ts';

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
  put(state.FAULT, 0);
  put(state.EXCL_ADDR, 0);
  put(state.EVENT, 0);
  view.setBigUint64(at + state.X, start.x0, true);
  view.setBigUint64(at + state.PC, start.entry, true);
}
