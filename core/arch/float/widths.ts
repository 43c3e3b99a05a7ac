/** Vector forms of conversions between widths: 64 bits of narrow elements, 128 of wide ones. */

import { call, ret } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { V128 } from '../../wasm/opcodes.ts';
import { i64, lane } from '../../wasm/value.ts';
import { I32, I64, type Val } from '../semantics.ts';
import { pair } from './lanes.ts';

const half = (v: Val, n: number): Val => lane('i64x2.extract_lane', v, n);

export function defineWidths(lib: Library): void {
  // (cpu, ctl, narrow elements) → wide ones.
  for (const [name, scalar, from] of [
    ['fpLong.hs', 'fpConvert.hs', 16],
    ['fpLong.sd', 'fpConvert.sd', 32],
    ['fpWidenAll', 'fpWiden', 16],
  ] as const) {
    lib.define(name, [I32, I32, I64], V128, (link, cpu, ctl, x) => {
      const one = (n: number): Val => {
        const bits = x!.shrU(n * from).and(2n ** BigInt(from) - 1n);
        return call(link(scalar), cpu!, ctl!, bits);
      };
      const two = (n: number): Val => {
        const low = one(n);
        return from === 32 ? low : low.or(one(n + 1).shl(32));
      };
      const lo = two(0);
      ret(pair(lo, two(from === 32 ? 1 : 2)));
    });
  }
  // (cpu, ctl, wide elements) → narrow ones.
  for (const [name, scalar, from] of [
    ['fpNarrow.sh', 'fpConvert.sh', 32],
    ['fpNarrow.ds', 'fpConvert.ds', 64],
    ['fpNarrowBF', 'fpConvertBF', 32],
  ] as const) {
    lib.define(name, [I32, I32, V128], I64, (link, cpu, ctl, v) => {
      const each = from === 64 ? [half(v!, 0), half(v!, 1)] : [0, 1, 2, 3].map((n) => word(v!, n));
      let all: Val = i64(0);
      each.forEach((x, n) => {
        all = all.or(call(link(scalar), cpu!, ctl!, x).shl((n * from) / 2));
      });
      ret(all);
    });
  }
}
const word = (v: Val, n: number): Val => lane('i32x4.extract_lane', v, n).zext64();
