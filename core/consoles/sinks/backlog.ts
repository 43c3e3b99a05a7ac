/** Bytes that wait for a reader, bounded: what is too old is lost, and that is said where it was. */

/** What waits for a reader that is slow or absent, in bytes. */
export const BACKLOG_BYTES = 1 << 20;

export class Backlog {
  private pieces: Uint8Array[] = [];
  private length = 0;
  private lost = 0;
  private readonly limit: number;

  constructor(limit = BACKLOG_BYTES) {
    this.limit = limit;
  }

  get empty(): boolean {
    return this.length === 0;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.pieces.push(bytes.slice());
    this.length += bytes.length;
    while (this.length > this.limit) {
      const over = this.length - this.limit;
      const first = this.pieces[0]!;
      const cut = Math.min(over, first.length);
      if (cut === first.length) this.pieces.shift();
      else this.pieces[0] = first.subarray(cut);
      this.length -= cut;
      this.lost += cut;
    }
  }

  /** The next piece, or null. */
  shift(): Uint8Array | null {
    if (this.lost > 0) {
      const note = `\r\n[trireme: ${this.lost} bytes are lost here, nobody read them]\r\n`;
      this.lost = 0;
      return new TextEncoder().encode(note);
    }
    const piece = this.pieces.shift() ?? null;
    this.length -= piece?.length ?? 0;
    return piece;
  }
  /** Puts back what could not be handed on. */
  unshift(piece: Uint8Array): void {
    this.pieces.unshift(piece);
    this.length += piece.length;
  }
}
