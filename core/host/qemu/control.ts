/** QEMU's machine protocol (QMP): commands and events as JSON, a line each. */
import { connect, type Socket } from 'node:net';

type Listener = (event: string, data: Readonly<Record<string, unknown>>) => void;

export class QemuControl {
  private readonly socket: Socket;
  private readonly listener: Listener;
  private readonly waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  private nextId = 1;
  private rest = '';

  private constructor(socket: Socket, listener: Listener) {
    this.socket = socket;
    this.listener = listener;
    socket.setEncoding('utf8').on('data', (text: string) => this.take(text));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('QEMU has ended'));
      this.waiting.clear();
    });
  }
  /** Rejects where nobody listens. */
  static async open(path: string, listener: Listener): Promise<QemuControl> {
    const control = new QemuControl(await connected(path), listener);
    await control.execute('qmp_capabilities');
    return control;
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) {
      if (line.trim() === '') continue;
      const message = JSON.parse(line) as {
        id?: number;
        event?: string;
        data?: Record<string, unknown>;
        error?: { desc?: string };
      };
      if (message.event) this.listener(message.event, message.data ?? {});
      const waiting = message.id === undefined ? undefined : this.waiting.get(message.id);
      if (!waiting) continue;
      this.waiting.delete(message.id!);
      if (message.error) waiting.reject(new Error(message.error.desc ?? 'QEMU refuses'));
      else waiting.resolve();
    }
  }
  execute(command: string): Promise<void> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.socket.write(`${JSON.stringify({ execute: command, id })}\n`);
    });
  }
  close(): void {
    this.socket.destroy();
  }
}

/** A connection to a Unix socket. */
export function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
