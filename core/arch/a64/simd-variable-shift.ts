/** Shifts of each element by its own amount (SSHL and its relatives). WebAssembly has none: routines of the core module. */

import { ret } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { V128 } from '../../wasm/opcodes.ts';
import { select } from '../control.ts';
import { i64, type Sem, type Val } from '../semantics.ts';
import { and, andNot, bitSelect, bitsOf, each, lane, not, or, shift, v1, v2, zero } from './simd-common.ts';
import { greater, minimum } from './simd-lanes.ts';
import { limitOf, type Saturated } from './simd-saturate.ts';

/** `vshl2(v, n)` and so on: elements shifted by those of n, unsigned; amounts from the width on shift everything out. */
export const library = new Library();
const kinds = ['shl', 'shr_s', 'shr_u'] as const;
type Kind = (typeof kinds)[number];
const routine = (kind: Kind, size: number): string => `v${kind}${size}`;

for (const kind of kinds) {
  for (let size = 0; size < 4; size++) {
    library.define(routine(kind, size), [V128, V128], V128, (_link, v, n) =>
      ret(size === 3 ? doubleWords(kind, v!, n!) : inSteps(kind, size, v!, n!)),
    );
  }
}
/** A step for each bit of the amount: shifted where that bit is set. */
function inSteps(kind: Kind, size: number, v: Val, amount: Val): Val {
  const width = bitsOf(size);
  const n = kind === 'shr_s' ? minimum(size, false, amount, each(size, width - 1)) : amount;
  let r = v;
  for (let k = 0; 1 << k < width; k++) {
    const set = shift('shr_s', size, shift('shl', size, n, width - 1 - k), width - 1);
    r = bitSelect(shift(kind, size, r, 1 << k), r, set);
  }
  return kind === 'shr_s' ? r : andNot(r, greater(size, false, n, each(size, width - 1)));
}
function doubleWords(kind: Kind, v: Val, amount: Val): Val {
  let r = v;
  for (let i = 0; i < 2; i++) {
    const x = lane('i64x2.extract_lane', v, i);
    const n = lane('i64x2.extract_lane', amount, i);
    const inside = n.ltU(64);
    let y: Val;
    if (kind === 'shr_s') y = x.shrS(select(inside, n, i64(63)));
    else y = select(inside, kind === 'shl' ? x.shl(n) : x.shrU(n), i64(0));
    r = lane('i64x2.replace_lane', r, i, y);
  }
  return r;
}

/** What SSHL, SRSHL, SQSHL, SQRSHL and their unsigned forms do: left by the signed low byte of each amount, else right. */
export function shiftByElement(
  s: Sem,
  size: number,
  signed: boolean,
  v: Val,
  amount: Val,
  how: { readonly rounding: boolean; readonly saturating: boolean },
): Saturated {
  const width = bitsOf(size);
  const n = size === 0 ? amount : shift('shr_s', size, shift('shl', size, amount, width - 8), width - 8);
  const right = v2('lt_s', size, n, zero());
  const left = s.helper(routine('shl', size), v, andNot(n, right));
  const shr = routine(signed ? 'shr_s' : 'shr_u', size);
  const down = and(v1('neg', size, n), right);
  let lowered = s.helper(shr, v, down);
  if (how.rounding) {
    const last = s.helper(shr, v, v2('sub', size, down, each(size, 1)));
    lowered = v2('add', size, lowered, and(last, each(size, 1)));
  }
  if (!how.saturating) return { value: bitSelect(lowered, left, right), over: zero() };
  const back = s.helper(shr, left, andNot(n, right));
  const over = andNot(not(v2('eq', size, back, v)), right);
  const raised = signed ? bitSelect(limitOf(size, v), left, over) : or(left, over);
  return { value: bitSelect(lowered, raised, right), over };
}
