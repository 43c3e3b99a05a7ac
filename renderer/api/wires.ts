/** The ways to the host: a WebSocket to where the page came from, or a port that Electron's preload hands over. */
import type { Message } from '../../core/host/messages.ts';
import type { MenuAction, PresetRef, PresetToShow } from '../../electron/channels.ts';
import type { OpenWire } from './client.ts';

/** What the preload offers (`electron/preload.ts`); absent in a browser. */
export interface Bridge {
  /** Yields a way to the host; `message` and `closed` are called until then. */
  connect(message: (message: Message) => void, closed: (reason: string) => void): { send(text: string): void };
  /** Opens a dialog of the system's; yields a path that the host may use, or null. */
  chooseFile(what: 'file' | 'folder'): Promise<string | null>;
  /** Path of a file that was dropped on the window, made usable for the host. */
  dropped(file: File): Promise<string | null>;
  /** Called with the id of an action of the menu. */
  onAction(run: (id: string) => void): void;
  /** Called with a preset that the menu or the system asks for. */
  onPreset(show: (preset: PresetToShow) => void): void;
  /** Tells of the actions, of which the menu is made. */
  menu(actions: readonly MenuAction[]): void;
  /** A preset was started. */
  used(preset: PresetRef): void;
  /** Pastes into what has the focus, by the browser's own event. */
  paste(): void;
}

declare global {
  interface Window {
    readonly trireme?: Bridge;
  }
}

export const webSocketWire: OpenWire = (events) => {
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api`);
  socket.onopen = () => events.opened();
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) =>
    events.message(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer));
  socket.onclose = ({ reason }) => events.closed(reason);
  return { send: (text) => socket.send(text), close: () => socket.close() };
};

/** What Electron's preload offers, or null in a browser. */
export const bridge: Bridge | null = window.trireme ?? null;

export function bridgeWire(bridge: Bridge): OpenWire {
  return (events) => {
    const wire = bridge.connect(events.message, events.closed);
    queueMicrotask(() => events.opened());
    return { send: wire.send, close: () => {} };
  };
}
