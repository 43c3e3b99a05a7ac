/** Returning from an exception (AArch64.ExceptionReturn, D1.4). */

import { pcOf } from '../../engine/interpret.ts';
import { call, iff, ret, run, tailCall, unlikely, variable } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { pmuContextChanged } from '../registers/pmu.ts';
import * as state from '../state.ts';
import { fgtEnabled, raise } from './calls.ts';
import { noteWorld, watched } from './entry.ts';
import { EC, HCR, HFGITR, MDSCR, SCR, SECURITY_STATE, SPSR } from './fields.ts';
import { writeNzcv } from './pstate.ts';
import { bit64, bitOf, byEl, currentEl, el2Enabled, esr, hcr, reg32, regimeEl, setWord, word } from './view.ts';

export const returns = new Library();

/** For observers: this core leaves EL3 for a security state for the first time. */
returns.host('worldBegins', [I32, I32], null);

/** i32 0/1: SPSR_ELx at this level asks for what cannot be returned to (IllegalExceptionReturn, ELFromSPSR). */
function illegalReturn(cpu: Val, spsr: Val): Val {
  const el = currentEl(cpu);
  const target = spsr.bits(2, 2);
  const flags = word(cpu, state.CONFIG_FLAGS);
  const scr = reg32(cpu, 'SCR_EL3');
  const enabled = el2Enabled(cpu);
  const aarch32 = spsr.bits(SPSR.M4, 1);
  const reserved = spsr.bits(1, 1).or(target.eqz().and(spsr.and(1)));
  const higher = target.gtU(el);
  const noEl2 = target.eq(2).and(flags.and(state.CONFIG.noEl2).ne(0).or(enabled.xor(1)));
  const tge = target.eq(1).and(bit64(hcr(cpu), HCR.TGE));
  // FEAT_RME: SCR_EL3.{NSE,NS} = 10 names no security state.
  const noState = target
    .ne(3)
    .and(bitOf(cpu, 'SCR_EL3', SCR.NSE))
    .and(scr.and(1).xor(1));
  return aarch32.or(reserved).or(higher).or(noEl2).or(tge).or(noState);
}

/** i32: the security state below EL3 that SCR_EL3.{NSE,NS} select. */
export function securityBelow(cpu: Val): Val {
  const ns = reg32(cpu, 'SCR_EL3').and(1);
  const realm = ns.and(bitOf(cpu, 'SCR_EL3', SCR.NSE));
  return select(realm, i32(SECURITY_STATE.realm), ns);
}

/** Where a branch to `va` at the current level goes: without the tag, if addresses have one (AArch64.BranchAddr). */
returns.define('branchAddress', [I32, I64], I64, (_link, c, v) => {
  const [cpu, va] = [c!, v!];
  const canonical = va.shl(8).shrS(8);
  unlikely(va.ne(canonical), () => {
    const el = currentEl(cpu);
    const h = hcr(cpu);
    const regime = regimeEl(el, h);
    const tcr = byEl(cpu, regime, 'TCR');
    const two = regime.eq(1).or(regime.eq(2).and(bit64(h, HCR.E2H)));
    const upper = bit64(va, 55);
    // TBI0, TBI1 and TBID0, TBID1 in TCR_ELx of two ranges; TBI, TBID in those of one.
    const tbi = select(two, bit64(tcr, 37).and(upper.xor(1)).or(bit64(tcr, 38).and(upper)), bit64(tcr, 20));
    const tbid = select(two, bit64(tcr, 51).and(upper.xor(1)).or(bit64(tcr, 52).and(upper)), bit64(tcr, 29));
    iff(tbi.and(tbid.xor(1)), () => {
      const low = va.and((1n << 56n) - 1n);
      ret(select(two, canonical, low));
    });
  });
  ret(va);
});

/** Returns to `to` with SPSR_ELx of the current level. */
returns.define('exceptionReturnTo', [I32, I32, I64], I32, (link, c, n, t) => {
  const cpu = c!;
  const el = currentEl(cpu);
  const from = word(cpu, state.SECURITY);
  const spsr = byEl(cpu, el, 'SPSR').lo32().and(word(cpu, state.PSTATE_ABSENT).not());
  // DebugExceptionReturnSS: only a return from where stepping is off to where it is on takes SS over.
  const ss = variable(I32, 0);
  unlikely(reg32(cpu, 'MDSCR_EL1').bits(MDSCR.SS, 1), () => {
    ss.set(call(link('debugEnabledFrom'), cpu, el, word(cpu, state.SECURITY), word(cpu, state.DAIF).shrU(3)).xor(1));
  });
  iff(
    illegalReturn(cpu, spsr),
    () => {
      // Level, stack pointer, and what the architecture leaves unknown stay; the next instruction finds PSTATE.IL.
      setWord(cpu, state.IL, 1);
      setWord(cpu, state.PAN, spsr.bits(SPSR.PAN, 1));
      setWord(cpu, state.DAIF, spsr.bits(SPSR.DAIF, 4));
      setWord(cpu, state.BTYPE, 0);
      writeNzcv(cpu, spsr);
    },
    () => {
      iff(el.eq(3).and(spsr.bits(2, 2).ne(3)), () => {
        const to = securityBelow(cpu);
        setWord(cpu, state.BUDGET, n!.sub(1));
        noteWorld(cpu, from, to, state.WORLD_EXITS);
        setWord(cpu, state.SECURITY, to);
        const first = word(cpu.add(to.shl(2)), state.WORLD_EXITS).eq(1);
        unlikely(first, () => run(link('worldBegins'), cpu, to));
      });
      run(link('writePstate'), cpu, spsr.zext64());
    },
    true,
  );
  unlikely(ss.get(), () => {
    const [now, security] = [word(cpu, state.EL), word(cpu, state.SECURITY)];
    ss.set(call(link('debugEnabledFrom'), cpu, now, security, spsr.shrU(9).and(1)).and(spsr.bits(SPSR.SS, 1)));
  });
  setWord(cpu, state.SS, ss.get());
  setWord(cpu, state.STEPPING, 0);
  // The local monitor is cleared and the event register set.
  setWord(cpu, state.EXCL_ADDR, 0);
  setWord(cpu, state.EVENT, 1);
  setWord(cpu, state.NESTED, 0);
  run(link('switchContext'), cpu);
  setWord(cpu, state.BUDGET, n!.sub(1));
  pmuContextChanged(link, cpu);
  const pc = variable(I64, t!);
  unlikely(t!.ne(t!.shl(8).shrS(8)), () => pc.set(call(link('branchAddress'), cpu, t!)));
  unlikely(watched(el), () => run(link('levelLeft'), cpu, from.shl(2).or(el), pc.get()));
  // Where IL or BTYPE is set now, PEND.debug keeps the next instruction from running unseen.
  tailCall(link('jump'), cpu, pc.get(), n!.sub(1));
});

/** ERET at EL1 to EL3 without its checks. */
returns.define('exceptionReturn', [I32, I32], I32, (link, c, n) => {
  tailCall(link('exceptionReturnTo'), c!, n!, byEl(c!, currentEl(c!), 'ELR'));
});

/** i32 0/1: does an ERET of any kind trap to EL2 at this level (AArch64.CheckForERetTrap)? */
function eretTrapped(cpu: Val): Val {
  const h = hcr(cpu);
  const fgt = bitOf(cpu, 'HFGITR_EL2', HFGITR.ERET).and(fgtEnabled(cpu));
  return currentEl(cpu).eq(1).and(bit64(h, HCR.NV).or(fgt));
}
/** ERET with its checks: (cpu, rec, n). */
returns.define('eret', [I32, I32, I32], I32, (link, c, rec, n) => {
  const cpu = c!;
  unlikely(currentEl(cpu).eqz(), () => tailCall(link('undefined'), cpu, rec!, n!));
  unlikely(eretTrapped(cpu), () => raise(link, cpu, n!, i32(2), esr(EC.eret), pcOf(cpu, rec!)));
  tailCall(link('exceptionReturn'), cpu, n!);
});
/** The checks of ERETAA and ERETAB: leaves 0 to go on, else the ISS of the trap to EL2 that is to be taken. (cpu, key B) → i32. */
returns.define('eretAuthTrap', [I32, I32], I32, (_link, c, b) => {
  ret(select(eretTrapped(c!), b!.and(1).or(2), i32(0)));
});
