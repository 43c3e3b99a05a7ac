/** MSR (immediate) where it is more than a store: handlers (cpu, rec, n, immediate). */

import { REC_SIZE } from '../../engine/abi.ts';
import { run, tailCall, unlikely } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { EC, HCR, SCTLR } from './fields.ts';
import { bit64, bitOf, currentEl, hcr, hostEl0, setWord, word } from './view.ts';

export const msr = new Library();
const HANDLER = [I32, I32, I32, I32] as const;

const goOn = (link: Link, cpu: Val, rec: Val, n: Val): void =>
  tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));

for (const [name, offset] of [
  ['msrPan', state.PAN],
  ['msrUao', state.UAO],
] as const) {
  msr.define(name, HANDLER, I32, (link, cpu, rec, n, v) => {
    unlikely(currentEl(cpu!).eqz(), () => tailCall(link('undefined'), cpu!, rec!, n!));
    setWord(cpu!, offset, v!);
    run(link('switchContext'), cpu!);
    goOn(link, cpu!, rec!, n!);
  });
}
msr.define('msrSpsel', HANDLER, I32, (link, cpu, rec, n, v) => {
  unlikely(currentEl(cpu!).eqz(), () => tailCall(link('undefined'), cpu!, rec!, n!));
  run(link('writeSpsel'), cpu!, v!);
  goOn(link, cpu!, rec!, n!);
});

for (const [name, op2, change] of [
  ['msrDaifSet', 6, (old: Val, v: Val): Val => old.or(v)],
  ['msrDaifClr', 7, (old: Val, v: Val): Val => old.and(v.not())],
] as const) {
  msr.define(name, HANDLER, I32, (link, c, rec, n, v) => {
    const cpu = c!;
    const el0 = currentEl(cpu).eqz();
    unlikely(el0, () => {
      // AArch64.CheckDAIFAccess: the host's EL0 never, a guest's only under SCTLR_EL1.UMA.
      const h = hcr(cpu);
      unlikely(hostEl0(h).or(bitOf(cpu, 'SCTLR_EL1', SCTLR.UMA).xor(1)), () => {
        const iss = v!.shl(1).or((op2 << 17) | (3 << 14) | (4 << 10) | (31 << 5));
        tailCall(link('sysTrap'), cpu, rec!, n!, i32(1).add(bit64(h, HCR.TGE)), i32(EC.sysreg), iss);
      });
    });
    setWord(cpu, state.DAIF, change(word(cpu, state.DAIF), v!));
    run(link('masksChanged'), cpu);
    goOn(link, cpu, rec!, n!);
  });
}
