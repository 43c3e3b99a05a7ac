// SPDX-License-Identifier: Apache-2.0
// Requests over a WebSocket that are answered by their numbers: the host's interface and Chromium's DevTools protocol have one form.
import { type ClientOptions, WebSocket } from 'ws';

interface Message {
  /** Of an answer; what else comes was not asked for. */
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export class Requests {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (answer: Message) => void>();
  private id = 1;

  private constructor(socket: WebSocket, told: (message: unknown) => void) {
    this.socket = socket;
    socket.on('message', (data, binary) => {
      // Output of consoles, for which nobody here asks.
      if (binary) return;
      const message = JSON.parse(String(data)) as Message;
      if (message.id === undefined) told(message);
      else this.waiting.get(message.id)?.(message);
    });
  }
  /** `told`: called with what was not asked for. */
  static async open(
    address: string,
    options: ClientOptions,
    told: (message: unknown) => void = () => {},
  ): Promise<Requests> {
    const socket = new WebSocket(address, options);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Requests(socket, told);
  }
  /** `more`: what the request has beside its method and parameters. */
  async ask(method: string, params: object, more: object = {}): Promise<unknown> {
    const id = this.id++;
    const answer = new Promise<Message>((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params, ...more }));
    const { result, error } = await answer;
    this.waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }
  close(): void {
    this.socket.close();
  }
}
