/**
 * TLB invalidation on one core. An operation is normalised (regime, security state, VMID in `op`; the operand as the instruction has
 * it), so that it means the same on every core that gets it.
 */
import { TLB_ENTRIES, TLB_ENTRY_SHIFT, TLB_EXEC, TLB_INDEX_MASK, TLB_READ, TLB_WRITE } from '../../engine/abi.ts';
import { br, iff, load, loop, ret, run, store, tailCall, unlikely, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { TLBI_SIZE_BITS } from '../granules/format.ts';
import { WIPE_VA } from '../state.ts';
import { eachBank, eachHeld, emptyEntry } from './banks.ts';
import {
  area,
  bankOf,
  DIR_GIGA,
  DIR_GLOBAL,
  DIR_HUGE,
  DIR_KEY,
  DIR_MEGA,
  DIR_SMALL,
  DIR_TAG,
  DIR_VOLATILE,
  KEY,
} from './directory.ts';
import type { TranslationFeatures } from './features.ts';
import { CTX, CTX_SS } from './fields.ts';

/** What is invalidated, in bits [3:0] of an operation. */
export const TLBI = {
  /** All of a regime in a security state. */
  all: 0,
  /** The same for one VMID. */
  vmid: 1,
  /** Entries of one ASID that are not global. */
  asid: 2,
  /** By address, for an ASID or global; for all ASIDs. */
  va: 3,
  vaAll: 4,
  /** By range of addresses. */
  range: 5,
  rangeAll: 6,
  /** Stage 2 by IPA. */
  ipa: 7,
  ipaRange: 8,
  /** What came of granule protection tables: all of it; by range of physical addresses. */
  granules: 9,
  granuleRange: 10,
} as const;
/**
 * Other fields of an operation: regime [5:4], security state [7:6], DS in force (ranges) [8], only the last level of tables has
 * changed [9], VMID [31:16].
 */
export const OP = { regimeShift: 4, ssShift: 6, ds: 1 << 8, last: 1 << 9, vmidShift: 16 } as const;

/** Bits of a tag that name its page, whatever the address tag above. */
const PAGE_BITS = 0x00fffffffffff000n;

/** i32: does a tag of the entry lie in the pages under `mask` around `va`? */
function matches(entry: Val, va: Val, mask: Val): Val {
  const one = (at: number): Val => load('i64', entry, at).xor(va).and(mask).eqz();
  // An empty tag is all ones: no page of it is in canonical form at any size, but its page bits might match.
  const live = (at: number): Val => load('i64', entry, at).ne(-1);
  const hit = (at: number): Val => one(at).and(live(at));
  return hit(TLB_READ).or(hit(TLB_WRITE)).or(hit(TLB_EXEC));
}

export function defineTlbi(lib: Library, f: TranslationFeatures): void {
  /** Removes the page of `va` from a bank: one entry; (bank, address). */
  const removePage = (bank: Val, va: Val): void => {
    const entry = bank.add(
      va
        .shrU(12 - TLB_ENTRY_SHIFT)
        .lo32()
        .and(TLB_INDEX_MASK),
    );
    iff(matches(entry, va, i64(PAGE_BITS)), () => emptyEntry(entry));
  };

  /** Removes what lies in [first, last], both page addresses without tag, from a bank by looking at all that may hold something. */
  lib.define('scanBank', [I32, I32, I64, I64], null, (_link, base, dir, first, last) => {
    eachHeld(base!, dir!, (entry) => {
      let hit = i32(0);
      for (const tag of [TLB_READ, TLB_WRITE, TLB_EXEC]) {
        const page = load('i64', entry, tag).and(PAGE_BITS);
        hit = hit.or(page.sub(first!).leU(last!.sub(first!)));
      }
      iff(hit, () => emptyEntry(entry));
    });
  });

  /** Removes the mapping of `va` from a bank, whatever its size: (base of the area, directory entry, address). */
  lib.define('removeVa', [I32, I32, I64], null, (link, b, d, v) => {
    const [base, dir, va] = [b!, d!, v!];
    const bank = bankOf(base, dir);
    const scan = (bits: number): void => {
      const first = va.and(PAGE_BITS & (-1n << BigInt(bits)));
      run(link('scanBank'), base, dir, first, first.or((1n << BigInt(bits)) - 0x1000n));
      ret();
    };
    unlikely(load('i32_8u', dir, DIR_HUGE), () => {
      run(link('emptyBank'), base, dir);
      ret();
    });
    unlikely(load('i64', dir, DIR_GIGA).shrU(va.shrU(30)).lo32().and(1), () => scan(30));
    const mega = load(
      'i32_8u',
      dir.add(
        va
          .shrU(21 + 3)
          .lo32()
          .and(63),
      ),
      DIR_MEGA,
    );
    unlikely(mega.shrU(va.shrU(21).lo32().and(7)).and(1), () => scan(21));
    const small = load('i32_8u', dir, DIR_SMALL);
    iff(small.eq(12), () => {
      removePage(bank, va);
      ret();
    });
    const count = variable(I32, i32(1).shl(small.sub(12)));
    const at = variable(I64, va.and(i64(-1).shl(small.zext64())));
    loop((again) => {
      removePage(bank, at.get());
      at.set(at.get().add(0x1000));
      count.set(count.get().sub(1));
      iff(count.get(), () => br(again));
    });
  });

  /** Removes a range [first, last] from a bank. */
  lib.define('removeRange', [I32, I32, I64, I64], null, (link, b, d, f, l) => {
    const [base, dir] = [b!, d!];
    unlikely(load('i32_8u', dir, DIR_HUGE), () => {
      run(link('emptyBank'), base, dir);
      ret();
    });
    const mega = variable(I64, 0);
    for (let at = 0; at < 64; at += 8) mega.set(mega.get().or(load('i64', dir, DIR_MEGA + at)));
    const small = load('i32_8u', dir, DIR_SMALL);
    const bits = select(load('i64', dir, DIR_GIGA).ne(0), i32(30), select(mega.get().ne(0), i32(21), small)).zext64();
    const mask = i64(-1).shl(bits);
    const first = f!.and(mask);
    const last = l!.or(mask.not()).and(PAGE_BITS);
    const pages = last.sub(first).shrU(12);
    iff(pages.geU(TLB_ENTRIES / 4), () => {
      run(link('scanBank'), base, dir, first, last);
      ret();
    });
    const at = variable(I64, first);
    const bank = bankOf(base, dir);
    loop((again) => {
      removePage(bank, at.get());
      at.set(at.get().add(0x1000));
      iff(at.get().leU(last), () => br(again));
    });
  });

  /** One operation on this core: (operation, operand). */
  lib.define('tlbiLocal', [I32, I32, I64], null, (link, c, o, a) => {
    const [cpu, op, arg] = [c!, o!, a!];
    const base = area(cpu);
    const kind = op.and(15);
    if (f.has('RME')) {
      store('i64', cpu, i64(-1), WIPE_VA);
      iff(kind.eq(TLBI.granules), () => {
        run(link('forgetGranules'), cpu);
        tailCall(link('dropAll'), cpu);
      });
      iff(kind.eq(TLBI.granuleRange), () => {
        // A reserved size, or more than a page by page search is worth: everything.
        const sizes = (from: number): bigint =>
          TLBI_SIZE_BITS.slice(from, from + 8).reduce((v, b, i) => v | (BigInt(b) << BigInt(8 * i)), 0n);
        const field = arg.shrU(44).lo32().and(15);
        const packed = select(field.and(8), i64(sizes(8)), i64(sizes(0)));
        const bits = packed.shrU(field.and(7).shl(3).zext64()).and(0xff);
        unlikely(bits.sub(1).geU(25), () => {
          run(link('forgetGranules'), cpu);
          tailCall(link('dropAll'), cpu);
        });
        const size = i64(1).shl(bits);
        const start = arg.and(0xffffffffffn).shl(12).and(i64(0).sub(size));
        run(link('forgetGranuleRange'), cpu, start, start.add(size).sub(1));
        tailCall(link('dropPhysical'), cpu, start, start.add(size).sub(1));
      });
    }
    iff(op.and(OP.last).eqz(), () => run(link('forgetTables'), cpu));
    const where = op.shrU(OP.regimeShift).and(3).or(op.shrU(OP.ssShift).and(3).shl(CTX.ssShift)).or(KEY.valid);
    const place = CTX.regime | CTX_SS | KEY.valid;
    const vmid = op.shrU(OP.vmidShift).zext64().shl(48);
    const asid = arg.shrU(48).shl(32);

    iff(kind.leU(TLBI.vmid), () => {
      const mask = i64(place).or(select(kind.eq(TLBI.all), i64(0), i64(-1n << 48n)));
      const wanted = where.zext64().or(select(kind.eq(TLBI.all), i64(0), vmid));
      eachBank(base, (dir) => {
        iff(load('i64', dir, DIR_KEY).and(mask).eq(wanted), () => run(link('dropBank'), cpu, dir));
      });
      ret();
    });
    const wanted = where.zext64().or(vmid);
    const mine = (key: Val): Val => key.and((-1n << 48n) | BigInt(place)).eq(wanted);
    const asidOf = (key: Val): Val => key.and(0xffff00000000n);

    iff(kind.eq(TLBI.asid), () => {
      eachBank(base, (dir) => {
        const key = load('i64', dir, DIR_KEY);
        iff(mine(key), () => {
          iff(
            key.lo32().and(KEY.byAsid),
            () => iff(asidOf(key).eq(asid), () => run(link('dropBank'), cpu, dir)),
            () => {
              const held = load('i32_8u', dir, DIR_VOLATILE).ne(0);
              iff(held.and(load('i32', dir, DIR_TAG).shrU(1).eq(arg.shrU(48).lo32())), () => {
                run(link('dropVolatile'), base, dir);
              });
            },
          );
        });
      });
      ret();
    });

    // Stage 2 alone: entries here are of both stages, which these need not touch, except where stage 1 is off.
    iff(kind.geU(TLBI.ipa), () => {
      eachBank(base, (dir) => {
        const key = load('i64', dir, DIR_KEY);
        iff(mine(key).and(key.lo32().and(CTX.s1).eqz()), () => run(link('dropBank'), cpu, dir));
      });
      ret();
    });

    // By address: in the banks of this ASID, and wherever entries are that hold for all.
    const first = variable(I64, arg.shl(12).and(PAGE_BITS));
    const last = variable(I64, first.get());
    const ranged = kind.geU(TLBI.range);
    iff(ranged, () => {
      const tg = arg.shrU(46).and(3);
      const granule = select(tg.eq(2), i64(14), select(tg.eq(3), i64(16), i64(12)));
      const from = select(op.and(OP.ds), i64(16), granule);
      const scale = arg.shrU(44).and(3);
      const count = arg.shrU(39).and(31).add(1).shl(scale.mul(5).add(1));
      // BaseADDR is 37 bits and signed: the upper range has its top bits set.
      const start = arg.shl(27).shrS(27).shl(from).and(PAGE_BITS);
      first.set(start);
      const end = start.add(count.shl(granule)).sub(0x1000);
      const limit = select(end.ltU(start).or(end.gtU(PAGE_BITS)), i64(PAGE_BITS), end);
      last.set(limit);
    });
    const anyAsid = kind.eq(TLBI.vaAll).or(kind.eq(TLBI.rangeAll));
    eachBank(base, (dir) => {
      const key = load('i64', dir, DIR_KEY);
      iff(mine(key), () => {
        const low = key.lo32();
        const holds = anyAsid
          .or(low.and(KEY.byAsid).eqz())
          .or(asidOf(key).eq(asid))
          .or(load('i32_8u', dir, DIR_GLOBAL));
        iff(holds, () => {
          iff(
            ranged,
            () => run(link('removeRange'), base, dir, first.get(), last.get()),
            () => run(link('removeVa'), base, dir, first.get()),
          );
        });
      });
    });
  });
}
