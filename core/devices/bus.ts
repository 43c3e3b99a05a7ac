/** The bus between cores and devices: which device answers at a physical address of an address space. */
import type { Device, Pas, PasSet } from './device.ts';

export interface Mapped {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  /** Physical address spaces in which it answers. */
  readonly pas: PasSet;
  readonly device: Device;
}

export class Bus {
  /** In the order of their addresses. */
  readonly ranges: readonly Mapped[];
  private last: Mapped | null = null;

  /** RangeError when two ranges share addresses. */
  constructor(ranges: readonly Mapped[]) {
    this.ranges = [...ranges].sort((a, b) => a.base - b.base);
    for (let i = 1; i < this.ranges.length; i++) {
      const [p, q] = [this.ranges[i - 1]!, this.ranges[i]!];
      if (p.base + p.size > q.base) throw new RangeError(`${p.name} and ${q.name} are at the same address`);
    }
  }
  /** The range that holds a physical address, or null. */
  find(address: number, pas: Pas): Mapped | null {
    const { last } = this;
    const found = last && address >= last.base && address < last.base + last.size ? last : this.search(address);
    if (found === null || ((found.pas >>> pas) & 1) === 0) return null;
    this.last = found;
    return found;
  }
  private search(address: number): Mapped | null {
    let [from, to] = [0, this.ranges.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const r = this.ranges[middle]!;
      if (address < r.base) to = middle;
      else if (address >= r.base + r.size) from = middle + 1;
      else return r;
    }
    return null;
  }
}
