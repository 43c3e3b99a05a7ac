/** Taking structures of two to four elements apart, and putting them together, by shuffles of whole registers. */
import type { Val } from '../semantics.ts';
import { iota, lowHalf, permute, shuffle, zero } from './simd-common.ts';

/** Where a byte comes from: number of the vector, and of the byte in it; null: a zero byte. */
type Origin = readonly [number, number] | null;

/** A vector of bytes from any of `sources`, by folding one source after the other into it. */
function gather(sources: readonly Val[], origins: readonly Origin[]): Val {
  const used = [...new Set(origins.flatMap((o) => (o ? [o[0]] : [])))].sort((a, b) => a - b);
  const hasZeros = origins.includes(null);
  const [first, second] = used;
  const one = sources[first!]!;
  if (second === undefined) {
    return permute(
      one,
      origins.map((o) => (o ? o[1] : -1)),
    );
  }
  let v = shuffle(
    one,
    sources[second]!,
    origins.map((o) => (o?.[0] === first ? o![1] : o?.[0] === second ? 16 + o![1] : 0)),
  );
  for (const next of used.slice(2)) {
    v = shuffle(
      v,
      sources[next]!,
      origins.map((o, i) => (o?.[0] === next ? 16 + o![1] : i)),
    );
  }
  // Zeros are wanted in the upper half, or not at all.
  return hasZeros ? lowHalf(v) : v;
}

/** Registers `0…count-1` from memory's bytes, given as vectors of 16 (the last one perhaps of 8, zero-extended). */
export function deinterleave(memory: readonly Val[], count: number, size: number, q: number): Val[] {
  if (count === 4 && size < 3) return deinterleaveFour(memory, size, q);
  const bytes = q ? 16 : 8;
  return iota(count).map((r) =>
    gather(
      memory,
      iota(16).map((i) => {
        if (i >= bytes) return null;
        const at = (((i >> size) * count + r) << size) + (i & ((1 << size) - 1));
        return [at >> 4, at & 15];
      }),
    ),
  );
}
/** By pairs of vectors: the elements of two registers at a time, then their halves put together. */
function deinterleaveFour(memory: readonly Val[], size: number, q: number): Val[] {
  const halves = (a: Val, b: Val, r: number): Val => {
    const elements = (which: number): number[] =>
      iota(8).map((i) => {
        const at = (((i >> size) * 4 + which) << size) + (i & ((1 << size) - 1));
        return at;
      });
    return shuffle(a, b, [...elements(r), ...elements(r + 1)]);
  };
  return [0, 2].flatMap((r) => {
    const front = halves(memory[0]!, memory[1]!, r);
    const back = q ? halves(memory[2]!, memory[3]!, r) : zero();
    return [shuffle(front, back, [...iota(8), ...iota(8, 16)]), shuffle(front, back, [...iota(8, 8), ...iota(8, 24)])];
  });
}

/** Memory's bytes from registers: the reverse of `deinterleave`. */
export function interleave(registers: readonly Val[], size: number, q: number): Val[] {
  const count = registers.length;
  const bytes = count * (q ? 16 : 8);
  if (count === 4 && size < 3) {
    const [r0, r1, r2, r3] = registers as [Val, Val, Val, Val];
    const lower = [zip(r0, r1, size, 0), zip(r2, r3, size, 0)] as const;
    const front = [zip(...lower, size + 1, 0), zip(...lower, size + 1, 8)];
    if (!q) return front;
    const upper = [zip(r0, r1, size, 8), zip(r2, r3, size, 8)] as const;
    return [...front, zip(...upper, size + 1, 0), zip(...upper, size + 1, 8)];
  }
  return iota((bytes + 15) >> 4).map((chunk) =>
    gather(
      registers,
      iota(16).map((i): Origin => {
        const at = 16 * chunk + i;
        const element = at >> size;
        const byte = (Math.floor(element / count) << size) + (at & ((1 << size) - 1));
        // What lies beyond the end of memory is never stored.
        return at < bytes ? [element % count, byte] : [0, 0];
      }),
    ),
  );
}
/** Elements of `a` and `b` in turn, from byte `from` of each. */
function zip(a: Val, b: Val, size: number, from: number): Val {
  return shuffle(
    a,
    b,
    iota(16).map((i) => {
      const element = i >> size;
      return (element & 1 ? 16 : 0) + from + ((element >> 1) << size) + (i & ((1 << size) - 1));
    }),
  );
}
