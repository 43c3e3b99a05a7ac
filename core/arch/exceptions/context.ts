/**
 * What follows from PSTATE and the control registers: the mode word, the alignment rule, the TLB banks, and whether an interrupt
 * or a debug event is due. `contextChanged` is called after every change of what these derive from.
 */

import { PEND } from '../../engine/abi.ts';
import { atomicLoad, call, iff, load, ret, rmw, run, store, tailCall, unlikely, variable } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { MODE_FIELD } from '../state.ts';
import { area, DIR_TAG, DIR_TICK, DIR_VOLATILE, dirOf } from '../translation/directory.ts';
import { BANK_EPOCH, CACHE_TRAPS, CTX_KEY, CTX_TAG, TICK } from '../translation/fields.ts';
import { voidTableContext } from '../translation/table-cache.ts';
import { HCR, MDSCR, SCR, SCTLR } from './fields.ts';
import { bit64, byEl, currentEl, el2Enabled, hcr, hostEl0, reg32, regimeEl, setWord, word } from './view.ts';

export const context = new Library();

const put = (v: Val, [lo]: readonly [number, number]): Val => v.shl(lo);

/** i32: level (1–3) whose control register traps SIMD and floating point at `el`, 0 for none (AArch64.CheckFPEnabled). */
export function fpTrapLevel(cpu: Val, el: Val, h: Val): Val {
  const fpen = reg32(cpu, 'CPACR_EL1').bits(20, 2);
  const cptr2 = reg32(cpu, 'CPTR_EL2');
  const cptr3 = reg32(cpu, 'CPTR_EL3');
  const el0 = el.eqz();
  const tge = bit64(h, HCR.TGE);
  const below2 = el.ltU(2);
  // CPACR_EL1.FPEN: x0 traps EL0 and EL1, 01 traps EL0.
  const by1 = below2.and(hostEl0(h).eqz()).and(fpen.and(1).eqz().or(fpen.eq(1).and(el0)));
  const fpen2 = cptr2.bits(20, 2);
  const byFpen2 = fpen2.and(1).eqz().or(fpen2.eq(1).and(el0).and(tge));
  const by2 = el
    .ltU(3)
    .and(el2Enabled(cpu))
    .and(select(bit64(h, HCR.E2H), byFpen2, cptr2.bits(10, 1)));
  const by3 = cptr3.bits(10, 1);
  return select(by1, i32(1), select(by2, i32(2), by3.mul(3)));
}

/** FPCR and FPSR as the mode word holds them. */
function fpMode(cpu: Val): Val {
  const fpcr = word(cpu, state.FPCR);
  return put(fpcr.bits(22, 2), MODE_FIELD.rounding)
    .or(put(fpcr.bits(24, 1), MODE_FIELD.fz))
    .or(put(fpcr.bits(25, 1), MODE_FIELD.dn))
    .or(put(fpcr.bits(19, 1), MODE_FIELD.fz16))
    .or(put(fpcr.bits(1, 1), MODE_FIELD.ah))
    .or(inexactWanted(cpu));
}
const FP_MODE_MASK = [
  MODE_FIELD.rounding,
  MODE_FIELD.fz,
  MODE_FIELD.dn,
  MODE_FIELD.fz16,
  MODE_FIELD.ah,
  MODE_FIELD.inexactWanted,
].reduce((mask, [lo, len]) => mask | ((2 ** len - 1) << lo), 0);

/** After a change of FPCR or FPSR. */
context.define('fpModeChanged', [I32], null, (_link, cpu) => {
  setWord(cpu!, state.MODE, word(cpu!, state.MODE).and(~FP_MODE_MASK).or(fpMode(cpu!)));
});

// A remembered context: offsets in its entry.
const AGE = 0;
const EPOCH = 8;
const KEPT_MODE = 12;
const KEPT_ALIGN = 16;
const KEPT_BANK = 24;
const KEPT_BANK_UNPRIV = 28;
const KEPT_KEY = 32;
const KEPT_TAG = 40;
const KEPT_CTX = 44;
const KEPT_REGIME = 48;
const KEPT_TRAPS = 52;
/** Words that are remembered as they are: [offset in the state, in the entry]. */
const KEPT_WORDS: readonly (readonly [number, number])[] = [
  [state.BANK, KEPT_BANK],
  [state.BANK_UNPRIV, KEPT_BANK_UNPRIV],
  [CTX_TAG, KEPT_TAG],
  [state.TR_CTX, KEPT_CTX],
  [CACHE_TRAPS, KEPT_TRAPS],
];
const inexactWanted = (cpu: Val): Val => put(word(cpu, state.FPSR).bits(4, 1).xor(1), MODE_FIELD.inexactWanted);

const grow = (cpu: Val, age: number): void => store('i64', cpu, load('i64', cpu, age).add(1), age);
/** After any change of PSTATE, the security state or a control register: everything derived is computed anew. */
context.define('contextChanged', [I32], null, (link, c) => {
  grow(c!, state.CONTEXT_AGE);
  grow(c!, state.CONTEXT_AGE_EL3);
  tailCall(link('switchContext'), c!);
});
/** After a change of what only the choice of the TLB bank derives from: TTBRs, context numbers. */
context.define('banksChanged', [I32], null, (link, c) => {
  grow(c!, state.CONTEXT_AGE);
  grow(c!, state.CONTEXT_AGE_EL3);
  tailCall(link('selectBanks'), c!);
});
/**
 * The same for a control register of EL1 or EL2: (cpu, its level). Monitors and hypervisors write whole sets of them for the level
 * below, on which nothing of the present context depends: what derives from them is computed when that level is entered.
 */
for (const [name, now] of [
  ['lowerContextChanged', 'switchContext'],
  ['lowerBanksChanged', 'selectBanks'],
] as const) {
  context.define(name, [I32, I32], null, (link, c, level) => {
    const cpu = c!;
    grow(cpu, state.CONTEXT_AGE);
    iff(currentEl(cpu).leU(level!), () => tailCall(link(now), cpu));
    // An AT for that level must not take tables of the context before.
    voidTableContext(cpu);
  });
}
/** After a write of SCR_EL3, at EL3: which says what EL3 takes, and what lower levels are. */
context.define('lowerStateChanged', [I32], null, (link, c) => {
  grow(c!, state.CONTEXT_AGE);
  voidTableContext(c!);
  tailCall(link('masksChanged'), c!);
});

/** After a change of PSTATE and the security state alone: exception entry and return, MSR PAN and UAO. */
context.define('switchContext', [I32], null, (link, c) => {
  const cpu = c!;
  const index = currentEl(cpu).shl(2).or(word(cpu, state.PAN).shl(1)).or(word(cpu, state.UAO));
  const kept = cpu.add(state.CONTEXTS).add(index.shl(6));
  const el3 = currentEl(cpu).eq(3);
  const age = select(el3, load('i64', cpu, state.CONTEXT_AGE_EL3), load('i64', cpu, state.CONTEXT_AGE));
  const fresh = load('i64', kept, AGE).eq(age);
  const known = fresh.and(word(kept, EPOCH).eq(word(cpu, BANK_EPOCH)));
  unlikely(known.eqz(), () => {
    run(link('evaluateContext'), cpu);
    store('i64', kept, age, AGE);
    setWord(kept, EPOCH, word(cpu, BANK_EPOCH));
    setWord(kept, KEPT_MODE, word(cpu, state.MODE).and(~FP_MODE_MASK));
    store('i64', kept, load('i64', cpu, state.ALIGN_TEST), KEPT_ALIGN);
    store('i64', kept, load('i64', cpu, CTX_KEY), KEPT_KEY);
    for (const [from, to] of KEPT_WORDS) setWord(kept, to, word(cpu, from));
    setWord(kept, KEPT_REGIME, regimeEl(currentEl(cpu), hcr(cpu)));
    tailCall(link('masksChanged'), cpu);
  });
  const [lo] = MODE_FIELD.inexactWanted;
  const fp = word(cpu, state.MODE).and(FP_MODE_MASK & ~(1 << lo));
  setWord(cpu, state.MODE, word(kept, KEPT_MODE).or(fp).or(inexactWanted(cpu)));
  store('i64', cpu, load('i64', kept, KEPT_ALIGN), state.ALIGN_TEST);
  store('i64', cpu, load('i64', kept, KEPT_KEY), CTX_KEY);
  for (const [from, to] of KEPT_WORDS) setWord(cpu, from, word(kept, to));
  run(link('touchBanks'), cpu);
  // Pointer authentication keeps its layout of the regime in use.
  unlikely(word(kept, KEPT_REGIME).ne(word(cpu, state.LAST_REGIME)), () => {
    setWord(cpu, state.LAST_REGIME, word(kept, KEPT_REGIME));
    run(link('pauthMode'), cpu);
  });
  tailCall(link('masksChanged'), cpu);
});

/** The banks of a remembered context are in use again. */
context.define('touchBanks', [I32], null, (link, c) => {
  const cpu = c!;
  const base = area(cpu);
  const tick = word(cpu, TICK).add(1);
  setWord(cpu, TICK, tick);
  setWord(dirOf(base, word(cpu, state.BANK_UNPRIV)), DIR_TICK, tick);
  const dir = dirOf(base, word(cpu, state.BANK));
  setWord(dir, DIR_TICK, tick);
  unlikely(load('i32_8u', dir, DIR_VOLATILE), () => {
    iff(word(dir, DIR_TAG).ne(word(cpu, CTX_TAG)), () => run(link('dropVolatile'), base, dir));
  });
});

context.define('evaluateContext', [I32], null, (link, c) => {
  const cpu = c!;
  const el = currentEl(cpu);
  const h = hcr(cpu);
  const regime = regimeEl(el, h);
  const sctlr = byEl(cpu, regime, 'SCTLR').lo32();
  const below2 = regime.eq(1);
  // Stage 1 off (EL1&0 also by TGE): data accesses are to Device memory, unless HCR_EL2.DC makes them Normal.
  const off = sctlr
    .and(1)
    .xor(1)
    .or(below2.and(bit64(h, HCR.TGE)));
  const dc = below2.and(bit64(h, HCR.DC));
  const align = sctlr.bits(SCTLR.A, 1).or(off.and(dc.xor(1)));
  store('i64', cpu, select(align, i64(15), i64(0)), state.ALIGN_TEST);
  const mode = put(align, MODE_FIELD.align)
    .or(put(el, MODE_FIELD.el))
    .or(put(word(cpu, state.SECURITY), MODE_FIELD.security))
    .or(put(select(el, sctlr.bits(SCTLR.SA, 1), sctlr.bits(SCTLR.SA0, 1)), MODE_FIELD.spAlign))
    .or(put(fpTrapLevel(cpu, el, h).ne(0), MODE_FIELD.fpTrapped))
    .or(fpMode(cpu))
    .or(call(link('pauthMode'), cpu));
  setWord(cpu, state.MODE, mode);
  setWord(cpu, state.LAST_REGIME, regime);
  tailCall(link('selectBanks'), cpu);
});

/** Swaps bits 0 and 1: DAIF and HCR_EL2 have FIQ below IRQ, the lines and SCR_EL3 the other way round. */
const swapped = (v: Val): Val => v.and(4).or(v.and(1).shl(1)).or(v.shrU(1).and(1));

/** IRQ or FIQ of an interrupt of the GIC's groups (IHI 0069, 4.6.2, tables of two security states). */
function byGroup(cpu: Val, lines: Val): Val {
  const security = word(cpu, state.SECURITY);
  // Group 1 is an IRQ where it is at home: Secure below EL3, and Non-secure and Realm. EL3 is Secure or Root.
  const secure = security.or(word(cpu, state.EL).eq(3)).eqz();
  const home = select(security.and(1), i32(state.LINE.group1ns), select(secure, i32(state.LINE.group1s), i32(0)));
  const irq = lines.and(home);
  return select(irq, i32(state.LINE.irq), i32(state.LINE.fiq)).or(lines.and(state.LINE.group0 - 1));
}
const GROUPS = state.LINE.group0 | state.LINE.group1s | state.LINE.group1ns;

/** All lines: those of devices, and the virtual ones of HCR_EL2. */
export function allLines(cpu: Val): Val {
  const h = reg32(cpu, 'HCR_EL2');
  const v = h
    .shrU(HCR.VI - 3)
    .and(state.LINE.virq)
    .or(h.shrU(HCR.VF - 4).and(state.LINE.vfiq))
    .or(h.shrU(HCR.VSE - 5).and(state.LINE.vserror));
  const lines = variable(I32, atomicLoad('i32', cpu, state.IRQ_LINES).or(v));
  unlikely(lines.get().and(GROUPS), () => lines.set(byGroup(cpu, lines.get())));
  return lines.get();
}

/**
 * Which of `lines` would be taken now, as `LINE` bits (AArch64.PendingUnmaskedPhysicalInterrupts and …VirtualInterrupts).
 */
context.define('deliverable', [I32, I32], I32, (_link, c, l) => {
  const [cpu, lines] = [c!, l!];
  const el = currentEl(cpu);
  const h = hcr(cpu);
  const scr = reg32(cpu, 'SCR_EL3');
  const tge = bit64(h, HCR.TGE);
  const routed = swapped(h.lo32().shrU(HCR.FMO).and(7));
  const override = select(hostEl0(h), i32(0), select(tge, i32(7), routed));
  const daif = swapped(word(cpu, state.DAIF).and(7));
  const toEl3 = scr.shrU(SCR.IRQ).and(7);
  const at01 = daif.and(override.not()).and(toEl3.not());
  const at2 = select(tge, daif, daif.or(override.not())).and(toEl3.not());
  const nmea = select(scr.bits(SCR.NMEA, 1), i32(state.LINE.serror), i32(0)).and(toEl3);
  const at3 = daif.or(toEl3.not()).and(nmea.not());
  const mask = select(el.ltU(2), at01, select(el.eq(2), at2, at3));
  const physical = lines.and(7).and(mask.not());
  const guest = el.ltU(2).and(el2Enabled(cpu)).and(tge.xor(1));
  const virtual = select(guest, lines.shrU(3).and(routed).and(daif.not()).and(7), i32(0));
  ret(physical.or(virtual.shl(3)));
});

/**
 * After a change of the masks: sets or clears PEND.irq and PEND.debug. The flag is cleared before the lines are read, and who sets a
 * line sets the flag afterwards: so none is lost.
 */
context.define('masksChanged', [I32], null, (link, c) => {
  const cpu = c!;
  const pending = word(cpu, state.PENDING);
  unlikely(pending.and(PEND.irq | PEND.debug), () => {
    rmw('and', 'i32', cpu, i32(~(PEND.irq | PEND.debug)), undefined, state.PENDING);
  });
  const lines = allLines(cpu);
  unlikely(lines, () => {
    iff(call(link('deliverable'), cpu, lines), () => {
      rmw('or', 'i32', cpu, i32(PEND.irq), undefined, state.PENDING);
    });
  });
  const mdscr = reg32(cpu, 'MDSCR_EL1').and((1 << MDSCR.SS) | (1 << MDSCR.MDE));
  const debug = mdscr.or(word(cpu, state.IL)).or(word(cpu, state.BTYPE));
  iff(debug.eqz(), () => {
    setWord(cpu, state.STEPPING, 0);
    ret();
  });
  iff(
    call(link('debugActive'), cpu),
    () => {
      rmw('or', 'i32', cpu, i32(PEND.debug), undefined, state.PENDING);
    },
    () => setWord(cpu, state.STEPPING, 0),
  );
});
