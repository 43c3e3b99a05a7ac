/** A core for tests of system registers: UNDEFINED and traps end the run and are noted instead of taken. */

import { archLibraries } from '../../core/arch/library.ts';
import { type Cpu, type CpuSizes, cpuOf, resetRegisters } from '../../core/arch/registers/reset.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import { register } from '../../core/arch/registers/table.ts';
import * as state from '../../core/arch/state.ts';
import { EXIT } from '../../core/engine/abi.ts';
import { pcOf } from '../../core/engine/interpret.ts';
import { ret, store } from '../../core/wasm/build.ts';
import { Library } from '../../core/wasm/library.ts';
import { I32, I64 } from '../../core/wasm/opcodes.ts';
import { i32 } from '../../core/wasm/value.ts';
import { BareCore, type BareOptions, type Mode } from '../support/bare-core.ts';

/** Routines that this core replaces: exceptions, and what follows from control registers. */
const REPLACED = [
  'undefined',
  'undefinedInstruction',
  'sysTrap',
  'brk',
  'contextChanged',
  'selectBanks',
  'masksChanged',
  'fpModeChanged',
  'translate',
];

/** Words of the state that the stand-ins write to: what happened, target level, class, ISS, calls of the context routines. */
const NOTE = state.SCRATCH_HI;
const NOTE_TARGET = state.WAIT_KIND;
const NOTE_ISS = state.HOST_CALL_KIND;

function libraryFor(cpu: Cpu): Library {
  const lib = new Library();
  for (const l of archLibraries(cpu)) lib.include(l);
  const { routines } = lib as unknown as { readonly routines: Map<string, unknown> };
  for (const name of REPLACED) routines.delete(name);
  const stop = (name: string, kind: number, extra: number): void =>
    lib.define(name, [I32, I32, I32, ...new Array(extra).fill(I32)], I32, (_l, cpu, rec, n, target, ec, iss) => {
      store('i64', cpu!, pcOf(cpu!, rec!), state.PC);
      store('i32', cpu!, n!, state.BUDGET);
      store('i32', cpu!, i32(kind), NOTE);
      if (extra === 3) {
        store('i32', cpu!, target!.or(ec!.shl(8)), NOTE_TARGET);
        store('i32', cpu!, iss!, NOTE_ISS);
      }
      ret(i32(EXIT.debug));
    });
  stop('undefined', 1, 0);
  stop('undefinedInstruction', 1, 0);
  stop('sysTrap', 2, 3);
  stop('brk', 3, 1);
  for (const name of ['contextChanged', 'selectBanks', 'masksChanged', 'fpModeChanged']) {
    lib.define(name, [I32], null, () => {});
  }
  lib.define('translate', [I32, I64, I32], I32, (_l, cpu, va) => {
    store('i64', cpu!, va!, state.TR_PA);
    store('i32', cpu!, i32(7), state.TR_PERM);
    store('i32', cpu!, i32(0), state.TR_DEVICE);
    ret(i32(1));
  });
  return lib;
}

export type Outcome =
  | { readonly kind: 'done'; readonly value: bigint }
  | { readonly kind: 'undefined' }
  | { readonly kind: 'trap'; readonly to: number; readonly ec: number; readonly iss: number };

export class RegisterCore extends BareCore {
  readonly cpuModel: Cpu;
  /** Guest time that the next look at the clock finds. */
  nanoseconds = 0;
  /** How often the host was told that timers changed. */
  changes = 0;

  constructor(
    model = 'max',
    options: Record<string, boolean> = {},
    mode: Mode = 'interpreter',
    host: BareOptions['host'] = {},
    sizes: CpuSizes = {},
  ) {
    const cpu = cpuOf(model, options, sizes);
    const self: { core: RegisterCore | null } = { core: null };
    super({
      mode,
      features: cpu.features,
      libraries: [libraryFor(cpu)],
      host: {
        nanoseconds: () => self.core!.nanoseconds,
        timersChanged: () => {
          self.core!.changes++;
        },
        random: () => 0x123456789abcdef0n,
        ...host,
      },
    });
    self.core = this;
    this.cpuModel = cpu;
    this.reset();
  }
  reset(index = 0): void {
    resetRegisters(this.view, this.cpu, this.cpuModel, index);
    this.view.setBigInt64(this.cpu + state.ZF, 1n, true);
    this.enter(this.field32(state.EL), this.field32(state.SECURITY));
  }
  get el(): number {
    return this.field32(state.EL);
  }
  get security(): number {
    return this.field32(state.SECURITY);
  }
  /** Goes to an exception level and security state. */
  enter(el: number, security: number): void {
    this.setField32(state.EL, el);
    this.setField32(state.SECURITY, security);
    this.setField32(state.SPSEL, el ? 1 : 0);
    this.setField32(state.MODE, (el << 1) | (security << 3));
  }
  reg(name: string): bigint {
    return this.view.getBigUint64(this.cpu + regOffset(name), true);
  }
  setReg(name: string, v: bigint): void {
    this.view.setBigUint64(this.cpu + regOffset(name), BigInt.asUintN(64, v), true);
  }
  private execute(word: number): Outcome {
    const pc = this.base + 0x1000;
    this.place(pc, [word, 0xd4200000]);
    this.pc = BigInt(pc);
    this.setField32(NOTE, 0);
    this.run();
    const note = this.field32(NOTE);
    if (note === 0) throw new Error('the run ended elsewhere');
    if (note === 1) return { kind: 'undefined' };
    if (note === 2) {
      const t = this.field32(NOTE_TARGET);
      return { kind: 'trap', to: t & 255, ec: t >> 8, iss: this.field32(NOTE_ISS) };
    }
    return { kind: 'done', value: this.x(3) };
  }
  /** MRS X3, register. */
  mrs(name: string): Outcome {
    this.setX(3, 0xdeadn);
    return this.execute(0xd5200003 | ((register(name).code << 5) & 0x1fffe0));
  }
  /** MSR register, X3. */
  msr(name: string, v: bigint): Outcome {
    this.setX(3, v);
    return this.execute(0xd5000003 | ((register(name).code << 5) & 0x1fffe0));
  }
  /** Is the word an MRS X3 of the register? */
  isWordOf(name: string, word: number): boolean {
    return ((word >>> 5) & 0xffff) === (register(name).code & 0xffff);
  }
  word(w: number): Outcome {
    this.setX(3, 0xdeadn);
    return this.execute(w);
  }
}
