/** What the rig's own tests share. */

import { generateCase, Source } from './generate.ts';
import { generateProgram } from './program.ts';
import { Random } from './random.ts';
import type { Recipe } from './recipe.ts';
import { SLOT, SLOTS, type State } from './state.ts';
import { TEMPLATES } from './templates/index.ts';
import { generalValue } from './values.ts';

const PLAIN = TEMPLATES.filter(({ group }) => !group.startsWith('pauth'));

/** Cases and programs of all plain groups. */
export function sampleCases(count: number, seed = 1): Recipe[] {
  const source = new Source(seed);
  return Array.from({ length: count }, (_, index) =>
    index & 1 ? generateProgram(source, PLAIN) : generateCase(source, PLAIN[index % PLAIN.length]),
  );
}

/** A state with a few slots changed at random. */
export function changesOf(state: State, seed: number): State {
  const random = new Random(seed);
  const changed = state.copy();
  for (let count = random.below(6); count > 0; count--) {
    changed.slots[random.oneIn(4) ? SLOT.pstate : random.below(SLOTS)] = generalValue(random);
  }
  return changed;
}
