/** Bytes as text in messages (RFC 4648, section 4). */
interface WithBase64 {
  toBase64(): string;
}
interface FromBase64 {
  fromBase64(text: string): Uint8Array<ArrayBuffer>;
}

export const toBase64 = (bytes: Uint8Array): string => (bytes as unknown as WithBase64).toBase64();
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  (Uint8Array as unknown as FromBase64).fromBase64(text);
