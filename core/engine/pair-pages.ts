/**
 * Pages with 16-byte atomics, where cores run in parallel.
 *
 * WebAssembly has no compare-and-swap of 16 bytes. What it needs is that no other core writes between the comparison and the store,
 * so a page in which one was done has a word that says which cores may write to it: whose TLB has the page for writing, or has asked
 * for it. A core that is alone in that word goes ahead; otherwise the others are stopped (`standstill.ts`), and the page is taken from
 * their TLBs, so that the next time it is alone. Kernels do these operations on data of one core nearly always.
 *
 * Who is about to write sets its bit before it looks at PAIR_PAGE of the others; who compares and swaps sets PAIR_PAGE before it looks
 * at the bits. So one of the two sees the other, and waits or stops it.
 */
import * as state from '../arch/state.ts';
import { eachEntry, tagLeadsTo } from '../arch/translation/banks.ts';
import { atomicLoad, atomicStore, brIf, call, iff, load, loop, ret, rmw, run, store } from '../wasm/build.ts';
import { Library } from '../wasm/library.ts';
import { I32 } from '../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../wasm/value.ts';
import { TLB_ADDEND, TLB_WRITE } from './abi.ts';
import { INFO } from './access.ts';
import { CORE_CONTROL } from './layout.ts';
import { eachOther, QUIET, STANDS, STILL, standstill } from './standstill.ts';

/** A page's word: it is watched; how often it was taken from other cores; bits of the cores that may write. */
const WATCHED = 1 << 31;
const TAKEN_SHIFT = 24;
const TAKEN_MAX = 64;
const WRITERS = 0xffffff;
/** Cores from this one on share a bit, and stop the others always. */
const SHARED_BIT = 23;
/** Word of a core's control block: the host page, by number, in which it compares and swaps just now. */
const PAIR_PAGE = 64;

export const pairPages = new Library();
const lib = pairPages;
lib.include(standstill);

const indexOf = (cpu: Val): Val => load('i32', cpu, state.INDEX);
const wordOf = (cpu: Val, host: Val): Val => load('i32', cpu, state.PAIR_MAP).add(host.shrU(12).shl(2));

/**
 * (cpu, host address, info of an access that goes ahead) → may the TLB have the page for writing? Between this and what it permits
 * the core must not stand still.
 */
lib.define('mayWrite', [I32, I32, I32], I32, (link, c, h, info) => {
  const [cpu, host] = [c!, h!];
  const at = wordOf(cpu, host);
  const known = atomicLoad('i32', at);
  iff(known.eqz(), () => ret(i32(1)));
  const index = indexOf(cpu);
  const bit = i32(1).shl(select(index.gtU(SHARED_BIT), i32(SHARED_BIT), index));
  iff(known.and(bit), () => ret(i32(1)));
  // A page that is only read is left to its writers.
  iff(info!.and(INFO.write | INFO.atomic).eqz(), () => ret(i32(0)));
  rmw('or', 'i32', at, bit);
  const page = host.shrU(12);
  eachOther(link, cpu, (other) => {
    loop((again) => brIf(atomicLoad('i32', other.add(CORE_CONTROL), PAIR_PAGE).eq(page), again));
  });
  ret(i32(1));
});

/**
 * (cpu, host address) → 1: no other core can write to the page until `releasePage`; 0: it has to be stopped for that.
 */
lib.define('claimAlone', [I32, I32], I32, (link, c, h) => {
  const [cpu, host] = [c!, h!];
  iff(call(link('parallelCores'), cpu).eqz(), () => ret(i32(0)));
  const own = cpu.add(CORE_CONTROL);
  atomicStore('i32', own, host.shrU(12), PAIR_PAGE);
  const known = atomicLoad('i32', wordOf(cpu, host)).and(WATCHED | WRITERS);
  const index = indexOf(cpu);
  const alone = known.eq(i32(1).shl(index).or(WATCHED)).and(index.ltU(SHARED_BIT));
  iff(alone, () => ret(i32(1)));
  atomicStore('i32', own, i32(0), PAIR_PAGE);
  ret(i32(0));
});
lib.define('releasePage', [I32], null, (_link, cpu) => atomicStore('i32', cpu!.add(CORE_CONTROL), i32(0), PAIR_PAGE));

/**
 * (cpu, host address), while all other cores stand still: takes the page from their TLBs. Not from a core that stands still within an
 * instruction, which may have looked its page up already; nor again and again from cores that all write there.
 */
lib.define('takePage', [I32, I32], null, (link, c, h) => {
  const [cpu, host] = [c!, h!];
  iff(call(link('parallelCores'), cpu).eqz(), () => ret());
  const index = indexOf(cpu);
  const taken = load('i32', wordOf(cpu, host)).shrU(TAKEN_SHIFT).and(127);
  iff(taken.geU(TAKEN_MAX).or(index.geU(SHARED_BIT)), () => ret());
  eachOther(link, cpu, (other) => {
    const control = other.add(CORE_CONTROL);
    const between = atomicLoad('i32', control, QUIET)
      .ne(0)
      .or(atomicLoad('i32', control, STILL).eq(STANDS));
    iff(between.eqz(), () => ret());
  });
  eachOther(link, cpu, (other) => run(link('unwritable'), other, host));
  const word = taken.add(1).shl(TAKEN_SHIFT).or(WATCHED).or(i32(1).shl(index));
  atomicStore('i32', wordOf(cpu, host), word);
});
/** (state of a core that stands still, host address): its TLB has the page for writing no longer. */
lib.define('unwritable', [I32, I32], null, (_link, c, h) => {
  const [cpu, host] = [c!, h!];
  const base = load('i32', cpu, state.TLB_AREA);
  // It has not run yet.
  iff(base.eqz(), () => ret());
  store('i64', cpu, i64(-1), state.WIPE_VA);
  eachEntry(base, (entry) => {
    const leadsThere = tagLeadsTo(entry, TLB_WRITE, load('i32', entry, TLB_ADDEND), host);
    iff(leadsThere, () => store('i64', entry, i64(-1), TLB_WRITE));
  });
});
