/** gdb's remote protocol over TCP, one client at a time, on the loopback interface unless told otherwise. */
import { createServer, type Socket } from 'node:net';
import type { System } from '../../system/api.ts';
import { UserError } from '../../system/errors.ts';
import { GdbSession } from './session.ts';

export interface GdbServer {
  /** The port that was bound. */
  readonly port: number;
  close(): void;
}

function serve(system: System, socket: Socket, done: () => void): void {
  socket.setNoDelay(true);
  // A debugger finds the system standing still; if it goes without a word, the system goes on as it was.
  const wasRunning = system.running;
  let open = true;
  const session = new GdbSession(system, {
    send: (bytes) => {
      if (open) socket.write(bytes);
    },
    close: () => {
      open = false;
      socket.end();
    },
  });
  const paused = system.pause();
  socket.on('data', (bytes: Buffer) => {
    void paused.then(() => session.receive(bytes));
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    session.finish();
    done();
    if (open && wasRunning && !system.running) system.resume();
    open = false;
  });
}

/** Listens; port 0: any free one. */
export function startGdbServer(system: System, port = 1234, host = '127.0.0.1'): Promise<GdbServer> {
  let client: Socket | null = null;
  const server = createServer((socket) => {
    if (client) {
      socket.destroy();
      return;
    }
    client = socket;
    serve(system, socket, () => {
      client = null;
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is in use' : (error.code ?? error.message);
      reject(new UserError(`gdb server on ${host}:${port}: ${why}`));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : port,
        close: () => {
          client?.destroy();
          server.close();
        },
      });
    });
  });
}
