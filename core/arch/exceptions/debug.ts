/** Self-hosted debug (D2): when debug exceptions are enabled, software step, breakpoints, watchpoints. */
import { ret } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { debugTarget } from './calls.ts';
import { MDCR3, MDSCR, OSLSR, SECURITY_STATE } from './fields.ts';
import { reg32 } from './view.ts';

export const debug = new Library();

/** (level, security state, PSTATE.D) → 0/1: AArch64.GenerateDebugExceptionsFrom. */
debug.define('debugEnabledFrom', [I32, I32, I32, I32], I32, (_link, c, el, security, d) => {
  const cpu = c!;
  const unlocked = reg32(cpu, 'OSLSR_EL1').bits(OSLSR.OSLK, 1).xor(1);
  const target = debugTarget(cpu);
  const allowed = reg32(cpu, 'MDCR_EL3').bits(MDCR3.SDD, 1).and(security!.eq(SECURITY_STATE.secure)).xor(1);
  const kde: Val = reg32(cpu, 'MDSCR_EL1').bits(MDSCR.KDE, 1).and(d!.eqz());
  ret(unlocked.and(allowed).and(select(el!.eq(target), kde, target.gtU(el!))));
});
debug.define('debugActive', [I32], I32, () => ret(i32(0)));
