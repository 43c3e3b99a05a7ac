/** Accesses of up to 16 bytes that the fast path could not do: faults, devices, page crossings, watched pages. */
import * as state from '../arch/state.ts';
import { br, call, fence, iff, load, loop, ret, run, store, unlikely, variable } from '../wasm/build.ts';
import { Library } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../wasm/value.ts';
import { bytesOf, INFO } from './access.ts';
import { atomicAccess } from './atomic-access.ts';

export const slowAccess = new Library();
const lib = slowAccess;
lib.include(atomicAccess);

/** Device accesses: (cpu, address low, address high, info) → value; 8-byte values take SCRATCH_HI for the upper half. */
lib.host('mmioRead', [I32, I32, I32, I32], I32);
lib.host('mmioWrite', [I32, I32, I32, I32, I32, I32], null);

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
