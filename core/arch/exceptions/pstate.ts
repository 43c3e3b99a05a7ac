/** PSTATE as a whole: to and from SPSR format, and the banked stack pointers. */
import { load, ret, store } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { packFlags, RawFlags, unpackFlags } from '../flags.ts';
import { regOffset } from '../registers/storage.ts';
import * as state from '../state.ts';
import { SPSR } from './fields.ts';
import { setWord, word } from './view.ts';

export const pstate = new Library();

/** PSTATE.NZCV in bits [31:28]. */
export function readNzcv(cpu: Val): Val {
  const at = (o: number): Val => load('i64', cpu, o);
  return packFlags(new RawFlags(at(state.NF), at(state.ZF), load('i32', cpu, state.CF), at(state.VF)));
}
export function writeNzcv(cpu: Val, v: Val): void {
  const f = unpackFlags(v);
  store('i64', cpu, f.n(), state.NF);
  store('i64', cpu, f.z(), state.ZF);
  store('i32', cpu, f.c(), state.CF);
  store('i64', cpu, f.v(), state.VF);
}

/** The word-sized fields and where SPSR_ELx has them: [offset in the state, lowest bit, width]. */
const FIELDS: readonly (readonly [number, number, number])[] = [
  [state.SPSEL, SPSR.SP, 1],
  [state.EL, 2, 2],
  [state.DAIF, SPSR.DAIF, 4],
  [state.BTYPE, SPSR.BTYPE, 2],
  [state.SSBS, SPSR.SSBS, 1],
  [state.IL, SPSR.IL, 1],
  [state.SS, SPSR.SS, 1],
  [state.PAN, SPSR.PAN, 1],
  [state.UAO, SPSR.UAO, 1],
  [state.DIT, SPSR.DIT, 1],
];

/** PSTATE in SPSR format, an i32 (GetPSRFromPSTATE). */
export function spsrOf(cpu: Val): Val {
  let v = readNzcv(cpu);
  for (const [offset, low] of FIELDS) v = v.or(word(cpu, offset).shl(low));
  return v;
}

/** Where the stack pointer of level `el` under PSTATE.SP `sel` is banked, as address. */
export function spBank(cpu: Val, el: Val, sel: Val): Val {
  const at = (n: number): Val => i32(regOffset(`SP_EL${n}`));
  const own = select(el.eq(1), at(1), select(el.eq(2), at(2), at(3)));
  return cpu.add(select(sel.eqz().or(el.eqz()), at(0), own));
}
/** Puts the stack pointer in use back into its bank. */
export function saveSp(cpu: Val): void {
  const bank = spBank(cpu, word(cpu, state.EL), word(cpu, state.SPSEL));
  store('i64', bank, load('i64', cpu, state.X + 8 * state.SLOT_SP));
}
/** Takes the stack pointer that EL and SPSEL choose out of its bank. */
export function loadSp(cpu: Val): void {
  const bank = spBank(cpu, word(cpu, state.EL), word(cpu, state.SPSEL));
  store('i64', cpu, load('i64', bank), state.X + 8 * state.SLOT_SP);
}

/** PSTATE as SPSR_ELx would show it (GetPSRFromPSTATE). */
pstate.define('readPstate', [I32], I64, (_link, cpu) => {
  ret(spsrOf(cpu!).zext64());
});

/**
 * Sets every field of PSTATE from an SPSR value whose M field is valid, and changes the stack pointer with it. The caller sees to
 * SECURITY and calls `contextChanged`.
 */
pstate.define('writePstate', [I32, I64], null, (_link, cpu, v) => {
  const c = cpu!;
  const spsr = v!.lo32().and(word(c, state.PSTATE_ABSENT).not());
  saveSp(c);
  for (const [offset, low, width] of FIELDS) setWord(c, offset, spsr.bits(low, width));
  writeNzcv(c, spsr);
  loadSp(c);
});

/** PSTATE.SP changes to `sel` (MSR SPSel). */
pstate.define('writeSpsel', [I32, I32], null, (_link, cpu, sel) => {
  saveSp(cpu!);
  setWord(cpu!, state.SPSEL, sel!.and(1));
  loadSp(cpu!);
});
