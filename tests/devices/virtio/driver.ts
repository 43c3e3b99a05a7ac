/** A driver for tests: memory of a guest, and a virtio-mmio driver that talks to a transport through its registers alone. */
import type { GuestMemory } from '../../../core/devices/device.ts';
import { type DeviceShape, Q, queueAt } from '../../../core/devices/virtio/layout.ts';
import { VirtioMmio } from '../../../core/devices/virtio/mmio.ts';

export const BASE = 0x40000000;

/** RAM from `BASE` on. */
export class Ram implements GuestMemory {
  readonly bytes: Uint8Array;
  readonly data: DataView;
  /** Whether direct views are given. */
  views = true;
  /** [address, length] that the device may not access. */
  forbidden: readonly [number, number] = [0, 0];
  /** Longest access of the device, in bytes. */
  longest = 0;

  constructor(bytes: Uint8Array = new Uint8Array(new SharedArrayBuffer(1 << 22))) {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  private window(address: number, length: number): Uint8Array | null {
    this.longest = Math.max(this.longest, length);
    const [from, size] = this.forbidden;
    if (address < BASE || address + length > BASE + this.bytes.length) return null;
    if (size > 0 && address < from + size && from < address + length) return null;
    return this.bytes.subarray(address - BASE, address - BASE + length);
  }
  view(address: number, length: number): Uint8Array | null {
    return this.views ? this.window(address, length) : null;
  }
  read(address: number, length: number): Uint8Array | null {
    return this.window(address, length)?.slice() ?? null;
  }
  write(address: number, bytes: Uint8Array): boolean {
    const window = this.window(address, bytes.length);
    window?.set(bytes);
    return window !== null;
  }
}

export interface Machine {
  readonly ram: Ram;
  readonly transport: VirtioMmio;
  /** Levels of the interrupt line, in order. */
  readonly levels: boolean[];
  rings: number;
}
export function machine(shape: DeviceShape | null, legacy = false): Machine {
  const words = new Int32Array(new SharedArrayBuffer(4 * VirtioMmio.WORDS));
  const levels: boolean[] = [];
  const ring = (): void => void made.rings++;
  const irq = (level: boolean): void => void levels.push(level);
  const made: Machine = {
    ram: new Ram(),
    transport: new VirtioMmio(words, shape, ring, irq, legacy),
    levels,
    rings: 0,
  };
  made.transport.reset();
  made.rings = 0;
  return made;
}

/** A buffer of a request: bytes for the device, or a number of bytes of room for it. */
export type Part = Uint8Array | number;

export interface Submitted {
  readonly head: number;
  /** Addresses of the parts, and their lengths. */
  readonly places: readonly (readonly [address: number, length: number])[];
}

export class Driver {
  readonly transport: VirtioMmio;
  readonly ram: Ram;
  readonly size: number;
  private readonly queueBase: (n: number) => number;
  private readonly available = new Map<number, number>();
  private readonly seen = new Map<number, number>();
  private nextDescriptor = 0;
  private nextData = BASE + (1 << 19);

  /** Negotiates `features` (those of the device that are asked for; null: all), and sets up `queues` queues. */
  constructor(m: Machine, queues: number, features: bigint | null = null, size = 8) {
    this.transport = m.transport;
    this.ram = m.ram;
    this.size = size;
    this.queueBase = (n) => BASE + 0x10000 + n * 0x10000;
    this.start(queues, features);
  }
  read(offset: number): number {
    return this.transport.read(offset, 4) >>> 0;
  }
  write(offset: number, value: number): void {
    this.transport.write(offset, value, 4);
  }
  offered(): bigint {
    return [0, 1].reduce((sum, half) => {
      this.write(0x14, half);
      return sum | (BigInt(this.read(0x10)) << BigInt(32 * half));
    }, 0n);
  }

  start(queues: number, features: bigint | null): void {
    const { transport } = this;
    this.write(0x70, 0);
    this.write(0x70, 1);
    this.write(0x70, 3);
    const wanted = features === null ? this.offered() : features & this.offered();
    for (const half of [0, 1]) {
      this.write(0x24, half);
      this.write(0x20, Number((wanted >> BigInt(32 * half)) & 0xffffffffn));
    }
    if (!transport.legacy) {
      this.write(0x70, 11);
      if (!(this.read(0x70) & 8)) throw new Error('the features were refused');
    } else this.write(0x28, 4096);
    for (let n = 0; n < queues; n++) this.setUp(n);
    this.write(0x70, transport.legacy ? 7 : 15);
  }
  private setUp(n: number): void {
    const base = this.queueBase(n);
    this.ram.bytes.fill(0, base - BASE, base - BASE + 0x10000);
    this.available.set(n, 0);
    this.seen.set(n, 0);
    this.write(0x30, n);
    this.write(0x38, this.size);
    if (this.transport.legacy) {
      this.write(0x3c, 4096);
      this.write(0x40, base / 4096);
      return;
    }
    this.write(0x80, base);
    this.write(0x84, 0);
    this.write(0x90, this.availableRing(n));
    this.write(0x94, 0);
    this.write(0xa0, this.usedRing(n));
    this.write(0xa4, 0);
    this.write(0x44, 1);
  }

  /** Lets a queue's indices, which are modulo 2^16, begin at `index`. */
  beginAt(n: number, index: number): void {
    const { words } = this.transport;
    words[queueAt(n) + Q.taken] = index;
    words[queueAt(n) + Q.used] = index;
    this.available.set(n, index);
    this.seen.set(n, index);
    this.setHalf(this.availableRing(n) + 2, index);
    this.setHalf(this.usedRing(n) + 2, index);
  }

  descriptorTable(n: number): number {
    return this.queueBase(n);
  }
  availableRing(n: number): number {
    return this.queueBase(n) + 16 * this.size;
  }
  usedRing(n: number): number {
    return this.transport.legacy ? this.queueBase(n) + 4096 : this.queueBase(n) + 0x8000;
  }
  half(address: number): number {
    return this.ram.data.getUint16(address - BASE, true);
  }
  setHalf(address: number, value: number): void {
    this.ram.data.setUint16(address - BASE, value, true);
  }

  place(length: number): number {
    const at = this.nextData;
    this.nextData += (length + 15) & ~15;
    if (this.nextData > BASE + this.ram.bytes.length) {
      this.nextData = BASE + (1 << 19);
      return this.place(length);
    }
    return at;
  }
  descriptor(table: number, index: number, address: number, length: number, flags: number, next: number): void {
    const at = table - BASE + 16 * index;
    this.ram.data.setBigUint64(at, BigInt(address), true);
    this.ram.data.setUint32(at + 8, length, true);
    this.ram.data.setUint16(at + 12, flags, true);
    this.ram.data.setUint16(at + 14, next, true);
  }

  /** Makes a request available. */
  submit(n: number, parts: readonly Part[], indirect = false): Submitted {
    const places = parts.map((part) => {
      const length = typeof part === 'number' ? part : part.length;
      const address = this.place(length);
      if (typeof part !== 'number') this.ram.bytes.set(part, address - BASE);
      return [address, length] as const;
    });
    const table = indirect ? this.place(16 * parts.length) : this.descriptorTable(n);
    const index = (i: number): number => (indirect ? i : (this.nextDescriptor + i) % this.size);
    const head = this.nextDescriptor % this.size;
    places.forEach(([address, length], i) => {
      const flags = (i < parts.length - 1 ? 1 : 0) | (typeof parts[i] === 'number' ? 2 : 0);
      this.descriptor(table, index(i), address, length, flags, index(i + 1));
    });
    if (indirect) this.descriptor(this.descriptorTable(n), head, table, 16 * parts.length, 4, 0);
    this.nextDescriptor = (this.nextDescriptor + (indirect ? 1 : parts.length)) % this.size;
    this.offer(n, head);
    return { head, places };
  }
  offer(n: number, head: number): void {
    const ring = this.availableRing(n);
    const index = this.available.get(n)!;
    this.setHalf(ring + 4 + 2 * (index % this.size), head);
    this.available.set(n, (index + 1) & 0xffff);
    this.setHalf(ring + 2, (index + 1) & 0xffff);
  }
  notify(n: number): void {
    this.write(0x50, n);
  }
  /** Entries of the used ring since the last time. */
  used(n: number): { id: number; length: number }[] {
    const ring = this.usedRing(n);
    const list: { id: number; length: number }[] = [];
    for (let at = this.seen.get(n)!; at !== this.half(ring + 2); at = (at + 1) & 0xffff) {
      const entry = ring - BASE + 4 + 8 * (at % this.size);
      list.push({ id: this.ram.data.getUint32(entry, true), length: this.ram.data.getUint32(entry + 4, true) });
      this.seen.set(n, (at + 1) & 0xffff);
    }
    return list;
  }
  bytesAt([address, length]: readonly [number, number]): Uint8Array {
    return this.ram.bytes.slice(address - BASE, address - BASE + length);
  }
}
