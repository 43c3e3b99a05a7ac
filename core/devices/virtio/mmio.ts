/**
 * The virtio-mmio transport (virtio 1.2, section 4.2): version 2, or the legacy version 1 (4.2.4).
 *
 * Any thread may access the registers; a lock of the transport's own guards its words. A write to QueueNotify only marks the queue
 * and rings the doorbell: the work is done by the I/O service, which has an instance of this class over the same words.
 */
import type { Device, InterruptLine } from '../device.ts';
import { lock, unlock } from '../lock.ts';
import { type DeviceShape, FEATURE, INTERRUPT, Q, queueAt, STATUS, TRANSPORT_WORDS, W } from './layout.ts';

/** Register offsets (4.2.2; those of version 1 in 4.2.4). */
const REG = {
  magic: 0x000,
  version: 0x004,
  deviceId: 0x008,
  vendorId: 0x00c,
  deviceFeatures: 0x010,
  deviceFeaturesSel: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSel: 0x024,
  guestPageSize: 0x028,
  queueSel: 0x030,
  queueSizeMax: 0x034,
  queueSize: 0x038,
  queueAlign: 0x03c,
  queuePfn: 0x040,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAck: 0x064,
  status: 0x070,
  descriptorLow: 0x080,
  descriptorHigh: 0x084,
  driverLow: 0x090,
  driverHigh: 0x094,
  deviceLow: 0x0a0,
  deviceHigh: 0x0a4,
  shmLengthLow: 0x0b0,
  shmBaseHigh: 0x0bc,
  configuration: 0x100,
} as const;

/** Registers that are a queue's words. */
const QUEUE_WORD = new Map<number, number>([
  [REG.descriptorLow, Q.descriptorLow],
  [REG.descriptorHigh, Q.descriptorHigh],
  [REG.driverLow, Q.driverLow],
  [REG.driverHigh, Q.driverHigh],
  [REG.deviceLow, Q.deviceLow],
  [REG.deviceHigh, Q.deviceHigh],
]);

const MAGIC = 0x74726976;
/** The vendor that QEMU's transports name; some small kernels insist on it. */
const VENDOR = 0x554d4551;

/** Wakes whoever serves queues. May be called by any thread, with locks held. */
export type Doorbell = () => void;

export class VirtioMmio implements Device {
  /** Words of shared state. */
  static readonly WORDS = TRANSPORT_WORDS;

  readonly ownLock = true;
  readonly shape: DeviceShape | null;
  readonly legacy: boolean;
  readonly words: Int32Array;
  private readonly doorbell: Doorbell;
  private readonly irq: InterruptLine;
  private readonly features: readonly [number, number];

  /**
   * `words`: `VirtioMmio.WORDS` shared words, zero at first; then `reset` by one of the threads. `shape`: null for a transport
   * without a device. `irq` is called with the lock held.
   */
  constructor(words: Int32Array, shape: DeviceShape | null, doorbell: Doorbell, irq: InterruptLine, legacy = false) {
    this.words = words;
    this.shape = shape;
    this.doorbell = doorbell;
    this.irq = irq;
    this.legacy = legacy;
    let low = (shape?.features ?? 0) | (1 << FEATURE.indirectDescriptors) | (1 << FEATURE.eventIndex);
    if (legacy) low |= 1 << FEATURE.anyLayout;
    this.features = shape ? [low, legacy ? 0 : 1 << (FEATURE.version1 - 32)] : [0, 0];
  }

  /** Runs `work` with the transport's lock. Not recursive. */
  locked<T>(work: () => T): T {
    lock(this.words, W.lock);
    try {
      return work();
    } finally {
      unlock(this.words, W.lock);
    }
  }

  reset(): void {
    this.locked(() => this.resetDevice());
    this.doorbell();
  }

  read(offset: number, size: number): number {
    if (offset >= REG.configuration) return this.readConfiguration(offset - REG.configuration, size);
    if (size !== 4 || (offset & 3) !== 0) return 0;
    return this.locked(() => this.readRegister(offset));
  }

  write(offset: number, value: number, size: number): void {
    // No device here has a writable field in its configuration space.
    if (!this.shape || offset >= REG.configuration || size !== 4 || (offset & 3) !== 0) return;
    if (offset === REG.queueNotify) {
      this.notify(value >>> 0);
      return;
    }
    const wake = this.locked(() => this.writeRegister(offset, value | 0));
    if (wake) this.doorbell();
  }

  // What the I/O service calls, with the lock held.

  /** Whether requests of a queue may be taken: it is set up, the driver is ready, nothing is broken. */
  serves(queue: number): boolean {
    const status = this.words[W.status]!;
    if (status & STATUS.needsReset || !this.words[queueAt(queue) + Q.ready]) return false;
    // Legacy drivers may use queues before they say that they are ready (legacy interface of 3.1.1).
    return this.legacy || (status & STATUS.driverOk) !== 0;
  }
  /** Whether the driver has accepted a feature. */
  accepted(feature: number): boolean {
    return ((this.words[W.driverFeatures + (feature >> 5)]! >>> (feature & 31)) & 1) === 1;
  }
  /** Raises an interrupt: one of `INTERRUPT`. */
  interrupt(cause: number): void {
    this.words[W.interruptStatus]! |= cause;
    this.setLevel();
  }
  /** The driver broke the rules so that the device cannot go on (2.1.2). */
  fail(): void {
    this.words[W.status]! |= STATUS.needsReset;
    if (this.words[W.status]! & STATUS.driverOk) this.interrupt(INTERRUPT.configuration);
  }

  private notify(queue: number): void {
    if (queue >= this.shape!.queueSizes.length) return;
    Atomics.or(this.words, W.pending, 1 << queue);
    this.doorbell();
  }

  private setLevel(): void {
    const level = this.words[W.interruptStatus] !== 0 ? 1 : 0;
    if (level === this.words[W.level]) return;
    this.words[W.level] = level;
    this.irq(level === 1);
  }

  private resetDevice(): void {
    const { words } = this;
    for (let word = W.status; word < W.level; word++) words[word] = 0;
    Atomics.store(words, W.pending, 0);
    words[W.guestPageSize] = 0;
    words[W.resets]! += 1;
    this.shape?.queueSizes.forEach((size, n) => {
      const at = queueAt(n);
      const generation = words[at + Q.generation]! + 1;
      words.fill(0, at, queueAt(n + 1));
      words[at + Q.generation] = generation;
      words[at + Q.size] = this.legacy ? 0 : size;
    });
    this.setLevel();
  }

  private readConfiguration(offset: number, size: number): number {
    let value = 0;
    for (let i = Math.min(size, 4) - 1; i >= 0; i--) {
      value = (value << 8) | (this.shape?.configuration[offset + i] ?? 0);
    }
    return value;
  }

  /** First word of the selected queue, or −1. */
  private get selected(): number {
    const queue = this.words[W.queueSel]! >>> 0;
    return queue < this.shape!.queueSizes.length ? queueAt(queue) : -1;
  }

  private readRegister(offset: number): number {
    const { words } = this;
    switch (offset) {
      case REG.magic:
        return MAGIC;
      case REG.version:
        return this.legacy ? 1 : 2;
      case REG.vendorId:
        return VENDOR;
    }
    if (!this.shape) return 0;
    const at = this.selected;
    switch (offset) {
      case REG.deviceId:
        return this.shape.deviceId;
      case REG.deviceFeatures:
        return this.features[words[W.deviceFeaturesSel]! >>> 0] ?? 0;
      case REG.queueSizeMax:
        return at < 0 ? 0 : this.shape.queueSizes[words[W.queueSel]!]!;
      case REG.queueReady:
        return this.legacy || at < 0 ? 0 : words[at + Q.ready]!;
      case REG.queuePfn:
        return this.legacy && at >= 0 ? words[at + Q.pfn]! : 0;
      case REG.interruptStatus:
        return words[W.interruptStatus]!;
      case REG.status:
        return words[W.status]!;
      default:
        // There is no shared memory region: its length and base read as all ones (4.2.2).
        return offset >= REG.shmLengthLow && offset <= REG.shmBaseHigh && !this.legacy ? -1 : 0;
    }
  }

  /** Yields whether the I/O service has to look. */
  private writeRegister(offset: number, value: number): boolean {
    const { words } = this;
    const at = this.selected;
    switch (offset) {
      case REG.deviceFeaturesSel:
        words[W.deviceFeaturesSel] = value;
        return false;
      case REG.driverFeaturesSel:
        words[W.driverFeaturesSel] = value;
        return false;
      case REG.driverFeatures:
        this.setDriverFeatures(words[W.driverFeaturesSel]! >>> 0, value);
        return false;
      case REG.queueSel:
        words[W.queueSel] = value;
        return false;
      case REG.interruptAck:
        words[W.interruptStatus]! &= ~value;
        this.setLevel();
        return false;
      case REG.status:
        return this.setStatus(value & 0xff);
    }
    if (this.legacy && offset === REG.guestPageSize) words[W.guestPageSize] = value;
    if (at < 0) return false;
    const ready = words[at + Q.ready] !== 0;
    if (offset === REG.queueSize && !ready) words[at + Q.size] = value;
    else if (this.legacy) {
      if (offset === REG.queueAlign) words[at + Q.align] = value;
      else if (offset === REG.queuePfn) this.setPfn(at, value);
    } else if (offset === REG.queueReady) this.setReady(at, (value & 1) === 1);
    else if (QUEUE_WORD.has(offset) && !ready) words[at + QUEUE_WORD.get(offset)!] = value;
    return false;
  }

  private setDriverFeatures(half: number, value: number): void {
    // They are fixed once the device has agreed to them (3.1.1).
    if (half > 1 || this.words[W.status]! & STATUS.featuresOk) return;
    // A legacy driver cannot be told that it accepted too much; what was not offered is not accepted.
    this.words[W.driverFeatures + half] = this.legacy ? value & this.features[half]! : value;
  }

  private setStatus(value: number): boolean {
    const { words } = this;
    if (value === 0) {
      this.resetDevice();
      return true;
    }
    const before = words[W.status]!;
    let status = value | (before & STATUS.needsReset);
    if (!this.legacy && status & STATUS.featuresOk && !(before & STATUS.featuresOk) && !this.agrees()) {
      status &= ~STATUS.featuresOk;
    }
    words[W.status] = status;
    if (!(status & STATUS.driverOk) || before & STATUS.driverOk) return false;
    // Buffers may have been made available before.
    Atomics.or(words, W.pending, (1 << this.shape!.queueSizes.length) - 1);
    return true;
  }
  /** Whether the driver's features are a subset of the device's, with VERSION_1 (2.2, 6.1). */
  private agrees(): boolean {
    const excess = [0, 1].some((half) => this.words[W.driverFeatures + half]! & ~this.features[half]!);
    return !excess && this.accepted(FEATURE.version1);
  }

  private setReady(at: number, ready: boolean): void {
    const { words } = this;
    const max = this.shape!.queueSizes[words[W.queueSel]!]!;
    const size = words[at + Q.size]!;
    if (ready && (size < 1 || size > max || (size & (size - 1)) !== 0)) return;
    if (ready && words[at + Q.ready]) return;
    words[at + Q.ready] = ready ? 1 : 0;
    words[at + Q.generation]! += 1;
    words[at + Q.taken] = 0;
    words[at + Q.used] = 0;
  }

  /** Version 1: the three parts of a queue follow each other from a page on (2.7.2, legacy interface). */
  private setPfn(at: number, pfn: number): void {
    const { words } = this;
    this.setReady(at, false);
    words[at + Q.pfn] = pfn;
    if (pfn === 0) return;
    const size = words[at + Q.size]! >>> 0;
    const align = words[at + Q.align]! >>> 0;
    if (align === 0 || (align & (align - 1)) !== 0) return;
    const descriptors = (pfn >>> 0) * (words[W.guestPageSize]! >>> 0);
    const driver = descriptors + 16 * size;
    const device = Math.ceil((driver + 6 + 2 * size) / align) * align;
    for (const [word, address] of [
      [Q.descriptorLow, descriptors],
      [Q.driverLow, driver],
      [Q.deviceLow, device],
    ] as const) {
      words[at + word] = address | 0;
      words[at + word + 1] = Math.floor(address / 2 ** 32);
    }
    this.setReady(at, true);
  }
}
