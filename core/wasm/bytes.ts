/** A growing byte buffer with the encodings of the WebAssembly binary format (LEB128 and friends). */
export class Bytes {
  buf: Uint8Array;
  len = 0;

  constructor(capacity = 256) {
    this.buf = new Uint8Array(capacity);
  }
  private grow(need: number): void {
    const next = new Uint8Array(Math.max(this.buf.length * 2, this.len + need));
    next.set(this.buf.subarray(0, this.len));
    this.buf = next;
  }
  u8(v: number): void {
    if (this.len === this.buf.length) this.grow(1);
    this.buf[this.len++] = v;
  }
  /** Unsigned LEB128 of a number below 2^32. */
  leb(value: number): void {
    let v = value;
    while (v > 127 || v < 0) {
      this.u8((v & 127) | 128);
      v >>>= 7;
    }
    this.u8(v);
  }
  /** Signed LEB128 of a 32-bit number. */
  sleb32(value: number): void {
    let v = value | 0;
    for (;;) {
      const byte = v & 127;
      v >>= 7;
      if ((v === 0 && !(byte & 64)) || (v === -1 && byte & 64)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 128);
    }
  }
  /** Signed LEB128 of a 64-bit value. */
  sleb64(value: bigint): void {
    let v = value;
    for (;;) {
      const byte = Number(v & 127n);
      v >>= 7n;
      if ((v === 0n && !(byte & 64)) || (v === -1n && byte & 64)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 128);
    }
  }
  bytes(b: Uint8Array): void {
    if (this.len + b.length > this.buf.length) this.grow(b.length);
    this.buf.set(b, this.len);
    this.len += b.length;
  }
  str(s: string): void {
    const b = new TextEncoder().encode(s);
    this.leb(b.length);
    this.bytes(b);
  }
  /** A section or function body: its length, then its content. */
  sized(inner: Bytes): void {
    this.leb(inner.len);
    this.bytes(inner.view());
  }
  opcode(code: number): void {
    if (code < 256) this.u8(code);
    else {
      this.u8(code >> 16);
      this.leb(code & 0xffff);
    }
  }
  view(): Uint8Array {
    return this.buf.subarray(0, this.len);
  }
}
