/** Random numbers that the guest sees. */
import type { SystemConfig } from './api.ts';

/** The stream of virtio's entropy devices; those of threads that run cores have the numbers of their code spaces. */
export const ENTROPY_STREAM = 1 << 16;

/**
 * 64 random bits: of the host, or where there is a seed, and in the deterministic mode, of a generator (xorshift64*). Each `stream` has
 * numbers of its own.
 */
export function randomSource(config: Pick<SystemConfig, 'deterministic' | 'seed'>, stream: number): () => bigint {
  if (!config.deterministic && config.seed === undefined) {
    const words = new BigUint64Array(64);
    let at = words.length;
    return () => {
      if (at === words.length) {
        crypto.getRandomValues(words);
        at = 0;
      }
      return words[at++]!;
    };
  }
  const start = BigInt(config.seed ?? 1) * 0x9e3779b97f4a7c15n + BigInt(stream) * 0xd1342543de82ef95n;
  let x = BigInt.asUintN(64, start) | 1n;
  return () => {
    x ^= x >> 12n;
    x = BigInt.asUintN(64, x ^ (x << 25n));
    x ^= x >> 27n;
    return BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn);
  };
}

/** Fills arrays with bytes from a source. */
export const randomFiller =
  (source: () => bigint) =>
  (into: Uint8Array): void => {
    for (let at = 0; at < into.length; at += 8) {
      let bits = source();
      for (let i = at; i < Math.min(at + 8, into.length); i++, bits >>= 8n) into[i] = Number(bits & 0xffn);
    }
  };
