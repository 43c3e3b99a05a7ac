/** The user's terminal: raw input while the guest runs, output that waits for a slow reader. */
import type { Readable, Writable } from 'node:stream';

/** What the command reads and writes; tests give their own. */
export interface Io {
  readonly stdin: Readable & { isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly stdout: Writable & { isTTY?: boolean; rows?: number };
  readonly stderr: Writable;
}

/** Hands on what is typed until `stop` is called; a terminal is in raw mode meanwhile. */
export function readKeys(stdin: Io['stdin'], take: (bytes: Uint8Array) => void): () => void {
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined;
  const onData = (chunk: Buffer | string): void => take(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  const onError = (): void => {};
  if (raw) stdin.setRawMode!(true);
  stdin.on('data', onData);
  stdin.on('error', onError);
  stdin.resume();
  return () => {
    stdin.off('data', onData);
    if (raw) stdin.setRawMode!(false);
    stdin.pause();
  };
}

/** Writes; `hold` is called with true when the reader is behind, with false when it has caught up. */
export class Output {
  private readonly stream: Writable;
  private readonly hold: (held: boolean) => void;
  private held = false;

  constructor(stream: Writable, hold: (held: boolean) => void) {
    this.stream = stream;
    this.hold = hold;
  }
  write(bytes: Uint8Array | string): void {
    if (this.stream.destroyed || this.stream.write(bytes) || this.held) return;
    this.held = true;
    this.hold(true);
    this.stream.once('drain', () => {
      this.held = false;
      this.hold(false);
    });
  }
}

/** Resolves when everything written so far has left. */
export function flushed(stream: Writable): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
