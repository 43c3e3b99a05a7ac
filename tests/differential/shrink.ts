/** Makes a failing program smaller: words that don't matter become NOPs. */

import { sameState } from '../vectors/check.ts';
import { END_WORDS } from '../vectors/environment.ts';
import type { Case, Executor } from '../vectors/executor.ts';

const NOP = END_WORDS[0];

export function shrink(failing: Case, reference: Executor, subject: Executor): Case {
  let current = failing;
  for (;;) {
    const candidates = current.words.flatMap((word, index): Case[] =>
      word === NOP ? [] : [{ words: current.words.with(index, NOP), input: current.input }],
    );
    if (candidates.length === 0) return current;
    const [wanted, given] = [reference.run(candidates), subject.run(candidates)];
    const found = candidates.findIndex((_, index) => !sameState(wanted[index], given[index]));
    if (found < 0) return current;
    current = candidates[found];
  }
}
