/** 9P messages as bytes: little-endian numbers; strings with a length of 16 bits. Strings are kept one character a byte (Latin-1). */
import { NinepError } from './errors.ts';

/** A message ends before its fields do, or a field cannot be. */
const malformed = (): NinepError => new NinepError('EPROTO');

export class MessageReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  private take(length: number): number {
    const at = this.at;
    if (at + length > this.bytes.length) throw malformed();
    this.at += length;
    return at;
  }
  u8(): number {
    return this.view.getUint8(this.take(1));
  }
  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }
  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }
  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }
  string(): string {
    const length = this.u16();
    return binary(this.data(length));
  }
  /** The next bytes, not copied. */
  data(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }
}

/** Bytes as a string of one character each, and back. */
export function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

export class MessageWriter {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  /** `limit`: most bytes that there will be. */
  constructor(limit: number) {
    this.bytes = new Uint8Array(limit);
    this.view = new DataView(this.bytes.buffer);
  }

  get length(): number {
    return this.at;
  }
  /** Bytes that can still be added. */
  get room(): number {
    return this.bytes.length - this.at;
  }
  private take(length: number): number {
    const at = this.at;
    // The client's buffer is too small for the answer.
    if (length > this.room) throw new NinepError('EOVERFLOW');
    this.at += length;
    return at;
  }
  u8(value: number): this {
    this.view.setUint8(this.take(1), value);
    return this;
  }
  u16(value: number): this {
    this.view.setUint16(this.take(2), value, true);
    return this;
  }
  u32(value: number): this {
    this.view.setUint32(this.take(4), value, true);
    return this;
  }
  u64(value: bigint | number): this {
    this.view.setBigUint64(this.take(8), BigInt.asUintN(64, BigInt(value)), true);
    return this;
  }
  string(text: string): this {
    if (text.length > 0xffff) throw new NinepError('EOVERFLOW');
    this.u16(text.length);
    this.data(bytesOf(text));
    return this;
  }
  data(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.take(bytes.length));
    return this;
  }
  /** Room for `length` bytes that the caller fills. */
  space(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }
  /** Takes bytes from the end back. */
  shorten(length: number): void {
    this.at -= length;
  }
  patch32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }
}
