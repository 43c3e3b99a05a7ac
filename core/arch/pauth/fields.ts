/** The parts of a signed pointer (AddPAC, Auth, Strip; D8.10 "Pointer authentication"), from what the state holds of the regime. */
import { i64, type Val } from '../../wasm/value.ts';
import { DIFF, SHIFT } from './config.ts';

/** Bit 55 tells the address range of a pointer and is never part of a PAC. */
export const RANGE_BIT = 1n << 55n;

export interface Parts {
  /** All zeros or all ones: the range. */
  readonly range: Val;
  /** Bits that hold the PAC, and bit 55. */
  readonly field: Val;
  /** The pointer with its extension bits as they should be. */
  readonly canonical: Val;
}

function partsOf(word: (offset: number) => Val, pointer: Val, range: Val): Parts {
  const field = word(0).xor(range.and(word(DIFF)));
  return { range, field, canonical: pointer.xor(pointer.xor(range).and(field)) };
}
/** Before signing. `word` reads the regime's fields at an offset from `low` (see `config.ts`). */
export function partsUnsigned(word: (offset: number) => Val, pointer: Val): Parts {
  return partsOf(word, pointer, pointer.shl(word(SHIFT)).shrS(63));
}
/** Of a signed pointer. */
export function partsSigned(word: (offset: number) => Val, pointer: Val): Parts {
  return partsOf(word, pointer, pointer.shl(8).shrS(63));
}

/** The pointer with the PAC added by exclusive or (FEAT_PAuth2), bit 55 telling the range. */
export function combined(pointer: Val, { range, field }: Parts, pac: Val): Val {
  const mixed = pointer.xor(pac.and(field));
  return mixed.xor(mixed.xor(range).and(i64(RANGE_BIT)));
}
/** The PAC taken away again: the canonical pointer when it was right. Bit 55 stays. */
export function separated(pointer: Val, { field }: Parts, pac: Val): Val {
  return pointer.xor(pac.and(field).and(~RANGE_BIT));
}
