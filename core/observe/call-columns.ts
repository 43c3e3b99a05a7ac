/** Calls in columns: a million of them take some 140 MB, as they come. */
import { WORLDS } from '../system/console-tag.ts';
import type { ObservedCall } from './calls.ts';
import { functionOf } from './functions.ts';

/** Rows of a piece of the columns. */
const CHUNK = 1 << 14;
/** Of X1 and on; of X0 and on. */
const ARGUMENTS = 8;
const RESULTS = 5;

class Chunk {
  readonly id = new Uint32Array(CHUNK);
  readonly at = new Float64Array(CHUNK);
  /** NaN: it goes on. */
  readonly seconds = new Float64Array(CHUNK);
  readonly realm = new BigUint64Array(CHUNK);
  readonly arguments = new BigUint64Array(CHUNK * ARGUMENTS);
  readonly results = new BigUint64Array(CHUNK * RESULTS);
  /** Core [7:0], depth [15:8], exception level [17:16], from [19:18], to [21:20]. */
  readonly what = new Uint32Array(CHUNK);
}

/** A call as it is kept: without the page that it named. */
export type KeptCall = Omit<ObservedCall, 'page'>;

export class CallColumns {
  private readonly chunks: Chunk[] = [];
  private readonly limit: number;
  private dropped = 0;
  private count = 0;

  /** `limit`: rows that are kept at least, of the last. */
  constructor(limit: number) {
    this.limit = limit;
  }
  get first(): number {
    return this.dropped;
  }
  get end(): number {
    return this.count;
  }
  /** A number that is the next, or is kept already. */
  put(call: ObservedCall): void {
    if (call.number < this.dropped) return;
    const place = call.number - this.dropped;
    const n = place % CHUNK;
    const chunk = (this.chunks[Math.floor(place / CHUNK)] ??= new Chunk());
    chunk.id[n] = call.id;
    chunk.at[n] = call.at;
    chunk.seconds[n] = call.seconds ?? Number.NaN;
    chunk.realm[n] = call.realm ?? 0n;
    chunk.what[n] =
      call.core |
      (call.depth << 8) |
      (call.fromEl << 16) |
      (WORLDS.indexOf(call.from) << 18) |
      (WORLDS.indexOf(call.to) << 20);
    chunk.arguments.set(call.arguments, n * ARGUMENTS);
    if (call.results) for (let i = 0; i < RESULTS; i++) chunk.results[n * RESULTS + i] = call.results[i]!;
    this.count = Math.max(this.count, call.number + 1);
    if (this.count - this.dropped < this.limit + CHUNK) return;
    this.chunks.shift();
    this.dropped += CHUNK;
  }
  get(number: number): KeptCall | null {
    if (number < this.dropped || number >= this.count) return null;
    const place = number - this.dropped;
    const n = place % CHUNK;
    const chunk = this.chunks[Math.floor(place / CHUNK)]!;
    const what = chunk.what[n]!;
    const seconds = chunk.seconds[n]!;
    const goesOn = Number.isNaN(seconds);
    return {
      ...{ number, id: chunk.id[n]!, function: functionOf(chunk.id[n]!), at: chunk.at[n]! },
      ...{ core: what & 255, depth: (what >> 8) & 255, fromEl: (what >> 16) & 3 },
      ...{ from: WORLDS[(what >> 18) & 3]!, to: WORLDS[(what >> 20) & 3]! },
      arguments: chunk.arguments.slice(n * ARGUMENTS, (n + 1) * ARGUMENTS),
      results: goesOn ? null : chunk.results.slice(n * RESULTS, (n + 1) * RESULTS),
      seconds: goesOn ? null : seconds,
      realm: chunk.realm[n] === 0n ? null : chunk.realm[n]!,
    };
  }
  /** Number of the function of a call that is kept. */
  idOf(number: number): number {
    const place = number - this.dropped;
    return this.chunks[Math.floor(place / CHUNK)]!.id[place % CHUNK]!;
  }
}
