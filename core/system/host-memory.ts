/** A system's physical memory as the main thread sees it: images go in, debuggers look. It sees what is in memory, encrypted or not. */
import type { Layout } from '../engine/layout.ts';
import type { Image } from './api.ts';
import { UserError } from './errors.ts';
import type { MachinePlan } from './plan.ts';

export class HostMemory {
  private readonly buffer: SharedArrayBuffer;
  private readonly layout: Layout;
  private readonly plan: MachinePlan;

  constructor(buffer: SharedArrayBuffer, layout: Layout, plan: MachinePlan) {
    this.buffer = buffer;
    this.layout = layout;
    this.plan = plan;
  }
  /** The bytes of a range of physical addresses, or null where it is not inside one region of memory. */
  private window(address: number, length: number): Uint8Array<SharedArrayBuffer> | null {
    for (const r of this.plan.regions) {
      if (address < r.base || address + length > r.base + r.size) continue;
      return new Uint8Array(this.buffer, this.layout.arena + r.host + (address - r.base), length);
    }
    return null;
  }
  /** A copy of what there is, from the first byte on, up to the end of its region. */
  read(address: number, length: number): Uint8Array {
    const region = this.plan.regions.find((r) => address >= r.base && address < r.base + r.size);
    if (!region) return new Uint8Array(0);
    return this.window(address, Math.min(length, region.base + region.size - address))!.slice();
  }
  /** False when not all of the bytes can be written; then none was. */
  write(address: number, bytes: Uint8Array): boolean {
    const window = this.window(address, bytes.length);
    window?.set(bytes);
    return window !== null;
  }
  /** Flash memories keep what they have when the machine is reset. */
  private isFlash(address: number): boolean {
    return this.plan.regions.some((r) => r.readOnly && address >= r.base && address < r.base + r.size);
  }
  /** Throws UserError where an image has no room. `again`: after a reset. */
  load(images: readonly Image[], again: boolean): void {
    for (const { address, bytes, memoryBytes } of images) {
      if (again && this.isFlash(address)) continue;
      const size = Math.max(memoryBytes ?? 0, bytes.length);
      const window = this.window(address, size);
      if (!window) {
        throw new UserError(`the image at 0x${address.toString(16)} (${size} bytes) does not fit into memory`);
      }
      window.set(bytes);
    }
  }
  /** The bytes of a region, as they are. */
  region(name: string): Uint8Array<SharedArrayBuffer> {
    const { base, size } = this.plan.regions.find((r) => r.name === name)!;
    return this.window(base, size)!;
  }
  /** Zeros all memory but flash. Parts that hold nothing are left alone: the host need not find pages for them. */
  clear(): void {
    const zeros = Buffer.alloc(1 << 16);
    for (const { host, size, readOnly } of this.plan.regions) {
      if (readOnly) continue;
      const from = this.layout.arena + host;
      for (let at = from; at < from + size; at += zeros.length) {
        const bytes = Buffer.from(this.buffer, at, Math.min(zeros.length, from + size - at));
        if (!bytes.equals(zeros.subarray(0, bytes.length))) bytes.fill(0);
      }
    }
  }
}
