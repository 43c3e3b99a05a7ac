/**
 * Console device (virtio 1.2, section 5.3): ports with two queues each and, behind those of port 0, two queues of control messages, by
 * which a driver that accepts VIRTIO_CONSOLE_F_MULTIPORT learns of the ports. One that does not has port 0 alone.
 */
import type { Backend } from './backend.ts';
import { type ConsoleLine, ConsolePort } from './console-port.ts';
import { CONSOLE_FEATURE } from './layout.ts';
import type { VirtQueue } from './queue.ts';

export type { ConsoleLine } from './console-port.ts';

export interface ConsolePortSetting {
  readonly line: ConsoleLine;
  /** What the guest finds as the port's name; null: none. */
  readonly name: string | null;
}

/** Events of control messages (5.3.6.2). */
const EVENT = { deviceReady: 0, deviceAdd: 1, portReady: 3, consolePort: 4, portOpen: 6, portName: 7 } as const;
/** struct virtio_console_control: id (32 bits), event, value (16 bits each). */
const CONTROL_BYTES = 8;
const CONTROL = { toGuest: 2, fromGuest: 3 } as const;
/** Messages taken at once. */
const TURN = 64;

/** Queues of a device with so many ports. */
export const consoleQueues = (ports: number): number => 2 * (ports + 1);
/** The queue to the guest of port `n`; that from it is the next one. */
const queueOf = (n: number): number => (n === 0 ? 0 : 2 * (n + 1));

export class ConsoleBackend implements Backend {
  private readonly queues: readonly VirtQueue[];
  private readonly settings: readonly ConsolePortSetting[];
  private readonly ports: readonly ConsolePort[];
  /** Control messages that the guest has given no room for yet. */
  private messages: Uint8Array[] = [];

  constructor(queues: readonly VirtQueue[], settings: readonly ConsolePortSetting[]) {
    this.queues = queues;
    this.settings = settings;
    this.ports = settings.map(({ line }, n) => new ConsolePort(queues[queueOf(n)]!, queues[queueOf(n) + 1]!, line));
  }

  serve(n: number): boolean {
    if (n === CONTROL.toGuest) return this.tell();
    if (n === CONTROL.fromGuest) return this.listen();
    const port = this.ports[n < 2 ? 0 : (n >> 1) - 1];
    return (n & 1 ? port?.transmit() : port?.receive()) ?? false;
  }
  poll(): boolean {
    let did = false;
    for (const port of this.ports) if (port.poll()) did = true;
    return did;
  }
  reset(): void {
    this.messages = [];
    for (const port of this.ports) port.reset();
  }
  close(): void {}

  private listen(): boolean {
    const queue = this.queues[CONTROL.fromGuest]!;
    for (let turn = 0; turn < TURN; turn++) {
      const request = queue.pop();
      if (!request) return turn > 0;
      const bytes = new Uint8Array(CONTROL_BYTES);
      if (queue.gather(request, 0, bytes)) {
        const view = new DataView(bytes.buffer);
        this.hear(view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true));
      }
      queue.push(request, 0);
    }
    return true;
  }
  private hear(id: number, event: number, value: number): void {
    if (!this.queues[0]!.transport.accepted(CONSOLE_FEATURE.multiport)) return;
    // A driver that could not set itself, or a port, up says so with 0.
    if (value !== 1) return;
    if (event === EVENT.deviceReady) for (const n of this.settings.keys()) this.say(n, EVENT.deviceAdd, 0);
    const port = this.settings[id];
    if (event === EVENT.portReady && port) {
      this.say(id, EVENT.consolePort, 1);
      if (port.name !== null) this.say(id, EVENT.portName, 1, new TextEncoder().encode(`${port.name}\0`));
      this.say(id, EVENT.portOpen, 1);
    }
    this.tell();
  }
  private say(id: number, event: number, value: number, more: Uint8Array = new Uint8Array(0)): void {
    const bytes = new Uint8Array(CONTROL_BYTES + more.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, id, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    bytes.set(more, CONTROL_BYTES);
    this.messages.push(bytes);
  }
  /** Hands on messages while the guest has room for them. */
  private tell(): boolean {
    const queue = this.queues[CONTROL.toGuest]!;
    let moved = false;
    while (this.messages.length > 0) {
      const request = queue.pop();
      if (!request) break;
      const message = this.messages.shift()!.subarray(0, request.writable.total);
      queue.push(request, queue.scatter(request, 0, message) ? message.length : 0);
      moved = true;
    }
    return moved;
  }
}
