/** Framing of gdb's remote serial protocol (GDB manual, appendix E): `$data#checksum`, acknowledgements, interrupts. */

/** What arrives: a packet's data (binary, a character a byte), an interrupt (Ctrl+C), or an acknowledgement. */
export type Incoming =
  | { readonly kind: 'packet'; readonly data: string }
  | { readonly kind: 'interrupt' | 'ack' | 'nack' | 'damaged' };

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;

/** Longest packet taken; a client that sends more is not talking this protocol. */
const LIMIT = 1 << 20;

export class PacketReader {
  private data: number[] | null = null;
  private checksum = '';
  private atChecksum = false;

  /** Takes bytes as they come; yields what they complete. */
  feed(bytes: Uint8Array): Incoming[] {
    const out: Incoming[] = [];
    for (const byte of bytes) this.byte(byte, out);
    return out;
  }

  private byte(byte: number, out: Incoming[]): void {
    if (this.data === null) {
      if (byte === DOLLAR) this.data = [];
      else if (byte === 0x03) out.push({ kind: 'interrupt' });
      else if (byte === 0x2b) out.push({ kind: 'ack' });
      else if (byte === 0x2d) out.push({ kind: 'nack' });
      return;
    }
    if (!this.atChecksum) {
      if (byte === HASH) this.atChecksum = true;
      // A new packet begins where an old one was cut off.
      else if (byte === DOLLAR || this.data.length >= LIMIT) this.data = byte === DOLLAR ? [] : null;
      else this.data.push(byte);
      return;
    }
    this.checksum += String.fromCharCode(byte);
    if (this.checksum.length < 2) return;
    const sum = this.data.reduce((a, b) => (a + b) & 0xff, 0);
    const good = /^[0-9a-fA-F]{2}$/.test(this.checksum) && Number.parseInt(this.checksum, 16) === sum;
    out.push(good ? { kind: 'packet', data: unescaped(this.data) } : { kind: 'damaged' });
    this.data = null;
    this.checksum = '';
    this.atChecksum = false;
  }
}

function unescaped(data: readonly number[]): string {
  let text = '';
  for (let i = 0; i < data.length; i++) {
    const byte = data[i]!;
    if (byte === ESCAPE && i + 1 < data.length) text += String.fromCharCode(data[++i]! ^ 0x20);
    else text += String.fromCharCode(byte);
  }
  return text;
}

/** A packet with these data, a character a byte. */
export function encodePacket(data: string): Uint8Array {
  const body: number[] = [];
  for (let i = 0; i < data.length; i++) {
    const byte = data.charCodeAt(i) & 0xff;
    // `*` would be taken for run-length encoding.
    if (byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === 0x2a) body.push(ESCAPE, byte ^ 0x20);
    else body.push(byte);
  }
  const sum = body.reduce((a, b) => (a + b) & 0xff, 0);
  const tail = sum.toString(16).padStart(2, '0');
  return Uint8Array.from([DOLLAR, ...body, HASH, tail.charCodeAt(0), tail.charCodeAt(1)]);
}

/** Bytes as hexadecimal digits, two a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The other way; null when the text is not pairs of digits. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Characters as bytes. */
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff);

/** A number in hexadecimal digits; null when it is none. */
export const parseHex = (text: string): bigint | null =>
  /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : null;
