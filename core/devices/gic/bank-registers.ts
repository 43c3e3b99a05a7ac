/**
 * Registers that distributor and redistributors have alike: a bit, two bits or a byte for each interrupt of a bank, with the rules
 * for Non-secure accesses when there are two security states (IHI 0069, 12.9 and 12.11, "Accessing …" of each register).
 */
import { BANK } from './layout.ts';
import { type GicState, GROUP, PRIORITY_MASK } from './state.ts';

/** Offsets of the first registers, the same in GICD and in a redistributor's SGI_base frame. */
export const OFFSET = {
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
} as const;

/** What a Non-secure access needs in NSACR for an interrupt that is not Non-secure; 4: never. */
const NEVER = 4;
const SET_PENDING = 1;
const CLEAR_PENDING = 2;
export const ROUTE = 3;

const even = (v: number): number => {
  let b = v & 0x55555555;
  b = (b | (b >>> 1)) & 0x33333333;
  b = (b | (b >>> 2)) & 0x0f0f0f0f;
  b = (b | (b >>> 4)) & 0x00ff00ff;
  return (b | (b >>> 8)) & 0xffff;
};
const spread = (v: number): number => {
  let b = v & 0xffff;
  b = (b | (b << 8)) & 0x00ff00ff;
  b = (b | (b << 4)) & 0x0f0f0f0f;
  b = (b | (b << 2)) & 0x33333333;
  return (b | (b << 1)) & 0x55555555;
};

/** Bits of a bank where NSACR is at least `level` (1–3). */
function granted(words: Int32Array, bank: number, level: number): number {
  const half = (v: number): number => {
    const [low, high] = [even(v), even(v >>> 1)];
    return level === 1 ? low | high : level === 2 ? high : low & high;
  };
  return half(words[bank + BANK.nsacr]!) | (half(words[bank + BANK.nsacr + 1]!) << 16);
}
/** Interrupts of a bank that an access may see. NSACR counts for shared interrupts only: that of private ones is about SGIs. */
export function visible(s: GicState, bank: number, nonSecure: boolean, level: number): number {
  if (!nonSecure || !s.twoStates) return ~0;
  const shared = bank < s.layout.routes;
  return s.words[bank + BANK.group]! | (shared && level < NEVER ? granted(s.words, bank, level) : 0);
}

/**
 * Reads a register of a bank; `register` is its offset with that of the bank taken off, and for ICFGR and NSACR 0 or 4 added for
 * the half. Unknown ones read as zero.
 */
export function readBank(s: GicState, bank: number, register: number, nonSecure: boolean): number {
  const w = s.words;
  const hidden = nonSecure && s.twoStates;
  switch (register) {
    case OFFSET.IGROUPR:
      return hidden ? 0 : w[bank + BANK.group]!;
    case OFFSET.IGRPMODR:
      return hidden || !s.twoStates ? 0 : w[bank + BANK.modifier]!;
    case OFFSET.ISENABLER:
    case OFFSET.ICENABLER:
      return w[bank + BANK.enable]! & visible(s, bank, nonSecure, NEVER);
    case OFFSET.ISPENDR:
      return s.pending(bank) & visible(s, bank, nonSecure, SET_PENDING);
    case OFFSET.ICPENDR:
      return s.pending(bank) & visible(s, bank, nonSecure, CLEAR_PENDING);
    case OFFSET.ISACTIVER:
    case OFFSET.ICACTIVER:
      return w[bank + BANK.active]! & visible(s, bank, nonSecure, CLEAR_PENDING);
    case OFFSET.ICFGR:
    case OFFSET.ICFGR + 4: {
      const bits = w[bank + BANK.edge]! & visible(s, bank, nonSecure, NEVER);
      return spread(register & 4 ? bits >>> 16 : bits) << 1;
    }
    case OFFSET.NSACR:
    case OFFSET.NSACR + 4:
      return hidden || !s.twoStates ? 0 : w[bank + BANK.nsacr + ((register & 4) >> 2)]!;
    default:
      return 0;
  }
}

/** Writes a register of a bank; what follows is the caller's (`privateChanged`, `sharedChanged`). */
export function writeBank(s: GicState, bank: number, register: number, v: number, nonSecure: boolean): void {
  const w = s.words;
  const hidden = nonSecure && s.twoStates;
  switch (register) {
    case OFFSET.IGROUPR:
      if (!hidden) w[bank + BANK.group] = v;
      break;
    case OFFSET.IGRPMODR:
      if (!hidden && s.twoStates) w[bank + BANK.modifier] = v;
      break;
    case OFFSET.ISENABLER:
      w[bank + BANK.enable]! |= v & visible(s, bank, nonSecure, NEVER);
      break;
    case OFFSET.ICENABLER:
      w[bank + BANK.enable]! &= ~(v & visible(s, bank, nonSecure, NEVER));
      break;
    case OFFSET.ISPENDR:
      w[bank + BANK.latch]! |= v & visible(s, bank, nonSecure, SET_PENDING);
      break;
    case OFFSET.ICPENDR:
      w[bank + BANK.latch]! &= ~(v & visible(s, bank, nonSecure, CLEAR_PENDING));
      break;
    case OFFSET.ISACTIVER:
      w[bank + BANK.active]! |= v & visible(s, bank, nonSecure, NEVER);
      break;
    case OFFSET.ICACTIVER:
      w[bank + BANK.active]! &= ~(v & visible(s, bank, nonSecure, NEVER));
      break;
    case OFFSET.ICFGR:
    case OFFSET.ICFGR + 4: {
      const shift = register & 4 ? 16 : 0;
      const mask = (0xffff << shift) & visible(s, bank, nonSecure, NEVER);
      w[bank + BANK.edge] = (w[bank + BANK.edge]! & ~mask) | ((even(v >>> 1) << shift) & mask);
      break;
    }
    case OFFSET.NSACR:
    case OFFSET.NSACR + 4:
      if (!hidden && s.twoStates) w[bank + BANK.nsacr + ((register & 4) >> 2)] = v;
      break;
    default:
      break;
  }
}

/** IPRIORITYR, `count` bytes from interrupt `bit` of the bank. Non-secure accesses see the lower half of priorities only. */
export function readPriorities(s: GicState, bank: number, bit: number, count: number, nonSecure: boolean): number {
  const view = nonSecure && s.twoStates;
  let v = 0;
  for (let i = 0; i < count; i++) {
    let p = s.bytes[s.priorityAt(bank, bit + i)]!;
    if (view) p = s.group(bank, bit + i) === GROUP.oneNonSecure ? (p << 1) & 0xff : 0;
    v |= p << (8 * i);
  }
  return v;
}
export function writePriorities(
  s: GicState,
  bank: number,
  bit: number,
  count: number,
  v: number,
  nonSecure: boolean,
): void {
  const view = nonSecure && s.twoStates;
  for (let i = 0; i < count; i++) {
    let p = (v >>> (8 * i)) & 0xff;
    if (view) {
      if (s.group(bank, bit + i) !== GROUP.oneNonSecure) continue;
      p = 0x80 | (p >> 1);
    }
    s.bytes[s.priorityAt(bank, bit + i)] = p & PRIORITY_MASK;
  }
}
