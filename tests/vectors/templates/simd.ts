/** Advanced SIMD on integers, and all loads and stores of vector registers: from the instruction table. */

import type { Group, Pattern } from '../../../core/arch/a64/pattern.ts';
import { group as across } from '../../../core/arch/a64/simd-across.ts';
import { group as byElement } from '../../../core/arch/a64/simd-by-element.ts';
import { group as copy } from '../../../core/arch/a64/simd-copy.ts';
import { group as permute } from '../../../core/arch/a64/simd-permute.ts';
import { group as shift } from '../../../core/arch/a64/simd-shift.ts';
import { group as threeDifferent } from '../../../core/arch/a64/simd-three-different.ts';
import { group as threeSame } from '../../../core/arch/a64/simd-three-same.ts';
import { group as twoReg } from '../../../core/arch/a64/simd-two-reg.ts';
import { group as loads } from '../../../core/arch/a64/vector-loads.ts';
import { group as structures } from '../../../core/arch/a64/vector-structures.ts';
import { templatesFrom } from '../from-table.ts';
import { extract, extractSigned, type MemoryAccess, type Template } from '../template.ts';

const groups: readonly [string, Group][] = [
  ['simd-across', across],
  ['simd-by-element', byElement],
  ['simd-copy', copy],
  ['simd-permute', permute],
  ['simd-shift', shift],
  ['simd-three-different', threeDifferent],
  ['simd-three-same', threeSame],
  ['simd-two-reg', twoReg],
];

type Reads = (index: number) => bigint;
const rm = (word: number) => extract(word, 16, 5);

/** One register or a pair, by the pattern's fixed bits. */
function loadAccess(word: number): { bytes: number; align: number; displacement: bigint; step: bigint } {
  const pair = extract(word, 27, 3) === 0b101;
  if (pair) {
    const each = 4 << extract(word, 30, 2);
    const offset = BigInt(extractSigned(word, 15, 7) * each);
    const mode = extract(word, 23, 2);
    return { bytes: 2 * each, align: each, displacement: mode === 1 ? 0n : offset, step: mode & 1 ? offset : 0n };
  }
  const bytes = extract(word, 23, 1) ? 16 : 1 << extract(word, 30, 2);
  if (extract(word, 24, 1))
    return { bytes, align: bytes, displacement: BigInt(extract(word, 10, 12) * bytes), step: 0n };
  const offset = BigInt(extractSigned(word, 12, 9));
  const mode = extract(word, 10, 2);
  return { bytes, align: bytes, displacement: mode === 1 ? 0n : offset, step: mode & 1 ? offset : 0n };
}
function indexOf(word: number, x: Reads): bigint {
  const value = x(rm(word));
  const option = extract(word, 13, 3);
  const scale = extract(word, 12, 1) ? BigInt(Math.log2(loadAccess(word).bytes)) : 0n;
  return (option & 1 ? value : option & 4 ? BigInt.asIntN(32, value) : BigInt.asUintN(32, value)) << scale;
}
function memoryOfLoad(pattern: Pattern): MemoryAccess {
  const indexed = pattern.operands.some((each) => each.name === 'Rm');
  return {
    base: 'Rn',
    bytes: (word) => loadAccess(word).bytes,
    align: (word) => loadAccess(word).align,
    displacement: (word, x) => (indexed ? indexOf(word, x) : loadAccess(word).displacement),
    step: (word) => (indexed ? 0n : loadAccess(word).step),
    ...(indexed ? { index: 'Rm' } : {}),
  };
}
/** Two loads into one register: which one wins is not said. */
const sameTargets = (pattern: Pattern) => (word: number) =>
  /^LDN?P/.test(pattern.name) && extract(word, 0, 5) === extract(word, 10, 5);

function structureAccess(word: number): { bytes: number; element: number } {
  const q = extract(word, 30, 1);
  if (!extract(word, 24, 1)) {
    const registers = [4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2][extract(word, 12, 4)]!;
    return { bytes: registers * (8 << q), element: 1 << extract(word, 10, 2) };
  }
  const count = (extract(word, 13, 1) << 1) + extract(word, 21, 1) + 1;
  const scale = extract(word, 14, 2);
  const size = extract(word, 10, 2);
  const element = 1 << (scale === 3 || (scale === 2 && size === 1) ? (scale === 3 ? size : 3) : scale);
  return { bytes: count * element, element };
}
const memoryOfStructure = (pattern: Pattern): MemoryAccess => ({
  base: 'Rn',
  bytes: (word) => structureAccess(word).bytes,
  align: (word) => structureAccess(word).element,
  step: (word, x) => {
    if (!extract(word, 23, 1)) return 0n;
    return rm(word) === 31 ? BigInt(structureAccess(word).bytes) : x(rm(word));
  },
  ...(pattern.operands.some((each) => each.name === 'Rm') ? { index: 'Rm' } : {}),
});

/** Shifts by register are mostly by one amount for all elements: DUP makes it so. */
const amounts = (pattern: Pattern) =>
  /^[SU]Q?R?SHL \(vector/.test(pattern.name) && pattern.operands.length === 3
    ? { before: (word: number) => [dup(rm(word), extract(word, 22, 2), extract(word, 0, 5))] }
    : {};
/** DUP of general register `from` into all elements of `size` of vector register `to`. */
const dup = (to: number, size: number, from: number) => (0x4e000c00 | (1 << (16 + size)) | (from << 5) | to) >>> 0;

export const simdTemplates: Template[] = [
  ...groups.flatMap(([name, group]) => templatesFrom(group, name, amounts)),
  ...templatesFrom(loads, 'simd-memory', (pattern) =>
    pattern.operands.some((each) => each.name === 'Rn')
      ? { memory: memoryOfLoad(pattern), excluded: sameTargets(pattern) }
      : { literal: 'imm19' },
  ),
  ...templatesFrom(structures, 'simd-structures', (pattern) => ({ memory: memoryOfStructure(pattern) })),
];
