/** Shifts of each element by its own amount (SSHL and its relatives). WebAssembly has none: routines of the core module. */

import { call, ret } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { V128 } from '../../wasm/opcodes.ts';
import { iff, select } from '../control.ts';
import { i32, i64, op, type Sem, type Val } from '../semantics.ts';
import {
  and,
  andNot,
  anyTrue,
  bitSelect,
  bitsOf,
  clip,
  type Extent,
  each,
  iota,
  LANES,
  lane,
  not,
  or,
  shift,
  shuffle,
  v1,
  v2,
  xor,
  zero,
} from './simd-common.ts';
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

// SSHL and USHL: nearly always all amounts are the same, and the host can shift by one amount.
for (const signed of [false, true]) {
  for (let size = 0; size < 4; size++) {
    const width = bitsOf(size);
    library.define(plainRoutine(signed, size), [V128, V128], V128, (link, vector, amounts) => {
      const [v, n] = [vector!, amounts!];
      const first = lane(size < 2 ? `${LANES[size]}.extract_lane_s` : `${LANES[size]}.extract_lane`, n, 0);
      const all = op(`${LANES[size]}.splat`, first);
      iff(anyTrue(xor(n, all)).eqz(), () => {
        const by = first.lo32().sext(8);
        iff(by.geS(0), () => ret(select(by.ltS(width), shift('shl', size, v, by), zero())));
        const down = by.neg();
        const inside = down.ltS(width);
        if (signed) ret(shift('shr_s', size, v, select(inside, down, i32(width - 1))));
        else ret(select(inside, shift('shr_u', size, v, down), zero()));
      });
      const { right, up, down } = directions(size, n);
      const raised = call(link(routine('shl', size)), v, up);
      ret(bitSelect(call(link(routine(signed ? 'shr_s' : 'shr_u', size)), v, down), raised, right));
    });
  }
}
function plainRoutine(signed: boolean, size: number): string {
  return `v${signed ? 's' : 'u'}shl${size}`;
}
/** Where the shift goes right, and how far each element goes up or down: the low bytes of the amounts are signed. */
function directions(size: number, amount: Val): { right: Val; up: Val; down: Val } {
  const width = bitsOf(size);
  const n = size === 0 ? amount : shift('shr_s', size, shift('shl', size, amount, width - 8), width - 8);
  const right = v2('lt_s', size, n, zero());
  return { right, up: andNot(n, right), down: and(v1('neg', size, n), right) };
}

/** SSHL or USHL: each element of `v` shifted left by the signed low byte of its amount, else right. */
export function shiftPlain(s: Sem, extent: Extent, size: number, signed: boolean, v: Val, amount: Val): Val {
  // The other half must not spoil that all amounts are the same.
  const n = extent === 'half' ? shuffle(amount, amount, [...iota(8), ...iota(8)]) : amount;
  return clip(extent, size, s.helper(plainRoutine(signed, size), v, n));
}
/** SRSHL, SQSHL, SQRSHL and their unsigned forms. */
export function shiftByElement(
  s: Sem,
  size: number,
  signed: boolean,
  v: Val,
  amount: Val,
  how: { readonly rounding: boolean; readonly saturating: boolean },
): Saturated {
  const { right, up, down } = directions(size, amount);
  const left = s.helper(routine('shl', size), v, up);
  const shr = routine(signed ? 'shr_s' : 'shr_u', size);
  let lowered = s.helper(shr, v, down);
  if (how.rounding) {
    const last = s.helper(shr, v, v2('sub', size, down, each(size, 1)));
    lowered = v2('add', size, lowered, and(last, each(size, 1)));
  }
  if (!how.saturating) return { value: bitSelect(lowered, left, right), over: zero() };
  const back = s.helper(shr, left, up);
  const over = andNot(not(v2('eq', size, back, v)), right);
  const raised = signed ? bitSelect(limitOf(size, v), left, over) : or(left, over);
  return { value: bitSelect(lowered, raised, right), over };
}
