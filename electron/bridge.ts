/** What the page gets from the preload script: named functions, nothing of Electron itself. */
import type { IpcRenderer, WebUtils } from 'electron/renderer';
import type { Message } from '../core/host/messages.ts';
import type { Bridge } from '../renderer/api/wires.ts';
import { type MenuAction, type PresetRef, type PresetToShow, TO_MAIN, TO_PAGE } from './channels.ts';

export type IpcOfPage = Pick<IpcRenderer, 'invoke' | 'on'>;

export function makeBridge(ipc: IpcOfPage, webUtils: Pick<WebUtils, 'getPathForFile'>): Bridge {
  let current: { port: MessagePort | null; closed(reason: string): void; message(message: Message): void } | null =
    null;
  let queue: string[] = [];

  ipc.on(TO_PAGE.port, (event) => {
    const [port] = event.ports;
    if (!port || !current) return;
    const { message } = current;
    current.port = port;
    port.onmessage = ({ data }) => message(data as Message);
    for (const text of queue.splice(0)) port.postMessage(text);
  });
  ipc.on(TO_PAGE.ended, (_event, reason: unknown) => {
    const lost = current;
    current = null;
    lost?.port?.close();
    lost?.closed(String(reason));
  });

  return {
    connect(message, closed) {
      queue = [];
      current = { port: null, message, closed };
      void ipc.invoke(TO_MAIN.connect, {});
      return {
        // Until the port is here, messages wait in their order.
        send: (text) => (current?.port ? current.port.postMessage(text) : void queue.push(text)),
      };
    },
    chooseFile: (what) => ipc.invoke(TO_MAIN.choose, { what }) as Promise<string | null>,
    async dropped(file) {
      const path = webUtils.getPathForFile(file);
      return path === '' ? null : ((await ipc.invoke(TO_MAIN.dropped, { path })) as string | null);
    },
    onAction: (run) => void ipc.on(TO_PAGE.action, (_event, id: unknown) => run(String(id))),
    onPreset: (show) => void ipc.on(TO_PAGE.preset, (_event, preset: PresetToShow) => show(preset)),
    menu: (actions: readonly MenuAction[]) => void ipc.invoke(TO_MAIN.menu, { actions }),
    used: (preset: PresetRef) => void ipc.invoke(TO_MAIN.used, preset),
    paste: () => void ipc.invoke(TO_MAIN.paste, {}),
  };
}
