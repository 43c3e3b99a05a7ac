/**
 * Virtual interrupts: the hypervisor's ICH_* registers and what EL1 then finds in its CPU interface, ICV_* (IHI 0069, chapter 6;
 * 12.3 and 12.4). Access checks and traps are the core's; the lock is held.
 */
import { GIC_REG, LIST_REGISTERS } from '../../arch/registers/gic-interface.ts';
import { LINE } from '../../arch/state.ts';
import { BANK, CORE } from './layout.ts';
import { empty, ended, HCR, LR, LR_STATE, maintenance, VMCR } from './list-registers.ts';
import { CTLR_FIXED } from './physical-interface.ts';
import { type GicState, IDLE_PRIORITY, MAINTENANCE, MIN_BPR, MIN_BPR_NS, PRIORITY_MASK, SPURIOUS } from './state.ts';

/** EOIcount, TDIR, TSEI, TALL1, TALL0, TC and the enables. */
const HCR_WRITABLE = 0xf8007cff | 0;
/** Everything but NMI, the priority bits there are not, and what is reserved. */
const LR_HIGH_WRITABLE = LR_STATE | LR.hw | LR.group1 | (PRIORITY_MASK << 16) | 0x1fff | 0;
const FIRST_LPI = 8192;
const FIRST_SPECIAL = 1020;

export class VirtualInterface {
  private readonly s: GicState;
  /** High word of what `readHypervisor` has just read. */
  high = 0;
  constructor(state: GicState) {
    this.s = state;
  }

  // The hypervisor's registers.
  readHypervisor(core: number, reg: number): number {
    const w = this.s.words;
    const c = this.s.layout.core(core);
    this.high = 0;
    if (this.s.options.virtualization === false) return 0;
    if (reg >= GIC_REG.ICH_LR) {
      const at = c + CORE.lr + 2 * (reg - GIC_REG.ICH_LR);
      this.high = w[at + 1]!;
      return w[at]!;
    }
    switch (reg) {
      case GIC_REG.ICH_HCR:
        return w[c + CORE.hcr]!;
      case GIC_REG.ICH_VMCR:
        return w[c + CORE.vmcr]!;
      case GIC_REG.ICH_MISR:
        return maintenance(w, c);
      case GIC_REG.ICH_EISR:
        return ended(w, c);
      case GIC_REG.ICH_ELRSR:
        return empty(w, c);
      case GIC_REG.ICH_AP0R0:
        return w[c + CORE.virtualActive]!;
      case GIC_REG.ICH_AP1R0:
        return w[c + CORE.virtualActive + 1]!;
      default:
        return 0;
    }
  }
  writeHypervisor(core: number, reg: number, lo: number, hi: number): void {
    if (this.s.options.virtualization === false) return;
    const w = this.s.words;
    const c = this.s.layout.core(core);
    if (reg >= GIC_REG.ICH_LR) {
      const at = c + CORE.lr + 2 * (reg - GIC_REG.ICH_LR);
      w[at] = lo;
      w[at + 1] = hi & LR_HIGH_WRITABLE;
    } else {
      switch (reg) {
        case GIC_REG.ICH_HCR:
          w[c + CORE.hcr] = lo & HCR_WRITABLE;
          break;
        case GIC_REG.ICH_VMCR:
          // VFIQEn is fixed, as SRE is.
          w[c + CORE.vmcr] = (lo & (VMCR.VENG0 | VMCR.VENG1 | VMCR.VCBPR | VMCR.VEOIM)) | VMCR.VFIQEn;
          this.setPoint(c, 0, (lo >>> VMCR.VBPR0) & 7);
          this.setPoint(c, 1, (lo >>> VMCR.VBPR1) & 7);
          this.setMask(c, lo >>> VMCR.VPMR);
          break;
        case GIC_REG.ICH_AP0R0:
          w[c + CORE.virtualActive] = lo;
          break;
        case GIC_REG.ICH_AP1R0:
          w[c + CORE.virtualActive + 1] = lo;
          break;
        default:
          return;
      }
    }
    this.update(core);
  }

  // The guest's view.
  read(core: number, reg: number): number {
    const w = this.s.words;
    const c = this.s.layout.core(core);
    const vmcr = w[c + CORE.vmcr]!;
    switch (reg) {
      case GIC_REG.IAR0:
      case GIC_REG.IAR1:
        return this.acknowledge(core, reg === GIC_REG.IAR1 ? 1 : 0);
      case GIC_REG.HPPIR0:
      case GIC_REG.HPPIR1: {
        const n = this.highest(c);
        const group = reg === GIC_REG.HPPIR1 ? 1 : 0;
        return n < 0 || this.group(c, n) !== group ? SPURIOUS : w[c + CORE.lr + 2 * n]!;
      }
      case GIC_REG.PMR:
        return vmcr >>> VMCR.VPMR;
      case GIC_REG.RPR:
        return this.running(c);
      case GIC_REG.BPR0:
        return this.point(c, 0);
      case GIC_REG.BPR1:
        return vmcr & VMCR.VCBPR ? Math.min(this.point(c, 0) + 1, 7) : this.point(c, 1);
      case GIC_REG.CTLR:
        return CTLR_FIXED | (vmcr & VMCR.VCBPR ? 1 : 0) | (vmcr & VMCR.VEOIM ? 2 : 0);
      case GIC_REG.IGRPEN0:
        return vmcr & 1;
      case GIC_REG.IGRPEN1:
        return (vmcr >>> 1) & 1;
      case GIC_REG.AP0R0:
        return w[c + CORE.virtualActive]!;
      case GIC_REG.AP1R0:
        return w[c + CORE.virtualActive + 1]!;
      default:
        return 0;
    }
  }
  write(core: number, reg: number, lo: number): void {
    const w = this.s.words;
    const c = this.s.layout.core(core);
    const put = (mask: number, on: number): void => {
      w[c + CORE.vmcr] = on ? w[c + CORE.vmcr]! | mask : w[c + CORE.vmcr]! & ~mask;
    };
    switch (reg) {
      case GIC_REG.EOIR0:
      case GIC_REG.EOIR1:
        this.end(core, lo & 0xffffff, reg === GIC_REG.EOIR1 ? 1 : 0);
        break;
      case GIC_REG.DIR:
        this.deactivate(core, lo & 0xffffff);
        break;
      case GIC_REG.PMR:
        this.setMask(c, lo);
        break;
      case GIC_REG.BPR0:
        this.setPoint(c, 0, lo & 7);
        break;
      case GIC_REG.BPR1:
        if (!(w[c + CORE.vmcr]! & VMCR.VCBPR)) this.setPoint(c, 1, lo & 7);
        break;
      case GIC_REG.CTLR:
        put(VMCR.VCBPR, lo & 1);
        put(VMCR.VEOIM, lo & 2);
        break;
      case GIC_REG.IGRPEN0:
        put(VMCR.VENG0, lo & 1);
        break;
      case GIC_REG.IGRPEN1:
        put(VMCR.VENG1, lo & 1);
        break;
      case GIC_REG.AP0R0:
        w[c + CORE.virtualActive] = lo;
        break;
      case GIC_REG.AP1R0:
        w[c + CORE.virtualActive + 1] = lo;
        break;
      default:
        return;
    }
    this.update(core);
  }

  /** Works out the virtual lines and the maintenance interrupt, and signals what has changed. */
  private update(core: number): void {
    const { s } = this;
    const w = s.words;
    const c = s.layout.core(core);
    let lines = 0;
    let wanted = false;
    if (w[c + CORE.hcr]! & HCR.En) {
      const n = this.highest(c);
      if (n >= 0 && this.canSignal(c, n)) lines = this.group(c, n) ? LINE.virq : LINE.vfiq;
      wanted = maintenance(w, c) !== 0;
    }
    w[c + CORE.virtualLines] = lines;
    const level = ((w[c + BANK.level]! >>> MAINTENANCE) & 1) !== 0;
    if (level !== wanted) s.input(core, MAINTENANCE, wanted);
    s.signal(core);
  }

  // Fields.
  private point(c: number, group: number): number {
    return (this.s.words[c + CORE.vmcr]! >>> (group ? VMCR.VBPR1 : VMCR.VBPR0)) & 7;
  }
  private setPoint(c: number, group: number, v: number): void {
    const w = this.s.words;
    const shift = group ? VMCR.VBPR1 : VMCR.VBPR0;
    w[c + CORE.vmcr] = (w[c + CORE.vmcr]! & ~(7 << shift)) | (Math.max(v, group ? MIN_BPR_NS : MIN_BPR) << shift);
  }
  private setMask(c: number, v: number): void {
    const w = this.s.words;
    w[c + CORE.vmcr] = (w[c + CORE.vmcr]! & 0xffffff) | ((v & PRIORITY_MASK) << VMCR.VPMR);
  }
  private high32(c: number, n: number): number {
    return this.s.words[c + CORE.lr + 2 * n + 1]!;
  }
  private group(c: number, n: number): number {
    return this.high32(c, n) & LR.group1 ? 1 : 0;
  }
  private priority(c: number, n: number): number {
    return (this.high32(c, n) >>> 16) & 0xff;
  }
  private running(c: number): number {
    const a = c + CORE.virtualActive;
    const all = this.s.words[a]! | this.s.words[a + 1]!;
    return all ? (31 - Math.clz32(all & -all)) << 3 : IDLE_PRIORITY;
  }

  /** List register of the highest priority pending interrupt of the groups that are enabled, or −1. */
  private highest(c: number): number {
    const vmcr = this.s.words[c + CORE.vmcr]!;
    let best: number = IDLE_PRIORITY;
    let found = -1;
    for (let n = 0; n < LIST_REGISTERS; n++) {
      const high = this.high32(c, n);
      if ((high & LR_STATE) !== LR.pending) continue;
      if (!(vmcr & (high & LR.group1 ? VMCR.VENG1 : VMCR.VENG0))) continue;
      const priority = (high >>> 16) & 0xff;
      if (priority >= best) continue;
      best = priority;
      found = n;
    }
    return found;
  }
  /** VGroupBits. */
  private groupMask(c: number, group: number): number {
    const from = group && this.s.words[c + CORE.vmcr]! & VMCR.VCBPR ? 0 : group;
    return 0xff & (~0 << (this.point(c, from) - from + 1));
  }
  /** CanSignalVirtualInterrupt. */
  private canSignal(c: number, n: number): boolean {
    const w = this.s.words;
    if (!(w[c + CORE.hcr]! & HCR.En)) return false;
    const priority = this.priority(c, n);
    if (priority >= w[c + CORE.vmcr]! >>> VMCR.VPMR) return false;
    const running = this.running(c);
    return running === IDLE_PRIORITY || (priority & this.groupMask(c, this.group(c, n))) < running;
  }

  private acknowledge(core: number, group: number): number {
    const w = this.s.words;
    const c = this.s.layout.core(core);
    const n = this.highest(c);
    if (n < 0 || this.group(c, n) !== group || !this.canSignal(c, n)) return SPURIOUS;
    const at = c + CORE.lr + 2 * n;
    const intid = w[at]!;
    const special = intid >= FIRST_SPECIAL && intid <= SPURIOUS;
    w[at + 1]! &= ~LR.pending;
    if (!special) {
      const priority = this.priority(c, n) & this.groupMask(c, group);
      w[c + CORE.virtualActive + group]! |= 1 << (priority >> 3);
      // LPIs are never active.
      if (intid >>> 0 < FIRST_LPI) w[at + 1]! |= LR.active;
    }
    this.update(core);
    return intid;
  }
  /** List register of an active interrupt, or −1 (FindActiveVirtualInterrupt). */
  private find(c: number, intid: number): number {
    for (let n = 0; n < LIST_REGISTERS; n++) {
      if (this.high32(c, n) & LR.active && this.s.words[c + CORE.lr + 2 * n] === intid) return n;
    }
    return -1;
  }
  /** EOIR: priority drop, whatever the INTID; then with EOImode 0 deactivation, or one more in EOIcount. */
  private end(core: number, intid: number, group: number): void {
    const w = this.s.words;
    const c = this.s.layout.core(core);
    if (intid >= FIRST_SPECIAL && intid <= SPURIOUS) return;
    const a = c + CORE.virtualActive;
    const all = w[a]! | w[a + 1]!;
    if (!all) return;
    const lowest = all & -all;
    const dropped = (31 - Math.clz32(lowest)) << 3;
    w[w[a]! & lowest ? a : a + 1]! &= ~lowest;
    if (intid >= FIRST_LPI || w[c + CORE.vmcr]! & VMCR.VEOIM) return;
    const n = this.find(c, intid);
    if (n < 0) this.count(c);
    else if (this.group(c, n) === group && (this.priority(c, n) & this.groupMask(c, group)) === dropped) {
      this.retire(core, n);
    }
  }
  private deactivate(core: number, intid: number): void {
    const c = this.s.layout.core(core);
    if (intid >= FIRST_LPI || (intid >= FIRST_SPECIAL && intid <= SPURIOUS)) return;
    if (!(this.s.words[c + CORE.vmcr]! & VMCR.VEOIM)) return;
    const n = this.find(c, intid);
    if (n < 0) this.count(c);
    else this.retire(core, n);
  }
  /** Active becomes invalid, active and pending becomes pending; a hardware interrupt is deactivated with it. */
  private retire(core: number, n: number): void {
    const { s } = this;
    const at = s.layout.core(core) + CORE.lr + 2 * n + 1;
    const high = s.words[at]!;
    s.words[at] = high & ~LR.active;
    const physical = high & 0x1fff;
    if (high & LR.hw && s.exists(physical)) s.deactivate(core, physical);
  }
  private count(c: number): void {
    // The count wraps in the top five bits.
    this.s.words[c + CORE.hcr]! += 1 << HCR.EOIcount;
  }
}
