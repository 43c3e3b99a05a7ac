/** Several consoles in one stream, line by line: none begins while another is within a line that goes on. */

/** Milliseconds for which an open line keeps others waiting after it went on last: a prompt stays open for ever. */
const OPEN = 50;
const NEWLINE = 10;

export class SharedLines<Source> {
  private readonly write: (bytes: Uint8Array) => void;
  /** Whose line is open; null: nobody's. */
  private open: Source | null = null;
  private readonly waiting = new Map<Source, Uint8Array[]>();
  private timer: NodeJS.Timeout | null = null;

  constructor(write: (bytes: Uint8Array) => void) {
    this.write = write;
  }

  take(from: Source, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.open !== null && this.open !== from) {
      const list = this.waiting.get(from);
      if (list) list.push(bytes);
      else this.waiting.set(from, [bytes]);
      this.timer ??= setTimeout(() => this.next(), OPEN);
      return;
    }
    this.write(bytes);
    this.open = bytes[bytes.length - 1] === NEWLINE ? null : from;
    if (this.open === null) this.next();
    else this.timer?.refresh();
  }

  /** Hands on all that waits. */
  flush(): void {
    while (this.waiting.size > 0) this.next();
    this.stop();
  }

  /** The open line is complete, or has to do without its rest: the next has its turn. */
  private next(): void {
    this.stop();
    this.open = null;
    for (const [from, list] of [...this.waiting]) {
      if (this.open !== null) break;
      this.waiting.delete(from);
      for (const bytes of list) this.write(bytes);
      const last = list[list.length - 1]!;
      if (last[last.length - 1] !== NEWLINE) this.open = from;
    }
    if (this.waiting.size > 0) this.timer = setTimeout(() => this.next(), OPEN);
  }
  private stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}
