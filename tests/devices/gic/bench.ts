/** A GIC by itself: registers from either side, system registers from any level, and the lines as they were last set. */
import { GIC_ACCESS, GIC_REG } from '../../../core/arch/registers/gic-interface.ts';
import { LINE } from '../../../core/arch/state.ts';
import { PAS, type Pas } from '../../../core/devices/device.ts';
import { type GicOptions, Gicv3 } from '../../../core/devices/gic/gicv3.ts';

export const S: Pas = PAS.secure;
export const NS: Pas = PAS.nonSecure;

/** Levels and states that accesses come from. SCR_EL3.FIQ is set as firmware has it, except in `plain`. */
export const FROM = {
  plain: 1 | GIC_ACCESS.nonSecure,
  el1: 1 | GIC_ACCESS.nonSecure | GIC_ACCESS.fiqToEl3,
  el2: 2 | GIC_ACCESS.nonSecure | GIC_ACCESS.fiqToEl3,
  secureEl1: 1,
  el3: 3 | GIC_ACCESS.fiqToEl3,
  el3ns: 3 | GIC_ACCESS.nonSecure | GIC_ACCESS.fiqToEl3,
  guest: 1 | GIC_ACCESS.nonSecure | GIC_ACCESS.virtual,
} as const;
export type From = keyof typeof FROM;
export type Reg = keyof typeof GIC_REG;

/** Offsets in the distributor and, beyond 0x10000, in a redistributor. */
export const GICD = {
  CTLR: 0,
  TYPER: 4,
  IGROUPR: 0x80,
  ISENABLER: 0x100,
  ICENABLER: 0x180,
  ISPENDR: 0x200,
  ICPENDR: 0x280,
  ISACTIVER: 0x300,
  ICACTIVER: 0x380,
  IPRIORITYR: 0x400,
  ICFGR: 0xc00,
  IGRPMODR: 0xd00,
  NSACR: 0xe00,
  IROUTER: 0x6000,
} as const;
export const SGI_BASE = 0x10000;

const LINE_NAMES = Object.entries(LINE);

export class Bench {
  readonly gic: Gicv3;
  readonly words: Int32Array;
  readonly cores: number;
  readonly lineBits: number[];
  /** Calls of `setLines` since the bench was made. */
  changes = 0;

  constructor(options: Partial<GicOptions> = {}) {
    const cores = options.cores ?? 2;
    this.cores = cores;
    this.words = new Int32Array(new SharedArrayBuffer(4 * Gicv3.words(cores, options.spis)));
    this.lineBits = new Array<number>(cores).fill(0);
    this.gic = new Gicv3(
      this.words,
      {
        cores,
        affinities: Array.from({ length: cores }, (_, n) => ((n >> 4) << 8) | (n & 15)),
        security: true,
        ...options,
      },
      {
        setLines: (core, bits, mask) => {
          this.changes++;
          this.lineBits[core] = (this.lineBits[core]! & ~mask) | bits;
        },
      },
    );
    this.gic.reset();
    this.changes = 0;
  }

  /** Names of a core's lines that are up. */
  lines(core = 0): string {
    return LINE_NAMES.filter(([, bit]) => this.lineBits[core]! & bit)
      .map(([name]) => name)
      .join(' ');
  }

  // Registers in memory; 32 bits, unsigned.
  d(offset: number, pas: Pas = S): number {
    return this.gic.distributor.read(offset, 4, pas) >>> 0;
  }
  setD(offset: number, value: number, pas: Pas = S): void {
    this.gic.distributor.write(offset, value, 4, pas);
  }
  r(core: number, offset: number, pas: Pas = S): number {
    return this.gic.redistributors.read((core << 17) + offset, 4, pas) >>> 0;
  }
  setR(core: number, offset: number, value: number, pas: Pas = S): void {
    this.gic.redistributors.write((core << 17) + offset, value, 4, pas);
  }

  // System registers.
  get(reg: Reg, from: From = 'plain', core = 0): number {
    return this.gic.readRegister(core, GIC_REG[reg], FROM[from]) >>> 0;
  }
  set(reg: Reg, value: number, from: From = 'plain', core = 0, high = 0): void {
    this.gic.writeRegister(core, GIC_REG[reg], value, high, FROM[from]);
  }
  lr(n: number, core = 0): readonly [low: number, high: number] {
    const low = this.gic.readRegister(core, GIC_REG.ICH_LR + n, FROM.el2);
    return [low >>> 0, this.gic.high >>> 0];
  }
  setLr(n: number, low: number, high: number, core = 0): void {
    this.gic.writeRegister(core, GIC_REG.ICH_LR + n, low, high, FROM.el2);
  }

  // Shortcuts; `bank` accesses go to where the interrupt is.
  private bits(register: number, intid: number, core: number, pas: Pas): number {
    return intid < 32 ? this.r(core, SGI_BASE + register, pas) : this.d(register + (intid >> 5) * 4, pas);
  }
  bit(register: number, intid: number, core = 0, pas: Pas = S): number {
    return (this.bits(register, intid, core, pas) >>> (intid & 31)) & 1;
  }
  /** Writes one bit of a set or clear register. */
  mark(register: number, intid: number, core = 0, pas: Pas = S): void {
    const value = 1 << (intid & 31);
    if (intid < 32) this.setR(core, SGI_BASE + register, value, pas);
    else this.setD(register + (intid >> 5) * 4, value, pas);
  }
  priority(intid: number, value: number, core = 0, pas: Pas = S): void {
    if (intid < 32) this.gic.redistributors.write((core << 17) + SGI_BASE + 0x400 + intid, value, 1, pas);
    else this.gic.distributor.write(0x400 + intid, value, 1, pas);
  }
  priorityOf(intid: number, core = 0, pas: Pas = S): number {
    return intid < 32
      ? this.gic.redistributors.read((core << 17) + SGI_BASE + 0x400 + intid, 1, pas)
      : this.gic.distributor.read(0x400 + intid, 1, pas);
  }
  /** Puts an interrupt into a group: 0, `1s`, `1ns`. */
  group(intid: number, group: 0 | '1s' | '1ns', core = 0): void {
    const put = (register: number, on: boolean): void => {
      const old = this.bits(register, intid, core, S);
      const value = on ? old | (1 << (intid & 31)) : old & ~(1 << (intid & 31));
      if (intid < 32) this.setR(core, SGI_BASE + register, value);
      else this.setD(register + (intid >> 5) * 4, value);
    };
    put(GICD.IGROUPR, group === '1ns');
    put(GICD.IGRPMODR, group === '1s');
  }
  edge(intid: number, core = 0): void {
    const old = intid < 32 ? this.r(core, SGI_BASE + GICD.ICFGR + 4) : this.d(GICD.ICFGR + (intid >> 4) * 4);
    const value = old | (2 << (2 * (intid & 15)));
    if (intid < 32) this.setR(core, SGI_BASE + GICD.ICFGR + 4, value);
    else this.setD(GICD.ICFGR + (intid >> 4) * 4, value);
  }
  /** An enabled interrupt of a priority and group. */
  ready(intid: number, priority: number, group: 0 | '1s' | '1ns' = '1ns', core = 0): void {
    this.group(intid, group, core);
    this.priority(intid, priority, core);
    this.mark(GICD.ISENABLER, intid, core);
  }
  /** Everything on, all priorities let through, as firmware and an operating system would. */
  open(): this {
    this.setD(GICD.CTLR, 0x37);
    for (let core = 0; core < this.cores; core++) {
      this.setR(core, 0x14, 0);
      this.set('IGRPEN0', 1, 'el3', core);
      this.set('IGRPEN1_EL3', 3, 'el3', core);
      if ((this.d(GICD.CTLR) & 0x40) !== 0) this.set('IGRPEN1', 1, 'plain', core);
      this.set('PMR', 0xff, 'el3', core);
    }
    return this;
  }
}
