/**
 * What a core's TLB has of a physical page, and of an encryption context: so that a page, or what was made through a MECID register,
 * can be removed without a look at everything.
 *
 * MAPPED has a u32 for each host page: two u16, each an entry's number + 1, `TABLE` for tables that the table cache remembers,
 * or `MANY`. They may be out of date; who removes looks at the entries. A TLB entry has its selector (`MEC`) in TLB_RECORDS[3:1].
 */
import { TLB_ADDEND, TLB_ENTRY_SHIFT, TLB_EXEC, TLB_READ, TLB_RECORDS, TLB_WRITE } from '../../engine/abi.ts';
import { MEMMAP, MEMMAP_ENTRIES, MEMMAP_ENTRY, MM_BASE, MM_DELTA, MM_END } from '../../engine/layout.ts';
import { br, brIf, iff, load, loop, ret, run, store, unlikely, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { regOffset } from '../registers/storage.ts';
import { EXCL_ADDR, MAPPED, WIPE_VA } from '../state.ts';
import { eachBank, eachEntry, emptyEntry, tagLeadsTo } from '../translation/banks.ts';
import { area } from '../translation/directory.ts';
import type { TranslationFeatures } from '../translation/features.ts';
import { MEC, MEC_LIST, MEC_LIST_LENGTH, MEC_LISTED, MEC_SEEN } from '../translation/fields.ts';
import { MECID_REGISTERS } from './context.ts';

const TABLE = 0xfffe;
const MANY = 0xffff;
export const SELECTOR_SHIFT = 1;
const SELECTOR_MASK = 7 << SELECTOR_SHIFT;
/** Registers whose entries are listed; the value of VMECID_P_EL2 is part of its banks' keys instead. */
const LISTED = [MEC.a0, MEC.a1, MEC.va, MEC.rl].reduce((m, s) => m | (1 << s), 0);

const pageWord = (cpu: Val, host: Val): Val => load('i32', cpu, MAPPED).add(host.shrU(12).shl(2));
const selectorOf = (entry: Val): Val => load('i32', entry, TLB_RECORDS).shrU(SELECTOR_SHIFT).and(7);

/** i32 0/1: does a live tag of the entry lead to the host page of `host`? */
function leadsTo(entry: Val, host: Val): Val {
  const addend = load('i32', entry, TLB_ADDEND);
  const one = (at: number): Val => tagLeadsTo(entry, at, addend, host);
  return one(TLB_READ).or(one(TLB_WRITE)).or(one(TLB_EXEC));
}

export function defineTracking(lib: Library, f: TranslationFeatures): void {
  if (!f.has('RME')) {
    lib.define('mecChanged', [I32], null, (link, c) => run(link('contextChanged'), c!));
    return;
  }
  /** Notes a use of the page: (host address, entry's number + 1, or TABLE). */
  lib.define('notePage', [I32, I32, I32], null, (_link, c, h, k) => {
    const [cpu, host, code] = [c!, h!, k!];
    const at = pageWord(cpu, host);
    const known = load('i32', at);
    const [first, second] = [known.and(0xffff), known.shrU(16)];
    iff(first.eq(code).or(second.eq(code)).or(first.eq(MANY)), () => ret());
    iff(first.eqz(), () => {
      store('i32_16', at, code);
      ret();
    });
    iff(second.eqz(), () => {
      store('i32_16', at, code, 2);
      ret();
    });
    // Whoever is no longer here makes room.
    for (const [slot, offset] of [
      [first, 0],
      [second, 2],
    ] as const) {
      iff(slot.ne(TABLE), () => {
        const entry = area(cpu).add(slot.sub(1).shl(TLB_ENTRY_SHIFT));
        iff(leadsTo(entry, host).eqz(), () => {
          store('i32_16', at, code, offset);
          ret();
        });
      });
    }
    store('i32', at, i32(MANY));
  });
  /** A table in the page is remembered by the table cache. */
  lib.define('noteTable', [I32, I32], null, (link, c, host) => run(link('notePage'), c!, host!, i32(TABLE)));
  /** Notes an entry that is about to be filled: (TLB entry, host address, selector). */
  lib.define('noteUse', [I32, I32, I32, I32], null, (link, c, e, host, s) => {
    const [cpu, entry, selector] = [c!, e!, s!];
    const number = entry.sub(area(cpu)).shrU(TLB_ENTRY_SHIFT).add(1);
    run(link('notePage'), cpu, host!, select(number.geU(TABLE), i32(MANY), number));
    const records = load('i32', entry, TLB_RECORDS).and(~SELECTOR_MASK);
    store('i32', entry, records.or(selector.shl(SELECTOR_SHIFT)), TLB_RECORDS);
    unlikely(i32(LISTED).shrU(selector).and(1), () => {
      const count = load('i32', cpu, MEC_LISTED);
      const at = variable(I32, cpu);
      const end = cpu.add(count.shl(2));
      loop((again) => {
        iff(at.get().ltU(end), () => {
          iff(load('i32', at.get(), MEC_LIST).eq(entry), () => ret());
          at.set(at.get().add(4));
          br(again);
        });
      });
      // More than fit: the count says so, and all are searched when it matters.
      iff(count.ltU(MEC_LIST_LENGTH), () => store('i32', end, entry, MEC_LIST));
      store('i32', cpu, select(count.leU(MEC_LIST_LENGTH), count.add(1), count), MEC_LISTED);
    });
  });

  /** Removes a host page from this core's TLB and what it remembers of tables: (cpu, host address). */
  lib.define('dropHostPage', [I32, I32], null, (link, c, h) => {
    const [cpu, host] = [c!, h!];
    iff(load('i32', cpu, EXCL_ADDR).xor(host).shrU(12).eqz(), () => store('i32', cpu, i32(0), EXCL_ADDR));
    store('i64', cpu, i64(-1), WIPE_VA);
    const at = pageWord(cpu, host);
    const known = load('i32', at);
    iff(known.eqz(), () => ret());
    store('i32', at, i32(0));
    const [first, second] = [known.and(0xffff), known.shrU(16)];
    unlikely(first.eq(MANY).or(second.eq(MANY)), () => {
      eachEntry(area(cpu), (entry) => iff(leadsTo(entry, host), () => emptyEntry(entry)));
      run(link('forgetTables'), cpu);
      ret();
    });
    for (const slot of [first, second]) {
      iff(slot.eq(TABLE), () => run(link('forgetTables'), cpu));
      iff(slot.ne(0).and(slot.ne(TABLE)), () => {
        const entry = area(cpu).add(slot.sub(1).shl(TLB_ENTRY_SHIFT));
        iff(leadsTo(entry, host), () => emptyEntry(entry));
      });
    }
  });
  /** Removes all physical pages of [first, last] from this core's TLB. */
  lib.define('dropPhysical', [I32, I64, I64], null, (link, c, first, last) => {
    const cpu = c!;
    const region = variable(I32, MEMMAP);
    loop((next) => {
      const r = region.get();
      const [base, end] = [load('i64', r, MM_BASE), load('i64', r, MM_END)];
      const from = select(first!.gtU(base), first!, base);
      const to = select(last!.ltU(end), last!.add(1), end);
      iff(from.ltU(to), () => {
        const at = variable(I64, from);
        loop((again) => {
          const host = at
            .get()
            .lo32()
            .add(load('i32', r, MM_DELTA));
          iff(load('i32', pageWord(cpu, host)), () => run(link('dropHostPage'), cpu, host));
          at.set(at.get().add(4096));
          brIf(at.get().ltU(to), again);
        });
      });
      region.set(r.add(MEMMAP_ENTRY));
      brIf(region.get().ltU(MEMMAP + MEMMAP_ENTRIES * MEMMAP_ENTRY), next);
    });
  });
  /** Removes everything from this core's TLB. */
  lib.define('dropAll', [I32], null, (link, c) => {
    const cpu = c!;
    store('i64', cpu, i64(-1), WIPE_VA);
    store('i32', cpu, i32(0), MEC_LISTED);
    run(link('forgetTables'), cpu);
    eachBank(area(cpu), (dir) => run(link('dropBank'), cpu, dir));
  });

  if (!f.has('MEC')) {
    lib.define('mecChanged', [I32], null, (link, c) => run(link('contextChanged'), c!));
    return;
  }
  /** Removes the entries made through one MECID register: (selector). */
  lib.define('dropSelector', [I32, I32], null, (_link, c, s) => {
    const [cpu, selector] = [c!, s!];
    const count = load('i32', cpu, MEC_LISTED);
    const listed = i32(LISTED).shrU(selector).and(1);
    iff(listed.and(count.leU(MEC_LIST_LENGTH)), () => {
      const left = variable(I32, count);
      loop((again) => {
        iff(left.get(), () => {
          left.set(left.get().sub(1));
          const entry = load('i32', cpu.add(left.get().shl(2)), MEC_LIST);
          iff(selectorOf(entry).eq(selector), () => {
            emptyEntry(entry);
            // The last one takes its place.
            const end = load('i32', cpu, MEC_LISTED).sub(1);
            store('i32', cpu, end, MEC_LISTED);
            store('i32', cpu.add(left.get().shl(2)), load('i32', cpu.add(end.shl(2)), MEC_LIST), MEC_LIST);
          });
          br(again);
        });
      });
      ret();
    });
    // The list overflowed, or the register has none. It starts anew when none of its kinds can be left.
    const others = variable(I32, 0);
    eachEntry(area(cpu), (entry) => {
      const own = selectorOf(entry);
      iff(
        own.eq(selector),
        () => emptyEntry(entry),
        () => others.set(others.get().or(i32(LISTED).shrU(own).and(1))),
      );
    });
    iff(others.get().eqz(), () => store('i32', cpu, i32(0), MEC_LISTED));
  });
  /** A MECID register was written: entries made through those that changed go, others stay. */
  lib.define('mecChanged', [I32], null, (link, c) => {
    const cpu = c!;
    store('i64', cpu, i64(-1), WIPE_VA);
    MECID_REGISTERS.forEach((name, selector) => {
      if (name === null) return;
      const now = load('i32', cpu, regOffset(name));
      iff(now.ne(load('i32', cpu, MEC_SEEN + 4 * selector)), () => {
        store('i32', cpu, now, MEC_SEEN + 4 * selector);
        if (selector === MEC.vp) run(link('contextChanged'), cpu);
        else run(link('dropSelector'), cpu, i32(selector));
      });
    });
  });
}
