/**
 * World-separated consoles: what each world wrote to a UART that several of them share.
 *
 * Each byte comes with a tag that says which security state wrote it, so separation needs no guesses: a world's stream is its bytes
 * in order, at once. Where a world is interrupted in the middle of a line, its own line simply goes on later; in the shared stream
 * the pieces stay as they came.
 */
import { WORLDS, type World } from '../system/console-tag.ts';

/** Other names of worlds' consoles, by who is usually heard there. */
export const WORLD_ALIASES: Readonly<Record<string, World>> = { host: 'normal', rmm: 'realm', monitor: 'root' };

/** The order in which consoles of worlds are numbered. */
export const WORLD_ORDER: readonly World[] = ['realm', 'root', 'normal', 'secure'];

type Take = (world: World, bytes: Uint8Array) => void;

/** Calls `take` with each run of bytes of one world, in their order. */
function runsOf(bytes: Uint8Array, tags: Uint8Array, take: Take): void {
  let from = 0;
  for (let i = 1; i <= bytes.length; i++) {
    if (i < bytes.length && (tags[i]! & 3) === (tags[from]! & 3)) continue;
    take(WORLDS[tags[from]! & 3]!, bytes.subarray(from, i));
    from = i;
  }
}

/** Calls `take` once for each world in a piece of output, with all of its bytes there. */
export function splitByWorld(bytes: Uint8Array, tags: Uint8Array, take: Take): void {
  const parts = new Map<World, number[]>();
  runsOf(bytes, tags, (world, run) => {
    if (run.length === bytes.length) {
      take(world, run);
      return;
    }
    const part = parts.get(world);
    if (part) for (const byte of run) part.push(byte);
    else parts.set(world, [...run]);
  });
  for (const [world, part] of parts) take(world, Uint8Array.from(part));
}

export interface WorldLine {
  readonly world: World;
  /** Without its end. */
  readonly text: string;
}

/** Longest line that is waited for, in characters; a longer one is handed on in pieces. */
const LONGEST = 4096;

/** The lines of all worlds in the order in which they were completed, for logs and timelines. */
export class WorldLines {
  private readonly partial = new Map<World, { text: string; decoder: TextDecoder }>();
  private readonly take: (line: WorldLine) => void;

  constructor(take: (line: WorldLine) => void) {
    this.take = take;
  }

  feed(bytes: Uint8Array, tags: Uint8Array): void {
    runsOf(bytes, tags, (world, own) => {
      let state = this.partial.get(world);
      if (!state) this.partial.set(world, (state = { text: '', decoder: new TextDecoder() }));
      const lines = (state.text + state.decoder.decode(own, { stream: true })).split('\n');
      state.text = lines.pop()!;
      for (const line of lines) this.take({ world, text: line.replace(/\r+$/, '') });
      while (state.text.length > LONGEST) {
        this.take({ world, text: state.text.slice(0, LONGEST) });
        state.text = state.text.slice(LONGEST);
      }
    });
  }

  /** Hands on lines without an end; call it when nothing more comes. */
  flush(): void {
    for (const [world, { text }] of this.partial) if (text) this.take({ world, text: text.replace(/\r+$/, '') });
    this.partial.clear();
  }
}
