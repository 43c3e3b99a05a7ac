/** All instruction groups. */

import * as at from './at.ts';
import * as atomics from './atomics.ts';
import * as barriers from './barriers.ts';
import * as branches from './branches.ts';
import * as cacheMaintenance from './cache-maintenance.ts';
import * as cryptoAes from './crypto-aes.ts';
import * as cryptoHash from './crypto-hash.ts';
import * as dotProduct from './dot-product.ts';
import * as dpImmediate from './dp-immediate.ts';
import * as dpRegister from './dp-register.ts';
import * as exceptions from './exceptions.ts';
import * as exclusives from './exclusives.ts';
import * as flagm from './flagm.ts';
import { fpGroups } from './fp.ts';
import * as hints from './hints.ts';
import * as loads from './loads.ts';
import * as mops from './mops.ts';
import * as ordered from './ordered.ts';
import type { Group } from './pattern.ts';
import * as pauth from './pauth.ts';
import * as pstate from './pstate.ts';
import { simdGroups } from './simd.ts';
import { systemRegisters } from './system-registers.ts';
import * as tlbi from './tlbi.ts';

export const groups: readonly Group[] = [
  dpImmediate.group,
  dpRegister.group,
  branches.group,
  loads.group,
  exclusives.group,
  ordered.group,
  atomics.group,
  mops.group,
  flagm.group,
  ...simdGroups,
  ...fpGroups,
  cryptoAes.group,
  cryptoHash.group,
  dotProduct.group,
  pauth.group,
  exceptions.group,
  pstate.group,
  hints.group,
  barriers.group,
  tlbi.group,
  at.group,
  cacheMaintenance.group,
  ...systemRegisters,
];

// In the order in which modules happen to be loaded they would have other numbers in other threads.
for (const [id, pattern] of groups.flatMap((g) => g.patterns).entries()) pattern.id = id;
