/**
 * Atomic accesses of guest memory for which WebAssembly has no instruction: misaligned ones, and pairs of 16 bytes.
 *
 * Addresses are host addresses, and guest memory keeps its alignment there. What fits into aligned 8 bytes is a loop around
 * their compare-and-swap. What does not is compared and exchanged while the other cores stand still. Loads of aligned 16 bytes are
 * one access of the host: x86 processors with AVX make that single-copy atomic.
 */
import { atomicLoad, atomicStore, brIf, call, fence, iff, load, loop, ret, rmw, run, store } from '../wasm/build.ts';
import { Library } from '../wasm/library.ts';
import { I32, I64, V128 } from '../wasm/opcodes.ts';
import { i32, i64, lane, op, select, type Val } from '../wasm/value.ts';
import { pairPages } from './pair-pages.ts';

export const atomicAccess = new Library();
const lib = atomicAccess;
lib.include(pairPages);

/** Two doublewords as the 16 bytes that hold them. */
export const pair = (lo: Val, hi: Val): Val => lane('i64x2.replace_lane', op('i64x2.splat', lo), 1, hi);
export const half = (v: Val, n: 0 | 1): Val => lane('i64x2.extract_lane', v, n);

/** (cpu, address aligned to 16, expected low, high, new low, high) → the old value. */
lib.define('casPair', [I32, I32, I64, I64, I64, I64], V128, (link, cpu, host, oldLo, oldHi, newLo, newHi) => {
  const swap = (): Val => {
    const old = load('v128', host!);
    const differs = half(old, 0).xor(oldLo!).or(half(old, 1).xor(oldHi!));
    iff(differs.eqz(), () => store('v128', host!, pair(newLo!, newHi!)));
    return old;
  };
  iff(call(link('claimAlone'), cpu!, host!), () => {
    const old = swap();
    run(link('releasePage'), cpu!);
    ret(old);
  });
  run(link('standAlone'), cpu!);
  const old = swap();
  run(link('takePage'), cpu!, host!);
  run(link('resume'), cpu!);
  ret(old);
});

/** A field that lies within aligned 16 bytes: how it lies in them. */
function place(host: Val, bytes: Val): { shift: Val; mask: Val; crosses: Val; base8: Val; base16: Val } {
  const at = host.and(7);
  return {
    shift: at.shl(3).zext64(),
    mask: i64(-1).shrU(i32(64).sub(bytes.shl(3)).zext64()),
    crosses: at.add(bytes).gtU(8),
    base8: host.and(-8),
    base16: host.and(-16),
  };
}
/** Upper part of a field that crosses the middle, as it lies in the high half: shift is at least 8. */
const upper = (shift: Val): Val => i64(64).sub(shift);

/** (cpu, address, bytes 1–8 within aligned 16) → value. */
lib.define('loadWithin16', [I32, I32, I32], I64, (_link, _cpu, host, bytes) => {
  const { shift, mask, crosses, base8 } = place(host!, bytes!);
  iff(crosses.eqz(), () => ret(atomicLoad('i64', base8).shrU(shift).and(mask)));
  fence();
  const all = load('v128', base8);
  fence();
  ret(
    half(all, 0)
      .shrU(shift)
      .or(half(all, 1).shl(upper(shift)))
      .and(mask),
  );
});

/** Compare-and-swap: (cpu, address, bytes 1–8 within aligned 16, expected, new) → old value. All zero-extended. */
lib.define('casWithin16', [I32, I32, I32, I64, I64], I64, (link, cpu, h, bytes, expected, desired) => {
  const { shift, mask, crosses, base8, base16 } = place(h!, bytes!);
  iff(crosses.eqz(), () => {
    loop((again) => {
      const seen = atomicLoad('i64', base8);
      const old = seen.shrU(shift).and(mask);
      iff(old.eq(expected!), () => {
        const want = seen.and(mask.shl(shift).not()).or(desired!.shl(shift));
        brIf(rmw('cmpxchg', 'i64', base8, seen, want).ne(seen), again);
      });
      ret(old);
    });
  });
  const up = upper(shift);
  loop((again) => {
    const seen = load('v128', base16);
    const [lo, hi] = [half(seen, 0), half(seen, 1)];
    const old = lo.shrU(shift).or(hi.shl(up)).and(mask);
    const same = old.eq(expected!);
    const wantLo = select(same, lo.and(mask.shl(shift).not()).or(desired!.shl(shift)), lo);
    const wantHi = select(same, hi.and(mask.shrU(up).not()).or(desired!.shrU(up)), hi);
    const was = call(link('casPair'), cpu!, base16, lo, hi, wantLo, wantHi);
    brIf(half(was, 0).xor(lo).or(half(was, 1).xor(hi)).ne(0), again);
    ret(old);
  });
  ret(i64(0));
});

const WIDTHS = [
  [1, 'i64_8u', 'i64_8'],
  [2, 'i64_16u', 'i64_16'],
  [4, 'i64_32u', 'i64_32'],
  [8, 'i64', 'i64'],
] as const;
const within16 = (host: Val, bytes: Val): Val => host.and(15).add(bytes).leU(16);

/** Load-acquire, (cpu, address, bytes 1–8) → value, aligned or not: single-copy atomic when within aligned 16 bytes. */
lib.define('loadOrdered', [I32, I32, I32], I64, (link, cpu, h, b) => {
  const [host, bytes] = [h!, b!];
  iff(host.and(bytes.sub(1)).eqz(), () => {
    for (const [width, access] of WIDTHS) iff(bytes.eq(width), () => ret(atomicLoad(access, host)));
  });
  iff(within16(host, bytes), () => ret(call(link('loadWithin16'), cpu!, host, bytes)));
  const v = i64(0);
  for (const [width, access] of WIDTHS) {
    iff(bytes.eq(width), () => {
      const loaded = load(access, host);
      fence();
      ret(loaded);
    });
  }
  ret(v);
});

/** Store-release of 1–8 bytes: (cpu, address, bytes, value). */
lib.define('storeOrdered', [I32, I32, I32, I64], null, (link, cpu, h, b, value) => {
  const [host, bytes] = [h!, b!];
  iff(host.and(bytes.sub(1)).eqz(), () => {
    for (const [width, , access] of WIDTHS) {
      iff(bytes.eq(width), () => {
        atomicStore(access, host, value!);
        ret();
      });
    }
  });
  iff(within16(host, bytes), () => {
    const mask = place(host, bytes).mask;
    loop((again) => {
      const seen = call(link('loadWithin16'), cpu!, host, bytes);
      brIf(call(link('casWithin16'), cpu!, host, bytes, seen, value!.and(mask)).ne(seen), again);
    });
    ret();
  });
  fence();
  for (const [width, , access] of WIDTHS) iff(bytes.eq(width), () => store(access, host, value!));
  fence();
});
