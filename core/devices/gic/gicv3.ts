/**
 * GICv3 (Arm IHI 0069): distributor, redistributors and the cores' interfaces, without LPIs. Every thread of a system has its own
 * instance over the same words of shared memory; a lock among them serves one access at a time.
 */
import { GIC_ACCESS, GIC_REG } from '../../arch/registers/gic-interface.ts';
import { Distributor } from './distributor.ts';
import { type InterruptState, interruptStates } from './inspect.ts';
import { BANK, CORE, GLOBAL, Layout, VIRTUAL } from './layout.ts';
import { PhysicalInterface } from './physical-interface.ts';
import { Redistributors } from './redistributors.ts';
import { DIST, type GicHooks, type GicOptions, GicState } from './state.ts';
import { VirtualInterface } from './virtual-interface.ts';

export type { GicHooks, GicOptions } from './state.ts';

/** What a core's system registers and inputs need of an interrupt controller. */
export interface GicCpuInterface {
  /** Reads a register (`GIC_REG`); the low 32 bits. `access`: `GIC_ACCESS` bits. */
  readRegister(core: number, reg: number, access: number): number;
  /** High half of the register that this thread read last; only list registers have one. */
  readonly high: number;
  writeRegister(core: number, reg: number, lo: number, hi: number, access: number): void;
  /** Address of a core's words of the virtual interface (`KEPT_WORDS`); 0: there is none. */
  virtualWords(core: number): number;
  /** Level of a private peripheral interrupt, by INTID (16–31). */
  setPpi(core: number, intid: number, level: boolean): void;
}

export class Gicv3 implements GicCpuInterface {
  /** Registers at the distributor's base, 64 KiB. */
  readonly distributor: Distributor;
  /** Registers at the first redistributor's base, 128 KiB a core. */
  readonly redistributors: Redistributors;
  private readonly s: GicState;
  private readonly physical: PhysicalInterface;
  private readonly virtual: VirtualInterface;

  /** Words of shared state for so many cores and SPIs. */
  static words(cores: number, spis = 256): number {
    return new Layout(cores, spis).words;
  }

  /** `words`: `Gicv3.words(…)` shared words, common to all threads' instances; zero, then `reset` by one of them. */
  constructor(words: Int32Array, options: GicOptions, hooks: GicHooks) {
    this.s = new GicState(words, options, hooks);
    this.distributor = new Distributor(this.s);
    this.redistributors = new Redistributors(this.s);
    this.physical = new PhysicalInterface(this.s);
    this.virtual = new VirtualInterface(this.s);
  }

  /**
   * State after reset. `nonSecureStart`: as firmware would leave it for an operating system in Non-secure state that is started
   * without any (QEMU does the same): all interrupts are Non-secure group 1, and the redistributors awake.
   */
  reset(nonSecureStart = false): void {
    const { s } = this;
    s.reset();
    if (!nonSecureStart || !s.options.security) return;
    for (let n = 0; n < s.layout.sharedBanks; n++) s.words[s.layout.shared(n) + BANK.group] = -1;
    for (let n = 0; n < s.layout.cores; n++) {
      s.words[s.layout.core(n) + BANK.group] = -1;
      s.words[s.layout.core(n) + CORE.waker] = 0;
    }
    s.words[GLOBAL.control]! |= DIST.are;
  }
  /** The CPU interface of a core that is reset alone (CPU_OFF and CPU_ON): its registers, not its redistributor. */
  resetCore(core: number): void {
    const { s } = this;
    s.lock();
    s.resetInterface(core);
    s.signal(core);
    s.unlock();
  }

  /** Level of a shared peripheral interrupt, by INTID (32 and up). */
  setSpi(intid: number, level: boolean): void {
    this.setInput(0, intid, level);
  }
  setPpi(core: number, intid: number, level: boolean): void {
    this.setInput(core, intid, level);
  }
  private setInput(core: number, intid: number, level: boolean): void {
    const { s } = this;
    // Only the owner of an input changes it, so what it finds here is what it has set.
    const at = s.bank(core, intid) + BANK.level;
    if (((Atomics.load(s.words, at) >>> (intid & 31)) & 1) === (level ? 1 : 0)) return;
    s.lock();
    s.input(core, intid, level);
    s.unlock();
  }

  /** Interrupts that are enabled, pending or active. */
  interrupts(): InterruptState[] {
    const { s } = this;
    s.lock();
    try {
      return interruptStates(s);
    } finally {
      s.unlock();
    }
  }

  virtualWords(core: number): number {
    const { s } = this;
    return s.options.virtualization === false ? 0 : s.words.byteOffset + 4 * (s.layout.core(core) + VIRTUAL);
  }
  get high(): number {
    return this.virtual.high;
  }
  readRegister(core: number, reg: number, access: number): number {
    const { s } = this;
    s.lock();
    try {
      if (access & GIC_ACCESS.virtual) return this.virtual.read(core, reg);
      if (reg >= GIC_REG.ICH_AP0R0) return this.virtual.readHypervisor(core, reg);
      return this.physical.read(core, reg, access);
    } finally {
      s.unlock();
    }
  }
  writeRegister(core: number, reg: number, lo: number, hi: number, access: number): void {
    const { s } = this;
    s.lock();
    try {
      if (access & GIC_ACCESS.virtual) this.virtual.write(core, reg, lo);
      else if (reg >= GIC_REG.ICH_AP0R0) this.virtual.writeHypervisor(core, reg, lo, hi);
      else this.physical.write(core, reg, lo, hi, access);
    } finally {
      s.unlock();
    }
  }
}
