/**
 * PL031 real time clock (Arm DDI 0224, chapter 3): seconds that count up, and an interrupt when they reach a value. As in QEMU the
 * clock always runs, and starts with the time of its source.
 */
import type { Device, InterruptLine } from './device.ts';
import { identification } from './identification.ts';

const DR = 0x00;
const MR = 0x04;
const LR = 0x08;
const CR = 0x0c;
const IMSC = 0x10;
const RIS = 0x14;
const MIS = 0x18;
const ICR = 0x1c;
const PERIPH_ID = [0x31, 0x10, 0x14, 0x00];

// Words of the state.
/** Added to the source's seconds, modulo 2^32. */
const W_OFFSET = 0;
const W_MATCH = 1;
const W_LOAD = 2;
const W_MASK = 3;
const W_RAW = 4;
const W_LEVEL = 5;
/** A match is awaited: 1. */
const W_ARMED = 6;

export interface RtcSource {
  /** Seconds since 1970, of the host or of a deterministic clock; a whole number. */
  seconds(): number;
  /** Called when `due` may have changed: somebody should call `check` at that time. */
  rearm?(): void;
}

export class Pl031 implements Device {
  /** Words of shared state. */
  static readonly WORDS = 7;

  private readonly state: Int32Array;
  private readonly source: RtcSource;
  private readonly irq: InterruptLine;

  /** `state`: `Pl031.WORDS` shared words; then `reset` by one thread. */
  constructor(state: Int32Array, source: RtcSource, irq: InterruptLine = () => {}) {
    this.state = state;
    this.source = source;
    this.irq = irq;
  }

  reset(): void {
    this.state.fill(0, 0, W_LEVEL);
    this.state[W_ARMED] = 0;
    this.update();
  }

  /** Seconds from now until the match that is awaited, or null. Never negative. */
  get due(): number | null {
    if (this.state[W_ARMED] === 0) return null;
    // Modulo 2^32; the upper half means that it has gone by.
    return Math.max(0, (this.state[W_MATCH]! - this.count) | 0);
  }
  /** Raises the interrupt if its time has come; to be called under the same lock as accesses. */
  check(): void {
    if (this.due !== 0) return;
    this.state[W_ARMED] = 0;
    this.state[W_RAW] = 1;
    this.update();
  }

  private get count(): number {
    return (Math.floor(this.source.seconds()) + this.state[W_OFFSET]!) | 0;
  }
  private update(): void {
    const level = this.state[W_RAW]! & this.state[W_MASK]!;
    if (level === this.state[W_LEVEL]) return;
    this.state[W_LEVEL] = level;
    this.irq(level !== 0);
  }
  private arm(): void {
    this.state[W_ARMED] = 1;
    this.check();
    this.source.rearm?.();
  }

  read(offset: number): number {
    const s = this.state;
    this.check();
    switch (offset & 0xffc) {
      case DR:
        return this.count;
      case MR:
        return s[W_MATCH]!;
      case LR:
        return s[W_LOAD]!;
      case CR:
        return 1;
      case IMSC:
        return s[W_MASK]!;
      case RIS:
        return s[W_RAW]!;
      case MIS:
        return s[W_RAW]! & s[W_MASK]!;
      default:
        return identification(PERIPH_ID, offset & 0xffc) ?? 0;
    }
  }

  write(offset: number, value: number): void {
    const s = this.state;
    switch (offset & 0xffc) {
      case MR:
        s[W_MATCH] = value;
        this.arm();
        break;
      case LR:
        s[W_LOAD] = value;
        s[W_OFFSET] = value - Math.floor(this.source.seconds());
        this.arm();
        break;
      case IMSC:
        s[W_MASK] = value & 1;
        break;
      case ICR:
        s[W_RAW]! &= ~(value & 1);
        break;
      default:
        break;
    }
    this.update();
  }
}
