/**
 * `info mem`: what the translation tables of a core's regime map (VMSAv8-64, D8.2 to D8.4), as ranges of equal attributes. Stage 1
 * only, tables of 4, 16 and 64 KiB granules, addresses of up to 48 bits.
 */
import type { Core, System } from '../../system/api.ts';
import { MonitorError } from './expressions.ts';

interface Range {
  from: bigint;
  to: bigint;
  readonly out: bigint;
  readonly attributes: string;
}

/** Lines shown at most. */
const MOST = 2000;
/** Tables read at most: a table may name itself. */
const TABLES = 20_000;

const bits = (v: bigint, high: number, low: number): number =>
  Number((v >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));
const GRANULE0: readonly (number | null)[] = [12, 16, 14, null];
const GRANULE1: readonly (number | null)[] = [null, 14, 12, 16];

export function mappings(system: System, core: Core): string {
  const el = Number((core.pstate >> 2n) & 3n) || 1;
  const register = (name: string): bigint => core.sysreg(name) ?? 0n;
  const host = el < 3 && (register('HCR_EL2') >> 34n) & 1n ? 2 : el;
  if ((register(`SCTLR_EL${host}`) & 1n) === 0n) return 'translation is off';
  if (el === 1 && host === 1 && register('HCR_EL2') & 1n)
    throw new MonitorError('stage 2 is on: its tables are not read here');
  const tcr = register(`TCR_EL${host}`);
  const two = host === 1 || (host === 2 && ((register('HCR_EL2') >> 34n) & 1n) === 1n);
  const ranges: Range[] = [];
  const walker = new Walker(system, ranges, two);
  const t0 = GRANULE0[bits(tcr, 15, 14)];
  if (!(two && bits(tcr, 7, 7)) && t0) walker.walk(register(`TTBR0_EL${host}`), bits(tcr, 5, 0), t0, 0n);
  const t1 = GRANULE1[bits(tcr, 31, 30)];
  if (two && !bits(tcr, 23, 23) && t1) {
    const size = bits(tcr, 21, 16);
    walker.walk(register(`TTBR1_EL${host}`), size, t1, BigInt.asUintN(64, -1n << BigInt(64 - size)));
  }
  if (ranges.length === 0) return 'nothing is mapped';
  const hex = (v: bigint): string => v.toString(16).padStart(16, '0');
  const lines = ranges.slice(0, MOST).map((r) => `${hex(r.from)}-${hex(r.to - 1n)} ${hex(r.out)} ${r.attributes}`);
  return [...lines, ...(ranges.length > MOST ? [`… and ${ranges.length - MOST} more`] : [])].join('\n');
}

class Walker {
  private readonly system: System;
  private readonly ranges: Range[];
  private readonly twoPrivileges: boolean;
  private tables = 0;

  constructor(system: System, ranges: Range[], twoPrivileges: boolean) {
    this.system = system;
    this.ranges = ranges;
    this.twoPrivileges = twoPrivileges;
  }

  walk(ttbr: bigint, txsz: number, granule: number, base: bigint): void {
    const stride = granule - 3;
    const inputBits = 64 - txsz;
    if (inputBits <= granule || inputBits > 48) return;
    const levels = Math.ceil((inputBits - granule) / stride);
    const entries = 1 << (inputBits - granule - (levels - 1) * stride);
    this.table(ttbr & 0xffff_ffff_fffen, entries, 4 - levels, granule, base);
  }

  private table(address: bigint, entries: number, level: number, granule: number, base: bigint): void {
    if (++this.tables > TABLES) throw new MonitorError('there are too many tables');
    const bytes = this.system.readMemory(address, 8 * entries);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const shift = BigInt(granule + (3 - level) * (granule - 3));
    for (let n = 0; 8 * n + 8 <= bytes.length; n++) {
      const entry = view.getBigUint64(8 * n, true);
      if (!(entry & 1n)) continue;
      const from = BigInt.asUintN(64, base + (BigInt(n) << shift));
      const isTable = (entry & 2n) !== 0n && level < 3;
      // Level 3 has no blocks.
      if (level === 3 && !(entry & 2n)) continue;
      if (isTable) {
        const next = entry & 0xffff_ffff_f000n & ~((1n << BigInt(granule)) - 1n);
        this.table(next, 1 << (granule - 3), level + 1, granule, from);
      } else this.add(from, 1n << shift, entry & 0xffff_ffff_f000n & ~((1n << shift) - 1n), this.attributes(entry));
    }
  }

  private attributes(entry: bigint): string {
    const bit = (n: number): boolean => ((entry >> BigInt(n)) & 1n) === 1n;
    const write = bit(7) ? '-' : 'w';
    const user = this.twoPrivileges
      ? ` ${bit(6) ? `r${write}${bit(54) ? '-' : 'x'}` : `--${bit(54) ? '-' : 'x'}`}`
      : '';
    const never = this.twoPrivileges ? bit(53) : bit(54);
    return `r${write}${never ? '-' : 'x'}${user} attr ${bits(entry, 4, 2)}${bit(11) && this.twoPrivileges ? ' nG' : ''}${bit(10) ? '' : ' no AF'}`;
  }

  private add(from: bigint, size: bigint, out: bigint, attributes: string): void {
    const last = this.ranges.at(-1);
    if (last && last.to === from && last.attributes === attributes && last.out + (last.to - last.from) === out)
      last.to = from + size;
    else this.ranges.push({ from, to: from + size, out, attributes });
  }
}
