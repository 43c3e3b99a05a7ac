/** The consoles that a launch gives a machine: names, and where they go. */
import { WORLD_ALIASES } from '../consoles/worlds.ts';
import { hvcNames } from '../devices/virtio/config.ts';
import type { World } from '../system/console-tag.ts';
import type { ConsoleTarget, Launch } from './launch.ts';

export interface LaunchConsole {
  /** `uart0`, `uart1`, … for UARTs; `hvc0`, … for ports of virtio consoles, as Linux calls them. */
  readonly name: string;
  /** Null: the line is not connected. */
  readonly target: ConsoleTarget | null;
  /** The one security state that has it to itself. */
  readonly world?: World;
}

/** In the order of their numbers. UARTs without a line of their own: asked for by number they go to the terminal, else nowhere. */
export function consolesOf(launch: Launch): LaunchConsole[] {
  const { machine, serials, serialWorlds, virtio } = launch;
  const rest: ConsoleTarget | null = machine.uarts === null ? null : { to: 'terminal' };
  const uarts = Array.from({ length: uartsOf(launch) }, (_, n): LaunchConsole => {
    const target = serials[n] === undefined ? rest : serials[n];
    const world = serialWorlds[n];
    return world ? { name: nameOfWorld(world), target, world } : { name: `uart${n}`, target };
  });
  const ports = virtio.map((d) => (d.device === 'console' ? d.ports : []));
  const names = hvcNames(ports.map((list) => list.length));
  return [
    ...uarts,
    ...ports.flatMap((list, device) => list.map(({ target }, n) => ({ name: names[device]![n]!, target }))),
  ];
}

/** PL011s of the launched machine. */
export function uartsOf({ machine, serials }: Launch): 1 | 2 | 3 | 4 {
  const wanted = machine.uarts ?? Math.max(1, serials.length);
  return Math.max(wanted, machine.secure ? 2 : 1) as 1 | 2 | 3 | 4;
}

const nameOfWorld = (world: World): string => Object.entries(WORLD_ALIASES).find(([, w]) => w === world)?.[0] ?? world;
