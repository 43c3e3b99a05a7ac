/**
 * The physical CPU interface: ICC_* system registers (IHI 0069, 12.2, and the pseudocode of 11.3 ff. for acknowledging and ending
 * interrupts). Access checks and traps are the core's; what is here happens to permitted accesses, with the lock held.
 */
import { GIC_ACCESS, GIC_REG } from '../../arch/registers/gic-interface.ts';
import { BANK, CORE } from './layout.ts';
import { type GicState, GROUP, IDLE_PRIORITY, MIN_BPR, MIN_BPR_NS, PRIORITY_MASK, SPURIOUS } from './state.ts';

/** Special INTIDs: the interrupt is for Secure EL1, or for Non-secure state (5.1, "Special INTIDs"). */
const FOR_SECURE = 1020;
const FOR_NON_SECURE = 1021;
const FIRST_SPECIAL = 1020;

/** ICC_CTLR_EL3 and its aliases in ICC_CTLR_EL1: CBPR, EOImode. */
const CONTROL = { cbprS: 1, cbprNs: 2, eoi3: 4, eoiS: 8, eoiNs: 16 } as const;
/** A3V, IDbits: 24, PRIbits: 5; in ICC_CTLR_EL3 also nDS. */
export const CTLR_FIXED = 0x8c00;
const CTLR_EL3_FIXED = CTLR_FIXED | (1 << 17);

export class PhysicalInterface {
  private readonly s: GicState;
  constructor(state: GicState) {
    this.s = state;
  }

  read(core: number, reg: number, access: number): number {
    const { s } = this;
    const w = s.words;
    const c = s.layout.core(core);
    switch (reg) {
      case GIC_REG.IAR1:
        return this.acknowledge(core, this.visible1(core, access));
      case GIC_REG.IAR0:
        return this.acknowledge(core, this.visible0(core, access));
      case GIC_REG.HPPIR1:
        return this.visible1(core, access);
      case GIC_REG.HPPIR0:
        return this.visible0(core, access);
      case GIC_REG.PMR:
        return this.halved(w[c + CORE.pmr]!, access);
      case GIC_REG.RPR: {
        const running = s.running(core);
        return running === IDLE_PRIORITY ? running : this.halved(running, access);
      }
      case GIC_REG.BPR0:
        return w[c + CORE.bpr]!;
      case GIC_REG.BPR1: {
        const group = this.bank(access);
        const below3 = (access & GIC_ACCESS.el) < 3;
        if (!below3 || !(w[c + CORE.control]! & group)) return w[c + CORE.bpr + group]!;
        const common = w[c + CORE.bpr]!;
        return group === GROUP.oneSecure ? common : Math.min(common + 1, 7);
      }
      case GIC_REG.AP0R0:
        return w[c + CORE.active]!;
      case GIC_REG.AP1R0:
        return w[c + CORE.active + this.bank(access)]!;
      case GIC_REG.CTLR: {
        const control = w[c + CORE.control]!;
        const [cbpr, eoi] = this.controlBits(access);
        return CTLR_FIXED | (control & cbpr ? 1 : 0) | (control & eoi ? 2 : 0);
      }
      case GIC_REG.CTLR_EL3:
        return CTLR_EL3_FIXED | w[c + CORE.control]!;
      case GIC_REG.IGRPEN0:
        return w[c + CORE.enables]! & 1;
      case GIC_REG.IGRPEN1:
        return (w[c + CORE.enables]! >>> this.bank(access)) & 1;
      case GIC_REG.IGRPEN1_EL3: {
        const e = w[c + CORE.enables]!;
        return ((e >>> GROUP.oneNonSecure) & 1) | (((e >>> GROUP.oneSecure) & 1) << 1);
      }
      default:
        return 0;
    }
  }

  write(core: number, reg: number, lo: number, hi: number, access: number): void {
    const { s } = this;
    const w = s.words;
    const c = s.layout.core(core);
    switch (reg) {
      case GIC_REG.EOIR1:
        this.end(core, lo & 0xffffff, (access & GIC_ACCESS.el) === 3 ? BOTH_ONES : 1 << this.bank(access), access);
        return;
      case GIC_REG.EOIR0:
        this.end(core, lo & 0xffffff, 1 << GROUP.zero, access);
        return;
      case GIC_REG.SGI1R:
        this.generate(core, lo, hi, this.bank(access), access);
        return;
      case GIC_REG.ASGI1R:
        this.generate(core, lo, hi, GROUP.oneSecure + GROUP.oneNonSecure - this.bank(access), access);
        return;
      case GIC_REG.SGI0R:
        this.generate(core, lo, hi, GROUP.zero, access);
        return;
      case GIC_REG.DIR:
        this.deactivate(core, lo & 0xffffff, access);
        return;
      case GIC_REG.PMR:
        this.writeMask(c, lo & 0xff, access);
        break;
      case GIC_REG.BPR0:
        w[c + CORE.bpr] = Math.max(lo & 7, MIN_BPR);
        break;
      case GIC_REG.BPR1: {
        const group = this.bank(access);
        const common = (access & GIC_ACCESS.el) < 3 && (w[c + CORE.control]! & group) !== 0;
        if (!common) {
          w[c + CORE.bpr + group] = Math.max(lo & 7, group === GROUP.oneNonSecure ? MIN_BPR_NS : MIN_BPR);
        } else if (group === GROUP.oneSecure) w[c + CORE.bpr] = Math.max(lo & 7, MIN_BPR);
        break;
      }
      case GIC_REG.AP0R0:
        w[c + CORE.active] = lo;
        break;
      case GIC_REG.AP1R0: {
        const group = this.bank(access);
        // Non-secure interrupts are never active in the half of priorities that is Secure.
        const mask = group === GROUP.oneNonSecure && s.twoStates ? 0xffff0000 | 0 : ~0;
        w[c + CORE.active + group] = lo & mask;
        break;
      }
      case GIC_REG.CTLR: {
        const [cbpr, eoi] = this.controlBits(access);
        // CBPR is EL3's to set where there are two security states.
        const may = eoi | (s.twoStates ? 0 : cbpr);
        const v = (lo & 1 ? cbpr : 0) | (lo & 2 ? eoi : 0);
        w[c + CORE.control] = (w[c + CORE.control]! & ~may) | (v & may);
        break;
      }
      case GIC_REG.CTLR_EL3:
        w[c + CORE.control] = lo & 0x1f;
        break;
      case GIC_REG.IGRPEN0:
        w[c + CORE.enables] = (w[c + CORE.enables]! & ~1) | (lo & 1);
        break;
      case GIC_REG.IGRPEN1: {
        const group = this.bank(access);
        w[c + CORE.enables] = (w[c + CORE.enables]! & ~(1 << group)) | ((lo & 1) << group);
        break;
      }
      case GIC_REG.IGRPEN1_EL3:
        w[c + CORE.enables] =
          (w[c + CORE.enables]! & 1) | ((lo & 1) << GROUP.oneNonSecure) | (((lo >> 1) & 1) << GROUP.oneSecure);
        break;
      default:
        return;
    }
    s.signal(core);
  }

  /** Group 1 of the security state that an access is for. */
  private bank(access: number): number {
    return access & GIC_ACCESS.nonSecure || !this.s.twoStates ? GROUP.oneNonSecure : GROUP.oneSecure;
  }
  private controlBits(access: number): readonly [number, number] {
    return this.bank(access) === GROUP.oneNonSecure ? BITS_NS : BITS_S;
  }
  /** A Non-secure access below EL3 that sees only the lower half of priorities, because group 0 is EL3's (4.8.6). */
  private sharesPriorities(access: number): boolean {
    return (
      (access & (GIC_ACCESS.nonSecure | GIC_ACCESS.fiqToEl3)) === (GIC_ACCESS.nonSecure | GIC_ACCESS.fiqToEl3) &&
      (access & GIC_ACCESS.el) < 3 &&
      this.s.twoStates
    );
  }
  private halved(priority: number, access: number): number {
    if (!this.sharesPriorities(access)) return priority;
    return priority & 0x80 ? (priority << 1) & 0xff : 0;
  }
  private writeMask(c: number, v: number, access: number): void {
    const w = this.s.words;
    if (!this.sharesPriorities(access)) w[c + CORE.pmr] = v & PRIORITY_MASK;
    else if (w[c + CORE.pmr]! & 0x80) w[c + CORE.pmr] = (0x80 | (v >> 1)) & PRIORITY_MASK;
  }

  /** What ICC_HPPIR0_EL1 gives (CheckGroup0ForSpecialIdentifiers). */
  private visible0(core: number, access: number): number {
    const { s } = this;
    const group = s.pendingGroup(core);
    if (group < 0) return SPURIOUS;
    const at3 = (access & GIC_ACCESS.el) === 3;
    if (group !== GROUP.zero) {
      if (!at3) return SPURIOUS;
      return s.twoStates && group === GROUP.oneSecure ? FOR_SECURE : FOR_NON_SECURE;
    }
    if (s.twoStates && !at3 && access & GIC_ACCESS.nonSecure) return SPURIOUS;
    return s.words[s.layout.core(core) + CORE.pendingId]!;
  }
  /** What ICC_HPPIR1_EL1 gives (CheckGroup1ForSpecialIdentifiers). */
  private visible1(core: number, access: number): number {
    const { s } = this;
    const group = s.pendingGroup(core);
    if (group <= GROUP.zero) return SPURIOUS;
    if (s.twoStates && (access & GIC_ACCESS.el) < 3 && group !== this.bank(access)) return SPURIOUS;
    return s.words[s.layout.core(core) + CORE.pendingId]!;
  }
  private acknowledge(core: number, intid: number): number {
    const { s } = this;
    if (intid === SPURIOUS) return intid;
    const group = s.pendingGroup(core);
    if (!s.canSignal(core, group)) return SPURIOUS;
    return intid >= FIRST_SPECIAL ? intid : s.acknowledge(core, group);
  }

  /** EOIR: priority drop, and with EOImode 0 deactivation. `groups`: bits of those that may be running; else it has no effect. */
  private end(core: number, intid: number, groups: number, access: number): void {
    const { s } = this;
    if (!s.exists(intid)) return;
    const w = s.words;
    const a = s.layout.core(core) + CORE.active;
    const all = w[a]! | w[a + 1]! | w[a + 2]!;
    const lowest = all & -all;
    let group = 0;
    while (group < 3 && !(w[a + group]! & lowest)) group++;
    if (!((groups >> group) & 1)) return;
    w[a + group]! &= ~lowest;
    if (!this.splits(core, access)) s.deactivate(core, intid);
    s.signal(core);
  }
  /** EOImode of where the access comes from. */
  private splits(core: number, access: number): boolean {
    const { s } = this;
    const control = s.words[s.layout.core(core) + CORE.control]!;
    if ((access & GIC_ACCESS.el) === 3) return (control & CONTROL.eoi3) !== 0;
    return (control & this.controlBits(access)[1]) !== 0;
  }
  private deactivate(core: number, intid: number, access: number): void {
    const { s } = this;
    if (!s.exists(intid) || !this.splits(core, access)) return;
    const group = s.group(s.bank(core, intid), intid & 31);
    if ((access & GIC_ACCESS.el) < 3) {
      // Group 0 belongs to those whom FIQs go to, group 1 to those whom IRQs go to, and Secure ones to the Secure side.
      if (s.twoStates && group !== GROUP.oneNonSecure && access & GIC_ACCESS.nonSecure) return;
      const away = group === GROUP.zero ? GIC_ACCESS.fiqToEl3 : GIC_ACCESS.irqToEl3;
      if (access & away) return;
    }
    s.deactivate(core, intid);
  }

  /** Software generated interrupts: to a list of cores of one cluster, or to all others (12.1.7 ff.). */
  private generate(core: number, lo: number, hi: number, group: number, access: number): void {
    const { s } = this;
    const intid = (lo >>> 24) & 15;
    if (hi & (1 << 8)) {
      for (let n = 0; n < s.layout.cores; n++) if (n !== core) this.sgi(n, intid, group, access);
      return;
    }
    // RangeSelector is RES0 here, as ICC_CTLR_EL1.RSS says.
    const cluster = (((hi >>> 16) & 0xff) << 24) | ((hi & 0xff) << 16) | (((lo >>> 16) & 0xff) << 8);
    for (let list = lo & 0xffff; list; list &= list - 1) {
      const target = s.coreAt(cluster | (31 - Math.clz32(list & -list)));
      if (target >= 0) this.sgi(target, intid, group, access);
    }
  }
  /** Forwards an SGI if the target has it in that group, and NSACR lets Non-secure software reach a Secure one. */
  private sgi(target: number, intid: number, group: number, access: number): void {
    const { s } = this;
    const bank = s.layout.core(target);
    const own = s.group(bank, intid);
    // A request for Secure group 1 also reaches group 0.
    if (own !== group && !(own === GROUP.zero && group === GROUP.oneSecure)) return;
    if (s.twoStates && access & GIC_ACCESS.nonSecure && own !== GROUP.oneNonSecure) {
      const granted = (s.words[bank + BANK.nsacr]! >>> (2 * intid)) & 3;
      if (granted < (own === GROUP.zero ? 1 : 2)) return;
    }
    s.setLatch(target, intid);
  }
}

/** At EL3, EOIR1 ends group 1 of either security state. */
const BOTH_ONES = (1 << GROUP.oneSecure) | (1 << GROUP.oneNonSecure);
const BITS_S = [CONTROL.cbprS, CONTROL.eoiS] as const;
const BITS_NS = [CONTROL.cbprNs, CONTROL.eoiNs] as const;
