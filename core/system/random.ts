/** Random numbers that the guest sees. */
import type { SystemConfig } from './api.ts';

/** 64 random bits: of the host, or in the deterministic mode of a generator (xorshift64*) that starts from the seed. */
export function randomSource(config: SystemConfig): () => bigint {
  if (!config.deterministic) {
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
  let x = BigInt.asUintN(64, BigInt(config.seed ?? 1) * 0x9e3779b97f4a7c15n) | 1n;
  return () => {
    x ^= x >> 12n;
    x = BigInt.asUintN(64, x ^ (x << 25n));
    x ^= x >> 27n;
    return BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn);
  };
}
