/**
 * The workbench for a browser: its files over HTTP and the host's interface over a WebSocket, for the user of this machine alone.
 *
 * Who may come: a browser that opened the address with the one-time token; it gets a cookie that lasts as long as the server. Names in
 * Host and Origin are checked, so that no other page can reach the server through the user's browser, by whatever name.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { UserError } from '../system/errors.ts';
import { MAX_MESSAGE } from './api.ts';
import type { Host } from './host.ts';
import { type StaticFiles, securityHeaders } from './static-files.ts';

export interface ServerOptions {
  /** Where it listens; port 0: a free one. */
  readonly host: string;
  readonly port: number;
  readonly files: StaticFiles;
  log(line: string): void;
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);
/** Faces at once. */
const MAX_FACES = 32;

/** The name in a Host header, without the port. */
const nameOf = (host: string): string => host.replace(/:\d+$/, '').toLowerCase();

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}

/** A request that is not answered as it would like. */
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class WorkbenchServer {
  private readonly host: Host;
  private readonly options: ServerOptions;
  private readonly server: Server;
  private readonly sockets: WebSocketServer;
  private readonly names: ReadonlySet<string>;
  /** Tokens that no one has used yet. */
  private readonly tokens = new Set<string>();
  private readonly secret = randomBytes(32).toString('base64url');

  private constructor(host: Host, options: ServerOptions) {
    this.host = host;
    this.options = options;
    this.names = new Set([...LOOPBACK, options.host.includes(':') ? `[${options.host}]` : options.host]);
    this.server = createServer((request, response) => this.answer(request, response));
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.server.on('clientError', (_error, socket) => socket.destroy());
    this.sockets = new WebSocketServer({ noServer: true, maxPayload: 4 * MAX_MESSAGE, perMessageDeflate: false });
    this.sockets.on('connection', (socket) => this.connected(socket));
  }

  static async start(host: Host, options: ServerOptions): Promise<WorkbenchServer> {
    const server = new WorkbenchServer(host, options);
    await new Promise<void>((resolve, reject) => {
      server.server.once('error', (error: NodeJS.ErrnoException) => {
        const where = `${options.host}:${options.port}`;
        const why = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
        reject(new UserError(`cannot listen on ${where}: ${why}`));
      });
      server.server.listen(options.port, options.host, resolve);
    });
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  /** An address that opens the workbench once. */
  newAddress(): string {
    const token = randomBytes(24).toString('base64url');
    this.tokens.add(token);
    const name = this.options.host.includes(':') ? `[${this.options.host}]` : this.options.host;
    return `http://${name}:${this.port}/?token=${token}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private get cookie(): string {
    // Browsers tell cookies of one machine's ports not apart.
    return `trireme-${this.port}`;
  }
  private known({ headers }: IncomingMessage): boolean {
    const cookies = (headers.cookie ?? '').split(/; */).map((c) => c.split('='));
    return cookies.some(([name, value]) => name === this.cookie && same(value ?? '', this.secret));
  }
  private refuse(request: IncomingMessage, why: string): void {
    const from = request.socket.remoteAddress ?? '?';
    // What came from outside is shown as data: no control characters reach the log.
    this.options.log(`refused: ${why} (${JSON.stringify(request.method)} from ${from})`);
  }
  private checkName({ headers }: IncomingMessage): void {
    const known = headers.host !== undefined && this.names.has(nameOf(headers.host));
    if (!known) throw new Refusal(403, 'this name does not lead here');
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.serve(request, response);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refuse(request, error.message);
      response.writeHead(error.status, { ...securityHeaders(null), 'Content-Type': 'text/plain; charset=utf-8' });
      response.end(`${error.message}\n`);
    }
  }
  private serve(request: IncomingMessage, response: ServerResponse): void {
    this.checkName(request);
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'there is nothing to send here');
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    if (!url) throw new Refusal(400, 'this is no address');
    const token = url.searchParams.get('token');
    if (token !== null) {
      this.admit(token, request, response);
      return;
    }
    if (!this.known(request)) {
      throw new Refusal(401, 'open the address that trireme printed; Enter in its terminal prints a new one');
    }
    this.options.files.serve(url.pathname, request, response);
  }

  private admit(token: string, request: IncomingMessage, response: ServerResponse): void {
    const found = [...this.tokens].find((t) => same(t, token));
    if (found === undefined && !this.known(request)) {
      throw new Refusal(401, 'this address was used before; Enter in the terminal of trireme prints a new one');
    }
    if (found !== undefined) this.tokens.delete(found);
    response.writeHead(303, {
      ...securityHeaders(null),
      Location: '/',
      'Set-Cookie': `${this.cookie}=${this.secret}; HttpOnly; SameSite=Strict; Path=/`,
    });
    response.end();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    try {
      this.checkName(request);
      if (request.headers.origin !== `http://${request.headers.host}`) throw new Refusal(403, 'another origin');
      if (request.url !== '/api') throw new Refusal(404, 'no such socket');
      if (!this.known(request)) throw new Refusal(401, 'a socket without the token');
      if (this.sockets.clients.size >= MAX_FACES) throw new Refusal(503, 'too many windows');
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refuse(request, error.message);
      const status = `${error.status} ${STATUS_CODES[error.status]}`;
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (ws) => this.sockets.emit('connection', ws, request));
  }

  private connected(socket: WebSocket): void {
    const session = this.host.connect({
      send: (message) => socket.send(message, () => {}),
      close: (reason) => socket.close(1008, reason),
    });
    socket.on('message', (data, binary) => void session.receive(binary ? null : data.toString()));
    socket.on('close', () => session.gone());
    // What is too long or malformed for the protocol ends the connection.
    socket.on('error', (error) => {
      this.options.log(`refused: ${error.message}`);
      session.gone();
      socket.terminate();
    });
  }
}
