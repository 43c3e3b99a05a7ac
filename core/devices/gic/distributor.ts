/** The distributor's registers (IHI 0069, 12.9), 64 KiB. Affinity routing is always on, so those of GICv2 read as zero. */
import type { Device, Pas } from '../device.ts';
import { OFFSET, ROUTE, readBank, readPriorities, visible, writeBank, writePriorities } from './bank-registers.ts';
import { IIDR, identification, PART_DISTRIBUTOR } from './identification.ts';
import { GLOBAL } from './layout.ts';
import { DIST, type GicState } from './state.ts';

const CTLR = 0x0;
const TYPER = 0x4;
const GICD_IIDR = 0x8;
const SETSPI_NSR = 0x40;
const SETSPI_SR = 0x50;
const CLRSPI_SR = 0x58;
const IROUTER = 0x6000;
const PIDR = 0xffd0;

/** IDbits: INTIDs of 16 bits. A3V: affinity level 3. No1N: no interrupt goes to any one of many cores. */
const TYPER_FIXED = (0xf << 19) | (1 << 24) | (1 << 25);
const TYPER_MBIS = 1 << 16;
const TYPER_SECURITY = 1 << 10;
/** IROUTER: Aff3; Aff2, Aff1, Aff0. IRM (bit 31 of the low half) is RES0 without 1 of N. */
const ROUTE_HIGH = 0xff;
const ROUTE_LOW = 0xffffff;

/** The side that an access comes from: Root counts as Secure, Realm as Non-secure. */
export const isNonSecure = (pas: Pas): boolean => (pas & 1) !== 0;

export class Distributor implements Device {
  readonly ownLock = true;
  private readonly s: GicState;
  constructor(state: GicState) {
    this.s = state;
  }

  read(offset: number, size: number, pas: Pas): number {
    const { s } = this;
    const nonSecure = isNonSecure(pas);
    s.lock();
    try {
      if (offset >= OFFSET.IPRIORITYR && offset < OFFSET.IPRIORITYR + 0x400) {
        const n = offset - OFFSET.IPRIORITYR;
        if (size === 2 || (size === 4 && n & 3) || !this.shared(n)) return 0;
        return readPriorities(s, s.bank(0, n), n & 31, size, nonSecure);
      }
      if (size !== 4 || offset & 3) return 0;
      return this.readWord(offset, nonSecure);
    } finally {
      s.unlock();
    }
  }
  write(offset: number, value: number, size: number, pas: Pas): void {
    const { s } = this;
    const nonSecure = isNonSecure(pas);
    s.lock();
    try {
      if (offset >= OFFSET.IPRIORITYR && offset < OFFSET.IPRIORITYR + 0x400) {
        const n = offset - OFFSET.IPRIORITYR;
        if (size === 2 || (size === 4 && n & 3) || !this.shared(n)) return;
        writePriorities(s, s.bank(0, n), n & 31, size, value, nonSecure);
        s.sharedChanged((n >> 5) - 1);
      } else if (offset >= SETSPI_NSR && offset <= CLRSPI_SR) this.message(offset, value, size, nonSecure);
      else if (size === 4 && !(offset & 3)) this.writeWord(offset, value, nonSecure);
    } finally {
      s.unlock();
    }
  }
  readWide(offset: number, pas: Pas): readonly [number, number] {
    return [this.read(offset, 4, pas), this.read(offset + 4, 4, pas)];
  }
  /** GICD_IROUTER is 64 bits, and changes at once. */
  writeWide(offset: number, low: number, high: number, pas: Pas): void {
    const n = (offset - IROUTER) >> 3;
    if (offset & 7 || !this.shared(n)) {
      this.write(offset, low, 4, pas);
      this.write(offset + 4, high, 4, pas);
      return;
    }
    this.s.lock();
    try {
      this.setRoute(n, low, high, isNonSecure(pas));
    } finally {
      this.s.unlock();
    }
  }

  private shared(intid: number): boolean {
    return intid >= 32 && this.s.exists(intid);
  }
  private readWord(offset: number, nonSecure: boolean): number {
    const { s } = this;
    if (offset >= PIDR) return identification(offset, PART_DISTRIBUTOR);
    if (offset >= IROUTER) {
      const n = (offset - IROUTER) >> 3;
      if (!this.shared(n) || !this.mayRoute(n, nonSecure)) return 0;
      return s.words[s.layout.routes + 2 * (n - 32) + ((offset & 4) >> 2)]!;
    }
    switch (offset) {
      case CTLR:
        return this.readControl(nonSecure);
      case TYPER: {
        const message = s.options.messageSpis ? TYPER_MBIS : 0;
        const security = s.twoStates ? TYPER_SECURITY : 0;
        return TYPER_FIXED | message | security | (s.spis / 32);
      }
      case GICD_IIDR:
        return IIDR;
      default: {
        const place = this.place(offset);
        return place < 0 ? 0 : readBank(s, s.layout.shared(place >> 12), place & 0xfff, nonSecure);
      }
    }
  }
  private writeWord(offset: number, v: number, nonSecure: boolean): void {
    const { s } = this;
    if (offset === CTLR) {
      this.writeControl(v, nonSecure);
      s.everythingChanged();
      return;
    }
    if (offset >= IROUTER && offset < PIDR) {
      const n = (offset - IROUTER) >> 3;
      if (!this.shared(n)) return;
      const at = s.layout.routes + 2 * (n - 32);
      const [low, high] = [s.words[at]!, s.words[at + 1]!];
      this.setRoute(n, offset & 4 ? low : v, offset & 4 ? v : high, nonSecure);
      return;
    }
    const place = this.place(offset);
    if (place < 0) return;
    writeBank(s, s.layout.shared(place >> 12), place & 0xfff, v, nonSecure);
    s.sharedChanged(place >> 12);
  }

  /** Bank and register of an offset, as bank << 12 | register; −1 where there is none. The first bank is the redistributors'. */
  private place(offset: number): number {
    let bank: number;
    let register: number;
    if (offset >= OFFSET.IGROUPR && offset < OFFSET.IPRIORITYR) {
      register = offset & ~0x7f;
      bank = (offset & 0x7f) >> 2;
    } else if (offset >= OFFSET.ICFGR && offset < 0xf00) {
      const wide = offset < OFFSET.IGRPMODR || offset >= OFFSET.NSACR;
      const at = offset & 0xff;
      register = (offset & ~0xff) | (wide ? at & 4 : 0);
      bank = wide ? at >> 3 : at >> 2;
    } else return -1;
    return bank < 1 || bank > this.s.layout.sharedBanks ? -1 : ((bank - 1) << 12) | register;
  }

  private readControl(nonSecure: boolean): number {
    const control = this.s.words[GLOBAL.control]!;
    if (!nonSecure || !this.s.twoStates) return control;
    // EnableGrp1A, ARE_NS.
    return (control & DIST.group1NonSecure) | 0x10;
  }
  private writeControl(v: number, nonSecure: boolean): void {
    const w = this.s.words;
    const control = w[GLOBAL.control]!;
    const put = (mask: number): void => {
      w[GLOBAL.control] = (control & ~mask) | (v & mask);
    };
    if (!this.s.twoStates) put(DIST.group0 | DIST.group1NonSecure);
    else if (nonSecure) put(DIST.group1NonSecure);
    else if (v & DIST.DS) {
      // Until reset: one security state, in which Secure group 1 does not exist.
      w[GLOBAL.control] = DIST.DS | 0x10 | (v & (DIST.group0 | DIST.group1NonSecure));
    } else put(DIST.group0 | DIST.group1NonSecure | DIST.group1Secure);
  }

  private mayRoute(intid: number, nonSecure: boolean): boolean {
    const { s } = this;
    return ((visible(s, s.bank(0, intid), nonSecure, ROUTE) >>> (intid & 31)) & 1) !== 0;
  }
  private setRoute(intid: number, low: number, high: number, nonSecure: boolean): void {
    const { s } = this;
    if (!this.mayRoute(intid, nonSecure)) return;
    const { layout, words: w } = s;
    const at = layout.routes + 2 * (intid - 32);
    w[at] = low & ROUTE_LOW;
    w[at + 1] = high & ROUTE_HIGH;
    w[layout.targets + intid - 32] = s.coreAt((w[at + 1]! << 24) | w[at]!);
    s.sharedChanged((intid >> 5) - 1);
  }

  /** GICD_SETSPI and CLRSPI, for Non-secure interrupts and Secure ones, eight bytes apart: the value is an INTID. */
  private message(offset: number, v: number, size: number, nonSecure: boolean): void {
    const { s } = this;
    const intid = v & 0x3ff;
    if (!s.options.messageSpis || size === 1 || offset & 7 || !this.shared(intid)) return;
    const forSecure = offset >= SETSPI_SR;
    // The registers for Secure interrupts are the Secure side's, and there is only one security state's with DS.
    if (forSecure && (nonSecure || !s.twoStates)) return;
    const bank = s.bank(0, intid);
    const set = offset === SETSPI_NSR || offset === SETSPI_SR;
    if (!forSecure && s.twoStates) {
      const may = visible(s, bank, nonSecure, set ? 1 : 2);
      if (!((may >>> (intid & 31)) & 1)) return;
    }
    if (set) s.setLatch(0, intid);
    else s.clearLatch(0, intid);
  }
}
