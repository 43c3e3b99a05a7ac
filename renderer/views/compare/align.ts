/** Two consoles line by line: what differs between two runs, apart from times and addresses. */
import { diffArrays } from 'diff';

export interface Pair {
  /** Index into the lines of each side; null: the other has a line that this has not. */
  readonly left: number | null;
  readonly right: number | null;
  readonly same: boolean;
}

/** Times in brackets as kernels print them, clock times, and numbers that are addresses: they differ between any two runs. */
const PASSING =
  /\[\s*\d+\.\d+\]|\b\d{1,2}:\d{2}:\d{2}(?:\.\d+)?\b|\b0x[0-9a-f]{6,}\b|\b[0-9a-f]{8,16}\b|\b\d+(?:\.\d+)? ?(?:ns|us|ms|s|MHz|BogoMIPS)\b/gi;

/** A line as it is compared. */
export const comparable = (line: string): string => line.replace(PASSING, '·').trimEnd();

/** Differences beyond which lines are only held against those of the same number. */
const MOST_EDITS = 20_000;

export function align(left: readonly string[], right: readonly string[]): Pair[] {
  const [a, b] = [left.map(comparable), right.map(comparable)];
  const changes = diffArrays(a, b, { maxEditLength: MOST_EDITS, timeout: 3000 });
  if (!changes) return byNumber(a, b);
  const pairs: Pair[] = [];
  let [l, r] = [0, 0];
  for (let n = 0; n < changes.length; n++) {
    const { value, removed, added } = changes[n]!;
    if (!removed && !added) {
      for (const _ of value) pairs.push({ left: l++, right: r++, same: true });
      continue;
    }
    // What was replaced stands side by side.
    const other = changes[n + 1];
    const gone = removed ? value.length : 0;
    const come = added ? value.length : removed && other?.added ? other.value.length : 0;
    if (removed && other?.added) n++;
    for (let k = 0; k < Math.max(gone, come); k++) {
      pairs.push({ left: k < gone ? l++ : null, right: k < come ? r++ : null, same: false });
    }
  }
  return pairs;
}

function byNumber(a: readonly string[], b: readonly string[]): Pair[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, n) => ({
    left: n < a.length ? n : null,
    right: n < b.length ? n : null,
    same: a[n] === b[n],
  }));
}

/** Where each stretch of differing lines begins. */
export const differences = (pairs: readonly Pair[]): number[] =>
  pairs.flatMap((pair, n) => (!pair.same && (n === 0 || pairs[n - 1]!.same) ? [n] : []));
