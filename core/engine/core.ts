/**
 * The routines between instructions: dispatch, page changes, the slow paths of memory accesses.
 * Together with the architecture's own routines they make the core module.
 */
import { FAULT_KIND } from '../arch/exceptions/fault-kinds.ts';
import * as state from '../arch/state.ts';
import { LAST_MAP } from '../arch/translation/fields.ts';
import {
  br,
  call,
  fence,
  iff,
  load,
  loop,
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
import { i32, i64, select, type Val } from '../wasm/value.ts';
import {
  EXIT,
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
  TLB_ADDEND,
  TLB_ENTRY_SHIFT,
  TLB_EXEC,
  TLB_INDEX_MASK,
  TLB_READ,
  TLB_RECORDS,
  TLB_WRITE,
} from './abi.ts';
import { INFO } from './access.ts';
import { atomicAccess } from './atomic-access.ts';
import { pcOf } from './interpret.ts';
import {
  MEMMAP,
  MEMMAP_ENTRIES,
  MEMMAP_ENTRY,
  MM_BASE,
  MM_DELTA,
  MM_END,
  MM_FLAG,
  MM_FLAGS,
  MM_PAS,
} from './layout.ts';

export const dispatch = new Library();
const lib = dispatch;
lib.include(atomicAccess);

/** Fills the record from the instruction's word. */
lib.host('decode', [I32, I32], null);
/** A branch target got hot. */
lib.host('hot', [I32, I32], null);
/** Gives the records of a page of guest memory: (cpu, host address of the page) → first record. */
lib.host('newRecords', [I32, I32], I32);
/** Device accesses: (cpu, address low, address high, info) → value; 8-byte values take SCRATCH_HI for the upper half. */
lib.host('mmioRead', [I32, I32, I32, I32], I32);
lib.host('mmioWrite', [I32, I32, I32, I32, I32, I32], null);

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

/** Bytes of an access from its info. */
const bytesOf = (info: Val): Val => i32(1).shl(info.and(7));

function tlbEntry(cpu: Val, va: Val, banks: number): Val {
  return load('i32', cpu, banks).add(
    va
      .shrU(12 - TLB_ENTRY_SHIFT)
      .lo32()
      .and(TLB_INDEX_MASK),
  );
}

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
  const entry = tlbEntry(cpu, va, state.BANK);
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
  const heatAt = base.add(offset.shrU(1));
  const heat = load('i32_16u', heatAt, PAGE_HEAT).add(1);
  store('i32_16', heatAt, heat, PAGE_HEAT);
  unlikely(heat.eq(HOT), () => run(link('hot'), cpu, rec));
  tailCallIndirect(HANDLER, load('i32_16u', rec, REC_ACTIVE), cpu, rec, n);
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

/** What FAULT holds when a watchpoint of the host stops an access: no exception of the guest. */
const HOST_FAULT = 100;
/** Asks the host about its watchpoints: (cpu, address, bytes or 0, bit 0 writes, bit 1 reads besides) → 0, 1 same page, 2 hit. */
lib.host('watchpoint', [I32, I64, I32, I32], I32);
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
  const records = variable(I32, load('i32', tlbEntry(cpu, va, state.BANK), TLB_RECORDS));
  iff(load('i64', tlbEntry(cpu, va, state.BANK), TLB_EXEC).ne(va.and(~0xffcn)), () => {
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

/** Host address of a physical address (and its address space) in a RAM-like region, or 0. `write`: the access writes. */
lib.define('hostOfPhysical', [I64, I32, I32], I32, (_link, p, s, w) => {
  const [pa, pas, write] = [p!, s!, w!];
  const at = variable(I32, MEMMAP);
  loop((again) => {
    const entry = at.get();
    const inside = pa.geU(load('i64', entry, MM_BASE)).and(pa.ltU(load('i64', entry, MM_END)));
    const flags = load('i32', entry, MM_FLAGS);
    iff(inside.and(flags.shrU(pas.add(MM_PAS))), () => {
      const forbidden = write.ne(0).and(flags.and(MM_FLAG.readOnly));
      ret(select(forbidden, i32(0), pa.lo32().add(load('i32', entry, MM_DELTA))));
    });
    at.set(entry.add(MEMMAP_ENTRY));
    iff(entry.ltU(MEMMAP + (MEMMAP_ENTRIES - 1) * MEMMAP_ENTRY), () => br(again));
  });
  ret(i32(0));
});

/** (cpu, address, bytes, info) → 1: a watchpoint of the guest or of the host stops the access; FAULT says so. */
lib.define('watchHit', [I32, I64, I32, I32], I32, (link, c, va, bytes, i) => {
  const [cpu, info] = [c!, i!];
  const kind = info.and(INFO.write).ne(0).or(info.and(INFO.atomic).ne(0).shl(1));
  unlikely(load('i32', cpu, state.WATCH_ACTIVE), () => {
    const full = kind.or(info.and(INFO.unprivileged).ne(0).shl(2));
    iff(call(link('watchpointCheck'), cpu, va!, bytes!, full), () => ret(i32(1)));
  });
  unlikely(load('i32', cpu, state.HOST_WATCH), () => {
    iff(call(link('watchpoint'), cpu, va!, bytes!, kind).eq(2), () => {
      store('i32', cpu, i32(HOST_FAULT), state.FAULT);
      ret(i32(1));
    });
  });
  ret(i32(0));
});

/**
 * Translates for a data access and enters the page into the TLB. Yields the host address, or 0 when there is a fault to
 * deliver (FAULT set) or the access goes to a device (FAULT clear; TR_PA tells where).
 */
lib.define('fillData', [I32, I64, I32], I32, (link, c, v, i) => {
  const [cpu, va, info] = [c!, v!, i!];
  unlikely(call(link('translate'), cpu, va, info).eqz(), () => ret(i32(0)));
  unlikely(load('i32', cpu, state.WATCH_ACTIVE).or(load('i32', cpu, state.HOST_WATCH)), () => {
    iff(info.and(INFO.watched).eqz(), () => {
      iff(call(link('watchHit'), cpu, va, bytesOf(info), info), () => ret(i32(0)));
    });
    // A watched page keeps out of the TLB, as Device memory does.
    iff(call(link('watchpointPage'), cpu, va), () => store('i32', cpu, i32(1), state.TR_DEVICE));
    iff(load('i32', cpu, state.HOST_WATCH), () => {
      iff(call(link('watchpoint'), cpu, va, i32(0), i32(0)), () => store('i32', cpu, i32(1), state.TR_DEVICE));
    });
  });
  const host = call(link('outputHost'), cpu, va, info);
  unlikely(host.eqz(), () => ret(i32(0)));
  const perm = load('i32', cpu, state.TR_PERM);
  const readOnly = load('i32', load('i32', cpu, LAST_MAP), MM_FLAGS).and(MM_FLAG.readOnly);
  unlikely(readOnly.and(info.shrU(Math.log2(INFO.write))), () => ret(i32(0)));
  const page = va.and(~0xfffn);
  // Device memory keeps out of the TLB: its accesses are checked for alignment one by one.
  iff(load('i32', cpu, state.TR_DEVICE).eqz(), () => {
    const bank = select(info.and(INFO.unprivileged), i32(state.BANK_UNPRIV), i32(state.BANK));
    const e = tlbEntry(cpu.add(bank), va, 0);
    unlikely(call(link('noteEntry'), cpu, e, va, host).eqz(), () => ret(host));
    const keepExec = load('i64', e, TLB_EXEC)
      .eq(page)
      .and(load('i32', e, TLB_ADDEND).eq(host.sub(va.lo32())));
    iff(keepExec.eqz(), () => store('i64', e, i64(-1), TLB_EXEC));
    store('i64', e, select(perm.and(state.PERM.read), page, i64(-1)), TLB_READ);
    // A hit for writing also serves atomics: pages that may only be written keep to the slow path.
    const both = perm.and(state.PERM.read | state.PERM.write).eq(state.PERM.read | state.PERM.write);
    store('i64', e, select(both.and(readOnly.eqz()), page, i64(-1)), TLB_WRITE);
    store('i32', e, host.sub(va.lo32()), TLB_ADDEND);
  });
  ret(host);
});

/**
 * For compiled code: host address of an access that may go the direct way, else 0 (the interpreter then repeats the
 * instruction, and meets the fault, the device, or the page crossing properly).
 */
lib.define('fillDirect', [I32, I64, I32], I32, (link, c, v, i) => {
  const [cpu, va, info] = [c!, v!, i!];
  const size = bytesOf(info);
  unlikely(va.lo32().and(0xfff).add(size).gtU(4096), () => ret(i32(0)));
  const align = select(info.and(INFO.aligned | INFO.ordered), i64(15), load('i64', cpu, state.ALIGN_TEST));
  unlikely(va.and(align).lo32().and(size.sub(1)), () => ret(i32(0)));
  const host = call(link('fillData'), cpu, va, info);
  store('i32', cpu, i32(0), state.FAULT);
  unlikely(load('i32', cpu, state.TR_DEVICE), () => ret(i32(0)));
  ret(host);
});

/** Translates for a fetch at `va`; yields the page's records, or 0 with FAULT set. */
lib.define('fillExec', [I32, I64], I32, (link, c, v) => {
  const [cpu, va] = [c!, v!];
  unlikely(va.and(3).ne(0), () => {
    run(link('pcAlignmentFault'), cpu, va);
    ret(i32(0));
  });
  unlikely(call(link('translate'), cpu, va, i32(INFO.exec | 2)).eqz(), () => ret(i32(0)));
  const host = call(link('outputHost'), cpu, va, i32(INFO.exec));
  unlikely(host.eqz(), () => {
    iff(load('i32', cpu, state.FAULT).eqz(), () => run(link('externalAbort'), cpu, va, i32(INFO.exec)));
    ret(i32(0));
  });
  const slot = load('i32', cpu, state.REC_MAP).add(host.shrU(12).shl(2));
  const records = variable(I32, load('i32', slot));
  unlikely(records.get().eqz(), () => records.set(call(link('newRecords'), cpu, host.and(~0xfff))));
  unlikely(load('i32', cpu, state.TR_GUARDED), () => records.set(records.get().or(GUARDED)));
  const e = tlbEntry(cpu, va, state.BANK);
  unlikely(call(link('noteEntry'), cpu, e, va, host).eqz(), () => ret(records.get()));
  const page = va.and(~0xfffn);
  iff(
    load('i64', e, TLB_READ)
      .ne(page)
      .or(load('i64', e, TLB_WRITE).ne(page)),
    () => {
      // The data tags of another page must not meet this page's addend.
      iff(load('i32', e, TLB_ADDEND).ne(host.sub(va.lo32())), () => {
        store('i64', e, i64(-1), TLB_READ);
        store('i64', e, i64(-1), TLB_WRITE);
      });
    },
  );
  store('i32', e, host.sub(va.lo32()), TLB_ADDEND);
  store('i64', e, page, TLB_EXEC);
  // Bits [3:1] are the encryption context's, which `noteEntry` has put there.
  store('i32', e, records.get().or(load('i32', e, TLB_RECORDS).and(14)), TLB_RECORDS);
  ret(records.get());
});

/** Loads up to 8 bytes that the fast path could not; 16 bytes: upper half in SCRATCH_HI. FAULT is set on a fault. */
lib.define('loadSlow', [I32, I64, I32], I64, (link, c, v, i) => {
  const [cpu, va, info] = [c!, v!, i!];
  const size = bytesOf(info);
  unlikely(call(link('checkAlignment'), cpu, va, info).eqz(), () => ret(i64(0)));
  // Crossing into another page: a byte at a time, each part checked before anything is returned.
  iff(va.lo32().and(0xfff).add(size).gtU(4096), () => {
    const lo = variable(I64, 0);
    const hi = variable(I64, 0);
    const at = variable(I32, 0);
    loop((again) => {
      const k = at.get();
      const byteInfo = info.and(~(7 | INFO.ordered | INFO.aligned)).or(INFO.split | INFO.watched);
      const b = call(link('loadSlow'), cpu, va.add(k.zext64()), byteInfo);
      unlikely(load('i32', cpu, state.FAULT), () => ret(i64(0)));
      const placed = b.shl(k.and(7).shl(3).zext64());
      iff(
        k.ltU(8),
        () => lo.set(lo.get().or(placed)),
        () => hi.set(hi.get().or(placed)),
      );
      at.set(k.add(1));
      iff(k.add(1).ltU(size), () => br(again));
    });
    unlikely(call(link('watchHit'), cpu, va, size, info), () => ret(i64(0)));
    iff(info.and(INFO.ordered), () => fence());
    store('i64', cpu, hi.get(), state.SCRATCH_HI);
    ret(lo.get());
  });
  const host = call(link('fillData'), cpu, va, info);
  unlikely(host.eqz(), () => {
    unlikely(load('i32', cpu, state.FAULT), () => ret(i64(0)));
    ret(call(link('deviceLoad'), cpu, va, info));
  });
  iff(info.and(INFO.ordered), () => ret(call(link('loadOrdered'), cpu, host, size)));
  for (const [lg, access] of [
    [0, 'i64_8u'],
    [1, 'i64_16u'],
    [2, 'i64_32u'],
    [3, 'i64'],
  ] as const) {
    iff(info.and(7).eq(lg), () => ret(load(access, host)));
  }
  store('i64', cpu, load('i64', host, 8), state.SCRATCH_HI);
  ret(load('i64', host));
});
/** A device access at TR_PA; 16 bytes are two accesses of 8. */
lib.define('deviceLoad', [I32, I64, I32], I64, (link, c, v, i) => {
  const [cpu, info] = [c!, i!];
  store('i64', cpu, v!, state.TR_VA);
  const pa = load('i64', cpu, state.TR_PA);
  const one = (at: Val, size: Val): Val => {
    store('i64', cpu, i64(0), state.SCRATCH_HI);
    const lo = call(link('mmioRead'), cpu, at.lo32(), at.shrU(32).lo32(), size);
    return lo.zext64().or(load('i64', cpu, state.SCRATCH_HI).shl(32));
  };
  iff(info.and(7).leU(3), () => ret(one(pa, info)));
  const eight = info.and(~7).or(3);
  const lo = one(pa, eight);
  const hi = one(pa.add(8), eight);
  store('i64', cpu, hi, state.SCRATCH_HI);
  ret(lo);
});

/** Stores up to 16 bytes that the fast path could not. Yields 1 when the core should look for pending work afterwards. */
lib.define('storeSlow', [I32, I64, I64, I64, I32], I32, (link, c, v, l, h, i) => {
  const [cpu, va, lo, hi, info] = [c!, v!, l!, h!, i!];
  const size = bytesOf(info);
  unlikely(call(link('checkAlignment'), cpu, va, info).eqz(), () => ret(i32(0)));
  iff(va.lo32().and(0xfff).add(size).gtU(4096), () => {
    // Both pages are checked before the first byte is written.
    const byteInfo = info.and(~(7 | INFO.ordered | INFO.aligned)).or(INFO.split | INFO.watched);
    for (const at of [va, va.add(size.sub(1).zext64()).and(~0xfffn)]) {
      const host = call(link('fillData'), cpu, at, byteInfo);
      unlikely(host.eqz().and(load('i32', cpu, state.FAULT).ne(0)), () => ret(i32(0)));
    }
    unlikely(call(link('watchHit'), cpu, va, size, info), () => ret(i32(0)));
    iff(info.and(INFO.ordered), () => fence());
    const at = variable(I32, 0);
    const after = variable(I32, 0);
    loop((again) => {
      const k = at.get();
      const byte = select(k.ltU(8), lo, hi).shrU(k.and(7).shl(3).zext64()).and(0xff);
      after.set(after.get().or(call(link('storeSlow'), cpu, va.add(k.zext64()), byte, i64(0), byteInfo)));
      at.set(k.add(1));
      iff(k.add(1).ltU(size), () => br(again));
    });
    iff(info.and(INFO.ordered), () => fence());
    ret(after.get());
  });
  const host = call(link('fillData'), cpu, va, info);
  unlikely(host.eqz(), () => {
    unlikely(load('i32', cpu, state.FAULT), () => ret(i32(0)));
    store('i64', cpu, va, state.TR_VA);
    const pa = load('i64', cpu, state.TR_PA);
    const one = (at: Val, x: Val, kind: Val): void =>
      run(link('mmioWrite'), cpu, at.lo32(), at.shrU(32).lo32(), x.lo32(), x.shrU(32).lo32(), kind);
    iff(
      info.and(7).leU(3),
      () => one(pa, lo, info),
      () => {
        const eight = info.and(~7).or(3);
        one(pa, lo, eight);
        one(pa.add(8), hi, eight);
      },
    );
    ret(i32(1));
  });
  iff(info.and(INFO.ordered), () => {
    run(link('storeOrdered'), cpu, host, size, lo);
    ret(i32(0));
  });
  for (const [lg, access] of [
    [0, 'i64_8'],
    [1, 'i64_16'],
    [2, 'i64_32'],
    [3, 'i64'],
  ] as const) {
    iff(info.and(7).eq(lg), () => {
      store(access, host, lo);
      ret(i32(0));
    });
  }
  store('i64', host, lo);
  store('i64', host, hi, 8);
  ret(i32(0));
});

/** Host address for an atomic access, or 0 with FAULT set. */
lib.define('atomicSlow', [I32, I64, I32], I32, (link, c, v, i) => {
  const [cpu, va, info] = [c!, v!, i!];
  unlikely(call(link('checkAlignment'), cpu, va, info).eqz(), () => ret(i32(0)));
  const host = call(link('fillData'), cpu, va, info);
  unlikely(host.eqz().and(load('i32', cpu, state.FAULT).eqz()), () => {
    run(link('unsupportedAtomic'), cpu, va, info);
  });
  ret(host);
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
