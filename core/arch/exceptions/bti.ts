/**
 * Branch target identification (D8.4.6, BranchTargetCheck). PSTATE.BTYPE is kept out of the way: an indirect branch whose target page
 * is guarded looks at the instruction there and then, so BTYPE is 0 whenever an instruction runs. It is stored only when
 * something comes between branch and target; PEND.debug then has `debugCheck` look at the target first.
 */

import { PEND } from '../../engine/abi.ts';
import { INFO } from '../../engine/access.ts';
import { call, iff, load, ret, rmw, run, store, tailCall, unlikely } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { BTYPE_OF } from '../semantics.ts';
import * as state from '../state.ts';
import { VECTOR } from './entry.ts';
import { EC, SCTLR, SPSR } from './fields.ts';
import { bit64, byEl, currentEl, esr, hcr, ownTarget, regimeEl, setWord, word } from './view.ts';

export const bti = new Library();

/**
 * i32 0/1: may an instruction word of a guarded page be reached with this BTYPE (BTypeCompatible)? BTI with its targets, PACIASP and
 * PACIBSP, BRK and HLT.
 */
export function btiCompatible(cpu: Val, w: Val, btype: Val): Val {
  // HINT #32 and up: bits [7:6] are 01 for BTI c, 10 for BTI j, 11 for both.
  const targets = w.bits(6, 2);
  const hint = w.and(~0xc0).eq(0xd503241f | 0);
  const excluded = select(btype.eq(BTYPE_OF.jump), i32(1), select(btype.eq(BTYPE_OF.call), i32(2), i32(0)));
  const byHint = hint.and(targets.ne(0)).and(targets.ne(excluded));
  const pac = w.and(~0x40).eq(0xd503233f | 0);
  const debug = w.and(~0x001fffe0).eq(0xd4200000 | 0);
  const halt = w.and(~0x001fffe0).eq(0xd4400000 | 0);
  // SCTLR_ELx.BT0 (EL0), BT1: not even PACIxSP for BTYPE 11.
  const el = currentEl(cpu);
  const sctlr = byEl(cpu, regimeEl(el, hcr(cpu)), 'SCTLR');
  const strict = select(el.eqz(), bit64(sctlr, SCTLR.BT0), bit64(sctlr, SCTLR.BT1)).and(btype.eq(BTYPE_OF.jump));
  return byHint
    .or(debug)
    .or(halt)
    .or(pac.and(strict.xor(1)));
}

/** (address of an instruction) → 0/1: its page is guarded. */
bti.define('guardedPage', [I32, I64], I32, (link, c, va) => {
  const cpu = c!;
  iff(call(link('translate'), cpu, va!, i32(INFO.exec | 2)), () => ret(word(cpu, state.TR_GUARDED).ne(0)));
  setWord(cpu, state.FAULT, 0);
  ret(i32(0));
});

/** BTYPE that a branch of this kind from the page that is executing sets: 0 without FEAT_BTI. */
bti.define('branchType', [I32, I32], I32, (_link, c, b) => {
  const [cpu, btype] = [c!, b!];
  const near = btype.eq(BTYPE_OF.jump).and(word(cpu, state.PAGE_GUARD).eqz());
  const absent = word(cpu, state.PSTATE_ABSENT).bits(SPSR.BTYPE, 1);
  ret(select(absent, i32(0), select(near, i32(BTYPE_OF.veneer), btype)));
});

/** Something comes between a branch and its target: BTYPE is noted, and looked at when the core goes on. */
bti.define('noteBranch', [I32, I32], null, (link, c, b) => {
  const cpu = c!;
  const btype = call(link('branchType'), cpu, b!);
  setWord(cpu, state.BTYPE, btype);
  iff(btype, () => {
    rmw('or', 'i32', cpu, i32(PEND.debug), undefined, state.PENDING);
  });
});

/** Branch Target exception at PC (AArch64.BranchTargetException). */
bti.define('takeBranchTarget', [I32, I32], null, (link, c, btype) => {
  const cpu = c!;
  setWord(cpu, state.BTYPE, btype!);
  const pc = load('i64', cpu, state.PC);
  run(link('takeException'), cpu, ownTarget(cpu), esr(EC.bti, btype!), pc, i32(VECTOR.sync));
});

/** (va, branch kind) → 0/1: the instruction at `va`, which is in a guarded page, may be the target. */
bti.define('branchFits', [I32, I64, I32], I32, (link, c, va, b) => {
  const cpu = c!;
  const btype = call(link('branchType'), cpu, b!);
  ret(btiCompatible(cpu, call(link('wordAt'), cpu, va!), btype));
});
/** It may not: (va, n, branch kind). */
bti.define('branchTarget', [I32, I64, I32, I32], I32, (link, c, va, n, b) => {
  const cpu = c!;
  store('i64', cpu, va!, state.PC);
  setWord(cpu, state.BUDGET, n!);
  run(link('takeBranchTarget'), cpu, call(link('branchType'), cpu, b!));
  tailCall(link('jump'), cpu, load('i64', cpu, state.PC), n!);
});

/** Before the instruction at PC with PSTATE.BTYPE set: 1 when it took the exception; BTYPE is 0 afterwards either way. */
bti.define('btypeCheck', [I32], I32, (link, c) => {
  const cpu = c!;
  const btype = word(cpu, state.BTYPE);
  const pc = load('i64', cpu, state.PC);
  const guarded = call(link('guardedPage'), cpu, pc);
  unlikely(guarded.and(btiCompatible(cpu, call(link('wordAt'), cpu, pc), btype).xor(1)), () => {
    run(link('takeBranchTarget'), cpu, btype);
    ret(i32(1));
  });
  setWord(cpu, state.BTYPE, 0);
  run(link('masksChanged'), cpu);
  ret(i32(0));
});
