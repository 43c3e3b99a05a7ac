/** A part of guest memory that cores use at the same time: 16-bit fields are read and written as one, in order. */
import type { GuestMemory } from '../device.ts';

/** Memory that the device may not access. */
export class GuestFault extends Error {}

export class GuestWindow {
  private readonly memory: GuestMemory;
  private readonly address: number;
  private readonly halves: Uint16Array | null;
  private readonly view: DataView | null;

  /** Throws GuestFault where any of `length` bytes at the physical address may not be accessed. */
  constructor(memory: GuestMemory, address: number, length: number) {
    this.memory = memory;
    this.address = address;
    const bytes = memory.view(address, length);
    if (!bytes && !memory.read(address, length)) throw new GuestFault();
    this.view = bytes && new DataView(bytes.buffer, bytes.byteOffset, length);
    const even = bytes && (bytes.byteOffset & 1) === 0;
    this.halves = even ? new Uint16Array(bytes.buffer, bytes.byteOffset, length >> 1) : null;
  }

  /** A 16-bit field, with the order of Atomics where memory can be had directly. `offset` is even. */
  get16(offset: number): number {
    if (this.halves) return Atomics.load(this.halves, offset >> 1);
    const bytes = this.read(offset, 2);
    return bytes[0]! | (bytes[1]! << 8);
  }
  set16(offset: number, value: number): void {
    if (this.halves) Atomics.store(this.halves, offset >> 1, value);
    else this.write(offset, new Uint8Array([value, value >> 8]));
  }
  /** An unsigned 32-bit field. */
  get32(offset: number): number {
    if (this.view) return this.view.getUint32(offset, true);
    const bytes = this.read(offset, 4);
    return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
  }
  set32(offset: number, value: number): void {
    if (this.view) this.view.setUint32(offset, value >>> 0, true);
    else this.write(offset, new Uint8Array([value, value >> 8, value >> 16, value >> 24]));
  }

  private read(offset: number, length: number): Uint8Array {
    const bytes = this.memory.read(this.address + offset, length);
    if (!bytes) throw new GuestFault();
    return bytes;
  }
  private write(offset: number, bytes: Uint8Array): void {
    if (!this.memory.write(this.address + offset, bytes)) throw new GuestFault();
  }
}
