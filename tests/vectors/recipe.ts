/** A case in short: from a seed all of its input state follows, but for a few slots. */

import type { Case } from './executor.ts';
import type { State } from './state.ts';
import { type Style, stateFromSeed } from './values.ts';

export interface Change {
  slot: number;
  value: bigint;
}

export interface Recipe {
  words: readonly number[];
  /** 32 bits. */
  seed: number;
  style: Style;
  /** Slots of the input that are otherwise than the seed says. */
  overrides: readonly Change[];
}

export function applyChanges(state: State, changes: readonly Change[]): State {
  for (const { slot, value } of changes) state.slots[slot] = value;
  return state;
}

/** The slots in which `after` differs. */
export function changesBetween(before: State, after: State): Change[] {
  const changes: Change[] = [];
  const { slots } = after;
  for (let slot = 0; slot < slots.length; slot++) {
    if (slots[slot] !== before.slots[slot]) changes.push({ slot, value: slots[slot] });
  }
  return changes;
}

export function caseOf(recipe: Recipe): Case {
  return { words: recipe.words, input: applyChanges(stateFromSeed(recipe.seed, recipe.style), recipe.overrides) };
}
