/** A console as a terminal device of the host (`/dev/pts/N`), which other programs open. */
import { constants, lstatSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { ConsoleTarget } from '../../machines/launch.ts';
import { fileReason, UserError } from '../../system/errors.ts';
import { Backlog } from './backlog.ts';
import type { ConsoleSink, SinkEvents } from './sink.ts';

/** How often a terminal that took no more is tried again, in milliseconds. */
const RETRY_MS = 20;

/** What `open` of node-pty yields, as far as it is of use: it has a process for neither end. */
interface OpenPty {
  readonly master: ReadStream;
  readonly slave: ReadStream;
  readonly fd: number;
  readonly ptsName: string;
}

async function openTerminal(): Promise<OpenPty> {
  try {
    const { default: pty } = (await import('@lydell/node-pty')) as unknown as {
      default: { open(options: { encoding: null }): OpenPty };
    };
    return pty.open({ encoding: null });
  } catch (error) {
    throw new UserError(`no terminal can be had on this host: ${(error as Error).message.split('\n')[0]}`);
  }
}

export async function openPty(target: ConsoleTarget & { to: 'pty' }, events: SinkEvents): Promise<ConsoleSink> {
  const { master, slave, fd, ptsName } = await openTerminal();
  // Kept open by an end of our own, so that the terminal lives on when its users come and go; the library's end would read what is
  // meant for them.
  const keeper = new ReadStream(openSync(ptsName, constants.O_RDWR | constants.O_NOCTTY));
  // No echo, no translation: the guest has a terminal driver of its own. The mode lasts as long as this end does.
  keeper.setRawMode(true);
  slave.destroy();
  if (target.link !== null) {
    try {
      // One that was left; anything else there is not ours.
      if (lstatSync(target.link, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(target.link);
      symlinkSync(ptsName, target.link);
    } catch (error) {
      master.destroy();
      keeper.destroy();
      throw new UserError(`cannot make the link ${target.link}: ${fileReason(error)}`);
    }
  }
  master.on('data', (bytes: Buffer) => events.input(bytes));
  master.on('error', () => {});

  const backlog = new Backlog();
  let retry: NodeJS.Timeout | null = null;
  let open = true;
  // Written past the stream: its writes would block this thread while nobody reads.
  const pump = (): void => {
    retry = null;
    while (open) {
      const piece = backlog.shift();
      if (!piece) return;
      let written = 0;
      try {
        written = writeSync(fd, piece);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
          open = false;
          events.failed(`the console on ${ptsName} is gone: ${fileReason(error)}`);
          return;
        }
      }
      if (written === piece.length) continue;
      backlog.unshift(piece.subarray(written));
      retry = setTimeout(pump, RETRY_MS).unref();
      return;
    }
  };
  return {
    place: ptsName,
    ready: Promise.resolve(),
    write(bytes) {
      backlog.push(bytes);
      if (!retry) pump();
    },
    async close() {
      open = false;
      if (retry) clearTimeout(retry);
      if (target.link !== null) rmSync(target.link, { force: true });
      keeper.destroy();
      master.destroy();
    },
  };
}
