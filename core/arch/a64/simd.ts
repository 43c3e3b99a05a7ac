/** The groups of Advanced SIMD on integers, in one list. */
import type { Group } from './pattern.ts';
import * as across from './simd-across.ts';
import * as byElement from './simd-by-element.ts';
import * as copy from './simd-copy.ts';
import * as permute from './simd-permute.ts';
import * as shift from './simd-shift.ts';
import * as threeDifferent from './simd-three-different.ts';
import * as threeSame from './simd-three-same.ts';
import * as twoReg from './simd-two-reg.ts';
import * as vectorLoads from './vector-loads.ts';
import * as vectorStructures from './vector-structures.ts';

export const simdGroups: readonly Group[] = [
  vectorLoads.group,
  vectorStructures.group,
  copy.group,
  permute.group,
  threeSame.group,
  threeDifferent.group,
  twoReg.group,
  across.group,
  shift.group,
  byElement.group,
];
