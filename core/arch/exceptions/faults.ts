/** Aborts and other faults that slow paths leave behind in FAULT (AArch64.Abort, AArch64.FaultSyndrome). */

import { TLB_ADDEND, TLB_ENTRY_SHIFT, TLB_EXEC, TLB_INDEX_MASK } from '../../engine/abi.ts';
import { INFO } from '../../engine/access.ts';
import { call, iff, load, ret, run, store, unlikely, variable } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { GPCSC } from '../granules/format.ts';
import { regOffset } from '../registers/storage.ts';
import * as state from '../state.ts';
import { FAULT_ISS2 } from '../translation/fields.ts';
import { debugTarget } from './calls.ts';
import { VECTOR } from './entry.ts';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from './fault-kinds.ts';
import { EC, HCR, SCR } from './fields.ts';
import { bit64, bitOf, currentEl, el2Enabled, hcr, hostEl0, ownTarget, setReg, setWord, word } from './view.ts';

export const faults = new Library();

/** For observers: a granule protection fault is taken: (cpu, ISS and hints, `FAULT_KIND`). PC, FAULT_ADDR and FAULT_PA have the rest. */
faults.host('granuleFaultSeen', [I32, I32, I32], null);

const set = (cpu: Val, kind: number, iss: Val | number, va: Val): void => {
  setWord(cpu, state.FAULT, kind);
  setWord(cpu, state.FAULT_ISS, iss);
  store('i64', cpu, va, state.FAULT_ADDR);
};
/** A branch went to a misaligned address. */
faults.define('pcAlignmentFault', [I32, I64], null, (_link, cpu, va) => {
  set(cpu!, FAULT_KIND.pcAlignment, 0, va!);
});
const isExec = (info: Val): Val => info.and(INFO.exec);
/** ISS.WnR for an access as slow paths describe it; reads of atomics count as writes only where both are refused. */
const wnr = (info: Val): Val => select(info.and(INFO.write), i32(ISS.wnr), i32(0));
/** Nothing answers at the physical address: (cpu, va, info). */
faults.define('externalAbort', [I32, I64, I32], null, (_link, cpu, va, info) => {
  const kind = select(isExec(info!), i32(FAULT_KIND.instructionAbort), i32(FAULT_KIND.dataAbort));
  setWord(cpu!, state.FAULT, kind);
  setWord(cpu!, state.FAULT_ISS, wnr(info!).or(FSC.externalAbort));
  store('i64', cpu!, va!, state.FAULT_ADDR);
});
/** An exclusive or atomic access to memory that supports none (Device memory): (cpu, va, info). */
faults.define('unsupportedAtomic', [I32, I64, I32], null, (_link, cpu, va, _info) => {
  set(cpu!, FAULT_KIND.dataAbort, FSC.unsupportedAtomic, va!);
});

/** i32 0/1: does FSC name a synchronous External abort, on a walk or not? */
function isExternal(iss: Val): Val {
  const fsc = iss.and(63);
  return fsc.eq(FSC.externalAbort).or(fsc.geU(0x12).and(fsc.leU(0x17)));
}
/** i32 0/1: is FSC a granule protection fault? */
function isGpf(iss: Val): Val {
  const fsc = iss.and(63);
  return fsc.eq(FSC.gpf).or(fsc.geU(0x22).and(fsc.leU(0x27)));
}

/** Level that a Data or Instruction Abort goes to (AArch64.DataAbort, AArch64.SyncExternalAbortTarget). */
faults.define('abortTarget', [I32, I32], I32, (_link, c, i) => {
  const [cpu, iss] = [c!, i!];
  const el = currentEl(cpu);
  const h = hcr(cpu);
  const below2 = el.ltU(2);
  const stage2 = iss.and(FAULT_HINT.stage2).ne(0);
  const tge = bit64(h, HCR.TGE);
  iff(isExternal(iss), () => {
    iff(el.eq(3).or(bitOf(cpu, 'SCR_EL3', SCR.EA)), () => ret(i32(3)));
    const own2 = el.eq(2).or(el.eqz().and(hostEl0(h)));
    const tea = bit64(h, HCR.TEA).and(below2);
    const el0 = el.eqz().and(tge);
    ret(i32(1).add(own2.or(tea).or(el0).or(stage2.and(below2))));
  });
  iff(el.gtU(1), () => ret(el));
  const gpf = isGpf(iss).and(bit64(h, HCR.GPF));
  ret(i32(1).add(stage2.or(el.eqz().and(tge)).or(gpf).and(el2Enabled(cpu))));
});

/** (address) → the instruction word there, as the guest's fetch sees it, or 0. */
faults.define('wordAt', [I32, I64], I32, (link, c, v) => {
  const [cpu, va] = [c!, v!];
  const index = va
    .shrU(12 - TLB_ENTRY_SHIFT)
    .lo32()
    .and(TLB_INDEX_MASK);
  const entry = load('i32', cpu, state.BANK).add(index);
  iff(load('i64', entry, TLB_EXEC).eq(va.and(~0xfffn)), () => {
    ret(load('i32', load('i32', entry, TLB_ADDEND).add(va.lo32())));
  });
  unlikely(call(link('fillExec'), cpu, va).eqz(), () => {
    setWord(cpu, state.FAULT, 0);
    ret(i32(0));
  });
  const host = call(link('hostOfPhysical'), load('i64', cpu, state.TR_PA), load('i32', cpu, state.TR_PAS), i32(0));
  unlikely(host.eqz(), () => ret(i32(0)));
  ret(load('i32', host));
});

/** Makes the exception of what FAULT says. PC is its preferred return address, and the vector afterwards. */
faults.define('takeFault', [I32], null, (link, c) => {
  const cpu = c!;
  const kind = word(cpu, state.FAULT);
  const hints = word(cpu, state.FAULT_ISS);
  const address = load('i64', cpu, state.FAULT_ADDR);
  const ipa = load('i64', cpu, state.FAULT_IPA);
  const back = load('i64', cpu, state.PC);
  const el = currentEl(cpu);
  setWord(cpu, state.FAULT, 0);
  const protection = hints
    .and(63)
    .sub(FSC.gpfOnWalk(-1))
    .leU(FSC.gpf - FSC.gpfOnWalk(-1));
  unlikely(kind.leU(FAULT_KIND.instructionAbort).and(protection).or(kind.eq(FAULT_KIND.gpcException)), () => {
    run(link('granuleFaultSeen'), cpu, hints, kind);
  });
  const iss = variable(I32, hints.and(0x1ffffff));
  const target = variable(I32);
  const ec = variable(I32);
  const vector = variable(I32, VECTOR.sync);
  const abort = kind.eq(FAULT_KIND.dataAbort).or(kind.eq(FAULT_KIND.instructionAbort));
  const is = (k: number, then: () => void): void => iff(kind.eq(k), then);
  const ease = (): void => {
    const serror = isExternal(hints)
      .and(target.get().eq(3))
      .and(bitOf(cpu, 'SCR_EL3', SCR.EASE));
    vector.set(select(serror, i32(VECTOR.serror), i32(VECTOR.sync)));
  };
  iff(abort, () => {
    target.set(call(link('abortTarget'), cpu, hints));
    ease();
    ec.set(select(kind.eq(FAULT_KIND.dataAbort), i32(EC.dataAbort), i32(EC.instructionAbort)));
    const emulated = hints.and(FAULT_HINT.stage2 | ISS.s1ptw | ISS.cm).eq(FAULT_HINT.stage2);
    const wanted = kind.eq(FAULT_KIND.dataAbort).and(emulated).and(isExternal(hints).xor(1));
    unlikely(wanted, () => {
      iss.set(iss.get().or(call(link('dataAbortSyndrome'), call(link('wordAt'), cpu, back))));
    });
  });
  is(FAULT_KIND.pcAlignment, () => {
    ec.set(EC.pcAlignment);
    target.set(ownTarget(cpu));
    iss.set(0);
  });
  is(FAULT_KIND.spAlignment, () => {
    ec.set(EC.spAlignment);
    target.set(ownTarget(cpu));
    iss.set(0);
  });
  iff(kind.eq(FAULT_KIND.watchpoint).or(kind.eq(FAULT_KIND.breakpoint)), () => {
    ec.set(select(kind.eq(FAULT_KIND.watchpoint), i32(EC.watchpoint), i32(EC.breakpoint)));
    target.set(select(el.eq(2), i32(2), debugTarget(cpu)));
    iss.set(iss.get().and(~63).or(FSC.debug));
  });
  is(FAULT_KIND.gpcException, () => {
    ec.set(EC.gpc);
    target.set(3);
    // An external abort on the table itself may use the vector of SErrors (AArch64.RouteToSErrorOffset).
    const external = hints
      .shrU(15)
      .and(31)
      .eq(GPCSC.externalAbort >> 1);
    vector.set(select(external.and(bitOf(cpu, 'SCR_EL3', SCR.EASE)), i32(VECTOR.serror), i32(VECTOR.sync)));
    store('i64', cpu, load('i64', cpu, state.FAULT_PA), regOffset('MFAR_EL3'));
  });
  const t = target.get();
  // FAR_ELx: Instruction and Data Aborts, watchpoints, PC alignment, GPC exceptions.
  iff(kind.ne(FAULT_KIND.spAlignment).and(kind.ne(FAULT_KIND.breakpoint)), () => {
    const far = (n: 1 | 2 | 3) => (): void => setReg(cpu, `FAR_EL${n}`, address);
    iff(t.eq(1), far(1), () => iff(t.eq(2), far(2), far(3)));
  });
  // HPFAR_EL2: FIPA[47:4] = IPA[55:12], NS in bit 63.
  iff(hints.and(FAULT_HINT.stage2 | FAULT_HINT.ipaValid), () => {
    const fipa = ipa.and(0x00fffffffffff000n).shrU(8);
    setReg(cpu, 'HPFAR_EL2', fipa.or(ipa.and(i64(1n << 63n))));
  });
  // The "same level" form of the class is one more.
  const classes = ec.get();
  const two = abort.or(kind.eq(FAULT_KIND.watchpoint)).or(kind.eq(FAULT_KIND.breakpoint));
  const value = classes
    .add(two.and(t.eq(el)))
    .shl(26)
    .or(1 << 25)
    .or(iss.get());
  // ISS2, in ESR_ELx[55:32].
  const iss2 = select(abort, word(cpu, FAULT_ISS2), i32(0));
  setWord(cpu, FAULT_ISS2, 0);
  run(link('takeException'), cpu, t, value.zext64().or(iss2.zext64().shl(32)), back, vector.get());
});
