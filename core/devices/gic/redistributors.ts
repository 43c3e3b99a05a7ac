/**
 * The redistributors' registers (IHI 0069, 12.10 and 12.11): for each core a frame RD_base and a frame SGI_base of 64 KiB, one
 * behind the other. There are no LPIs.
 */
import type { Device, Pas } from '../device.ts';
import { OFFSET, readBank, readPriorities, writeBank, writePriorities } from './bank-registers.ts';
import { isNonSecure } from './distributor.ts';
import { IIDR, identification, PART_REDISTRIBUTOR } from './identification.ts';
import { BANK, CORE } from './layout.ts';
import type { GicState } from './state.ts';

const GICR_IIDR = 0x4;
const TYPER = 0x8;
const WAKER = 0x14;
const PIDR = 0xffd0;
const SGI_BASE = 0x10000;
const STRIDE_SHIFT = 17;
const LAST = 1 << 4;

export class Redistributors implements Device {
  readonly ownLock = true;
  private readonly s: GicState;
  constructor(state: GicState) {
    this.s = state;
  }

  read(offset: number, size: number, pas: Pas): number {
    const { s } = this;
    const core = offset >> STRIDE_SHIFT;
    const at = offset & ((1 << STRIDE_SHIFT) - 1);
    if (core >= s.layout.cores) return 0;
    s.lock();
    try {
      if (at < SGI_BASE) return size === 4 && !(at & 3) ? this.readControl(core, at, isNonSecure(pas)) : 0;
      const nonSecure = isNonSecure(pas);
      const bank = s.layout.core(core);
      const register = at - SGI_BASE;
      if (register >= OFFSET.IPRIORITYR && register < OFFSET.IPRIORITYR + 32) {
        if (size === 2 || (size === 4 && register & 3)) return 0;
        return readPriorities(s, bank, register & 31, size, nonSecure);
      }
      if (size !== 4 || register & 3) return 0;
      if (register >= PIDR) return identification(register, PART_REDISTRIBUTOR);
      // ICFGR0 is the same for all: it tells nothing of Secure SGIs.
      if (register === OFFSET.ICFGR) return 0xaaaaaaaa | 0;
      return register === OFFSET.NSACR + 4 ? 0 : readBank(s, bank, register, nonSecure);
    } finally {
      s.unlock();
    }
  }
  write(offset: number, value: number, size: number, pas: Pas): void {
    const { s } = this;
    const core = offset >> STRIDE_SHIFT;
    const at = offset & ((1 << STRIDE_SHIFT) - 1);
    if (core >= s.layout.cores) return;
    const nonSecure = isNonSecure(pas);
    s.lock();
    try {
      if (at < SGI_BASE) {
        if (at === WAKER && size === 4 && !(nonSecure && s.twoStates)) {
          // ProcessorSleep; ChildrenAsleep follows at once.
          s.words[s.layout.core(core) + CORE.waker] = value & 2 ? 6 : 0;
        }
        return;
      }
      const bank = s.layout.core(core);
      const register = at - SGI_BASE;
      if (register >= OFFSET.IPRIORITYR && register < OFFSET.IPRIORITYR + 32) {
        if (size === 2 || (size === 4 && register & 3)) return;
        writePriorities(s, bank, register & 31, size, value, nonSecure);
      } else if (size === 4 && register !== OFFSET.ICFGR && register !== OFFSET.NSACR + 4) {
        writeBank(s, bank, register, value, nonSecure);
        s.words[bank + BANK.edge]! |= 0xffff;
      } else return;
      s.privateChanged(core);
    } finally {
      s.unlock();
    }
  }

  private readControl(core: number, at: number, nonSecure: boolean): number {
    const { s } = this;
    if (at >= PIDR) return identification(at, PART_REDISTRIBUTOR);
    switch (at) {
      case GICR_IIDR:
        return IIDR;
      case TYPER:
        return (core << 8) | (core === s.layout.cores - 1 ? LAST : 0);
      case TYPER + 4:
        return s.options.affinities[core]! | 0;
      case WAKER:
        return nonSecure && s.twoStates ? 0 : s.words[s.layout.core(core) + CORE.waker]!;
      default:
        return 0;
    }
  }
}
