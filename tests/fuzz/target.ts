/** What is fuzzed, and how bytes are damaged. */
import type { Random } from '../support/random.ts';

export interface Fuzz {
  /** One damaged input. Yields whether it was taken, in spite of the damage; throws where something else comes of it than an orderly refusal. */
  round(): boolean;
  /** At the end: throws where what was done altogether is not right. */
  close?(): void;
}

export interface Target {
  readonly name: string;
  /** Bound on what the process may hold beyond what it held before the first round, at any time, in MiB. */
  readonly memory: number;
  open(random: Random): Fuzz;
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0x10000];
/** Where headers are: damaged more often than the rest, in bytes. */
const HEAD = 180;

/** Changes bytes or words, cuts off, doubles a part. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out = bytes.slice();
  for (let n = 1 + random(4); n > 0 && out.length > 4; n--) {
    const where = random(2) ? random(Math.min(out.length, HEAD)) : random(out.length);
    switch (random(5)) {
      case 0:
        out[where] = random(256);
        break;
      case 1:
        out[where]! ^= 1 << random(8);
        break;
      case 2: {
        const at = Math.min(where & ~3, out.length - 4);
        new DataView(out.buffer).setUint32(at, INTERESTING[random(INTERESTING.length)]!, random(2) === 1);
        break;
      }
      case 3:
        out = out.slice(0, where);
        break;
      default: {
        const piece = out.slice(where, where + random(64));
        out = new Uint8Array([...out.slice(0, where), ...piece, ...out.slice(where)]);
      }
    }
  }
  return out;
}
