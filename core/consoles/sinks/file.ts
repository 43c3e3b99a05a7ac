/** A console written to a file. */
import { open } from 'node:fs/promises';
import type { ConsoleTarget } from '../../machines/launch.ts';
import { fileReason, UserError } from '../../system/errors.ts';
import { Backlog } from './backlog.ts';
import type { ConsoleSink, SinkEvents } from './sink.ts';

export async function openFile(target: ConsoleTarget & { to: 'file' }, events: SinkEvents): Promise<ConsoleSink> {
  const handle = await open(target.path, target.append ? 'a' : 'w').catch((error: unknown) => {
    throw new UserError(`cannot write ${target.path}: ${fileReason(error)}`);
  });
  const backlog = new Backlog();
  let working: Promise<void> | null = null;
  let broken = false;
  const work = async (): Promise<void> => {
    for (let piece = backlog.shift(); piece; piece = backlog.shift()) await handle.appendFile(piece);
  };
  const pump = (): void => {
    if (working || broken) return;
    working = work()
      .catch((error: unknown) => {
        broken = true;
        events.failed(`cannot write ${target.path}: ${fileReason(error)}`);
      })
      .finally(() => {
        working = null;
        if (!backlog.empty) pump();
      });
  };
  return {
    place: target.path,
    ready: Promise.resolve(),
    write(bytes) {
      backlog.push(bytes);
      pump();
    },
    async close() {
      while (working) await working;
      await handle.close();
    },
  };
}
