/** Which MECID an access uses (D8.12; AArch64.S1OutputMECID, S2OutputMECID, TTWalkMECID), as the register that holds it (`MEC`). */
import { load } from '../../wasm/build.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { bitOf } from '../exceptions/view.ts';
import { regOffset } from '../registers/storage.ts';
import { register } from '../registers/table.ts';
import type { TranslationFeatures } from '../translation/features.ts';
import { MEC, PAS, REGIME } from '../translation/fields.ts';

/** The registers by value of `MEC`. */
export const MECID_REGISTERS = [
  null,
  'MECID_P0_EL2',
  'MECID_A0_EL2',
  'MECID_P1_EL2',
  'MECID_A1_EL2',
  'VMECID_P_EL2',
  'VMECID_A_EL2',
  'MECID_RL_A_EL3',
] as const;
const BEFORE = regOffset(register('MECID_P0_EL2').name) - 8;
MECID_REGISTERS.forEach((name, i) => {
  if (name !== null && regOffset(name) !== BEFORE + 8 * i) throw new Error('the MECID registers lie in another order');
});

/** i32: present value of the register that a selector names; 0 for none. */
export function mecidOf(cpu: Val, selector: Val): Val {
  return select(selector, load('i32', cpu.add(selector.shl(3)), BEFORE), i32(0));
}

const EMEC = 1;
const SCR_SCTLR2EN = 44;
const TCR_A1 = 22;
/** Bit of a block or page descriptor: the alternate MECID. */
export const AMEC = 63;
/** TCR2_EL2: the descriptors of a half may ask for it. */
export const TCR2_AMEC0 = 12;

/** i32 0/1: a regime's accesses have contexts (SCTLR2_EL2.EMEC as SCR_EL3.SCTLR2En lets it act, SCTLR2_EL3.EMEC). */
function contextsOn(cpu: Val, regime: number): Val {
  if (regime === REGIME.el3) return bitOf(cpu, 'SCTLR2_EL3', EMEC);
  return bitOf(cpu, 'SCTLR2_EL2', EMEC).and(bitOf(cpu, 'SCR_EL3', SCR_SCTLR2EN));
}

/** Selection for one walk of stage 1, or for a regime whose stage 1 is off. All are i32. */
export interface Selection {
  /** Contexts are on: EMEC for Realm output. */
  readonly on: Val;
  /** Of fetches of the regime's own tables (where stage 2 translates them, stage 2 says). */
  readonly walk: Val;
}

/** `security`: of the regime. */
export function selection(cpu: Val, f: TranslationFeatures, regime: number, security: Val): Selection | null {
  if (!f.has('MEC')) return null;
  const on = contextsOn(cpu, regime);
  if (regime === REGIME.el3) return { on, walk: i32(MEC.none) };
  const realm = on.and(security.eq(PAS.realm));
  const primary =
    regime === REGIME.el20
      ? select(bitOf(cpu, 'TCR_EL2', TCR_A1), i32(MEC.p0), i32(MEC.p1))
      : i32(regime === REGIME.el2 ? MEC.p0 : MEC.vp);
  return { on, walk: select(realm, primary, i32(MEC.none)) };
}

/** Of the output of stage 1: `amec` is the descriptor's bit, `upper` the half of the address; both i32. */
export function outputSelector(regime: number, s: Selection, pas: Val, amec: Val, upper: Val): Val {
  const primary = {
    [REGIME.el10]: i32(MEC.vp),
    [REGIME.el2]: amec.add(MEC.p0),
    [REGIME.el20]: amec.add(MEC.p0).add(upper.shl(1)),
    [REGIME.el3]: i32(MEC.rl),
  }[regime]!;
  return select(s.on.and(pas.eq(PAS.realm)), primary, i32(MEC.none));
}
/** With stage 1 off. */
export function flatSelector(regime: number, s: Selection, pas: Val): Val {
  if (regime === REGIME.el3) return i32(MEC.none);
  const primary = i32(regime === REGIME.el10 ? MEC.vp : MEC.p0);
  return select(s.on.and(pas.eq(PAS.realm)), primary, i32(MEC.none));
}
/** Of the output of stage 2. */
export function stage2Selector(s: Selection, pas: Val, amec: Val): Val {
  return select(s.on.and(pas.eq(PAS.realm)), amec.add(MEC.vp), i32(MEC.none));
}
