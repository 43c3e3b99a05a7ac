/** All consoles of a system: each UART and virtio console, and each world of those that worlds share. */
import type { ConsoleInfo, System } from '../system/api.ts';
import type { World } from '../system/console-tag.ts';
import { Scrollback } from './scrollback.ts';
import { splitByWorld, WORLD_ALIASES, WORLD_ORDER } from './worlds.ts';

export class Console {
  readonly name: string;
  /** Another name, or null. */
  readonly alias: string | null;
  /** Number of the system's console that it is, or is a part of. */
  readonly source: number;
  /** Null: it is whole. */
  readonly world: World | null;
  readonly scrollback = new Scrollback();
  private readonly listeners = new Set<(bytes: Uint8Array) => void>();
  private readonly input: (bytes: Uint8Array) => void;

  constructor(
    name: string,
    alias: string | null,
    source: number,
    world: World | null,
    input: (bytes: Uint8Array) => void,
  ) {
    this.name = name;
    this.alias = alias;
    this.source = source;
    this.world = world;
    this.input = input;
  }

  /** What the console is called where there is room: `realm (rmm)`. */
  get title(): string {
    return this.alias === null ? this.name : `${this.name} (${this.alias})`;
  }
  /** Types; into a world's console: into the one that it shares, whose reader may be of any world. */
  type(bytes: Uint8Array): void {
    this.input(bytes);
  }
  on(listener: (bytes: Uint8Array) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
  show(bytes: Uint8Array): void {
    this.scrollback.append(bytes);
    for (const listener of this.listeners) listener(bytes);
  }
}

type Source = Pick<System, 'consoles' | 'on' | 'consoleInput'>;

export class ConsoleSet {
  /** In the order of their numbers: each console of the machine, followed by those of its worlds. */
  readonly list: readonly Console[];
  private readonly byName = new Map<string, Console>();

  constructor(system: Source) {
    this.list = system.consoles
      .filter(({ connected }) => connected !== false)
      .flatMap((info) => this.consolesOf(system, info));
    // A console of the machine keeps its name, whatever worlds are called.
    for (const console of [...this.list].sort((a, b) => Number(a.world !== null) - Number(b.world !== null))) {
      for (const name of [console.name, console.alias]) {
        if (name !== null && !this.byName.has(name)) this.byName.set(name, console);
      }
    }
  }

  /** Follows what the system shows, until the function that it yields is called. */
  attach(system: Source): () => void {
    return system.on('console', (id, bytes, tags) => {
      const own = this.list.filter((c) => c.source === id);
      const worlds = own.filter((c) => c.world !== null);
      for (const console of own) if (console.world === null) console.show(bytes);
      if (worlds.length === 0) return;
      splitByWorld(bytes, tags, (world, part) => worlds.find((c) => c.world === world)?.show(part));
    });
  }

  /** By name or alias. */
  find(name: string): Console | undefined {
    return this.byName.get(name);
  }
  get names(): string[] {
    return [...this.byName.keys()];
  }

  private consolesOf(system: Source, { id, name, worlds = [] }: ConsoleInfo): Console[] {
    const input = (bytes: Uint8Array): void => system.consoleInput(id, bytes);
    const whole = new Console(name, null, id, null, input);
    if (worlds.length < 2) return [whole];
    // Only one console has the plain names.
    const first = system.consoles.find((c) => (c.worlds?.length ?? 0) > 1)?.id === id;
    const parts = WORLD_ORDER.filter((world) => worlds.includes(world)).map((world) => {
      const alias = Object.keys(WORLD_ALIASES).find((a) => WORLD_ALIASES[a] === world) ?? null;
      return new Console(first ? world : `${name}-${world}`, first ? alias : null, id, world, input);
    });
    return [whole, ...parts];
  }
}
