/** Routines that MRS and MSR go on through: (cpu, rec, n, …) as `leaveTo` calls them. */
import { REC_OPS, REC_SIZE } from '../../engine/abi.ts';
import { load, run, store, tailCall } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import type { Val } from '../../wasm/value.ts';
import { X } from '../state.ts';

export const registerRoutines = new Library();

const THEN = [I32, I32, I32] as const;

/** On to the next instruction, looking for pending work. */
export function goOn(link: Link, cpu: Val, rec: Val, n: Val): void {
  tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));
}
/** Puts the result of an MRS into its general register (the first operand of the record) and goes on. */
export function finishRead(link: Link, cpu: Val, rec: Val, n: Val, v: Val): void {
  store('i64', cpu.add(load('i32_8u', rec, REC_OPS).shl(3)), v, X);
  goOn(link, cpu, rec, n);
}

for (const [name, routine] of [
  ['afterContext', 'contextChanged'],
  ['afterDebug', 'debugRegistersChanged'],
  ['afterBanks', 'banksChanged'],
  ['afterSwitch', 'switchContext'],
  ['afterMasks', 'masksChanged'],
  ['afterFpMode', 'fpModeChanged'],
] as const) {
  registerRoutines.define(name, THEN, I32, (link, cpu, rec, n) => {
    run(link(routine), cpu!);
    goOn(link, cpu!, rec!, n!);
  });
}
registerRoutines.define('writeSpselThen', [...THEN, I32], I32, (link, cpu, rec, n, v) => {
  run(link('writeSpsel'), cpu!, v!);
  goOn(link, cpu!, rec!, n!);
});
