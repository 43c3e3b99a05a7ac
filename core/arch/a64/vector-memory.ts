/** Memory seen as a row of vector registers' worth of bytes. */
import { load, store } from '../../wasm/build.ts';
import type { Bytes, Sem, Val } from '../semantics.ts';
import { lane } from './simd-common.ts';

const sum = (parts: readonly number[]): number => parts.reduce((a, b) => a + b, 0);

/** Consecutive parts of memory of 4, 8 or 16 bytes as vectors, zero-extended. Each access is one of `element` bytes. */
export function loadParts(s: Sem, address: Val, parts: readonly (4 | 8 | 16)[], element: Bytes): Val[] {
  const at = s.loadArea(address, sum(parts), element);
  let offset = 0;
  return parts.map((bytes) => {
    const v = load(bytes === 16 ? 'v128' : `v128_${8 * bytes}z`, at, offset);
    offset += bytes;
    return v;
  });
}
/** Stores the low bytes of each of `values`: 1, 2, 4, 8 or 16 as `parts` says. */
export function storeParts(
  s: Sem,
  address: Val,
  parts: readonly Bytes[],
  element: Bytes,
  values: readonly Val[],
): void {
  s.storeArea(address, sum(parts), element, (at) => {
    let offset = 0;
    parts.forEach((bytes, i) => {
      const v = values[i]!;
      if (bytes === 16) store('v128', at, v, offset);
      else if (bytes === 8) store('i64', at, lane('i64x2.extract_lane', v, 0), offset);
      else if (bytes === 4) store('i32', at, lane('i32x4.extract_lane', v, 0), offset);
      else store(`i32_${8 * bytes}`, at, lane('i32x4.extract_lane', v, 0), offset);
      offset += bytes;
    });
  });
}
