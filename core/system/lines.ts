/** Interrupt inputs of cores, and how any thread makes a core look around. */
import * as state from '../arch/state.ts';
import { PEND } from '../engine/abi.ts';
import type { Layout } from '../engine/layout.ts';
import { CTL, controlIndex } from './control.ts';

export class CoreLines {
  private readonly i32: Int32Array;
  private readonly layout: Layout;

  constructor(i32: Int32Array, layout: Layout) {
    this.i32 = i32;
    this.layout = layout;
  }
  /** Sets the inputs `mask` (`LINE` bits) of a core to `bits`. It looks around when one of them rises. */
  set(core: number, bits: number, mask: number): void {
    const at = (this.layout.core(core) + state.IRQ_LINES) >> 2;
    const raised = bits & mask;
    const before = Atomics.or(this.i32, at, raised);
    if (raised !== mask) Atomics.and(this.i32, at, ~mask | raised);
    if (raised & ~before) this.poke(core, PEND.irq);
  }
  /** Sets bits of a core's PENDING, and wakes it if it sleeps. */
  poke(core: number, bits: number): void {
    Atomics.or(this.i32, (this.layout.core(core) + state.PENDING) >> 2, bits);
    const wake = controlIndex(this.layout, core, CTL.wake);
    Atomics.add(this.i32, wake, 1);
    Atomics.notify(this.i32, wake);
  }
}
