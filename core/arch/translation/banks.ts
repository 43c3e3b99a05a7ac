/**
 * The banks of the TLB: which one serves a translation context, what is noted of an entry, how a bank is emptied.
 *
 * Entries of a context that a TLBI leaves alone survive every switch, for a switch only changes the bank. EL0 has a bank for each
 * ASID. A privileged context has one for all ASIDs and both values of PAN, since kernels map themselves global; the few
 * entries in it that do depend on ASID or PAN are listed and removed when either changes. Should the list overflow, the
 * core goes over to privileged banks by ASID and PAN (BY_ASID).
 */
import {
  TLB_BANK_BYTES,
  TLB_ENTRY,
  TLB_ENTRY_SHIFT,
  TLB_EXEC,
  TLB_INDEX_MASK,
  TLB_READ,
  TLB_WRITE,
} from '../../engine/abi.ts';
import { TLB_DIRECTORY_BYTES } from '../../engine/layout.ts';
import { br, brIf, call, iff, load, loop, memoryFill, ret, run, store, unlikely, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val, v128 } from '../../wasm/value.ts';
import {
  BANK,
  BANK_UNPRIV,
  CONTEXT_AGE,
  CONTEXT_AGE_EL3,
  TLB_AREA,
  TR_LEAF_SIZE,
  TR_MEC,
  TR_NOTE,
  WIPE_VA,
} from '../state.ts';
import {
  area,
  BANK_COUNT,
  bankOf,
  CHOICE_BANK,
  CHOICE_BITS,
  CHOICE_EPOCH,
  CHOICE_KEY,
  CHOICE_SHIFT,
  CHOICE_UNPRIVILEGED,
  CHOICES,
  DIR_DIRTY,
  DIR_ENTRY,
  DIR_GIGA,
  DIR_GLOBAL,
  DIR_HUGE,
  DIR_KEY,
  DIR_LIST,
  DIR_MEGA,
  DIR_SMALL,
  DIR_TAG,
  DIR_TICK,
  DIR_VOLATILE,
  DIRECTORY,
  dirOf,
  KEY,
  LIST_LENGTH,
} from './directory.ts';
import type { TranslationFeatures } from './features.ts';
import { BANK_EPOCH, BY_ASID, CTX, CTX_KEY, CTX_TAG, MEC_LISTED, NOTE, TABLE_CONTEXT, TICK } from './fields.ts';

/** Empties one TLB entry. */
export function emptyEntry(e: Val): void {
  for (const tag of [TLB_READ, TLB_WRITE, TLB_EXEC]) store('i64', e, i64(-1), tag);
}
/** Runs `body` with each directory entry. */
export function eachBank(base: Val, body: (dir: Val) => void): void {
  const dir = variable(I32, base.add(DIRECTORY));
  const end = base.add(DIRECTORY + BANK_COUNT * DIR_ENTRY);
  loop((again) => {
    body(dir.get());
    const next = dir.get().add(DIR_ENTRY);
    dir.set(next);
    brIf(next.ltU(end), again);
  });
}
/** Runs `body` with each entry of the bank of a directory entry that may hold something. */
export function eachHeld(base: Val, dir: Val, body: (entry: Val) => void): void {
  const bank = bankOf(base, dir);
  const dirty = variable(I64, load('i64', dir, DIR_DIRTY));
  loop((again) => {
    const left = dirty.get();
    iff(left.ne(0), () => {
      const at = variable(I32, bank.add(left.ctz().lo32().shl(9)));
      const end = at.get().add(16 * TLB_ENTRY);
      loop((more) => {
        const entry = at.get();
        body(entry);
        const next = entry.add(TLB_ENTRY);
        at.set(next);
        brIf(next.ltU(end), more);
      });
      dirty.set(left.and(left.sub(1)));
      br(again);
    });
  });
}
/** Runs `body` with every entry of every bank that may hold something. */
export const eachEntry = (base: Val, body: (entry: Val) => void): void =>
  eachBank(base, (dir) => eachHeld(base, dir, body));
/** i32 0/1: does the tag at `at` of an entry, if there is one, lead to the host page of `host`? `addend`: the entry's. */
export function tagLeadsTo(entry: Val, at: number, addend: Val, host: Val): Val {
  const tag = load('i64', entry, at);
  return tag.ne(-1).and(tag.lo32().add(addend).xor(host).shrU(12).eqz());
}
/** i32: is the bank selected now? */
const inUse = (cpu: Val, bank: Val): Val =>
  load('i32', cpu, BANK)
    .eq(bank)
    .or(load('i32', cpu, BANK_UNPRIV).eq(bank));

/** Key of the bank for a context's key: its privileged accesses, or those of EL0. */
function bankKey(key: Val, byAsid: Val, el0: boolean): Val {
  const own = key.and(~(CTX.unprivileged | CTX.el2));
  if (el0) return own.and(~CTX.pan).or(CTX.el0 | KEY.byAsid);
  // Without an unprivileged level nothing depends on ASID or PAN; the key has neither then.
  return select(byAsid, own.or(KEY.byAsid), own.and(~(CTX.pan | KEY.byAsid)).and(0xffff0000ffffffffn));
}

export function defineBanks(lib: Library, f: TranslationFeatures): void {
  /** Once at reset: the area of this core. All banks are free and hold nothing. */
  lib.define('resetTlb', [I32, I32], null, (link, c, base) => {
    const cpu = c!;
    store('i32', cpu, base!, TLB_AREA);
    memoryFill(base!.add(DIRECTORY), i32(0), i32(TLB_DIRECTORY_BYTES));
    eachBank(base!, (dir) => store('i64', dir, i64(-1), DIR_DIRTY));
    for (const field of [BANK, BANK_UNPRIV, TICK, BY_ASID]) store('i32', cpu, i32(0), field);
    store('i32', cpu, i32(1), BANK_EPOCH);
    store('i64', cpu, i64(0), CTX_KEY);
    store('i64', cpu, i64(1 << 16), TABLE_CONTEXT);
    if (f.has('RME')) {
      run(link('forgetGranules'), cpu);
      store('i32', cpu, i32(0), MEC_LISTED);
      store('i64', cpu, i64(-1), WIPE_VA);
    }
    // No context is remembered (see `switchContext`).
    for (const age of [CONTEXT_AGE, CONTEXT_AGE_EL3]) store('i64', cpu, load('i64', cpu, age).add(1), age);
  });

  /** Empties the bank of a directory entry: (base of the area, directory entry). */
  lib.define('emptyBank', [I32, I32], null, (_link, base, d) => {
    const dir = d!;
    const bank = bankOf(base!, dir);
    const dirty = variable(I64, load('i64', dir, DIR_DIRTY));
    iff(
      dirty.get().popcnt().gtU(40),
      () => memoryFill(bank, i32(0xff), i32(TLB_BANK_BYTES)),
      () => {
        loop((again) => {
          const left = dirty.get();
          iff(left.ne(0), () => {
            const group = bank.add(left.ctz().lo32().shl(9));
            for (let at = 0; at < 512; at += 16) store('v128', group, v128(-1n), at);
            dirty.set(left.and(left.sub(1)));
            br(again);
          });
        });
      },
    );
    store('i64', dir, i64(0), DIR_DIRTY);
    store('i64', dir, i64(0), DIR_GIGA);
    for (let at = 0; at < 64; at += 16) store('v128', dir, v128(0n), DIR_MEGA + at);
    // No flags, no list; the smallest mapping is a page of 4 KiB.
    store('i32', dir, i32(12), DIR_SMALL);
  });

  /** Drops all a bank holds: emptied at once when it is in use, else later, when somebody takes it. */
  lib.define('dropBank', [I32, I32], null, (link, c, d) => {
    const [cpu, dir] = [c!, d!];
    const base = area(cpu);
    iff(
      inUse(cpu, bankOf(base, dir)),
      () => run(link('emptyBank'), base, dir),
      () => {
        store('i64', dir, i64(0), DIR_KEY);
        store('i32', cpu, load('i32', cpu, BANK_EPOCH).add(1), BANK_EPOCH);
      },
    );
  });

  /** Removes the listed short-lived entries: (base of the area, directory entry). */
  lib.define('dropVolatile', [I32, I32], null, (_link, base, d) => {
    const dir = d!;
    const bank = bankOf(base!, dir);
    const n = variable(I32, load('i32_8u', dir, DIR_VOLATILE));
    loop((again) => {
      const left = n.get();
      iff(left, () => {
        emptyEntry(bank.add(load('i32_16u', dir.add(left.shl(1)), DIR_LIST - 2).shl(TLB_ENTRY_SHIFT)));
        n.set(left.sub(1));
        br(again);
      });
    });
    store('i32_8', dir, i32(0), DIR_VOLATILE);
  });

  /** Directory entry of the bank for `key`: the one it has, or one that is made free for it. */
  lib.define('findBank', [I32, I64], I32, (link, c, k) => {
    const [cpu, key] = [c!, k!];
    const base = area(cpu);
    const tick = load('i32', cpu, TICK);
    const best = variable(I32, 0);
    const age = variable(I32, 0);
    eachBank(base, (dir) => {
      const has = load('i64', dir, DIR_KEY);
      iff(has.eq(key), () => {
        store('i32', dir, tick, DIR_TICK);
        ret(dir);
      });
      // Free banks first, then by age; those in use have the age 0 or 1.
      const old = select(has.eqz(), i32(-1), tick.sub(load('i32', dir, DIR_TICK)));
      iff(old.gtU(age.get()), () => {
        age.set(old);
        best.set(dir);
      });
    });
    const dir = best.get();
    run(link('emptyBank'), base, dir);
    store('i64', dir, key, DIR_KEY);
    store('i32', dir, tick, DIR_TICK);
    store('i32', cpu, load('i32', cpu, BANK_EPOCH).add(1), BANK_EPOCH);
    ret(dir);
  });

  /** Selects the banks of the context whose key is in CTX_KEY. */
  lib.define('useBanks', [I32], null, (link, c) => {
    const cpu = c!;
    const base = area(cpu);
    const key = load('i64', cpu, CTX_KEY);
    const tick = load('i32', cpu, TICK).add(1);
    store('i32', cpu, tick, TICK);
    const hash = key
      .mul(0x9e3779b97f4a7c15n)
      .shrU(64 - CHOICE_BITS)
      .lo32();
    const choice = base.add(hash.shl(CHOICE_SHIFT));
    const known = load('i64', choice, CHOICES + CHOICE_KEY)
      .eq(key)
      .and(load('i32', choice, CHOICES + CHOICE_EPOCH).eq(load('i32', cpu, BANK_EPOCH)));
    iff(known.eqz(), () => {
      const byAsid = load('i32', cpu, BY_ASID);
      const el0 = key.lo32().and(CTX.el0);
      const first = variable(I32);
      const second = variable(I32);
      iff(
        el0,
        () => first.set(call(link('findBank'), cpu, bankKey(key, byAsid, true))),
        () => first.set(call(link('findBank'), cpu, bankKey(key, byAsid, false))),
      );
      second.set(first.get());
      iff(el0.eqz().and(key.lo32().and(CTX.unprivileged).ne(0)), () => {
        second.set(call(link('findBank'), cpu, bankKey(key, byAsid, true)));
      });
      store('i64', choice, key, CHOICES + CHOICE_KEY);
      store('i32', choice, load('i32', cpu, BANK_EPOCH), CHOICES + CHOICE_EPOCH);
      store('i32', choice, bankOf(base, first.get()), CHOICES + CHOICE_BANK);
      store('i32', choice, bankOf(base, second.get()), CHOICES + CHOICE_UNPRIVILEGED);
    });
    const bank = load('i32', choice, CHOICES + CHOICE_BANK);
    const other = load('i32', choice, CHOICES + CHOICE_UNPRIVILEGED);
    store('i32', cpu, bank, BANK);
    store('i32', cpu, other, BANK_UNPRIV);
    store('i32', dirOf(base, other), tick, DIR_TICK);
    const dir = dirOf(base, bank);
    store('i32', dir, tick, DIR_TICK);
    unlikely(load('i32_8u', dir, DIR_VOLATILE), () => {
      iff(load('i32', dir, DIR_TAG).ne(load('i32', cpu, CTX_TAG)), () => run(link('dropVolatile'), base, dir));
    });
  });

  /** Notes the size of a mapping that is larger than a page: (directory entry, address, log2 of the size). */
  lib.define('noteLarge', [I32, I64, I32], null, (_link, d, va, s) => {
    const [dir, size] = [d!, s!];
    iff(
      size.leU(16),
      () => {
        iff(size.gtU(load('i32_8u', dir, DIR_SMALL)), () => store('i32_8', dir, size, DIR_SMALL));
      },
      () => {
        iff(
          size.leU(21),
          () => {
            const at = dir.add(
              va!
                .shrU(21 + 3)
                .lo32()
                .and(63),
            );
            const bit = i32(1).shl(va!.shrU(21).lo32().and(7));
            store('i32_8', at, load('i32_8u', at, DIR_MEGA).or(bit), DIR_MEGA);
          },
          () => {
            iff(
              size.leU(30),
              () => store('i64', dir, load('i64', dir, DIR_GIGA).or(i64(1).shl(va!.shrU(30))), DIR_GIGA),
              () => store('i32_8', dir, i32(1), DIR_HUGE),
            );
          },
        );
      },
    );
  });

  /**
   * Asked before a translation to `host` is entered at TLB entry `e`; yields 0 when it must not be: then the banks have been
   * selected anew, and the next access will find its place.
   */
  lib.define('noteEntry', [I32, I32, I64, I32], I32, (link, c, e, va, host) => {
    const [cpu, entry] = [c!, e!];
    const base = area(cpu);
    const dir = dirOf(base, entry);
    const group = i64(1).shl(entry.shrU(9).zext64());
    store('i64', dir, load('i64', dir, DIR_DIRTY).or(group), DIR_DIRTY);
    const size = load('i32', cpu, TR_LEAF_SIZE);
    unlikely(size.ne(12), () => run(link('noteLarge'), dir, va!, size));
    if (f.has('RME')) run(link('noteUse'), cpu, entry, host!, load('i32', cpu, TR_MEC));
    const note = load('i32', cpu, TR_NOTE);
    const key = load('i32', dir, DIR_KEY);
    iff(
      key.and(KEY.byAsid),
      () => {
        iff(note.and(NOTE.global), () => store('i32_8', dir, i32(1), DIR_GLOBAL));
      },
      () => {
        unlikely(note.xor(NOTE.global), () => {
          const index = entry.and(TLB_INDEX_MASK).shrU(TLB_ENTRY_SHIFT);
          const count = load('i32_8u', dir, DIR_VOLATILE);
          const at = variable(I32, dir);
          const end = dir.add(count.shl(1));
          loop((again) => {
            iff(at.get().ltU(end), () => {
              iff(load('i32_16u', at.get(), DIR_LIST).eq(index), () => ret(i32(1)));
              at.set(at.get().add(2));
              br(again);
            });
          });
          iff(count.eq(LIST_LENGTH), () => {
            store('i32', cpu, i32(1), BY_ASID);
            run(link('emptyBank'), base, dir);
            store('i32', cpu, load('i32', cpu, BANK_EPOCH).add(1), BANK_EPOCH);
            run(link('useBanks'), cpu);
            ret(i32(0));
          });
          store('i32_16', end, index, DIR_LIST);
          store('i32_8', dir, count.add(1), DIR_VOLATILE);
          store('i32', dir, load('i32', cpu, CTX_TAG), DIR_TAG);
        });
      },
    );
    ret(i32(1));
  });
}
