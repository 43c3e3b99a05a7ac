/** Filling the TLB: what an access or a fetch that missed does first. */
import * as state from '../arch/state.ts';
import { LAST_MAP } from '../arch/translation/fields.ts';
import { br, call, iff, load, loop, ret, run, store, unlikely, variable } from '../wasm/build.ts';
import { Library } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
import { i32, i64, select } from '../wasm/value.ts';
import { GUARDED, TLB_ADDEND, TLB_EXEC, TLB_READ, TLB_RECORDS, TLB_WRITE } from './abi.ts';
import { bytesOf, INFO, tlbEntry } from './access.ts';
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

export const tlb = new Library();
const lib = tlb;

/** Gives the records of a page of guest memory: (cpu, host address of the page) → first record. */
lib.host('newRecords', [I32, I32], I32);
/** What FAULT holds when a watchpoint of the host stops an access: no exception of the guest. */
export const HOST_FAULT = 100;
/** Asks the host about its watchpoints: (cpu, address, bytes or 0, bit 0 writes, bit 1 reads besides) → 0, 1 same page, 2 hit. */
lib.host('watchpoint', [I32, I64, I32, I32], I32);

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
    const e = tlbEntry(load('i32', cpu.add(bank)), va);
    unlikely(call(link('noteEntry'), cpu, e, va, host).eqz(), () => {
      run(link('mayWrite'), cpu, host, info);
      ret(host);
    });
    const mayWrite = call(link('mayWrite'), cpu, host, info);
    const keepExec = load('i64', e, TLB_EXEC)
      .eq(page)
      .and(load('i32', e, TLB_ADDEND).eq(host.sub(va.lo32())));
    iff(keepExec.eqz(), () => store('i64', e, i64(-1), TLB_EXEC));
    store('i64', e, select(perm.and(state.PERM.read), page, i64(-1)), TLB_READ);
    // A hit for writing also serves atomics: pages that may only be written keep to the slow path.
    const both = perm.and(state.PERM.read | state.PERM.write).eq(state.PERM.read | state.PERM.write);
    store('i64', e, select(both.and(readOnly.eqz()).and(mayWrite), page, i64(-1)), TLB_WRITE);
    store('i32', e, host.sub(va.lo32()), TLB_ADDEND);
    ret(host);
  });
  run(link('mayWrite'), cpu, host, info);
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
  store('i32', cpu, i32(0), state.SLOW_REC);
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
  store('i32', cpu, i32(1), state.SLOW_REC);
  store('i64', cpu, va, state.TR_VA);
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
  const e = tlbEntry(load('i32', cpu, state.BANK), va);
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
