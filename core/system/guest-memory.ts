/** Physical memory as requesters other than cores see it (DMA). */
import type { GuestMemory, Pas } from '../devices/device.ts';
import type { Layout } from '../engine/layout.ts';
import type { MachinePlan, PlannedRegion } from './plan.ts';

/** The memory that answers in one physical address space. Reads of flash see its contents; nothing writes to it this way. */
export class RequesterMemory implements GuestMemory {
  private readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  private readonly arena: number;
  private readonly regions: readonly PlannedRegion[];

  constructor(memory: WebAssembly.Memory<SharedArrayBuffer>, layout: Layout, plan: MachinePlan, pas: Pas) {
    this.memory = memory;
    this.arena = layout.arena;
    this.regions = plan.regions.filter((r) => (r.pas >>> pas) & 1);
  }
  read(address: number, length: number): Uint8Array | null {
    return this.window(address, length, false)?.slice() ?? null;
  }
  write(address: number, bytes: Uint8Array): boolean {
    const window = this.window(address, bytes.length, true);
    window?.set(bytes);
    return window !== null;
  }
  view(address: number, length: number): Uint8Array | null {
    return this.window(address, length, true);
  }
  private window(address: number, length: number, write: boolean): Uint8Array<SharedArrayBuffer> | null {
    for (const r of this.regions) {
      if (address < r.base || address + length > r.base + r.size || (write && r.readOnly)) continue;
      return new Uint8Array(this.memory.buffer, this.arena + r.host + (address - r.base), length);
    }
    return null;
  }
}
