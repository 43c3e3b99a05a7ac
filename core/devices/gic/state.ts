/**
 * State of the GIC and what follows from it: which interrupt each core is told of, and by which line (IHI 0069, 4.8 "Interrupt
 * prioritization", 4.1.2 "Interrupt handling"). All methods are called with the lock held, unless said.
 */
import { LINE } from '../../arch/state.ts';
import { lock, unlock } from '../lock.ts';
import { BANK, CORE, GLOBAL, Layout } from './layout.ts';

/** Interrupt groups. With one security state there are 0 and 1, and 1 is the Non-secure one. */
export const GROUP = { zero: 0, oneSecure: 1, oneNonSecure: 2 } as const;

/** GICD_CTLR. */
export const DIST = { group0: 1, group1NonSecure: 2, group1Secure: 4, are: 0x30, DS: 0x40 } as const;

/** Five bits of priority, all of which preempt. */
export const PRIORITY_MASK = 0xf8;
/** The smallest binary points: of BPR0 and Secure BPR1, and of Non-secure BPR1. */
export const MIN_BPR = 2;
export const MIN_BPR_NS = 3;
/** No interrupt is pending or running. */
export const IDLE_PRIORITY = 0xff;
const NO_PENDING = 256;
export const SPURIOUS = 1023;

/** Maintenance interrupt of the virtual interface (PPI as INTID, BSA). */
export const MAINTENANCE = 25;

/** Lines that the GIC drives. */
export const GIC_LINES = LINE.irq | LINE.fiq | LINE.group0 | LINE.group1s | LINE.group1ns | LINE.virq | LINE.vfiq;

export interface GicOptions {
  readonly cores: number;
  /** Affinity of each core as GICD_IROUTER has it, in 32 bits: Aff3, Aff2, Aff1, Aff0 from the top. */
  readonly affinities: readonly number[];
  /** Two security states (GICD_CTLR.DS can be 0), or one. */
  readonly security: boolean;
  /** The cores have EL2; without, the hypervisor's registers are RES0. Default true. */
  readonly virtualization?: boolean;
  /** Shared peripheral interrupts, a multiple of 32 up to 960; default 256. */
  readonly spis?: number;
  /** GICD_TYPER.MBIS: GICD_SETSPI and CLRSPI registers; default false, as QEMU's. */
  readonly messageSpis?: boolean;
}

export interface GicHooks {
  /** The interrupt inputs `mask` (`LINE` bits) of a core are now `bits`. Called with the GIC's lock held, only on changes. */
  setLines(core: number, bits: number, mask: number): void;
}

export class GicState {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly layout: Layout;
  readonly options: GicOptions;
  readonly spis: number;
  private readonly hooks: GicHooks;
  private readonly byAffinity: ReadonlyMap<number, number>;

  constructor(words: Int32Array, options: GicOptions, hooks: GicHooks) {
    this.spis = options.spis ?? 256;
    if (this.spis % 32 !== 0 || this.spis < 32 || this.spis > 960) throw new RangeError(`${this.spis} SPIs`);
    if (options.affinities.length !== options.cores) throw new RangeError('one affinity for each core');
    this.layout = new Layout(options.cores, this.spis);
    if (words.length < this.layout.words) throw new RangeError(`the GIC needs ${this.layout.words} words`);
    this.words = words;
    this.bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    this.options = options;
    this.hooks = hooks;
    this.byAffinity = new Map(options.affinities.map((a, n) => [a | 0, n]));
  }

  lock(): void {
    lock(this.words, GLOBAL.lock);
  }
  unlock(): void {
    unlock(this.words, GLOBAL.lock);
  }

  /** Puts everything into the state after reset (no lock needed: no core runs). */
  reset(): void {
    const { words: w, layout } = this;
    w.fill(0, 0, layout.words);
    w[GLOBAL.control] = this.options.security ? DIST.are : DIST.DS | 0x10;
    for (let n = 0; n < this.spis; n++) w[layout.targets + n] = this.coreAt(0);
    for (let n = 0; n < layout.cores; n++) {
      const c = layout.core(n);
      // SGIs are edge-triggered, for ever.
      w[c + BANK.edge] = 0xffff;
      w[c + CORE.waker] = 6;
      w[c + CORE.pendingId] = SPURIOUS;
      w[c + CORE.pendingPriority] = NO_PENDING;
      this.resetInterface(n);
      this.hooks.setLines(n, 0, GIC_LINES);
    }
  }
  /** Puts the registers of a core's interface, physical and virtual, into the state after reset. */
  resetInterface(core: number): void {
    const w = this.words;
    const c = this.layout.core(core);
    w.fill(0, c + CORE.pmr, c + CORE.pendingId);
    w[c + CORE.bpr + GROUP.zero] = MIN_BPR;
    w[c + CORE.bpr + GROUP.oneSecure] = MIN_BPR;
    w[c + CORE.bpr + GROUP.oneNonSecure] = MIN_BPR_NS;
    w.fill(0, c + CORE.virtualLines, c + CORE.end);
    w[c + CORE.vmcr] = 8 | (MIN_BPR_NS << 18) | (MIN_BPR << 21);
  }

  /** GICD_CTLR.DS is 0. */
  get twoStates(): boolean {
    return (this.words[GLOBAL.control]! & DIST.DS) === 0;
  }
  /** Number of the core with an affinity, or −1. */
  coreAt(affinity: number): number {
    return this.byAffinity.get(affinity | 0) ?? -1;
  }
  bank(core: number, intid: number): number {
    return intid < 32 ? this.layout.core(core) : this.layout.shared((intid >> 5) - 1);
  }
  exists(intid: number): boolean {
    return intid < 32 + this.spis;
  }
  /** Index into `bytes` of an interrupt's priority. */
  priorityAt(bank: number, bit: number): number {
    return ((bank + BANK.priority) << 2) + bit;
  }
  group(bank: number, bit: number): number {
    const w = this.words;
    if ((w[bank + BANK.group]! >>> bit) & 1) return GROUP.oneNonSecure;
    return this.twoStates && (w[bank + BANK.modifier]! >>> bit) & 1 ? GROUP.oneSecure : GROUP.zero;
  }
  pending(bank: number): number {
    const w = this.words;
    return w[bank + BANK.latch]! | (w[bank + BANK.level]! & ~w[bank + BANK.edge]!);
  }

  /** Interrupts of a bank that may be signalled, the CPU interface permitting. */
  private eligible(bank: number): number {
    const w = this.words;
    const control = w[GLOBAL.control]!;
    const one = w[bank + BANK.group]!;
    const secureOne = control & DIST.DS ? 0 : ~one & w[bank + BANK.modifier]!;
    const zero = ~one & ~secureOne;
    const groups =
      (control & DIST.group0 ? zero : 0) |
      (control & DIST.group1NonSecure ? one : 0) |
      (control & DIST.group1Secure ? secureOne : 0);
    return this.pending(bank) & w[bank + BANK.enable]! & ~w[bank + BANK.active]! & groups;
  }
  private setCandidates(bank: number, value: number, shared: number): void {
    const w = this.words;
    w[bank + BANK.candidates] = value;
    if (shared < 0) return;
    if (value) w[GLOBAL.ready]! |= 1 << shared;
    else w[GLOBAL.ready]! &= ~(1 << shared);
  }

  /** After a change of one interrupt: pending, enabled, active. `core` is for private ones. */
  touched(core: number, bank: number, intid: number): void {
    const w = this.words;
    const mask = 1 << (intid & 31);
    const was = w[bank + BANK.candidates]!;
    const now = (was & ~mask) | (this.eligible(bank) & mask);
    if (now === was) return;
    this.setCandidates(bank, now, (intid >> 5) - 1);
    const target = intid < 32 ? core : w[this.layout.targets + intid - 32]!;
    if (target < 0) return;
    const c = this.layout.core(target);
    if (now & mask) {
      const priority = this.bytes[this.priorityAt(bank, intid & 31)]!;
      const best = w[c + CORE.pendingPriority]!;
      if (priority > best || (priority === best && intid > w[c + CORE.pendingId]!)) return;
      w[c + CORE.pendingPriority] = priority;
      w[c + CORE.pendingId] = intid;
    } else {
      if (w[c + CORE.pendingId] !== intid) return;
      this.choose(target);
    }
    this.signal(target);
  }
  /** After a change to more of a core's private bank. */
  privateChanged(core: number): void {
    const bank = this.layout.core(core);
    this.setCandidates(bank, this.eligible(bank), -1);
    this.choose(core);
    this.signal(core);
  }
  /** After a change to more of a shared bank, or to routes. */
  sharedChanged(n: number): void {
    const bank = this.layout.shared(n);
    this.setCandidates(bank, this.eligible(bank), n);
    for (let core = 0; core < this.layout.cores; core++) {
      this.choose(core);
      this.signal(core);
    }
  }
  /** After a change of GICD_CTLR. */
  everythingChanged(): void {
    for (let n = 0; n < this.layout.sharedBanks; n++) {
      const bank = this.layout.shared(n);
      this.setCandidates(bank, this.eligible(bank), n);
    }
    for (let core = 0; core < this.layout.cores; core++) this.privateChanged(core);
  }

  /** Finds the highest priority pending interrupt of a core: the lowest value, among equals the lowest INTID. */
  private choose(core: number): void {
    const { words: w, bytes, layout } = this;
    const c = layout.core(core);
    let best = NO_PENDING;
    let id: number = SPURIOUS;
    for (let set = w[c + BANK.candidates]!; set; set &= set - 1) {
      const bit = 31 - Math.clz32(set & -set);
      const priority = bytes[this.priorityAt(c, bit)]!;
      if (priority < best) {
        best = priority;
        id = bit;
      }
    }
    for (let banks = w[GLOBAL.ready]!; banks; banks &= banks - 1) {
      const n = 31 - Math.clz32(banks & -banks);
      const bank = layout.shared(n);
      for (let set = w[bank + BANK.candidates]!; set; set &= set - 1) {
        const bit = 31 - Math.clz32(set & -set);
        if (w[layout.targets + n * 32 + bit] !== core) continue;
        const priority = bytes[this.priorityAt(bank, bit)]!;
        if (priority < best) {
          best = priority;
          id = n * 32 + 32 + bit;
        }
      }
    }
    w[c + CORE.pendingPriority] = best;
    w[c + CORE.pendingId] = id;
  }

  /** Group of the highest priority pending interrupt, or −1: none, or its group is disabled in the CPU interface. */
  pendingGroup(core: number): number {
    const w = this.words;
    const c = this.layout.core(core);
    const id = w[c + CORE.pendingId]!;
    if (id === SPURIOUS) return -1;
    const group = this.group(this.bank(core, id), id & 31);
    return (w[c + CORE.enables]! >>> group) & 1 ? group : -1;
  }
  /** Lowest active priority of a core; `IDLE_PRIORITY` when none is. */
  running(core: number): number {
    const w = this.words;
    const a = this.layout.core(core) + CORE.active;
    const all = w[a]! | w[a + 1]! | w[a + 2]!;
    return all ? (31 - Math.clz32(all & -all)) << 3 : IDLE_PRIORITY;
  }
  /** Bits of a priority that make up the group priority (GroupBits). */
  groupMask(core: number, group: number): number {
    const w = this.words;
    const c = this.layout.core(core);
    // CBPR_EL1S and CBPR_EL1NS are bits 0 and 1: the numbers of the groups are their masks.
    const common = w[c + CORE.control]! & group;
    const from = common ? GROUP.zero : group;
    // The Non-secure binary point counts from one bit further up.
    const point = w[c + CORE.bpr + from]! - (from === GROUP.oneNonSecure ? 1 : 0);
    return 0xff & (~0 << (point + 1));
  }
  /** The pending interrupt passes the priority mask and preempts what runs (CanSignalInterrupt). */
  canSignal(core: number, group: number): boolean {
    const w = this.words;
    const c = this.layout.core(core);
    const priority = w[c + CORE.pendingPriority]!;
    if (priority >= w[c + CORE.pmr]!) return false;
    const running = this.running(core);
    return running === IDLE_PRIORITY || (priority & this.groupMask(core, group)) < running;
  }
  /** Works out the lines of a core, and tells of changes. With two security states the core makes IRQ or FIQ of the group. */
  signal(core: number): void {
    const w = this.words;
    const c = this.layout.core(core);
    let lines = w[c + CORE.virtualLines]!;
    const group = this.pendingGroup(core);
    if (group >= 0 && this.canSignal(core, group)) {
      if (this.twoStates) lines |= LINE.group0 << group;
      else lines |= group === GROUP.zero ? LINE.fiq : LINE.irq;
    }
    if (lines === w[c + CORE.lines]) return;
    w[c + CORE.lines] = lines;
    this.hooks.setLines(core, lines, GIC_LINES);
  }

  /** Makes the pending interrupt active (AcknowledgeInterrupt). */
  acknowledge(core: number, group: number): number {
    const w = this.words;
    const c = this.layout.core(core);
    const id = w[c + CORE.pendingId]!;
    const priority = w[c + CORE.pendingPriority]! & this.groupMask(core, group);
    w[c + CORE.active + group]! |= 1 << (priority >> 3);
    const bank = this.bank(core, id);
    const mask = 1 << (id & 31);
    w[bank + BANK.active]! |= mask;
    w[bank + BANK.latch]! &= ~mask;
    this.touched(core, bank, id);
    return id;
  }
  deactivate(core: number, intid: number): void {
    const bank = this.bank(core, intid);
    this.words[bank + BANK.active]! &= ~(1 << (intid & 31));
    this.touched(core, bank, intid);
  }
  /** An input has a new level. */
  input(core: number, intid: number, level: boolean): void {
    const w = this.words;
    const bank = this.bank(core, intid);
    const mask = 1 << (intid & 31);
    if (level) {
      if (!(w[bank + BANK.level]! & mask)) w[bank + BANK.latch]! |= w[bank + BANK.edge]! & mask;
      w[bank + BANK.level]! |= mask;
    } else w[bank + BANK.level]! &= ~mask;
    this.touched(core, bank, intid);
  }
  setLatch(core: number, intid: number): void {
    const bank = this.bank(core, intid);
    this.words[bank + BANK.latch]! |= 1 << (intid & 31);
    this.touched(core, bank, intid);
  }
  clearLatch(core: number, intid: number): void {
    const bank = this.bank(core, intid);
    this.words[bank + BANK.latch]! &= ~(1 << (intid & 31));
    this.touched(core, bank, intid);
  }
}
