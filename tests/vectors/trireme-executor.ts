/** Runs test cases on Trireme's engine: one core in the cases' world, its translation tables and registers included. */
import { archLibraries } from '../../core/arch/library.ts';
import { CONFIG as PAUTH_CONFIG, pauthConfig } from '../../core/arch/pauth/config.ts';
import { cpuOf, resetRegisters } from '../../core/arch/registers/reset.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { BareCore } from '../support/bare-core.ts';
import { CODE, END_SYNDROME, END_WORDS, type Environment, TABLES, translationTables, WINDOW } from './environment.ts';
import type { Case, CreateExecutor, Executor, Mode } from './executor.ts';
import { SLOT, type State } from './state.ts';

const RAM = 0x4000_0000;
const RAM_BYTES = 0x2000_0000;
/** Vectors of EL1, in a block that EL1 may execute; where a synchronous exception of EL1 with SP_EL1 goes. */
const VECTORS = RAM;
const SAME_LEVEL = 0x200;
const HLT_SEMIHOSTING = 0xd45e0000;

class TriremeExecutor implements Executor {
  readonly name: string;
  private readonly core: BareCore;
  private readonly environment: Environment;

  constructor(environment: Environment, mode: Mode) {
    this.name = `Trireme (${mode})`;
    this.environment = environment;
    const options: Record<string, boolean> = { has_el2: false, has_el3: false };
    for (const property of environment.properties) {
      const [name, setting] = property.split('=') as [string, string];
      options[name] = setting === 'on';
    }
    const cpu = cpuOf('max', options);
    this.core = new BareCore({
      mode,
      features: cpu.features,
      libraries: archLibraries(cpu),
      base: RAM,
      memoryBytes: RAM_BYTES,
    });
    const { core } = this;
    resetRegisters(core.view, core.cpu, cpu, 0);
    core.setField32(PAUTH_CONFIG, pauthConfig(cpu.features));
    for (const { name, value } of environment.setup) this.setRegister(name, value);
    core.u8.set(new Uint8Array(translationTables().buffer), core.host(TABLES));
    // Every case ends in an exception: its vector leaves for the host.
    core.place(VECTORS + SAME_LEVEL, [HLT_SEMIHOSTING]);
    core.setField32(state.CONFIG_FLAGS, core.field32(state.CONFIG_FLAGS) | state.CONFIG.semihosting);
    this.setRegister('VBAR_EL1', BigInt(VECTORS));
    core.space.core.resetTlb!(core.cpu, core.layout.banks(0));
  }
  run(cases: readonly Case[]): State[] {
    return cases.map((c) => this.one(c));
  }
  private register(name: string): bigint {
    return this.core.view.getBigUint64(this.core.cpu + regOffset(name), true);
  }
  private setRegister(name: string, value: bigint): void {
    this.core.view.setBigUint64(this.core.cpu + regOffset(name), value, true);
  }

  private one({ words, input }: Case): State {
    const { core } = this;
    const { view, cpu } = core;
    const put = (offset: number, slot: number): void => view.setBigUint64(cpu + offset, input.slots[slot]!, true);
    for (const { name, value } of this.environment.reset) this.setRegister(name, value);
    for (let i = 0; i < 31; i++) put(state.X + 8 * i, i);
    put(state.X + 8 * state.SLOT_SP, SLOT.sp);
    put(regOffset('SP_EL0'), SLOT.spEl0);
    core.nzcv = input.nzcv;
    core.setField32(state.FPCR, input.fpcr);
    core.setField32(state.FPSR, input.fpsr);
    core.setField32(state.EXCL_ADDR, 0);
    core.setField32(state.EL, 1);
    core.setField32(state.SPSEL, 1);
    core.setField32(state.DAIF, 15);
    core.setField32(state.BTYPE, 0);
    core.u8.set(input.v, cpu + state.V);
    core.u8.set(input.memory, core.host(WINDOW));
    core.place(CODE, [...words, ...END_WORDS, ...Array<number>(24 - words.length).fill(0)]);
    core.pc = BigInt(CODE);
    core.space.core.contextChanged!(cpu);
    core.run(10_000);
    const out = input.copy();
    for (let i = 0; i < 31; i++) out.slots[i] = core.x(i);
    out.slots[SLOT.sp] = core.x(state.SLOT_SP);
    out.slots[SLOT.spEl0] = this.register('SP_EL0');
    out.slots[SLOT.pstate] = this.register('SPSR_EL1');
    out.slots[SLOT.fpcr] = BigInt(core.field32(state.FPCR));
    out.slots[SLOT.fpsr] = BigInt(core.field32(state.FPSR));
    out.v.set(core.u8.subarray(cpu + state.V, cpu + state.V + 512));
    out.memory.set(core.u8.subarray(core.host(WINDOW), core.host(WINDOW) + out.memory.length));
    this.environment.capture.forEach(({ name }, i) => {
      out.slots[SLOT.system + i] = this.register(name);
    });
    if (this.register('ESR_EL1') !== END_SYNDROME) {
      out.slots[SLOT.esr] = this.register('ESR_EL1');
      out.slots[SLOT.far] = this.register('FAR_EL1');
      out.slots[SLOT.pc] = this.register('ELR_EL1');
    }
    return out;
  }
}

export const createExecutor: CreateExecutor = (environment: Environment, mode: Mode) =>
  new TriremeExecutor(environment, mode);
