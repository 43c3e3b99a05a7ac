/** Checks a recorded group of vectors on the engine in all three ways of running. */
import { describe, expect, it } from 'vitest';
import { compare, describe as describeMismatch } from '../vectors/check.ts';
import { readVectors } from '../vectors/data.ts';
import { environmentOf } from '../vectors/environment.ts';
import { type Case, MODES } from '../vectors/executor.ts';
import { environmentOfGroup } from '../vectors/templates/index.ts';
import { createExecutor } from '../vectors/trireme-executor.ts';

/** `skip`: cases that are known to differ for a reason, which the caller states. */
export function checkGroup(group: string, skip: (c: Case) => boolean = () => false): void {
  describe(`vectors of ${group}`, () => {
    for (const mode of MODES) {
      it(`agree, ${mode}`, async () => {
        const executor = await createExecutor(environmentOf(environmentOfGroup(group)), mode);
        const vectors = readVectors(group).vectors.filter((v) => !skip(v));
        expect(vectors.length).toBeGreaterThan(0);
        const wrong = compare(
          vectors,
          vectors.map((v) => v.expected),
          executor.run(vectors),
        );
        const text = wrong.slice(0, 3).map((m) => describeMismatch(m, 'QEMU', 'Trireme'));
        expect(wrong.length, `${wrong.length} of ${vectors.length} differ\n${text.join('\n')}`).toBe(0);
      });
    }
  });
}
