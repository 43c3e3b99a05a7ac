/** The host module in a process of its own: a window's messages come through a port, the main process's beside them. */
import { Host, type HostParts } from '../core/host/host.ts';
import { UserError } from '../core/system/errors.ts';
import type { FromHost, HostSetup, ToHost } from './host-messages.ts';

/** A port, as `Electron.MessagePortMain` is one. */
export interface Port {
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  postMessage(message: unknown): void;
  start(): void;
  close(): void;
}
/** The way to the main process, as `Electron.ParentPort` is one. */
export interface Parent {
  on(event: 'message', listener: (event: { readonly data: unknown; readonly ports: readonly Port[] }) => void): unknown;
  postMessage(message: unknown): void;
}

/** Serves until the process ends. */
export function serveHost(parent: Parent, parts: HostParts): { close(): Promise<void> } {
  let host: Host | null = null;
  const tell = (message: FromHost): void => parent.postMessage(message);

  const setUp = ({ folders, presets }: HostSetup): void => {
    const log = (line: string): void => tell({ kind: 'log', line });
    const onLive = (count: number): void => tell({ kind: 'live', count });
    host = new Host({ place: 'local', folders, presets, log, parts, background: true, onLive });
  };
  const choose = (question: number, path: string): void => {
    try {
      host?.files.choose(path);
      tell({ kind: 'chosen', question, problem: null });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      tell({ kind: 'chosen', question, problem: error.message });
    }
  };
  parent.on('message', ({ data, ports }) => {
    // From the main process alone, which is ours.
    const message = data as ToHost;
    if (message.kind === 'setup') setUp(message);
    else if (message.kind === 'choose') choose(message.question, message.path);
    else if (host && ports[0]) addFace(host, ports[0]);
  });
  return { close: async () => host?.close() };
}

function addFace(host: Host, port: Port): void {
  const session = host.connect({
    send: (message) => port.postMessage(message),
    close: () => port.close(),
  });
  // What a page sends is checked by the session.
  port.on('message', ({ data }) => void session.receive(data));
  port.on('close', () => session.gone());
  port.start();
}
