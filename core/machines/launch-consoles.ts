/** The consoles that a launch gives a machine: names, where they go, who writes to them. */
import { WORLD_ALIASES } from '../consoles/worlds.ts';
import type { World } from '../system/console-tag.ts';
import type { ConsoleTarget, Launch } from './launch.ts';

export interface LaunchConsole {
  /** `uart0`, `uart1`, … or the world's for UARTs; `hvc0`, … for ports of virtio consoles, as Linux calls them. */
  readonly name: string;
  /** Null: the line is not connected. */
  readonly target: ConsoleTarget | null;
  /** Security states that write to it, where that is not all there are. */
  readonly worlds?: readonly World[];
}

/** In the order of their numbers. UARTs without a line of their own: asked for by number they go to the terminal, else nowhere. */
export function consolesOf(launch: Launch): LaunchConsole[] {
  const { machine, rme, serials, serialWorlds, virtio } = launch;
  const worlds: readonly World[] = rme.enabled ? ['normal', 'realm', 'root', 'secure'] : ['normal', 'secure'];
  const rest: ConsoleTarget | null = machine.uarts === null ? null : { to: 'terminal' };
  const uarts = Array.from({ length: uartsOf(launch) }, (_, n): LaunchConsole => {
    const target = serials[n] === undefined ? rest : serials[n];
    const world = serialWorlds[n];
    if (world) return { name: nameOfWorld(world), target, worlds: [world] };
    const name = `uart${n}`;
    // With EL3 the second UART is for the Secure side alone.
    return machine.secure && n !== 1 ? { name, target, worlds } : { name, target };
  });
  const ports = virtio.flatMap((d) => (d.device === 'console' ? d.ports : []));
  return [...uarts, ...ports.map(({ target }, n): LaunchConsole => ({ name: `hvc${n}`, target }))];
}

/** PL011s of the launched machine. */
export function uartsOf({ machine, serials }: Launch): 1 | 2 | 3 | 4 {
  const wanted = machine.uarts ?? Math.max(1, serials.length);
  return Math.max(wanted, machine.secure ? 2 : 1) as 1 | 2 | 3 | 4;
}

const nameOfWorld = (world: World): string => Object.entries(WORLD_ALIASES).find(([, w]) => w === world)?.[0] ?? world;
