/**
 * The state of a CPU and its memory window, before or after a case, as one record of 64-bit slots. The rig reads and
 * writes records of this very layout (see rig/rig.S), and the vector files name what changed by slot.
 */

import { WINDOW_BYTES } from './environment.ts';

/** Slots, that is indices of 64-bit words. X0 to X30 are slots 0 to 30. */
export const SLOT = {
  sp: 31,
  spEl0: 32,
  pstate: 33,
  fpcr: 34,
  fpsr: 35,
  esr: 36,
  far: 37,
  pc: 38,
  vector: 39,
  v: 40,
  memory: 104,
  system: 168,
} as const;

export const SLOTS = 184;
export const RECORD_BYTES = SLOTS * 8;
/** A case's words, going in, lie where system registers are coming out. */
export const WORDS_OFFSET = SLOT.system * 8;

const NZCV_SHIFT = 28n;

export class State {
  /** All slots. */
  readonly slots: BigUint64Array;
  /** The window's bytes. */
  readonly memory: Uint8Array;
  /** The 128-bit registers' bytes, 16 each. */
  readonly v: Uint8Array;

  constructor(buffer: ArrayBuffer = new ArrayBuffer(RECORD_BYTES), offset = 0) {
    this.slots = new BigUint64Array(buffer, offset, SLOTS);
    this.memory = new Uint8Array(buffer, offset + SLOT.memory * 8, WINDOW_BYTES);
    this.v = new Uint8Array(buffer, offset + SLOT.v * 8, 512);
  }

  copy(): State {
    const result = new State();
    result.slots.set(this.slots);
    return result;
  }

  /** X0 to X30; 31 reads as zero. */
  x(index: number): bigint {
    return index === 31 ? 0n : this.slots[index];
  }

  /** SP_EL1 and SP_EL0. At EL0, or with PSTATE.SP clear, the latter is SP. */
  get sp(): bigint {
    return this.slots[SLOT.sp];
  }

  get spEl0(): bigint {
    return this.slots[SLOT.spEl0];
  }

  /** In SPSR's format: flags in bits 31 to 28, mode in bits 3 to 0. */
  get pstate(): bigint {
    return this.slots[SLOT.pstate];
  }

  get nzcv(): number {
    return Number(this.pstate >> NZCV_SHIFT) & 15;
  }

  get fpcr(): number {
    return Number(this.slots[SLOT.fpcr]);
  }

  get fpsr(): number {
    return Number(this.slots[SLOT.fpsr]);
  }

  /** The exception's syndrome; 0 when the case ran to its end (no exception has the syndrome 0). */
  get esr(): number {
    return Number(this.slots[SLOT.esr]);
  }

  /** The exception's fault address where its class defines one, else 0. */
  get far(): bigint {
    return this.slots[SLOT.far];
  }

  /** The exception's return address; 0 when the case ran to its end. */
  get pc(): bigint {
    return this.slots[SLOT.pc];
  }

  /** The low or high half of a V register, as a slot. */
  static vSlot(index: number, half: 0 | 1): number {
    return SLOT.v + 2 * index + half;
  }
}

/** Exception classes whose FAR is defined: instruction and data aborts, PC alignment, watchpoints. */
const FAR_CLASSES = new Set([0x20, 0x21, 0x22, 0x24, 0x25, 0x34, 0x35]);

export function definesFar(esr: number): boolean {
  return FAR_CLASSES.has((esr >>> 26) & 0x3f);
}

/** What a slot is called in messages. */
export function slotName(slot: number): string {
  if (slot < SLOT.sp) return `X${slot}`;
  if (slot >= SLOT.system) return `system ${slot - SLOT.system}`;
  if (slot >= SLOT.memory) return `window+0x${((slot - SLOT.memory) * 8).toString(16)}`;
  if (slot >= SLOT.v) return `V${(slot - SLOT.v) >> 1}.D[${(slot - SLOT.v) & 1}]`;
  return ['SP', 'SP_EL0', 'PSTATE', 'FPCR', 'FPSR', 'ESR', 'FAR', 'PC', 'vector'][slot - SLOT.sp];
}
