/** The consoles that a launch gives a machine: names, where they go, who writes to them. */
import type { World } from '../system/console-tag.ts';
import type { ConsoleTarget, Launch } from './launch.ts';

export interface LaunchConsole {
  /** `uart0`, `uart1`, … for UARTs; `hvc0`, … for ports of virtio consoles, as Linux calls them. */
  readonly name: string;
  /** Null: the line is not connected. */
  readonly target: ConsoleTarget | null;
  /** Security states that may write to it, where there are several. */
  readonly worlds?: readonly World[];
}

/** In the order of their numbers. */
export function consolesOf({ machine, rme, serials, virtio }: Launch): LaunchConsole[] {
  const worlds: readonly World[] = rme.enabled ? ['normal', 'realm', 'root', 'secure'] : ['normal', 'secure'];
  const uarts = serials.map((target, n): LaunchConsole => {
    const name = `uart${n}`;
    // With EL3 the second UART is for the Secure side alone.
    return machine.secure && n !== 1 ? { name, target, worlds } : { name, target };
  });
  const ports = virtio.flatMap((d) => (d.device === 'console' ? d.ports : []));
  return [...uarts, ...ports.map(({ target }, n): LaunchConsole => ({ name: `hvc${n}`, target }))];
}
