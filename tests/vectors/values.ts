/**
 * The input state that follows from a seed: values that are likely to be special, in registers, vector lanes, flags
 * and memory. Vector files rely on it: what follows from a seed and a style must never change.
 */

import { EL1H, WINDOW } from './environment.ts';
import { Random } from './random.ts';
import { SLOT, State } from './state.ts';

/** What the vector registers' lanes look like. */
export const STYLES = ['integer', 'half', 'single', 'double', 'bfloat', 'mixed'] as const;
export type Style = (typeof STYLES)[number];

const EDGES = [
  0n,
  1n,
  2n,
  0xffff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_fffen,
  0x8000_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0001n,
  0x8000_0000n,
  0x7fff_ffffn,
  0x8000_0001n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0xffff_ffff_0000_0000n,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_7fff_ffffn,
  0x8000n,
  0x7fffn,
  0xffffn,
  0xffff_ffff_ffff_8000n,
  0x80n,
  0x7fn,
  0xffn,
  0xffff_ffff_ffff_ff80n,
  0x5555_5555_5555_5555n,
  0xaaaa_aaaa_aaaa_aaaan,
] as const;

const SHIFTS = [0n, 1n, 7n, 8n, 15n, 16n, 30n, 31n, 32n, 33n, 62n, 63n, 64n, 65n, 127n, 128n] as const;

/** A value for a general register. */
export function generalValue(random: Random): bigint {
  switch (random.below(8)) {
    case 0:
      return random.pick(EDGES);
    case 1:
      return BigInt.asUintN(64, (1n << BigInt(random.below(64))) + BigInt(random.below(3) - 1));
    case 2:
      return BigInt.asUintN(64, random.oneIn(2) ? random.pick(SHIFTS) : -random.pick(SHIFTS));
    case 3:
      return BigInt(random.below(256));
    case 4:
      return BigInt.asUintN(64, BigInt.asIntN(64, random.next64()) >> BigInt(random.below(64)));
    case 5:
      return BigInt(random.next());
    default:
      return random.next64();
  }
}

/** A fraction of `width` (at most 52) bits: patterns that matter to rounding, or any. */
function fraction(random: Random, width: number): number {
  const whole = 2 ** width;
  const position = random.below(width);
  const unit = 2 ** position;
  const any = random.next() * 2 ** 20 + (random.next() >>> 12);
  switch (random.below(10)) {
    case 0:
      return 0;
    case 1:
      return random.pick([1, 2, 3, whole - 1, whole - 2, whole / 2, whole / 2 - 1, whole / 2 + 1]);
    case 2:
      return unit;
    case 3:
      return whole - unit;
    case 4:
    case 5: {
      // Random above, then exactly half of that unit, or next to it.
      const above = Math.floor((any % whole) / (2 * unit)) * (2 * unit);
      return Math.max(0, above + unit + random.below(3) - 1) % whole;
    }
    default:
      return any % whole;
  }
}

/** A biased exponent of `width` bits, for a fraction of `precision` bits. */
function exponent(random: Random, width: number, precision: number): number {
  const top = 2 ** width - 1;
  const bias = top >> 1;
  switch (random.below(16)) {
    case 0:
      return 0;
    case 1:
      return top;
    case 2:
      return random.pick([1, 2, top - 1, top - 2]);
    case 3:
      return random.below(top + 1);
    case 4:
    case 5:
      // Where results underflow or overflow when multiplied or divided.
      return Math.min(top - 1, Math.max(0, (bias >> 1) + random.below(5) - 2 + (random.oneIn(2) ? bias : 0)));
    case 6:
    case 7:
      // Where integers of 16, 32 and 64 bits end.
      return Math.min(top - 1, bias + random.pick([14, 15, 16, 30, 31, 32, 62, 63, 64]));
    case 8:
    case 9:
      return Math.min(top - 1, Math.max(0, bias + random.below(2 * precision + 5) - precision - 2));
    default:
      return bias + random.below(9) - 4;
  }
}

function halfLane(random: Random): number {
  const sign = random.oneIn(2) ? 0x8000 : 0;
  return sign | (exponent(random, 5, 10) << 10) | fraction(random, 10);
}

function bfloatLane(random: Random): number {
  const sign = random.oneIn(2) ? 0x8000 : 0;
  return sign | (exponent(random, 8, 7) << 7) | fraction(random, 7);
}

function singleLane(random: Random): number {
  const sign = random.oneIn(2) ? 0x8000_0000 : 0;
  return (sign | (exponent(random, 8, 23) << 23) | fraction(random, 23)) >>> 0;
}

function doubleLane(random: Random, words: Uint32Array, at: number): void {
  const sign = random.oneIn(2) ? 0x8000_0000 : 0;
  const bits = fraction(random, 52);
  words[at] = bits % 2 ** 32;
  words[at + 1] = sign | (exponent(random, 11, 52) << 20) | Math.floor(bits / 2 ** 32);
}

/** Fills one vector register, four 32-bit words from `at`. */
function vectorValue(random: Random, style: Style, words: Uint32Array, at: number): void {
  const chosen = style === 'mixed' ? random.pick(['half', 'single', 'double'] as const) : style;
  switch (chosen) {
    case 'half':
    case 'bfloat': {
      const lane = chosen === 'half' ? halfLane : bfloatLane;
      for (let index = 0; index < 4; index++) words[at + index] = lane(random) | (lane(random) << 16);
      break;
    }
    case 'single':
      for (let index = 0; index < 4; index++) words[at + index] = singleLane(random);
      break;
    case 'double':
      doubleLane(random, words, at);
      doubleLane(random, words, at + 2);
      break;
    default:
      integerLanes(random, words, at);
  }
}

const LANE_EDGES = [0, 1, 0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0x7fff_fffe, 0xffff_fffe] as const;

function integerLanes(random: Random, words: Uint32Array, at: number): void {
  const bits = random.pick([8, 16, 32, 64] as const);
  for (let index = 0; index < 4; index++) {
    let word = random.next();
    if (bits === 64) {
      if ((index & 1) === 0 && random.oneIn(2)) {
        const value = random.pick(EDGES);
        words[at + index] = Number(value & 0xffff_ffffn);
        words[at + ++index] = Number(value >> 32n);
        continue;
      }
    } else {
      const mask = bits === 32 ? 0xffff_ffff : 2 ** bits - 1;
      for (let low = 0; low < 32; low += bits) {
        if (random.oneIn(2)) continue;
        // An edge of 32 bits becomes one of this width: its sign goes to the lane's top, the rest stays.
        const edge = random.pick(LANE_EDGES);
        const lane = ((edge & (mask >>> 1)) | (edge & 0x8000_0000 ? (mask >>> 1) + 1 : 0)) >>> 0;
        word = ((word & ~(mask << low)) | (lane << low)) >>> 0;
      }
    }
    words[at + index] = word;
  }
}

/** The state that follows from a seed. FPCR is 0, PSTATE is EL1h with interrupts masked and random flags. */
export function stateFromSeed(seed: number, style: Style): State {
  const random = new Random(seed);
  const state = new State();
  const words = new Uint32Array(state.slots.buffer);
  for (let slot = 0; slot < SLOT.sp; slot++) state.slots[slot] = generalValue(random);
  state.slots[SLOT.sp] = random.oneIn(2) ? BigInt(WINDOW + 16 * random.below(33)) : generalValue(random);
  state.slots[SLOT.spEl0] = generalValue(random);
  state.slots[SLOT.pstate] = (BigInt(random.below(16)) << 28n) | BigInt(EL1H);
  // QC, IDC, IXC, UFC, OFC, DZC, IOC.
  state.slots[SLOT.fpsr] = BigInt(random.oneIn(4) ? random.next() & 0x0800_009f : 0);
  for (let index = 0; index < 32; index++) vectorValue(random, style, words, 2 * SLOT.v + 4 * index);
  for (let index = 2 * SLOT.memory; index < 2 * SLOT.system; index++) words[index] = random.next();
  return state;
}
