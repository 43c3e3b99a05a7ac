/** What a console showed last, bounded. */

/** Bytes that are kept of each console. */
export const SCROLLBACK_BYTES = 256 << 10;

const NEWLINE = 0x0a;

export class Scrollback {
  private pieces: Uint8Array[] = [];
  private length = 0;
  private readonly limit: number;

  constructor(limit = SCROLLBACK_BYTES) {
    this.limit = limit;
  }

  append(bytes: Uint8Array): void {
    this.pieces.push(bytes.length > this.limit ? bytes.slice(-this.limit) : bytes.slice());
    this.length += this.pieces.at(-1)!.length;
    while (this.length - this.pieces[0]!.length >= this.limit) this.length -= this.pieces.shift()!.length;
    // Many small pieces cost more than they hold.
    if (this.pieces.length > 4096) this.pieces = [this.bytes()];
  }

  /** All that is kept. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all.length > this.limit ? all.slice(-this.limit) : all;
  }

  /** The last `count` lines; what is behind the last newline counts as one. */
  lastLines(count: number): Uint8Array {
    const all = this.bytes();
    let left = all.at(-1) === NEWLINE ? count + 1 : count;
    for (let i = all.length - 1; i >= 0; i--) {
      if (all[i] === NEWLINE && --left === 0) return all.subarray(i + 1);
    }
    return all;
  }
}
