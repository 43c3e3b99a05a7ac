/** All instruction groups. */
import * as branches from './branches.ts';
import * as dpImmediate from './dp-immediate.ts';
import * as dpRegister from './dp-register.ts';
import * as loads from './loads.ts';
import type { Group } from './pattern.ts';

export const groups: readonly Group[] = [dpImmediate.group, dpRegister.group, branches.group, loads.group];
