/** The bus between cores and devices: a device is a range of physical addresses with two functions. */

export interface Device {
  /** Reads `size` bytes (1, 2, 4, 8) at `offset`; 64-bit values as [low, high] through `readWide`. */
  read(offset: number, size: number): number;
  write(offset: number, value: number, size: number): void;
  /** 8-byte accesses, for devices that have them; others see two of 4 bytes. */
  readWide?(offset: number): readonly [number, number];
  writeWide?(offset: number, low: number, high: number): void;
}

/** An interrupt output of a device: called with its new level when that changes. */
export type InterruptLine = (level: boolean) => void;

export interface Mapped {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly device: Device;
}

export class Bus {
  private readonly ranges: Mapped[];
  private last: Mapped | null = null;

  constructor(ranges: readonly Mapped[]) {
    this.ranges = [...ranges].sort((a, b) => a.base - b.base);
    for (let i = 1; i < this.ranges.length; i++) {
      const [p, q] = [this.ranges[i - 1]!, this.ranges[i]!];
      if (p.base + p.size > q.base) throw new RangeError(`${p.name} and ${q.name} are at the same address`);
    }
  }
  /** The range that holds a physical address, or null. */
  find(address: number): Mapped | null {
    const { last } = this;
    if (last && address >= last.base && address < last.base + last.size) return last;
    for (const r of this.ranges) {
      if (address >= r.base && address < r.base + r.size) {
        this.last = r;
        return r;
      }
    }
    return null;
  }
}
