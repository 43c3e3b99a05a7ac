/** A virtio transport's state in shared memory, and the numbers of the virtio specification (version 1.2) that all parts use. */

/** Virtqueues that a transport has room for; each has a bit of a word. */
export const MAX_QUEUES = 30;

/** Words of the transport. */
export const W = {
  lock: 0,
  status: 1,
  driverFeatures: 2,
  driverFeaturesHigh: 3,
  deviceFeaturesSel: 4,
  driverFeaturesSel: 5,
  queueSel: 6,
  interruptStatus: 7,
  level: 8,
  /** Bit n: queue n has been notified. Set without the lock. */
  pending: 9,
  guestPageSize: 10,
  /** Counts resets, so that the I/O side sees that one happened. */
  resets: 11,
  queues: 16,
} as const;

/** Words of each queue, from `W.queues`. */
export const Q = {
  size: 0,
  ready: 1,
  descriptorLow: 2,
  descriptorHigh: 3,
  driverLow: 4,
  driverHigh: 5,
  deviceLow: 6,
  deviceHigh: 7,
  /** Entries taken from the available ring and put into the used ring, modulo 2^16. */
  taken: 8,
  used: 9,
  /** Changes whenever the queue stops or starts: requests taken before are void. Survives resets. */
  generation: 10,
  /** Legacy transport: queue address in pages, alignment of the used ring. */
  pfn: 11,
  align: 12,
} as const;
const QUEUE_WORDS = 16;

/** Index of the first word of queue `n`. */
export const queueAt = (n: number): number => W.queues + n * QUEUE_WORDS;

/** Words of shared state of a transport. */
export const TRANSPORT_WORDS = W.queues + MAX_QUEUES * QUEUE_WORDS;

/** Device status bits (2.1). */
export const STATUS = { driverOk: 4, featuresOk: 8, needsReset: 64 } as const;

/** Interrupt status bits of the MMIO transport (4.2.2). */
export const INTERRUPT = { usedBuffer: 1, configuration: 2 } as const;

/** Device types (5). */
export const DEVICE_ID = { block: 2, console: 3, entropy: 4, ninep: 9 } as const;

/** Feature bits of console devices (5.3.3). */
export const CONSOLE_FEATURE = { multiport: 1 } as const;

/** Feature bits that are no device's own (6). */
export const FEATURE = { anyLayout: 27, indirectDescriptors: 28, eventIndex: 29, version1: 32 } as const;

/** What a transport shows of its device: plain data, the same on all threads. */
export interface DeviceShape {
  /** One of `DEVICE_ID`. */
  readonly deviceId: number;
  /** Device's own feature bits, 0–31. */
  readonly features: number;
  /** The configuration space; constant. */
  readonly configuration: Uint8Array;
  /** Largest size of each virtqueue: powers of two. */
  readonly queueSizes: readonly number[];
}
