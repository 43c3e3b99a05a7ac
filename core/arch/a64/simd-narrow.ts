/** How the narrowing forms write their result: the lower half of Vd, or (the "2" forms) its upper half. */
import type { Sem, Val } from '../semantics.ts';
import type { Fields } from './pattern.ts';
import { iota, permute, shuffle } from './simd-common.ts';
import { narrowOrder } from './simd-lanes.ts';

/** Writes the lower (or upper) halves of the elements of `size + 1` of `v`. */
export function setNarrow(s: Sem, f: Fields, size: number, v: Val, upper = false): void {
  const order = narrowOrder(size, upper);
  if (f.Q) s.setV('Vd', shuffle(s.v('Vd'), v, [...iota(8), ...order.map((k) => k + 16)]));
  else s.setV('Vd', permute(v, [...order, ...iota(8).map(() => -1)]));
}
