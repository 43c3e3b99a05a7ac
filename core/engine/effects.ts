/** What an instruction reads and writes, found by running its meaning once against the region compiler's view. */

import { fieldsOf } from '../arch/a64/pattern.ts';
import type { Flags } from '../arch/flags.ts';
import type { Link } from '../wasm/library.ts';
import { I32 } from '../wasm/opcodes.ts';
import { type FnState, within } from '../wasm/scope.ts';
import { i32, type Val } from '../wasm/value.ts';
import type { Decoded } from './decoded.ts';
import { ModeAssumption, RegionSem, RegisterFile } from './region-sem.ts';

export interface Effects {
  /** Bit n: general register slot n (0–31), vector register n. Reads come before writes of the same instruction. */
  readonly xRead: number;
  readonly xWritten: number;
  readonly vRead: number;
  readonly vWritten: number;
  readonly flagsRead: boolean;
  readonly flagsWritten: boolean;
  /** May leave the region before it (memory accesses, conditional exceptions). */
  readonly mayLeave: boolean;
}

class Probe extends RegionSem {
  readonly e = { xRead: 0, xWritten: 0, vRead: 0, vWritten: 0, flagsRead: false, flagsWritten: false, mayLeave: false };
  override xReg(slot: number): Val {
    this.e.xRead |= 1 << slot;
    return super.xReg(slot);
  }
  override setXReg(slot: number, v: Val): void {
    this.e.xWritten |= 1 << slot;
    super.setXReg(slot, v);
  }
  protected override readV(operand: number, add: number): Val {
    this.e.vRead |= 1 << ((this.decoded.ops[operand]! + add) & 31);
    return super.readV(operand, add);
  }
  protected override writeV(operand: number, add: number, v: Val): void {
    this.e.vWritten |= 1 << ((this.decoded.ops[operand]! + add) & 31);
    super.writeV(operand, add, v);
  }
  override flags(): Flags {
    this.e.flagsRead = true;
    return super.flags();
  }
  override setFlags(f: Flags): void {
    this.e.flagsWritten = true;
    super.setFlags(f);
  }
}

/** Effects of a decoded word under a mode word (what traps in one mode does not leave in another). `sigLink` must give functions with the right signatures (they are not called). */
export function effectsOf(d: Decoded, word: number, link: Link, mode: number): Effects {
  const fn: FnState = { params: [I32], locals: [I32], block: { items: [], cold: false, depth: 0 } };
  return within(fn, () => {
    const leaves = (): void => {
      p.e.mayLeave = true;
    };
    const p: Probe = new Probe(i32(0), link, new RegisterFile(), new ModeAssumption(mode), leaves, false);
    p.run(d, fieldsOf(d.pattern, word), 0, 0);
    return p.e;
  });
}
