/** A face in the same process: the same messages, without a wire. */
import type { ToFace } from './api.ts';
import type { Host } from './host.ts';
import { readMessage } from './messages.ts';

export interface Wire {
  send(message: string): void;
  close(): void;
}

/** `take` gets each message of the host's. */
export function connectInProcess(
  host: Host,
  take: (message: ToFace) => void,
  closed: (reason: string) => void = () => {},
): Wire {
  const session = host.connect({
    send: (message) => queueMicrotask(() => take(readMessage(message))),
    close: closed,
  });
  return { send: (message) => void session.receive(message), close: () => session.gone() };
}
