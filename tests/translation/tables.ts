/** Builds translation tables in a machine's memory, for both stages. */
import type { TranslationMachine } from './machine.ts';

export type Granule = 12 | 14 | 16;

/** Bits of stage 1 leaves. */
export const S1 = {
  device: 1n << 2n,
  ns: 1n << 5n,
  user: 1n << 6n,
  readOnly: 1n << 7n,
  af: 1n << 10n,
  nG: 1n << 11n,
  guarded: 1n << 50n,
  dbm: 1n << 51n,
  contiguous: 1n << 52n,
  pxn: 1n << 53n,
  uxn: 1n << 54n,
} as const;
/** Bits of stage 2 leaves. */
export const S2 = {
  normal: 15n << 2n,
  device: 1n << 2n,
  read: 1n << 6n,
  write: 1n << 7n,
  af: 1n << 10n,
  dbm: 1n << 51n,
  xnx: 1n << 53n,
  xn: 1n << 54n,
} as const;
export const RW2 = S2.normal | S2.read | S2.write | S2.af;

export class Tables {
  readonly root: bigint;
  private readonly m: TranslationMachine;
  private readonly granule: Granule;
  private readonly inputBits: number;
  private readonly start: number;
  private next: bigint;

  /** `at`: memory for the tables. `start`: level of the root, from the input size unless given (stage 2). */
  constructor(m: TranslationMachine, granule: Granule, inputBits: number, at: bigint, start?: number) {
    this.m = m;
    this.granule = granule;
    this.inputBits = inputBits;
    this.start = start ?? 3 - Math.floor((inputBits - 1 - granule) / (granule - 3));
    // Room for concatenated roots.
    const rootBytes = 1n << BigInt(Math.max(granule, inputBits - this.shift(this.start) + 3));
    this.root = (at + rootBytes - 1n) & ~(rootBytes - 1n);
    this.next = this.root + rootBytes;
    for (let i = 0n; i < rootBytes; i += 8n) m.write64(this.root + i, 0n);
  }
  /** First byte behind what is used. */
  get end(): bigint {
    return this.next;
  }
  /** Address bits below an entry of a level. */
  shift(level: number): number {
    return (3 - level) * (this.granule - 3) + this.granule;
  }
  private fresh(): bigint {
    const at = (this.next + (1n << BigInt(this.granule)) - 1n) & ~((1n << BigInt(this.granule)) - 1n);
    this.next = at + (1n << BigInt(this.granule));
    for (let i = 0n; i < 1n << BigInt(this.granule); i += 8n) this.m.write64(at + i, 0n);
    return at;
  }
  /** Address of the descriptor for `va` at a level; makes the tables above it, with `limits` on a new one. */
  entry(va: bigint, level = 3, limits = 0n): bigint {
    let table = this.root;
    const input = va & ((1n << BigInt(this.inputBits)) - 1n);
    for (let l = this.start; ; l++) {
      const width = l === this.start ? this.inputBits - this.shift(l) : this.granule - 3;
      const index = (input >> BigInt(this.shift(l))) & ((1n << BigInt(width)) - 1n);
      const at = table + index * 8n;
      if (l === level) return at;
      const d = this.m.read64(at)!;
      if (d & 1n) table = d & 0xffff_ffff_f000n & (-1n << BigInt(this.granule));
      else {
        table = this.fresh();
        this.m.write64(at, table | 3n | limits);
      }
    }
  }
  map(va: bigint, pa: bigint, attributes: bigint, level = 3): bigint {
    const at = this.entry(va, level);
    this.m.write64(at, pa | attributes | (level === 3 ? 3n : 1n));
    return at;
  }
}
