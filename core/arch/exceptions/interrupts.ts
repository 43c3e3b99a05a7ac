/** Taking interrupts and SErrors; waiting; error synchronisation. */

import { EXIT, PEND, REC_SIZE } from '../../engine/abi.ts';
import { pcOf } from '../../engine/interpret.ts';
import { call, iff, load, ret, rmw, run, store, tailCall, unlikely } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { raise } from './calls.ts';
import { allLines } from './context.ts';
import { advanceStep } from './debug.ts';
import { VECTOR } from './entry.ts';
import { EC, HCR, ISS_ALWAYS, SCR, SCTLR } from './fields.ts';
import {
  bit64,
  byEl,
  currentEl,
  el2Enabled,
  esr,
  hcr,
  hostEl0,
  ownTarget,
  reg,
  reg32,
  regimeEl,
  setReg,
  setWord,
  word,
} from './view.ts';

export const interrupts = new Library();

/** Level (1–3) that a physical interrupt goes to from here; `route` and `take` are its bits in SCR_EL3 and HCR_EL2. */
function physicalTarget(cpu: Val, route: number, take: number): Val {
  const el = currentEl(cpu);
  const h = hcr(cpu);
  const to3 = reg32(cpu, 'SCR_EL3').bits(route, 1).or(el.eq(3));
  const to2 = el.eq(2).or(el.ltU(2).and(bit64(h, HCR.TGE).or(bit64(h, take))));
  return select(to3, i32(3), i32(1).add(to2));
}

const clearLine = (cpu: Val, line: number): void => {
  rmw('and', 'i32', cpu, i32(~line), undefined, state.IRQ_LINES);
};

/** Takes the first of what is deliverable; yields 1 when PC is a vector now. SError before FIQ before IRQ, virtual ones last. */
interrupts.define('takePending', [I32], I32, (link, c) => {
  const cpu = c!;
  rmw('and', 'i32', cpu, i32(~PEND.irq), undefined, state.PENDING);
  advanceStep(cpu);
  const due = call(link('deliverable'), cpu, allLines(cpu));
  iff(due.eqz(), () => ret(i32(0)));
  const back = load('i64', cpu, state.PC);
  const on = (line: number, then: () => void): void =>
    iff(due.and(line), () => {
      then();
      ret(i32(1));
    });
  const interrupt = (target: Val, vector: number): void => run(link('takeInterrupt'), cpu, target, back, i32(vector));
  on(state.LINE.serror, () => {
    clearLine(cpu, state.LINE.serror);
    const syndrome = esr(EC.serror, word(cpu, state.SERROR_ISS).and(0x1ffffff));
    const target = physicalTarget(cpu, SCR.EA, HCR.AMO);
    run(link('takeException'), cpu, target, syndrome, back, i32(VECTOR.serror));
  });
  on(state.LINE.fiq, () => interrupt(physicalTarget(cpu, SCR.FIQ, HCR.FMO), VECTOR.fiq));
  on(state.LINE.irq, () => interrupt(physicalTarget(cpu, SCR.IRQ, HCR.IMO), VECTOR.irq));
  on(state.LINE.vserror, () => {
    clearLine(cpu, state.LINE.vserror);
    setReg(cpu, 'HCR_EL2', reg(cpu, 'HCR_EL2').and(~(1n << BigInt(HCR.VSE))));
    const syndrome = esr(EC.serror, reg32(cpu, 'VSESR_EL2').and(0x1ffffff));
    run(link('takeException'), cpu, i32(1), syndrome, back, i32(VECTOR.serror));
  });
  on(state.LINE.vfiq, () => interrupt(i32(1), VECTOR.fiq));
  interrupt(i32(1), VECTOR.irq);
  ret(i32(1));
});

/** ESB (AArch64.ESBOperation, AArch64.vESBOperation): a masked SError is recorded in DISR_EL1, an unmasked one taken after it. */
interrupts.define('esb', [I32, I32, I32], I32, (link, c, rec, n) => {
  const cpu = c!;
  const lines = allLines(cpu);
  const waiting = lines.and(state.LINE.serror | state.LINE.vserror);
  unlikely(waiting, () => {
    const masked = waiting.and(call(link('deliverable'), cpu, lines).not());
    iff(masked.and(state.LINE.serror), () => {
      clearLine(cpu, state.LINE.serror);
      const iss = word(cpu, state.SERROR_ISS).and(0x1ffffff);
      setReg(cpu, 'DISR_EL1', iss.or(1 << 31).zext64());
    });
    const h = hcr(cpu);
    const guest = currentEl(cpu).ltU(2).and(bit64(h, HCR.TGE).xor(1)).and(bit64(h, HCR.AMO));
    iff(masked.and(state.LINE.vserror).ne(0).and(guest), () => {
      clearLine(cpu, state.LINE.vserror);
      setReg(cpu, 'HCR_EL2', reg(cpu, 'HCR_EL2').and(~(1n << BigInt(HCR.VSE))));
      const iss = reg32(cpu, 'VSESR_EL2').and(0x1ffffff);
      setReg(cpu, 'VDISR_EL2', iss.or(1 << 31).zext64());
    });
    run(link('masksChanged'), cpu);
  });
  tailCall(link('proceed'), cpu, rec!.add(REC_SIZE), n!.sub(1));
});

/** Traps of WFI and WFE (AArch64.CheckForWFxTrap): takes one if due. `e`: 1 for the WFE kinds. */
function checkTraps(link: Link, cpu: Val, rec: Val, n: Val, e: boolean, iss: Val): void {
  const el = currentEl(cpu);
  const h = hcr(cpu);
  const sctlr = byEl(cpu, regimeEl(el, h), 'SCTLR').lo32();
  const by1 = el.eqz().and(sctlr.bits(e ? SCTLR.nTWE : SCTLR.nTWI, 1).xor(1));
  const by2 = el
    .ltU(2)
    .and(el.eqz().and(hostEl0(h)).xor(1))
    .and(el2Enabled(cpu))
    .and(bit64(h, e ? HCR.TWE : HCR.TWI));
  const by3 = el.ltU(3).and(reg32(cpu, 'SCR_EL3').bits(e ? SCR.TWE : SCR.TWI, 1));
  unlikely(by1.or(by2).or(by3), () => {
    const target = select(by1, ownTarget(cpu), select(by2, i32(2), i32(3)));
    raise(link, cpu, n, target, esr(EC.wfx, iss.or(ISS_ALWAYS)), pcOf(cpu, rec));
  });
}
/** Leaves to wait; PC is behind the instruction. */
function wait(cpu: Val, rec: Val, n: Val, kind: Val, deadline: Val): void {
  setWord(cpu, state.WAIT_KIND, kind);
  store('i64', cpu, deadline, state.WAIT_DEADLINE);
  store('i64', cpu, pcOf(cpu, rec).add(4), state.PC);
  setWord(cpu, state.BUDGET, n.sub(1));
  ret(i32(EXIT.wait));
}
const goOn = (link: Link, cpu: Val, rec: Val, n: Val): void =>
  tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));

/** i32: something would wake a WFI: any physical line, and virtual ones that HCR_EL2 lets through, masked or not. */
interrupts.define('wakeup', [I32], I32, (_link, c) => {
  const cpu = c!;
  const lines = allLines(cpu);
  const h = hcr(cpu).lo32();
  const guest = currentEl(cpu).ltU(2).and(h.bits(HCR.TGE, 1).xor(1));
  const through = select(h.bits(HCR.IMO, 1), i32(state.LINE.virq), i32(0))
    .or(select(h.bits(HCR.FMO, 1), i32(state.LINE.vfiq), i32(0)))
    .or(select(h.bits(HCR.AMO, 1), i32(state.LINE.vserror), i32(0)));
  ret(lines.and(select(guest, through.or(7), i32(7))));
});

// (cpu, rec, n, ISS of the trap, deadline: a value of CNTVCT_EL0, or −1).
interrupts.define('wfi', [I32, I32, I32, I32, I64], I32, (link, cpu, rec, n, iss, deadline) => {
  unlikely(call(link('wakeup'), cpu!), () => goOn(link, cpu!, rec!, n!));
  checkTraps(link, cpu!, rec!, n!, false, iss!);
  wait(cpu!, rec!, n!, i32(state.WAIT.interrupt), deadline!);
});
interrupts.define('wfe', [I32, I32, I32, I32, I64], I32, (link, cpu, rec, n, iss, deadline) => {
  iff(rmw('xchg', 'i32', cpu!, i32(0), undefined, state.EVENT), () => goOn(link, cpu!, rec!, n!));
  unlikely(call(link('wakeup'), cpu!), () => goOn(link, cpu!, rec!, n!));
  checkTraps(link, cpu!, rec!, n!, true, iss!);
  const open = word(cpu!, state.EXCL_ADDR).ne(0);
  iff(open.and(word(cpu!, state.PEERS)), () => {
    unlikely(call(link('monitorLostSoon'), cpu!), () => goOn(link, cpu!, rec!, n!));
  });
  wait(cpu!, rec!, n!, select(open, i32(state.WAIT.monitor), i32(state.WAIT.event)), deadline!);
});
/** An event for all cores: the host sets EVENT of the others and wakes them. */
interrupts.host('sendEvent', [I32], null);
interrupts.define('sev', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  setWord(cpu!, state.EVENT, 1);
  run(link('sendEvent'), cpu!);
  goOn(link, cpu!, rec!, n!);
});

interrupts.define('sevl', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  setWord(cpu!, state.EVENT, 1);
  goOn(link, cpu!, rec!, n!);
});

/** DSB while other cores have still to answer: (cpu, rec, n). The owner of cross-core maintenance replaces the wait. */
interrupts.host('awaitAnswers', [I32], null);
interrupts.define('dsb', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  setWord(cpu!, state.BUDGET, n!);
  run(link('awaitAnswers'), cpu!);
  goOn(link, cpu!, rec!, n!);
});
/** ISB: instructions are fetched anew (B2.6.10), so the page's translation is asked for again. */
interrupts.define('isb', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  tailCall(link('jump'), cpu!, pcOf(cpu!, rec!).add(4), n!.sub(1));
});
