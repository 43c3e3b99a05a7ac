/**
 * The granule protection check for those who access physical memory from outside of the cores: requesters (DMA) and observers.
 * It reads the table as it is in memory now, and caches nothing.
 */
import {
  ENTRY,
  GPCCR,
  GPI,
  type GranuleRules,
  PAS_DISABLE,
  STRIDE_FIELDS,
  STRIDE_SHIFT,
  WINDOW_BITS,
} from './format.ts';

/** Values of the controls (GPCCR_EL3, GPTBR_EL3, GPCBW_EL3). */
export interface GranuleControls {
  readonly gpccr: bigint;
  readonly gptbr: bigint;
  readonly gpcbw: bigint;
}

/**
 * What the table says of an address: the name of a code; `off`: there are no checks; `beyond`: above the protected addresses;
 * `window`: the bypass window; `invalid`: the controls or the table's entry are not valid, so that every access faults.
 */
export type GranuleState =
  | 'none'
  | 'secure'
  | 'non-secure'
  | 'root'
  | 'realm'
  | 'non-secure-only'
  | 'any'
  | 'off'
  | 'beyond'
  | 'window'
  | 'invalid';

const BY_GPI: Partial<Record<number, GranuleState>> = {
  [GPI.none]: 'none',
  [GPI.secure]: 'secure',
  [GPI.nonSecure]: 'non-secure',
  [GPI.root]: 'root',
  [GPI.realm]: 'realm',
  [GPI.nonSecureOnly]: 'non-secure-only',
  [GPI.any]: 'any',
};
const BY_PAS: readonly GranuleState[] = ['secure', 'non-secure', 'root', 'realm'];

/** A granule's state and how far it goes: all addresses from `base` on, `bytes` of them, come from the same entry and code. */
export interface Granule {
  readonly state: GranuleState;
  readonly base: number;
  readonly bytes: number;
}

/** The table in force. Widths in bits; `root`: address of level 0, null where it is not below the protected addresses' end. */
interface Table {
  readonly pps: number;
  readonly p: number;
  readonly s: number;
  readonly window: { readonly base: number; readonly size: number; readonly stride: number } | null;
  readonly nso: boolean;
  readonly root: number | null;
}

export class GranuleModel {
  private readonly controls: () => GranuleControls;
  private readonly fetch: (address: number) => bigint | null;
  private readonly rules: GranuleRules;

  /** `fetch` gives the 8 bytes at a Root physical address, or null where no memory is. */
  constructor(controls: () => GranuleControls, fetch: (address: number) => bigint | null, rules: GranuleRules) {
    this.controls = controls;
    this.fetch = fetch;
    this.rules = rules;
  }

  /** GPCCR_EL3.GPC: there are checks. */
  get on(): boolean {
    return ((this.controls().gpccr >> BigInt(GPCCR.GPC)) & 1n) === 1n;
  }
  /** The granule that holds a physical address (below 2^52). */
  at(address: number): Granule {
    return this.look(this.table(), address);
  }
  /** What the table says of all addresses from `from` to before `to`, in order; neighbours of the same state are one. */
  *ranges(from: number, to: number): Generator<Granule> {
    const table = this.table();
    let [state, base, end]: [GranuleState, number, number] = ['off', from, from];
    while (end < to) {
      const next = this.look(table, end);
      if (next.state !== state && end > base) {
        yield { state, base, bytes: end - base };
        base = end;
      }
      state = next.state;
      end = Math.min(to, next.base + next.bytes);
    }
    if (end > base) yield { state, base, bytes: end - base };
  }
  /** What the controls say of the table, or of all addresses. */
  private table(): Table | 'off' | 'invalid' {
    const { gpccr, gptbr, gpcbw } = this.controls();
    const bit = (n: number): boolean => ((gpccr >> BigInt(n)) & 1n) === 1n;
    const field = (lsb: number, width: number): number => Number((gpccr >> BigInt(lsb)) & ((1n << BigInt(width)) - 1n));
    if (!bit(GPCCR.GPC)) return 'off';
    const pps = this.rules.pps[field(GPCCR.PPS, 4)]!;
    const p = this.rules.granule[field(GPCCR.PGS, 2)]!;
    const sh = field(GPCCR.SH, 2);
    if (!pps || !p || sh === 1 || (field(GPCCR.IRGN, 4) === 0 && sh !== 2)) return 'invalid';
    const window = bit(GPCCR.GPCBW) ? bypassWindow(gpcbw) : null;
    if (window === 'invalid') return 'invalid';
    const s = 30 + field(GPCCR.L0GPTSZ, 4);
    const base = Number(gptbr & 0xff_ffff_ffffn) * 4096;
    const fits = base < 2 ** pps;
    return {
      pps,
      p,
      s,
      window,
      nso: bit(GPCCR.NSO),
      root: fits ? base - (base % 2 ** Math.max(pps - s + 3, 12)) : null,
    };
  }
  private look(t: Table | 'off' | 'invalid', address: number): Granule {
    const whole = (state: GranuleState): Granule => ({ state, base: 0, bytes: 2 ** 52 });
    if (t === 'off' || t === 'invalid') return whole(t);
    const { pps, p, s, window } = t;
    if (address >= 2 ** pps) return { state: 'beyond', base: 2 ** pps, bytes: 2 ** 52 - 2 ** pps };
    if (window && address % window.stride >= window.base && address % window.stride < window.base + window.size) {
      return { state: 'window', base: address - ((address % window.stride) - window.base), bytes: window.size };
    }
    if (t.root === null) return whole('invalid');
    const part = { base: address - (address % 2 ** s), bytes: 2 ** s };
    const top = this.fetch(t.root + Math.floor(address / 2 ** s) * 8);
    if (top === null) return { state: 'invalid', ...part };
    const gpi = (code: bigint): GranuleState => this.name(Number(code & 15n), t.nso);
    if ((top & 15n) === BigInt(ENTRY.block)) return { state: top >> 8n ? 'invalid' : gpi(top >> 4n), ...part };
    const table = Number(top & 0xf_ffff_ffff_f000n);
    if (
      (top & 15n) !== BigInt(ENTRY.table) ||
      top >> 52n ||
      top & 0xff0n ||
      table % 2 ** (s - p - 1) ||
      table >= 2 ** pps
    ) {
      return { state: 'invalid', ...part };
    }
    const sixteen = 2 ** (p + 4);
    const entry = this.fetch(table + Math.floor((address % 2 ** s) / sixteen) * 8);
    const group = { base: address - (address % sixteen), bytes: sixteen };
    if (entry === null) return { state: 'invalid', ...group };
    if ((entry & 15n) === BigInt(ENTRY.block)) {
      const valid = entry >> 10n === 0n && (entry >> 8n) & 3n;
      return { state: valid ? gpi(entry >> 4n) : 'invalid', ...group };
    }
    // All sixteen alike, as most are.
    if (entry === (entry & 15n) * 0x1111_1111_1111_1111n) return { state: gpi(entry), ...group };
    for (let i = 0n; i < 16n; i++) if (gpi(entry >> (4n * i)) === 'invalid') return { state: 'invalid', ...group };
    const which = Math.floor((address % sixteen) / 2 ** p);
    return { state: gpi(entry >> BigInt(4 * which)), base: address - (address % 2 ** p), bytes: 2 ** p };
  }
  private name(code: number, nso: boolean): GranuleState {
    if (code === GPI.secure && !this.rules.secure) return 'invalid';
    if (code === GPI.nonSecureOnly && !nso) return 'invalid';
    return BY_GPI[code] ?? 'invalid';
  }

  /**
   * May a requester of security state `from` (numbered like `pas`; its own address space unless given) access a physical address
   * in address space `pas`?
   */
  mayAccess(pas: number, address: number, from = pas): boolean {
    const { gpccr } = this.controls();
    const off = PAS_DISABLE[pas];
    const { state } = this.at(address);
    if (state === 'off') return true;
    if (state === 'invalid') return false;
    if (off !== null && off !== undefined && (gpccr >> BigInt(off)) & 1n) return false;
    if (state === 'beyond') return pas === 1 || ((gpccr >> BigInt(GPCCR.APPSAA)) & 1n) === 1n;
    if (state === 'any' || state === 'window') return true;
    if (state === 'non-secure-only') return pas === 1 && (from === 1 || from === 2);
    return state === BY_PAS[pas];
  }
}

/** The bypass window: one of `size` bytes at `base` in each `stride`; or that the register holds no valid one. */
function bypassWindow(gpcbw: bigint): { base: number; size: number; stride: number } | 'invalid' {
  const bits = WINDOW_BITS[Number((gpcbw >> 37n) & 7n)]!;
  const field = Number((gpcbw >> 32n) & 31n);
  const base = Number(gpcbw & 0x3ff_ffffn) * 2 ** 30;
  if (!bits || !(STRIDE_FIELDS as readonly number[]).includes(field)) return 'invalid';
  const [size, stride] = [2 ** bits, 2 ** (field + STRIDE_SHIFT)];
  if (base % size || base >= stride) return 'invalid';
  return { base, size, stride };
}
