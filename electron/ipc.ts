/** Messages of the page: each is let in only from the page itself, and only as its schema has it. */
import type { IpcMainEvent, IpcMainInvokeEvent, WebContents } from 'electron/main';
import * as v from 'valibot';
import { type Channel, PAYLOADS, type Payload, TO_MAIN } from './channels.ts';
import type { ElectronApi } from './electron-api.ts';
import { isOurFrame } from './security.ts';

export type IpcHandlers = { [C in Channel]: (payload: Payload<C>, contents: WebContents) => unknown };

/** An answer: what the handler yields, or null where the message was refused. */
export function listen({ ipcMain }: ElectronApi, log: (line: string) => void, handlers: IpcHandlers): void {
  for (const channel of Object.keys(TO_MAIN) as Channel[]) {
    const take = (event: IpcMainEvent | IpcMainInvokeEvent, payload: unknown): unknown => {
      if (!isOurFrame(event.senderFrame)) {
        log(
          `refused: ${channel} from ${JSON.stringify(event.senderFrame?.url.slice(0, 200) ?? 'a frame that is gone')}`,
        );
        return null;
      }
      const parsed = v.safeParse(PAYLOADS[channel], payload);
      if (!parsed.success) {
        log(`refused: ${channel}: ${parsed.issues[0].message.split('\n')[0]!.slice(0, 200)}`);
        return null;
      }
      // The table's types belong together by channel, which the compiler cannot follow through a lookup.
      return (handlers[channel] as (payload: unknown, contents: WebContents) => unknown)(parsed.output, event.sender);
    };
    ipcMain.handle(TO_MAIN[channel], take);
  }
}
