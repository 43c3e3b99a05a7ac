/** A console on a TCP port or a Unix socket, as server (any number of readers) or as client. */
import { once } from 'node:events';
import { lstatSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ConsoleTarget } from '../../machines/launch.ts';
import { UserError } from '../../system/errors.ts';
import { Backlog } from './backlog.ts';
import type { ConsoleSink, SinkEvents } from './sink.ts';
import { escapeTelnet, GREETING, TelnetFilter } from './telnet.ts';

type Target = ConsoleTarget & { to: 'tcp' | 'unix' };

/** One reader: gets everything from when it came, or since the last one went. */
class Client {
  readonly backlog: Backlog;
  private readonly socket: Socket;
  private readonly telnet: boolean;
  private blocked = false;

  constructor(socket: Socket, backlog: Backlog, telnet: boolean, input: (bytes: Uint8Array) => void) {
    this.socket = socket;
    this.backlog = backlog;
    this.telnet = telnet;
    socket.setNoDelay(true);
    const filter = telnet ? new TelnetFilter((bytes) => void socket.write(bytes)) : null;
    if (telnet) socket.write(GREETING);
    socket.on('data', (bytes: Buffer) => {
      const data = filter ? filter.feed(bytes) : bytes;
      if (data.length > 0) input(data);
    });
    socket.on('drain', () => {
      this.blocked = false;
      this.pump();
    });
    this.pump();
  }

  pump(): void {
    while (!this.blocked && !this.socket.destroyed) {
      const piece = this.backlog.shift();
      if (!piece) return;
      this.blocked = !this.socket.write(this.telnet ? escapeTelnet(piece) : piece);
    }
  }

  /** Sends what is there, if the reader takes it soon. */
  async end(): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = once(this.socket, 'close').catch(() => {});
    this.socket.end();
    const late = setTimeout(() => this.socket.destroy(), 500);
    await closed;
    clearTimeout(late);
  }
}

class SocketSink implements ConsoleSink {
  place = '';
  readonly ready: Promise<void>;
  private readonly clients = new Set<Client>();
  /** While nobody is there. */
  private waiting = new Backlog();
  private readonly telnet: boolean;
  private readonly events: SinkEvents;
  private arrived: () => void = () => {};
  server: Server | null = null;

  constructor(target: Target, events: SinkEvents) {
    this.telnet = target.to === 'tcp' && target.telnet;
    this.events = events;
    this.ready = new Promise((resolve) => {
      this.arrived = resolve;
    });
    if (!target.wait) this.arrived();
  }

  add(socket: Socket): void {
    const client = new Client(socket, this.waiting, this.telnet, (bytes) => this.events.input(bytes));
    this.waiting = new Backlog();
    this.clients.add(client);
    // A reader that goes away is none of the guest's business.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.clients.delete(client);
      if (this.clients.size === 0) this.waiting = client.backlog;
    });
    this.arrived();
  }

  write(bytes: Uint8Array): void {
    if (this.clients.size === 0) this.waiting.push(bytes);
    for (const client of this.clients) {
      client.backlog.push(bytes);
      client.pump();
    }
  }

  async close(): Promise<void> {
    this.server?.close();
    await Promise.all([...this.clients].map((c) => c.end()));
  }
}

/** Removes a Unix socket that a process has left when it was killed: nobody listens there, and nobody else could. */
async function removeAbandoned(path: string): Promise<void> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  const socket = connect(path);
  const refused = await once(socket, 'connect').then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );
  socket.destroy();
  if (refused) rmSync(path);
}

export async function openSocket(target: Target, events: SinkEvents): Promise<ConsoleSink> {
  const sink = new SocketSink(target, events);
  const where = target.to === 'unix' ? { path: target.path } : { host: target.host, port: target.port };
  const name = target.to === 'unix' ? target.path : `${target.host}:${target.port}`;
  try {
    if (target.server) {
      const server = createServer((socket) => sink.add(socket));
      sink.server = server;
      if (target.to === 'unix') await removeAbandoned(target.path);
      server.listen(where);
      await once(server, 'listening');
      server.on('error', (error) => events.failed(`console on ${name}: ${error.message}`));
      const bound = server.address();
      sink.place =
        typeof bound === 'object' && bound ? `${target.to === 'tcp' ? target.host : ''}:${bound.port}` : name;
    } else {
      const socket = connect(where as { path: string });
      await once(socket, 'connect');
      sink.place = name;
      sink.add(socket);
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const words: Record<string, string> = {
      EADDRINUSE: 'it is in use',
      EACCES: 'permission denied',
      ECONNREFUSED: 'nobody listens there',
      ENOTFOUND: 'there is no such host',
      EADDRNOTAVAIL: 'this host has no such address',
    };
    throw new UserError(`console on ${name}: ${words[code] ?? message}`);
  }
  return sink;
}
