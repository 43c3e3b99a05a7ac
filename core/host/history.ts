/** What a console showed, kept for faces that come later: the bytes of the last lines, and when each line began. */
import { HISTORY_LINES } from './limits.ts';
import { plainText } from './plain-text.ts';

/** A line that does not end counts as several. */
const LONGEST_LINE = 16 << 10;
/** Bound on the whole, however long the lines are. */
const HISTORY_BYTES = 64 << 20;
const BLOCK = 64 << 10;

/** Seconds since the start of the run. */
export interface Stamp {
  readonly host: number;
  readonly guest: number;
}
export interface KeptLine {
  readonly number: number;
  readonly host: number;
  readonly guest: number;
  readonly text: string;
}

interface LineStart {
  readonly offset: number;
  readonly host: number;
  readonly guest: number;
}

export class ConsoleHistory {
  /** Blocks of BLOCK bytes; the first begins at `blocksStart`. */
  private readonly blocks: Uint8Array[] = [];
  private blocksStart = 0;
  private written = 0;
  private readonly starts: LineStart[] = [];
  /** Number of `starts[0]`, and how many of them have been given up but not been cut off yet. */
  private dropped = 0;
  private head = 0;
  private open = false;
  private readonly decoder = new TextDecoder();

  /** First byte that is kept, and the byte behind the last, counted from the start of the run. */
  get start(): number {
    return this.starts[this.head]?.offset ?? this.written;
  }
  get end(): number {
    return this.written;
  }
  /** Lines since the start, and the number of the first that is kept. */
  get lineCount(): number {
    return this.dropped + this.starts.length;
  }
  get firstLine(): number {
    return this.dropped + this.head;
  }

  /** `began` is called with the number of each line that begins in `bytes`. */
  append(bytes: Uint8Array, stamp: Stamp, began: (line: number) => void = () => {}): void {
    let from = 0;
    while (from < bytes.length) {
      if (!this.open) {
        this.starts.push({ offset: this.written + from, host: stamp.host, guest: stamp.guest });
        this.open = true;
        began(this.lineCount - 1);
      }
      const lineStart = this.starts[this.starts.length - 1]!.offset - this.written;
      const newline = bytes.indexOf(10, from);
      const to = Math.min(newline < 0 ? bytes.length : newline + 1, lineStart + LONGEST_LINE);
      if (to === newline + 1 || to === lineStart + LONGEST_LINE) this.open = false;
      from = to;
    }
    this.store(bytes);
    this.evict();
  }

  private store(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const at = this.written - this.blocksStart;
      const block = (this.blocks[Math.floor(at / BLOCK)] ??= new Uint8Array(BLOCK));
      const count = Math.min(bytes.length - from, BLOCK - (at % BLOCK));
      block.set(bytes.subarray(from, from + count), at % BLOCK);
      from += count;
      this.written += count;
    }
  }

  private evict(): void {
    while (
      this.starts.length - this.head > HISTORY_LINES ||
      (this.written - this.start > HISTORY_BYTES && this.starts.length - this.head > 1)
    ) {
      this.head++;
    }
    // In large pieces: to move what is left costs its length.
    if (this.head >= HISTORY_LINES) {
      this.starts.splice(0, this.head);
      this.dropped += this.head;
      this.head = 0;
    }
    const unused = Math.floor((this.start - this.blocksStart) / BLOCK);
    if (unused >= 16) {
      this.blocks.splice(0, unused);
      this.blocksStart += unused * BLOCK;
    }
  }

  /** Up to `limit` bytes from byte `from` on, or from the first that is kept. */
  read(from: number, limit: number): { offset: number; bytes: Uint8Array<ArrayBuffer> } {
    const offset = Math.min(Math.max(from, this.start), this.written);
    const bytes = new Uint8Array(Math.min(limit, this.written - offset));
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done - this.blocksStart;
      const part = this.blocks[Math.floor(at / BLOCK)]!.subarray(at % BLOCK).subarray(0, bytes.length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return { offset, bytes };
  }

  /** Line `number`, or null when it is not kept (any more). */
  line(number: number): KeptLine | null {
    const start = number < this.firstLine ? undefined : this.starts[number - this.dropped];
    if (!start) return null;
    const end = this.starts[number - this.dropped + 1]?.offset ?? this.written;
    const text = plainText(this.decoder.decode(this.read(start.offset, end - start.offset).bytes));
    return { number, host: start.host, guest: start.guest, text };
  }
}
