/** All floating-point groups. */
import * as compare from './fp-compare.ts';
import * as convert from './fp-convert.ts';
import * as scalar from './fp-scalar.ts';
import * as threeSame from './fp-three-same.ts';
import * as twoReg from './fp-two-reg.ts';
import type { Group } from './pattern.ts';

export const fpGroups: readonly Group[] = [scalar.group, compare.group, convert.group, threeSame.group, twoReg.group];
