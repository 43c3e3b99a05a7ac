/** How the routines of this folder read the core's state: registers, single bits, effective values, routing. */
import { choose, load, store } from '../../wasm/build.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { regOffset } from '../registers/storage.ts';
import * as state from '../state.ts';
import { HCR, SCR } from './fields.ts';

export const reg = (cpu: Val, name: string): Val => load('i64', cpu, regOffset(name));
export const setReg = (cpu: Val, name: string, v: Val): void => store('i64', cpu, v, regOffset(name));
/** Low half of a register. */
export const reg32 = (cpu: Val, name: string): Val => load('i32', cpu, regOffset(name));
export const word = (cpu: Val, offset: number): Val => load('i32', cpu, offset);
export const setWord = (cpu: Val, offset: number, v: Val | number): void =>
  store('i32', cpu, typeof v === 'number' ? i32(v) : v, offset);

/** i32 0/1: bit `n` of a register. */
export function bitOf(cpu: Val, name: string, n: number): Val {
  return load('i32', cpu, regOffset(name) + (n >= 32 ? 4 : 0)).bits(n & 31, 1);
}
/** i32 0/1: bit `n` of a 64-bit value. */
export const bit64 = (v: Val, n: number): Val => v.shrU(n).lo32().and(1);

/** i32 0/1: is EL2 enabled in the security state below EL3? (EL2Enabled; FEAT_RME: always in Realm state, where NS is 1.) */
export function el2Enabled(cpu: Val): Val {
  const scr = reg32(cpu, 'SCR_EL3');
  return scr.or(scr.shrU(SCR.EEL2 - SCR.NS)).and(1);
}
/** HCR_EL2 as it acts below EL2: 0 when EL2 is not enabled. Without EL2 the register is 0 anyway. */
export function hcr(cpu: Val): Val {
  return select(el2Enabled(cpu), reg(cpu, 'HCR_EL2'), i64(0));
}
/** i32 0/1: E2H and TGE are both set: EL0 belongs to the host. */
export const hostEl0 = (h: Val): Val => bit64(h, HCR.E2H).and(bit64(h, HCR.TGE));

export const currentEl = (cpu: Val): Val => word(cpu, state.EL);

/** Target of a synchronous exception that the current level (EL1 for EL0) takes, unless HCR_EL2.TGE takes it from EL0. */
export function ownTarget(cpu: Val): Val {
  const el = currentEl(cpu);
  return choose(
    el.eqz(),
    I32,
    () => i32(1).add(bit64(hcr(cpu), HCR.TGE)),
    () => el,
  );
}
/** Exception level whose SCTLR and tables control stage 1 at `el` (S1TranslationRegime). */
export const regimeEl = (el: Val, h: Val): Val => select(el.eqz(), i32(1).add(hostEl0(h)), el);

/** One of three registers by exception level 1–3. */
export function byEl(cpu: Val, el: Val, name: string): Val {
  const one = i32(regOffset(`${name}_EL1`));
  const two = i32(regOffset(`${name}_EL2`));
  const three = i32(regOffset(`${name}_EL3`));
  return load('i64', cpu.add(select(el.eq(1), one, select(el.eq(2), two, three))));
}

/** ESR value: EC, IL = 1, ISS. */
export const esr = (ec: number, iss: Val | number = 0): Val => {
  const base = i64((BigInt(ec) << 26n) | (1n << 25n));
  return typeof iss === 'number' ? base.or(i64(iss)) : base.or(iss.zext64());
};
