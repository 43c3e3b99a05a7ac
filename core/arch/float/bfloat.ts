/** Dot products of BFloat16 (BFDotAdd without FEAT_EBF16): flushed, rounded to odd, default NaNs, nothing raised. */

import { call, ret } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { i32 } from '../../wasm/value.ts';
import { I32, I64, type Val } from '../semantics.ts';
import { CTL, FPCR_BIT } from './format.ts';

const BRAIN_CTL = FPCR_BIT.fz | FPCR_BIT.dn | CTL.odd | CTL.quiet;

export function defineBrainFloat(lib: Library): void {
  // A single plus the products of two pairs: (cpu, single, pair, pair), each pair in the low 32 bits.
  lib.define('fpDotBF', [I32, I64, I64, I64], I64, (link, c, a, x, y) => {
    const cpu = c!;
    const ctl = i32(BRAIN_CTL);
    const low = (v: Val): Val => v.and(0xffff).shl(16);
    const high = (v: Val): Val => v.and(0xffff0000n);
    const first = call(link('fpMul.s'), cpu, ctl, low(x!), low(y!));
    const second = call(link('fpMul.s'), cpu, ctl, high(x!), high(y!));
    const both = call(link('fpAdd.s'), cpu, ctl, first, second);
    ret(call(link('fpAdd.s'), cpu, ctl, a!, both));
  });
}
