/**
 * The consoles of a run as faces have them. A console to which software of several worlds writes is one for each of them: the
 * bytes carry who wrote them.
 */
import type { ConsoleInfo } from '../system/api.ts';
import { worldOf } from '../system/console-tag.ts';
import type { ConsoleSummary } from './api.ts';
import { ConsoleHistory, type Stamp } from './history.ts';
import type { World } from './observation.ts';

export interface RunConsole {
  readonly id: string;
  readonly name: string;
  readonly world: World | null;
  /** Where input goes: id of the system's console. */
  readonly source: number;
  readonly history: ConsoleHistory;
}

export class RunConsoles {
  readonly list: readonly RunConsole[];
  private readonly bySource = new Map<number, readonly RunConsole[]>();
  private readonly onOutput: (console: RunConsole) => void;
  private readonly onLine: (console: RunConsole, line: number) => void;

  constructor(
    sources: readonly ConsoleInfo[],
    onOutput: (console: RunConsole) => void,
    onLine: (console: RunConsole, line: number) => void,
  ) {
    this.onOutput = onOutput;
    this.onLine = onLine;
    for (const { id, name, worlds = [], connected = true } of sources) {
      if (!connected) continue;
      const make = (key: string, world: World | null): RunConsole => ({
        ...{ id: key, name, world, source: id },
        history: new ConsoleHistory(),
      });
      const parts = worlds.length > 1 ? worlds.map((world) => make(`${name}.${world}`, world)) : null;
      this.bySource.set(id, parts ?? [make(name, worlds[0] ?? null)]);
    }
    this.list = [...this.bySource.values()].flat();
  }

  find(id: string): RunConsole | undefined {
    return this.list.find((c) => c.id === id);
  }

  /** Output of the system's console `source`; `tags`: who wrote each byte. */
  append(source: number, bytes: Uint8Array, tags: Uint8Array, stamp: Stamp): void {
    const parts = this.bySource.get(source);
    if (!parts) return;
    if (parts.length === 1) {
      this.put(parts[0]!, bytes, stamp);
      return;
    }
    for (let from = 0; from < bytes.length; ) {
      const world = worldOf(tags[from]!);
      let to = from + 1;
      while (to < bytes.length && worldOf(tags[to]!) === world) to++;
      this.put(parts.find((p) => p.world === world) ?? parts[0]!, bytes.subarray(from, to), stamp);
      from = to;
    }
  }

  private put(console: RunConsole, bytes: Uint8Array, stamp: Stamp): void {
    console.history.append(bytes, stamp, (line) => this.onLine(console, line));
    this.onOutput(console);
  }

  summaries(): ConsoleSummary[] {
    return this.list.map(({ id, name, world, history }) => ({
      ...{ id, name, world },
      start: history.start,
      end: history.end,
      lines: history.lineCount,
    }));
  }
}
