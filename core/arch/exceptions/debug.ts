/** Self-hosted debug (D2): when debug exceptions are enabled, software step, and what the run loop does about both. */

import { EXIT, PEND } from '../../engine/abi.ts';
import { call, iff, load, ret, rmw, run, unlikely } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { debugTarget } from './calls.ts';
import { VECTOR } from './entry.ts';
import { FSC } from './fault-kinds.ts';
import { EC, MDCR3, MDSCR, OSLSR, SECURITY_STATE } from './fields.ts';
import { currentEl, esr, ownTarget, reg32, setWord, word } from './view.ts';

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
/** The same for the present state (AArch64.GenerateDebugExceptions). */
debug.define('debugEnabled', [I32], I32, (link, c) => {
  const cpu = c!;
  const d = word(cpu, state.DAIF).shrU(3);
  ret(call(link('debugEnabledFrom'), cpu, currentEl(cpu), word(cpu, state.SECURITY), d));
});

/**
 * What the next instruction has to be looked at for: bit 0 software step, bit 1 breakpoints that match at any address, bit 2
 * PSTATE.IL or BTYPE. Breakpoints at an address have marked records (`breakAt`).
 */
debug.define('debugActive', [I32], I32, (link, c) => {
  const cpu = c!;
  const mdscr = reg32(cpu, 'MDSCR_EL1');
  const pstate = word(cpu, state.IL).or(word(cpu, state.BTYPE)).ne(0).shl(2);
  iff(mdscr.and((1 << MDSCR.SS) | (1 << MDSCR.MDE)).eqz(), () => ret(pstate));
  iff(call(link('debugEnabled'), cpu).eqz(), () => ret(pstate));
  const breakpoints = mdscr.bits(MDSCR.MDE, 1).and(call(link('contextBreakpoints'), cpu));
  ret(pstate.or(mdscr.bits(MDSCR.SS, 1)).or(breakpoints.shl(1)));
});

/** The stepped instruction is done (SSAdvance): called before anything else happens. */
export function advanceStep(cpu: Val): void {
  unlikely(word(cpu, state.STEPPING), () => {
    setWord(cpu, state.STEPPING, 0);
    setWord(cpu, state.SS, 0);
  });
}

/**
 * Before an instruction while PEND.debug is set: takes the exception that is due and yields 1 (PC is a vector then), or yields 0:
 * one instruction is to be run, then this is to be called again.
 */
debug.define('debugCheck', [I32], I32, (link, c) => {
  const cpu = c!;
  const stepped = word(cpu, state.STEPPING);
  advanceStep(cpu);
  const active = call(link('debugActive'), cpu);
  const el = currentEl(cpu);
  const pc = load('i64', cpu, state.PC);
  iff(active.and(1), () => {
    iff(word(cpu, state.SS).eqz(), () => {
      const target = select(el.eq(2), i32(2), debugTarget(cpu));
      // ISV: an instruction was stepped; EX: it was a load-exclusive.
      const iss = stepped.and(1).shl(24).or(stepped.and(2).shl(5)).or(FSC.debug);
      const value = esr(EC.softwareStep, iss).add(target.eq(el).shl(26).zext64());
      run(link('takeException'), cpu, target, value, pc, i32(VECTOR.sync));
      ret(i32(1));
    });
  });
  // Faults of the fetch come before what follows.
  unlikely(active.and(6).or(reg32(cpu, 'MDSCR_EL1').bits(MDSCR.MDE, 1)), () => {
    iff(
      call(link('fillExec'), cpu, pc)
        .eqz()
        .or(call(link('breakpointDue'), cpu, pc)),
      () => {
        run(link('takeFault'), cpu);
        ret(i32(1));
      },
    );
  });
  unlikely(word(cpu, state.IL), () => {
    run(link('takeException'), cpu, ownTarget(cpu), esr(EC.illegalState), pc, i32(VECTOR.sync));
    ret(i32(1));
  });
  unlikely(word(cpu, state.BTYPE), () => {
    iff(call(link('btypeCheck'), cpu), () => ret(i32(1)));
  });
  iff(active.and(1), () => {
    // Load-exclusive: 001000 in bits [29:24], o2 = 0, L = 1.
    const exclusive = call(link('wordAt'), cpu, pc).and(0x3fc00000).eq(0x08400000);
    setWord(cpu, state.STEPPING, exclusive.shl(1).or(1));
  });
  ret(i32(0));
});

/** Entry from the host while PEND.debug is set: takes the debug exception that is due, or runs one instruction. */
debug.define('debugStep', [I32], I32, (link, c) => {
  const cpu = c!;
  const why = call(link('step'), cpu, cpu.add(state.STEP_RECORDS));
  rmw('and', 'i32', cpu, i32(~PEND.step), undefined, state.PENDING);
  ret(select(why.eq(EXIT.debug), i32(EXIT.pending), why));
});
