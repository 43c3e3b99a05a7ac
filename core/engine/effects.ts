/**
 * What an instruction reads and writes: found by running its meaning against the region compiler's view, once for each shape and mode.
 */

import { fieldsOf } from '../arch/a64/pattern.ts';
import type { Flags } from '../arch/flags.ts';
import * as state from '../arch/state.ts';
import { newLocal, stableLocal } from '../wasm/build.ts';
import type { Link } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
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

/** A register that an operand names: the operand, and the distance from it (register pairs, lists). */
type Named = readonly [operand: number, add: number];

/** The effects of a shape, whatever its operands are. */
class Probe extends RegionSem {
  readonly fixed = { xRead: 0, xWritten: 0, flagsRead: false, flagsWritten: false, mayLeave: false };
  readonly xRead: Named[] = [];
  readonly xWritten: Named[] = [];
  readonly vRead: Named[] = [];
  readonly vWritten: Named[] = [];

  override xReg(slot: number): Val {
    this.fixed.xRead |= 1 << slot;
    return super.xReg(slot);
  }
  override setXReg(slot: number, v: Val): void {
    this.fixed.xWritten |= 1 << slot;
    super.setXReg(slot, v);
  }
  protected override readX(operand: number, add: number): Val {
    this.xRead.push([operand, add]);
    return stableLocal(I64, newLocal(I64));
  }
  protected override writeX(operand: number, add: number): void {
    this.xWritten.push([operand, add]);
  }
  protected override readV(operand: number, add: number): Val {
    this.vRead.push([operand, add]);
    return super.readV(operand, add);
  }
  protected override writeV(operand: number, add: number): void {
    this.vWritten.push([operand, add]);
  }
  override flags(): Flags {
    this.fixed.flagsRead = true;
    return super.flags();
  }
  override setFlags(f: Flags): void {
    this.fixed.flagsWritten = true;
    super.setFlags(f);
  }

  /** The effects of an instruction of this shape. */
  of(d: Decoded): Effects {
    const { xRead, xWritten, flagsRead, flagsWritten, mayLeave } = this.fixed;
    const x = (list: readonly Named[], nothing: number): number => {
      let mask = 0;
      for (const [operand, add] of list) {
        const slot = d.ops[operand]! + add;
        if (slot !== nothing && !(add && slot === 31)) mask |= 1 << slot;
      }
      return mask;
    };
    const v = (list: readonly Named[]): number => {
      let mask = 0;
      for (const [operand, add] of list) mask |= 1 << ((d.ops[operand]! + add) & 31);
      return mask;
    };
    return {
      xRead: xRead | x(this.xRead, state.SLOT_ZERO),
      xWritten: xWritten | x(this.xWritten, state.SLOT_SINK),
      vRead: v(this.vRead),
      vWritten: v(this.vWritten),
      flagsRead,
      flagsWritten,
      mayLeave,
    };
  }
}

/** Effects of decoded words under a mode word: what traps in one mode does not leave in another. */
export class EffectsFinder {
  private readonly link: Link;
  /** By mode, pattern, and shape. */
  private readonly modes = new Map<number, Map<number, Probe>[]>();

  /** `link` must give functions with the right signatures (they are not called). */
  constructor(link: Link) {
    this.link = link;
  }
  of(d: Decoded, word: number, mode: number): Effects {
    let patterns = this.modes.get(mode);
    if (!patterns) {
      patterns = [];
      this.modes.set(mode, patterns);
    }
    patterns[d.pattern.id] ??= new Map();
    const shapes = patterns[d.pattern.id]!;
    const shape = ((word & d.pattern.shapeMask) >>> 0) * 16 + d.zr;
    let probe = shapes.get(shape);
    if (!probe) {
      probe = this.probe(d, word, mode);
      shapes.set(shape, probe);
    }
    return probe.of(d);
  }
  private probe(d: Decoded, word: number, mode: number): Probe {
    const fn: FnState = { params: [I32], locals: [I32], block: { items: [], cold: false, depth: 0 } };
    return within(fn, () => {
      const leaves = (): void => {
        p.fixed.mayLeave = true;
      };
      const p: Probe = new Probe(i32(0), this.link, new RegisterFile(), new ModeAssumption(mode), leaves, false);
      p.run(d, fieldsOf(d.pattern, word), 0, 0);
      return p;
    });
  }
}
