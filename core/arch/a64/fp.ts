/** All floating-point groups. */
import * as compare from './fp-compare.ts';
import * as convert from './fp-convert.ts';
import * as scalar from './fp-scalar.ts';
import type { Group } from './pattern.ts';

export const fpGroups: readonly Group[] = [scalar.group, compare.group, convert.group];
