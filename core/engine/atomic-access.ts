/**
 * Atomic accesses of guest memory for which WebAssembly has no instruction: misaligned ones, and pairs of 16 bytes.
 *
 * Addresses are host addresses, and guest memory keeps its alignment there. What fits into aligned 8 bytes is a loop around
 * their compare-and-swap. What does not is compared and exchanged as two halves between `exclusiveBegin` and `exclusiveEnd`.
 * These take one of `LOCKS`, so that such accesses exclude each other. Accesses of other kinds by other cores go on meanwhile: a
 * plain store among them is not lost, as each half changes by a compare-and-swap and the first is taken back when the second has
 * changed. But within those nanoseconds another core may see the new low half beside the old high one, and a narrower atomic
 * of it may build on a low half that is then not taken back. It would be exact to stop the other cores here; that costs
 * microseconds, and Linux allocates memory by CASP.
 */
import { PEERS } from '../arch/state.ts';
import {
  atomicLoad,
  atomicStore,
  br,
  brIf,
  call,
  fence,
  iff,
  load,
  loop,
  ret,
  rmw,
  run,
  store,
} from '../wasm/build.ts';
import { Library } from '../wasm/library.ts';
import { I32, I64, V128 } from '../wasm/opcodes.ts';
import { i32, i64, lane, op, select, type Val } from '../wasm/value.ts';
import { LOCKS } from './layout.ts';

export const atomicAccess = new Library();
const lib = atomicAccess;

/** The lock of an address: one of 64, a cache line each, by bits [9:4]. */
const lockOf = (host: Val): Val => host.and(0x3f0).shl(2);

lib.define('exclusiveBegin', [I32, I32], null, (_link, _cpu, host) => {
  const at = lockOf(host!);
  loop((again) => brIf(rmw('xchg', 'i32', at, i32(1), undefined, LOCKS), again));
});
lib.define('exclusiveEnd', [I32, I32], null, (_link, _cpu, host) => {
  atomicStore('i32', lockOf(host!), i32(0), LOCKS);
});

const pair = (lo: Val, hi: Val): Val => lane('i64x2.replace_lane', op('i64x2.splat', lo), 1, hi);

/** (cpu, address aligned to 16, expected low, high, new low, high) → the old value. */
lib.define('casPair', [I32, I32, I64, I64, I64, I64], V128, (link, c, h, oldLo, oldHi, newLo, newHi) => {
  const host = h!;
  const differs = (lo: Val, hi: Val): Val => lo.xor(oldLo!).or(hi.xor(oldHi!)).ne(0);
  iff(load('i32', c!, PEERS).eqz(), () => {
    const [lo, hi] = [load('i64', host), load('i64', host, 8)];
    iff(differs(lo, hi).eqz(), () => {
      store('i64', host, newLo!);
      store('i64', host, newHi!, 8);
    });
    ret(pair(lo, hi));
  });
  run(link('exclusiveBegin'), c!, host);
  loop((again) => {
    const [lo, hi] = [atomicLoad('i64', host), atomicLoad('i64', host, 8)];
    // Both halves at one moment.
    brIf(atomicLoad('i64', host).ne(lo), again);
    iff(differs(lo, hi).eqz(), () => {
      brIf(rmw('cmpxchg', 'i64', host, oldLo!, newLo!).ne(oldLo!), again);
      iff(rmw('cmpxchg', 'i64', host, oldHi!, newHi!, 8).ne(oldHi!), () => {
        rmw('cmpxchg', 'i64', host, newLo!, oldLo!);
        br(again);
      });
    });
    run(link('exclusiveEnd'), c!, host);
    ret(pair(lo, hi));
  });
  ret(pair(i64(0), i64(0)));
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
lib.define('loadWithin16', [I32, I32, I32], I64, (link, cpu, host, bytes) => {
  const { shift, mask, crosses, base8 } = place(host!, bytes!);
  iff(crosses.eqz(), () => ret(atomicLoad('i64', base8).shrU(shift).and(mask)));
  run(link('exclusiveBegin'), cpu!, host!);
  const lo = atomicLoad('i64', base8).shrU(shift);
  const hi = atomicLoad('i64', base8, 8).shl(upper(shift));
  run(link('exclusiveEnd'), cpu!, host!);
  ret(lo.or(hi).and(mask));
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
    const [lo, hi] = [atomicLoad('i64', base16), atomicLoad('i64', base16, 8)];
    const old = lo.shrU(shift).or(hi.shl(up)).and(mask);
    const same = old.eq(expected!);
    const wantLo = select(same, lo.and(mask.shl(shift).not()).or(desired!.shl(shift)), lo);
    const wantHi = select(same, hi.and(mask.shrU(up).not()).or(desired!.shrU(up)), hi);
    const was = call(link('casPair'), cpu!, base16, lo, hi, wantLo, wantHi);
    brIf(
      lane('i64x2.extract_lane', was, 0)
        .xor(lo)
        .or(lane('i64x2.extract_lane', was, 1).xor(hi))
        .ne(0),
      again,
    );
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
