/** Builds granule protection tables in a machine's memory, as firmware would. */
import { GPI, PGS_BITS } from '../../core/arch/granules/format.ts';

export interface Memory {
  write64(pa: bigint, v: bigint): void;
  read64(pa: bigint): bigint | null;
  reg(name: string, v: bigint): void;
}
export interface TableShape {
  /** PPS, PGS and L0GPTSZ as GPCCR_EL3 has them. */
  readonly pps?: number;
  readonly pgs?: number;
  readonly l0gptsz?: number;
}
const PPS = [32, 36, 40, 42, 44, 48, 52, 56, 46, 47];
/** Inner and outer write-back, inner shareable. */
export const CACHED = (1n << 8n) | (1n << 10n) | (3n << 12n);
export const GPC_ON = 1n << 16n;

export class GranuleTables {
  readonly root: bigint;
  readonly gpccr: bigint;
  readonly pps: number;
  readonly p: number;
  readonly s: number;
  private readonly m: Memory;
  private next: bigint;

  /** Level 0 lies at `at` or the next place that is aligned; all of it names `gpi`, and tables come when granules need them. */
  constructor(m: Memory, at: bigint, shape: TableShape = {}, gpi: number = GPI.any) {
    const { pps = 1, pgs = 0, l0gptsz = 0 } = shape;
    this.m = m;
    this.pps = PPS[pps]!;
    this.p = PGS_BITS[pgs]!;
    this.s = 30 + l0gptsz;
    this.gpccr =
      CACHED | GPC_ON | BigInt(pps & 7) | (BigInt(pps >> 3) << 3n) | (BigInt(pgs) << 14n) | (BigInt(l0gptsz) << 20n);
    const entries = 1n << BigInt(Math.max(0, this.pps - this.s));
    const size = entries * 8n > 4096n ? entries * 8n : 4096n;
    this.root = (at + size - 1n) & ~(size - 1n);
    this.next = this.root + size;
    for (let i = 0n; i < entries; i++) m.write64(this.root + 8n * i, BigInt(1 | (gpi << 4)));
  }
  get end(): bigint {
    return this.next;
  }
  /** Puts the table in force. */
  enable(extra = 0n): void {
    this.m.reg('GPTBR_EL3', this.root >> 12n);
    this.m.reg('GPCCR_EL3', this.gpccr | extra);
  }
  entry0(pa: bigint): bigint {
    return this.root + ((pa & ((1n << BigInt(this.pps)) - 1n)) >> BigInt(this.s)) * 8n;
  }
  block(pa: bigint, gpi: number): void {
    this.m.write64(this.entry0(pa), BigInt(1 | (gpi << 4)));
  }
  /** Address of the level 1 entry for `pa`. */
  entry1(pa: bigint): bigint {
    const at = this.entry0(pa);
    const top = this.m.read64(at)!;
    let table = top & 0xf_ffff_ffff_f000n;
    if ((top & 15n) !== 3n) {
      const size = 1n << BigInt(this.s - this.p - 1);
      const align = size > 4096n ? size : 4096n;
      table = (this.next + align - 1n) & ~(align - 1n);
      this.next = table + align;
      const code = (top >> 4n) & 15n;
      for (let i = 0n; i < size; i += 8n) this.m.write64(table + i, code * 0x1111_1111_1111_1111n);
      this.m.write64(at, table | 3n);
    }
    return table + ((pa & ((1n << BigInt(this.s)) - 1n)) >> BigInt(this.p + 4)) * 8n;
  }
  granule(pa: bigint, gpi: number): void {
    const at = this.entry1(pa);
    const shift = ((pa >> BigInt(this.p)) & 15n) * 4n;
    const old = this.m.read64(at)!;
    this.m.write64(at, (old & ~(15n << shift)) | (BigInt(gpi) << shift));
  }
  /** A contiguous descriptor: `size` 1 2 MB, 2 32 MB, 3 512 MB; in every entry that it spans, as it must be. */
  contiguous(pa: bigint, size: number, gpi: number): void {
    const bytes = [0n, 1n << 21n, 1n << 25n, 1n << 29n][size]!;
    const first = pa & -bytes;
    const step = 1n << BigInt(this.p + 4);
    for (let at = first; at < first + bytes; at += step) {
      this.m.write64(this.entry1(at), BigInt(1 | (gpi << 4) | (size << 8)));
    }
  }
}
