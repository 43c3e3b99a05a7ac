/** The four translation regimes of stage 1: their registers, and where the fields lie in TCR_ELx. */
import { REGIME } from './fields.ts';

export interface Regime {
  readonly id: number;
  readonly name: string;
  /** Two ranges of addresses, and an unprivileged level. */
  readonly ranges: boolean;
  readonly tcr: string;
  readonly sctlr: string;
  readonly ttbr0: string;
  readonly ttbr1: string;
  readonly mair: string;
  readonly mair2: string;
  readonly pir: string;
  readonly pire0: string;
  /** Register of the TCR2 fields HAFT, AIE, PIE, and which bits they are. */
  readonly tcr2: string;
  readonly bits: {
    readonly ps: number;
    readonly tbi: number;
    readonly tbid: number;
    readonly hpd: number;
    readonly ha: number;
    readonly hd: number;
    readonly ds: number;
  };
  readonly bits2: { readonly haft: number; readonly aie: number; readonly pie: number };
}

const two = { ps: 32, tbi: 37, tbid: 51, hpd: 41, ha: 39, hd: 40, ds: 59 };
const one = { ps: 16, tbi: 20, tbid: 29, hpd: 24, ha: 21, hd: 22, ds: 32 };
const tcr2 = { haft: 11, aie: 4, pie: 1 };
const names = (el: number): Omit<Regime, 'id' | 'name' | 'ranges' | 'bits' | 'bits2'> => ({
  tcr: `TCR_EL${el}`,
  sctlr: `SCTLR_EL${el}`,
  ttbr0: `TTBR0_EL${el}`,
  ttbr1: `TTBR1_EL${el}`,
  mair: `MAIR_EL${el}`,
  mair2: `MAIR2_EL${el}`,
  pir: `PIR_EL${el}`,
  pire0: `PIRE0_EL${el}`,
  tcr2: el === 3 ? 'TCR_EL3' : `TCR2_EL${el}`,
});

export const REGIMES: readonly Regime[] = [
  { id: REGIME.el10, name: 'el10', ranges: true, ...names(1), bits: two, bits2: tcr2 },
  { id: REGIME.el20, name: 'el20', ranges: true, ...names(2), bits: two, bits2: tcr2 },
  { id: REGIME.el2, name: 'el2', ranges: false, ...names(2), bits: one, bits2: tcr2 },
  { id: REGIME.el3, name: 'el3', ranges: false, ...names(3), bits: one, bits2: { haft: 42, aie: 37, pie: 35 } },
];
