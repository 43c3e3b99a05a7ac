/** Alignment faults that do not depend on the memory type (AArch64.UnalignedAccessFaults). */
import { iff, ret, unlikely } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select } from '../../wasm/value.ts';
import { FSC } from '../exceptions/fault-kinds.ts';
import { byEl, hcr, regimeEl, word } from '../exceptions/view.ts';
import { EL } from '../state.ts';
import { failS1 } from './faults.ts';
import type { TranslationFeatures } from './features.ts';
import { ACC } from './fields.ts';

const SCTLR = { A: 1, nAA: 6 } as const;

export function defineAlignment(lib: Library, f: TranslationFeatures): void {
  /** (address, INFO) → 1, or 0 with FAULT. Device memory is looked at when the address has been translated. */
  lib.define('checkAlignment', [I32, I64, I32], I32, (link, c, v, i) => {
    const [cpu, va, info] = [c!, v!, i!];
    const size = i32(1).shl(info.and(7));
    iff(va.lo32().and(size.sub(1)).eqz(), () => ret(i32(1)));
    const sctlr = byEl(cpu, regimeEl(word(cpu, EL), hcr(cpu)), 'SCTLR');
    const strict = info.and(ACC.atomic | ACC.aligned);
    const ordered = info.and(ACC.ordered);
    let faults = strict.or(ordered);
    if (f.has('LSE2')) {
      // Inside of 16 bytes that are aligned nothing can go wrong; SCTLR_ELx.nAA allows acquire and release anywhere.
      const crosses = va.lo32().and(15).add(size).gtU(16);
      const relaxed = strict.eqz().and(sctlr.bit(SCTLR.nAA));
      faults = select(crosses.and(relaxed.eqz()), faults, i32(0));
    }
    unlikely(faults.or(sctlr.bit(SCTLR.A)), () => failS1(link, cpu, va, info, i32(FSC.alignment)));
    ret(i32(1));
  });
}
