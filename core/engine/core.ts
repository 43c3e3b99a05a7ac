/**
 * The routines between instructions: dispatch, page changes, debugging, delivery of faults.
 * Together with the architecture's own routines they make the core module.
 */
import { FAULT_KIND } from '../arch/exceptions/fault-kinds.ts';
import * as state from '../arch/state.ts';
import {
  call,
  iff,
  load,
  ret,
  rmw,
  run,
  store,
  tailCall,
  tailCallIndirect,
  unlikely,
  variable,
} from '../wasm/build.ts';
import { Library, type Link } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
import { i32, i64, type Val } from '../wasm/value.ts';
import {
  EXIT,
  FIRST_REGION,
  GUARDED,
  H_BREAK,
  H_STOP,
  H_TRACE,
  HANDLER,
  HOT,
  PAGE_HEAT,
  PEND,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_SIZE,
  TLB_EXEC,
  TLB_RECORDS,
} from './abi.ts';
import { tlbEntry } from './access.ts';
import { pcOf } from './interpret.ts';
import { slowAccess } from './slow-access.ts';
import { HOST_FAULT, tlb } from './tlb.ts';

export const dispatch = new Library();
const lib = dispatch;
lib.include(tlb);
lib.include(slowAccess);

/** Fills the record from the instruction's word. */
lib.host('decode', [I32, I32], null);
/** A branch target got hot. */
lib.host('hot', [I32, I32], null);
const pendingOr = (cpu: Val, n: Val): Val => load('i32', cpu, state.PENDING).or(n.shrU(31));
/** Stands still if another core asks for it; what else is pending stays so. */
const standIfAsked = (link: Link, cpu: Val): void =>
  iff(load('i32', cpu, state.PENDING).and(PEND.park), () => run(link('standStill'), cpu));

/** Leaves before the instruction of `rec`, unless all that was pending was a standstill. */
lib.define('leave', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  standIfAsked(link, cpu!);
  iff(pendingOr(cpu!, n!).eqz(), () => tailCallIndirect(HANDLER, load('i32_16u', rec!, REC_ACTIVE), cpu!, rec!, n!));
  store('i64', cpu, pcOf(cpu!, rec!), state.PC);
  store('i32', cpu!, n!, state.BUDGET);
  ret(i32(EXIT.pending));
});
/** Goes on at `rec` unless something is pending. */
lib.define('proceed', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  unlikely(pendingOr(cpu!, n!), () => tailCall(link('leave'), cpu!, rec!, n!));
  tailCallIndirect(HANDLER, load('i32_16u', rec!, REC_ACTIVE), cpu!, rec!, n!);
});

/** Goes on at `va` through the instruction TLB, which checks permission to execute. `kind`: of an indirect branch, for FEAT_BTI. */
function jump(link: Link, cpu: Val, va: Val, n: Val, kind: Val | null): void {
  unlikely(pendingOr(cpu, n), () => {
    standIfAsked(link, cpu);
    iff(pendingOr(cpu, n), () => {
      store('i64', cpu, call(link('branchAddress'), cpu, va), state.PC);
      store('i32', cpu, n, state.BUDGET);
      if (kind) run(link('noteBranch'), cpu, kind);
      ret(i32(EXIT.pending));
    });
  });
  const entry = tlbEntry(load('i32', cpu, state.BANK), va);
  const records = variable(I32, load('i32', entry, TLB_RECORDS));
  // A misaligned PC keeps its low bits in the comparison, so it misses and is found by the slow path.
  unlikely(load('i64', entry, TLB_EXEC).ne(va.and(~0xffcn)), () => {
    store('i32', cpu, n, state.BUDGET);
    // An address tag is dropped (AArch64.BranchAddr); with it there is no hit.
    const plain = call(link('branchAddress'), cpu, va);
    unlikely(plain.ne(va), () => {
      if (kind) tailCall(link('jumpIndirect'), cpu, plain, n, kind);
      else tailCall(link('jump'), cpu, plain, n);
    });
    records.set(call(link('fillExec'), cpu, va));
    unlikely(records.get().eqz(), () => {
      store('i64', cpu, va, state.PC);
      if (kind) run(link('noteBranch'), cpu, kind);
      tailCall(link('deliverAtPc'), cpu, n);
    });
  });
  if (kind) {
    unlikely(records.get().and(GUARDED), () => {
      unlikely(call(link('branchFits'), cpu, va, kind).eqz(), () => tailCall(link('branchTarget'), cpu, va, n, kind));
    });
  }
  const base = records.get().and(~15);
  const offset = va.lo32().and(0xffc);
  const rec = base.add(offset.shl(2));
  store('i32', cpu, records.get().and(GUARDED), state.PAGE_GUARD);
  store('i64', cpu, va.and(~0xfffn), state.PC_PAGE);
  store('i32', cpu, base, state.REC_BASE);
  const active = variable(I32, load('i32_16u', rec, REC_ACTIVE));
  // What is compiled is hot enough.
  iff(active.get().ltU(FIRST_REGION), () => {
    const heatAt = base.add(offset.shrU(1));
    const heat = variable(I32, load('i32_16u', heatAt, PAGE_HEAT).add(1));
    store('i32_16', heatAt, heat.get(), PAGE_HEAT);
    unlikely(heat.get().eq(HOT), () => {
      run(link('hot'), cpu, rec);
      active.set(load('i32_16u', rec, REC_ACTIVE));
    });
  });
  tailCallIndirect(HANDLER, active.get(), cpu, rec, n);
}
lib.define('jump', [I32, I64, I32], I32, (link, cpu, va, n) => jump(link, cpu!, va!, n!, null));
/** The same for BR and BLR: (cpu, va, n, kind, as `BTYPE_OF` has it). */
lib.define('jumpIndirect', [I32, I64, I32, I32], I32, (link, cpu, va, n, kind) => jump(link, cpu!, va!, n!, kind!));
/** A region is entered in another mode than it was compiled for: the host says what runs instead (a table entry). */
lib.host('otherMode', [I32, I32], I32);
lib.define('modeMiss', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  tailCallIndirect(HANDLER, call(link('otherMode'), cpu!, rec!), cpu!, rec!, n!);
});
/** From a region to a record of the same page that was not compiled yet: counts heat as a branch would. */
lib.define('goNear', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  const base = load('i32', cpu!, state.REC_BASE);
  const heatAt = base.add(rec!.sub(base).shrU(3));
  const heat = load('i32_16u', heatAt, PAGE_HEAT).add(1);
  store('i32_16', heatAt, heat, PAGE_HEAT);
  unlikely(heat.eq(HOT), () => run(link('hot'), cpu!, rec!));
  tailCallIndirect(HANDLER, load('i32_16u', rec!, REC_ACTIVE), cpu!, rec!, n!);
});
/** Entry from the host: goes on at PC with the budget in the state. */
lib.define('enter', [I32], I32, (link, cpu) => {
  iff(load('i32', cpu!, state.PENDING).and(PEND.irq), () => {
    run(link('takePending'), cpu!);
  });
  // Self-hosted debug: one instruction at a time.
  unlikely(load('i32', cpu!, state.PENDING).and(PEND.debug), () => tailCall(link('debugStep'), cpu!));
  tailCall(link('jump'), cpu!, load('i64', cpu!, state.PC), load('i32', cpu!, state.BUDGET));
});

// Handlers that are not instructions.
lib.define('decodeHandler', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  const templates = load('i32', cpu!, state.TEMPLATES);
  iff(templates, () => {
    const handler = variable(I32, call(link('fillRecord'), load('i32', cpu!, state.REC_BASE), rec!, templates, i32(0)));
    iff(handler.get(), () => {
      store('i32', cpu!, load('i32', cpu!, state.DECODED).add(1), state.DECODED);
      tailCallIndirect(HANDLER, handler.get(), cpu!, rec!, n!);
    });
  });
  store('i32', cpu!, n!, state.BUDGET);
  run(link('decode'), cpu!, rec!);
  tailCallIndirect(HANDLER, load('i32_16u', rec!, REC_ACTIVE), cpu!, rec!, n!);
});
lib.define('crossPageHandler', [I32, I32, I32], I32, (link, cpu, _rec, n) => {
  tailCall(link('jump'), cpu!, load('i64', cpu!, state.PC_PAGE).add(4096), n!);
});
lib.define('stopHandler', [I32, I32, I32], I32, (_link, cpu, rec, n) => {
  store('i64', cpu!, pcOf(cpu!, rec!), state.PC);
  store('i32', cpu!, n!, state.BUDGET);
  ret(i32(EXIT.debug));
});

/** Asks the host about a breakpoint: 0 to stop, else the handler of the instruction. */
lib.host('breakpoint', [I32, I32, I64], I32);
lib.define('breakHandler', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  const handler = call(link('breakpoint'), cpu!, rec!, pcOf(cpu!, rec!));
  iff(handler.eqz(), () => tailCall(link('stopHandler'), cpu!, rec!, n!));
  unlikely(call(link('breakpointDue'), cpu!, pcOf(cpu!, rec!)), () => tailCall(link('deliver'), cpu!, rec!, n!));
  tailCallIndirect(HANDLER, handler, cpu!, rec!, n!);
});
lib.define('traceHandler', [I32, I32, I32], I32, (_link, cpu, rec, n) => {
  store('i64', cpu!, pcOf(cpu!, rec!), state.PC);
  store('i32', cpu!, n!, state.BUDGET);
  ret(i32(EXIT.trace));
});
/**
 * Runs one instruction at PC, breakpoints apart: a copy of its record, followed by one that stops, with the page's base set so
 * that the copy counts as the original. PENDING has PEND.step, so that taken branches and exceptions leave at once too.
 * `scratch`: address of two records of the core.
 */
lib.define('step', [I32, I32], I32, (link, c, s) => {
  const [cpu, scratch] = [c!, s!];
  const va = load('i64', cpu, state.PC);
  const n = load('i32', cpu, state.BUDGET);
  unlikely(load('i32', cpu, state.PENDING).and(PEND.debug), () => {
    iff(call(link('debugCheck'), cpu), () => ret(i32(EXIT.pending)));
  });
  const records = variable(I32, load('i32', tlbEntry(load('i32', cpu, state.BANK), va), TLB_RECORDS));
  iff(load('i64', tlbEntry(load('i32', cpu, state.BANK), va), TLB_EXEC).ne(va.and(~0xffcn)), () => {
    records.set(call(link('fillExec'), cpu, va));
    iff(records.get().eqz(), () => {
      rmw('or', 'i32', cpu, i32(PEND.step), undefined, state.PENDING);
      tailCall(link('deliverAtPc'), cpu, n);
    });
  });
  const offset = va.lo32().and(0xffc).shl(2);
  const rec = records.get().and(~15).add(offset);
  store('i32', cpu, records.get().and(GUARDED), state.PAGE_GUARD);
  iff(load('i32_16u', rec, REC_BASE_HANDLER).eqz(), () => run(link('decode'), cpu, rec));
  const handler = variable(I32, load('i32_16u', rec, REC_BASE_HANDLER));
  iff(handler.get().geU(H_BREAK).and(handler.get().leU(H_TRACE)), () => {
    handler.set(call(link('breakpoint'), cpu, rec, i64(-1)));
    unlikely(call(link('breakpointDue'), cpu, va), () => {
      rmw('or', 'i32', cpu, i32(PEND.step), undefined, state.PENDING);
      tailCall(link('deliverAtPc'), cpu, n);
    });
  });
  store('v128', scratch, load('v128', rec));
  store('i32', scratch, i32(H_STOP | (H_STOP << 16)), REC_SIZE);
  store('i64', cpu, va.and(~0xfffn), state.PC_PAGE);
  store('i32', cpu, scratch.sub(offset), state.REC_BASE);
  rmw('or', 'i32', cpu, i32(PEND.step), undefined, state.PENDING);
  tailCallIndirect(HANDLER, handler.get(), cpu, scratch, n);
});

/** Delivers the fault that a slow path left in the state, for the instruction of `rec`. */
lib.define('deliver', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  store('i64', cpu!, pcOf(cpu!, rec!), state.PC);
  tailCall(link('deliverAtPc'), cpu!, n!);
});
/** The same with PC set already. An exception costs one instruction of the slice, so that a storm of them ends. */
lib.define('deliverAtPc', [I32, I32], I32, (link, cpu, n) => {
  unlikely(load('i32', cpu!, state.FAULT).eq(HOST_FAULT), () => {
    store('i32', cpu!, i32(0), state.FAULT);
    store('i32', cpu!, n!, state.BUDGET);
    ret(i32(EXIT.debug));
  });
  unlikely(load('i32', cpu!, state.FAULT).eq(FAULT_KIND.again), () => {
    store('i32', cpu!, i32(0), state.FAULT);
    store('i32', cpu!, n!, state.BUDGET);
    ret(i32(EXIT.pending));
  });
  run(link('takeFault'), cpu!);
  tailCall(link('jump'), cpu!, load('i64', cpu!, state.PC), n!.sub(1));
});

/** Routines of the architecture that the above relies on; see `core/arch`. */
export const REQUIRED = [
  'translate',
  'takePending',
  'debugStep',
  'branchAddress',
  'debugCheck',
  'noteBranch',
  'branchFits',
  'branchTarget',
  'breakpointDue',
  'watchpointCheck',
  'watchpointPage',
  'checkAlignment',
  'takeFault',
  'pcAlignmentFault',
  'externalAbort',
  'unsupportedAtomic',
] as const;
export type { Link };
