/**
 * Slow paths of accesses that consist of many elements (SIMD structures, pairs of vector registers). What cannot be accessed
 * in one go, because it crosses pages or is a device, passes element by element through SCRATCH_AREA of the core's state.
 */
import * as state from '../arch/state.ts';
import { br, call, iff, load, loop, ret, store, unlikely, variable } from '../wasm/build.ts';
import { Library, type Link } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
import { i32, select, type Val } from '../wasm/value.ts';
import { INFO } from './access.ts';

export const areas = new Library();
const lib = areas;

// All take (cpu, address, bytes, info), with the element's size in info.
const PARAMS = [I32, I64, I32, I32] as const;
const sizeOf = (info: Val): Val => i32(1).shl(info.and(7));
const crosses = (va: Val, bytes: Val): Val => va.lo32().and(0xfff).add(bytes).gtU(4096);
const scratch = (cpu: Val): Val => cpu.add(state.SCRATCH_AREA);

/** For compiled code: host address of all of it, or 0 when the interpreter had better repeat the instruction. */
lib.define('areaDirect', PARAMS, I32, (link, c, v, b, i) => {
  const [cpu, va, bytes, info] = [c!, v!, b!, i!];
  unlikely(crosses(va, bytes), () => ret(i32(0)));
  unlikely(load('i64', cpu, state.ALIGN_TEST).and(va).lo32().and(sizeOf(info).sub(1)), () => ret(i32(0)));
  store('i32', cpu, i32(0), state.SLOW_REC);
  const host = call(link('fillData'), cpu, va, info);
  store('i32', cpu, i32(0), state.FAULT);
  unlikely(load('i32', cpu, state.TR_DEVICE), () => ret(i32(0)));
  ret(host);
});

/** Returns the host address when the area lies in one page of ordinary memory, 0 on a fault; otherwise goes on. */
function whenDirect(link: Link, cpu: Val, va: Val, bytes: Val, info: Val): void {
  unlikely(call(link('checkAlignment'), cpu, va, info).eqz(), () => ret(i32(0)));
  iff(crosses(va, bytes).eqz(), () => {
    const host = call(link('fillData'), cpu, va, info);
    unlikely(host.eqz().and(load('i32', cpu, state.FAULT).ne(0)), () => ret(i32(0)));
    iff(host.ne(0).and(load('i32', cpu, state.TR_DEVICE).eqz()), () => ret(host));
  });
}
/** Runs `one` for each element's offset. */
function forEach(bytes: Val, info: Val, one: (offset: Val) => void): void {
  const at = variable(I32, 0);
  loop((again) => {
    const k = at.get();
    one(k);
    const next = k.add(sizeOf(info));
    at.set(next);
    iff(next.ltU(bytes), () => br(again));
  });
}
const widths = [
  [0, 'i64_8'],
  [1, 'i64_16'],
  [2, 'i64_32'],
] as const;

/** Host address from which the area can be read at once (its own, or the scratch area), or 0 with FAULT set. */
lib.define('areaLoad', PARAMS, I32, (link, c, v, b, i) => {
  const [cpu, va, bytes, info] = [c!, v!, b!, i!];
  whenDirect(link, cpu, va, bytes, info);
  forEach(bytes, info, (k) => {
    const raw = call(link('loadSlow'), cpu, va.add(k.zext64()), info);
    unlikely(load('i32', cpu, state.FAULT), () => ret(i32(0)));
    const to = scratch(cpu).add(k);
    for (const [lg, access] of widths) iff(info.and(7).eq(lg), () => store(access, to, raw));
    iff(info.and(7).geU(3), () => store('i64', to, raw));
    iff(info.and(7).eq(4), () => store('i64', to, load('i64', cpu, state.SCRATCH_HI), 8));
  });
  ret(scratch(cpu));
});

/** Host address where the area can be written (its own, or the scratch area), all of it checked; or 0 with FAULT set. */
lib.define('areaStore', PARAMS, I32, (link, c, v, b, i) => {
  const [cpu, va, bytes, info] = [c!, v!, b!, i!];
  whenDirect(link, cpu, va, bytes, info);
  // An element that straddles the pages is met by its first byte in the second.
  const straddles = va.lo32().and(sizeOf(info).sub(1));
  const kind = select(straddles, info.and(~7).or(INFO.split), info).or(INFO.watched);
  const check = (at: Val): void => {
    const host = call(link('fillData'), cpu, at, kind);
    unlikely(host.eqz().and(load('i32', cpu, state.FAULT).ne(0)), () => ret(i32(0)));
  };
  check(va);
  iff(crosses(va, bytes), () => check(va.add(bytes.sub(1).zext64()).and(~0xfffn)));
  unlikely(call(link('watchHit'), cpu, va, bytes, info), () => ret(i32(0)));
  ret(scratch(cpu));
});
/** Stores what was put into the scratch area. Yields 1 when the core should look for pending work. */
lib.define('areaStored', PARAMS, I32, (link, c, v, b, i) => {
  const [cpu, va, bytes, info] = [c!, v!, b!, i!.or(INFO.watched)];
  const after = variable(I32, 0);
  forEach(bytes, info, (k) => {
    const from = scratch(cpu).add(k);
    const lo = variable(I64, 0);
    const hi = variable(I64, 0);
    for (const [lg, access] of widths) iff(info.and(7).eq(lg), () => lo.set(load(`${access}u`, from)));
    iff(info.and(7).geU(3), () => lo.set(load('i64', from)));
    iff(info.and(7).eq(4), () => hi.set(load('i64', from, 8)));
    after.set(after.get().or(call(link('storeSlow'), cpu, va.add(k.zext64()), lo.get(), hi.get(), info)));
    unlikely(load('i32', cpu, state.FAULT), () => ret(i32(0)));
  });
  ret(after.get());
});
