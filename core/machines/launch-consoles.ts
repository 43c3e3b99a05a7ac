/** The consoles that a launch gives a machine: names, and where they go. */
import { hvcNames } from '../devices/virtio/config.ts';
import type { ConsoleTarget, Launch } from './launch.ts';

export interface LaunchConsole {
  /** `uart0`, `uart1`, … for UARTs; `hvc0`, … for ports of virtio consoles, as Linux calls them. */
  readonly name: string;
  /** Null: the line is not connected. */
  readonly target: ConsoleTarget | null;
}

/** In the order of their numbers. */
export function consolesOf({ serials, virtio }: Launch): LaunchConsole[] {
  const uarts = serials.map((target, n): LaunchConsole => ({ name: `uart${n}`, target }));
  const ports = virtio.map((d) => (d.device === 'console' ? d.ports : []));
  const names = hvcNames(ports.map((list) => list.length));
  return [
    ...uarts,
    ...ports.flatMap((list, device) => list.map(({ target }, n) => ({ name: names[device]![n]!, target }))),
  ];
}
