/** All floating-point groups. */
import * as byElement from './fp-by-element.ts';
import * as compare from './fp-compare.ts';
import * as complex from './fp-complex.ts';
import * as convert from './fp-convert.ts';
import * as scalar from './fp-scalar.ts';
import * as threeSame from './fp-three-same.ts';
import * as twoReg from './fp-two-reg.ts';
import * as vectorConvert from './fp-vector-convert.ts';
import * as widening from './fp-widening.ts';
import type { Group } from './pattern.ts';

export const fpGroups: readonly Group[] = [
  scalar.group,
  compare.group,
  convert.group,
  threeSame.group,
  twoReg.group,
  byElement.group,
  vectorConvert.group,
  complex.group,
  widening.group,
];
