/** Types of the model, and its way of taking numbers apart. */

export type Access = {
  readonly va: bigint;
  readonly size: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly exec: boolean;
  /** LDTR, STTR. */
  readonly unprivileged: boolean;
  /** DC ZVA. */
  readonly zero?: boolean;
};
export interface Machine {
  readonly paMax: number;
  readonly features: ReadonlySet<string>;
  readonly reg: (name: string) => bigint;
  readonly el: number;
  readonly pan: boolean;
  readonly uao: boolean;
  readonly rme: boolean;
  /** Memory in units of 8 bytes: null where nothing answers. */
  readonly read64: (pa: bigint) => bigint | null;
  readonly write64: (pa: bigint, v: bigint) => void;
}
export interface Fault {
  readonly status: 'translation' | 'addressSize' | 'accessFlag' | 'permission' | 'walkAbort' | 'alignment';
  readonly level: number;
  readonly write: boolean;
  readonly stage2: boolean;
  readonly s1ptw: boolean;
  readonly dirty: boolean;
  readonly ipa: bigint | null;
  readonly ipaNs: boolean;
}
export interface Result {
  readonly pa: bigint;
  readonly pas: number;
  readonly device: boolean;
  /** Device for the purposes of the TLB: not where every access is tested for alignment anyway. */
  readonly cachedAsDevice: boolean;
  readonly guarded: boolean;
  /** What the TLB may let the same level do from now on. */
  readonly perm: number;
  readonly s1size: number;
  readonly global: boolean;
}
export class Failed extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super('fault');
    this.fault = fault;
  }
}

export const bits = (v: bigint, hi: number, lo: number): bigint =>
  (v >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n);
export const bit = (v: bigint, n: number): boolean => bits(v, n, n) === 1n;
export const num = (v: bigint, hi: number, lo: number): number => Number(bits(v, hi, lo));
export const S = 0;
export const NS = 1;
export const ROOT = 2;
export const REALM = 3;
export type Regime = 'EL10' | 'EL20' | 'EL2' | 'EL3';
export type Tgx = 12 | 14 | 16;

export interface S1Params {
  tgx: Tgx;
  txsz: number;
  tbi: boolean;
  tbid: boolean;
  epd: boolean;
  e0pd: boolean;
  hpd: boolean;
  ps: number;
  wxn: boolean;
  ha: boolean;
  hd: boolean;
  haft: boolean;
  ds: boolean;
  pie: boolean;
  aie: boolean;
  epan: boolean;
  pir: bigint;
  pire0: bigint;
  mair: bigint;
  mair2: bigint;
  ttbr: bigint;
}
