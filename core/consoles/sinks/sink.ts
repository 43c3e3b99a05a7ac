/** A console outside of the terminal: a port, a terminal of the host, a file. */
import type { ConsoleTarget } from '../../machines/launch.ts';
import { openFile } from './file.ts';
import { openPty } from './pty.ts';
import { openSocket } from './socket.ts';

export interface ConsoleSink {
  /** Where it is, for people: `127.0.0.1:5000`, `/dev/pts/3`. */
  readonly place: string;
  /** Resolves when somebody is there; at once where nobody has to come. */
  readonly ready: Promise<void>;
  /** Hands bytes on. Never waits: what a slow or absent reader does not take is kept, up to `BACKLOG_BYTES`. */
  write(bytes: Uint8Array): void;
  /** Resolves when what can be handed on has been. */
  close(): Promise<void>;
}

/** What a sink calls. */
export interface SinkEvents {
  /** Somebody typed there. */
  input(bytes: Uint8Array): void;
  /** Something went wrong later on; one line. */
  failed(message: string): void;
}

/** Null where nobody reads. Throws a UserError where the place cannot be had. */
export async function openSink(target: ConsoleTarget, events: SinkEvents): Promise<ConsoleSink | null> {
  switch (target.to) {
    case 'terminal':
    case 'null':
      return null;
    case 'file':
      return openFile(target, events);
    case 'pty':
      return openPty(target, events);
    case 'tcp':
    case 'unix':
      return openSocket(target, events);
  }
}
