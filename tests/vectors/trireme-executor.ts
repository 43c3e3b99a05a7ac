/** Runs test cases on Trireme's engine. */
import { archLibraries } from '../../core/arch/library.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { BareCore } from '../support/bare-core.ts';
import { CODE, END_SYNDROME, END_WORDS, type Environment, WINDOW } from './environment.ts';
import type { Case, CreateExecutor, Executor, Mode } from './executor.ts';
import { SLOT, type State } from './state.ts';

/** Vectors of EL1, away from code and window; where a synchronous exception of EL1 with SP_EL1 goes. */
const VECTORS = 0x4780_0000;
const SAME_LEVEL = 0x200;
const HLT_SEMIHOSTING = 0xd45e0000;

/** The plain environment on flat memory: cases that fault or change the system level are not for this one yet. */
class FlatExecutor implements Executor {
  readonly name: string;
  private readonly core: BareCore;
  constructor(mode: Mode) {
    this.name = `Trireme (${mode})`;
    this.core = new BareCore({ mode, libraries: archLibraries() });
    // Every case ends in an exception: its vector leaves for the host.
    this.core.place(VECTORS + SAME_LEVEL, [HLT_SEMIHOSTING]);
    this.core.setField32(state.CONFIG_FLAGS, state.CONFIG.semihosting);
    this.core.view.setBigUint64(this.core.cpu + regOffset('VBAR_EL1'), BigInt(VECTORS), true);
  }
  run(cases: readonly Case[]): State[] {
    return cases.map((c) => this.one(c));
  }
  private one({ words, input }: Case): State {
    const core = this.core;
    const { view, cpu } = core;
    const put = (offset: number, slot: number): void => view.setBigUint64(cpu + offset, input.slots[slot]!, true);
    for (let i = 0; i < 31; i++) put(state.X + 8 * i, i);
    put(state.X + 8 * state.SLOT_SP, SLOT.sp);
    core.nzcv = input.nzcv;
    core.setField32(state.FPCR, input.fpcr);
    core.setField32(state.FPSR, input.fpsr);
    core.setField32(state.EXCL_ADDR, 0);
    // Mode word of EL1, Non-secure, with FPCR's classes: what `contextChanged` would compute.
    const rm = (input.fpcr >>> 22) & 3;
    const bit = (n: number): number => (input.fpcr >>> n) & 1;
    const fp = (rm << 6) | (bit(24) << 8) | (bit(25) << 9) | (bit(19) << 10) | (((input.fpsr >>> 4) & 1 ? 0 : 1) << 12);
    core.setField32(state.MODE, (1 << 1) | (1 << 3) | fp);
    core.setField32(state.EL, 1);
    core.setField32(state.SPSEL, 1);
    core.setField32(state.SECURITY, 1);
    core.u8.set(input.v, cpu + state.V);
    core.u8.set(input.memory, core.host(WINDOW));
    core.place(CODE, [...words, ...END_WORDS, 0, 0]);
    core.pc = BigInt(CODE);
    core.run(10_000);
    const register = (name: string): bigint => view.getBigUint64(cpu + regOffset(name), true);
    const out = input.copy();
    for (let i = 0; i < 31; i++) out.slots[i] = core.x(i);
    out.slots[SLOT.sp] = core.x(state.SLOT_SP);
    out.slots[SLOT.pstate] = (input.pstate & ~0xf0000000n) | (BigInt(core.nzcv) << 28n);
    out.slots[SLOT.fpsr] = BigInt(core.field32(state.FPSR));
    out.v.set(core.u8.subarray(cpu + state.V, cpu + state.V + 512));
    out.memory.set(core.u8.subarray(core.host(WINDOW), core.host(WINDOW) + out.memory.length));
    if (register('ESR_EL1') !== END_SYNDROME) {
      out.slots[SLOT.esr] = register('ESR_EL1');
      out.slots[SLOT.pc] = register('ELR_EL1');
    }
    return out;
  }
}

export const createExecutor: CreateExecutor = (environment: Environment, mode: Mode) => {
  if (environment.name !== 'plain') throw new Error(`Trireme's executor has no environment ${environment.name} yet`);
  return new FlatExecutor(mode);
};
