/** COSE_Sign1 (RFC 9052, section 4.2) with ES384: what a token is signed with. */
import { decode, encode, Tag } from 'cbor2';

export interface Signed {
  /** The header that is signed too, as its bytes are. */
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}
/** Public point, 48 bytes each. */
export interface P384 {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

const TAG = 18;
/** Label of the algorithm in a header, and ES384 (RFC 9053, section 2.1). */
const [ALGORITHM, ES384] = [1, -35];
/** Labels of a COSE_Key: x and y. */
const [X, Y] = [-2, -3];
export const CBOR = { preferMap: true, tags: new Map() } as const;

/** Throws when it is none. */
export function readSigned(bytes: unknown): Signed {
  const message = decode<Tag>(bytes as Uint8Array, CBOR);
  if (!(message instanceof Tag) || message.tag !== TAG) throw new Error('a part is no COSE_Sign1');
  const [head, , payload, signature] = message.contents as Uint8Array[];
  const all = [head, payload, signature];
  if (!all.every((part) => part instanceof Uint8Array)) throw new Error('a part is no COSE_Sign1');
  return { head: head!, payload: payload!, signature: signature! };
}

/** The algorithm that the header names; null: none. */
export function algorithmOf({ head }: Signed): number | null {
  if (head.length === 0) return null;
  const header = decode<Map<number, unknown>>(head, CBOR);
  const found = header instanceof Map ? header.get(ALGORITHM) : null;
  return typeof found === 'number' ? found : null;
}
export const isEs384 = (signed: Signed): boolean => algorithmOf(signed) === ES384;

/** A key as a token has it: a COSE_Key, or an uncompressed point (SEC 1, 2.3.3). Null: neither. */
export function keyOf(bytes: Uint8Array): P384 | null {
  if (bytes.length === 97 && bytes[0] === 4) return { x: bytes.slice(1, 49), y: bytes.slice(49) };
  try {
    const key = decode<Map<number, unknown>>(bytes, CBOR);
    const [x, y] = key instanceof Map ? [key.get(X), key.get(Y)] : [];
    return x instanceof Uint8Array && y instanceof Uint8Array ? { x, y } : null;
  } catch {
    return null;
  }
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** False, too, where the key is no point of the curve. */
export async function isSignedBy(signed: Signed, { x, y }: P384, subtle: SubtleCrypto): Promise<boolean> {
  const jwk = { kty: 'EC', crv: 'P-384', x: base64url(x), y: base64url(y) };
  const { head, payload, signature } = signed;
  const text = encode(['Signature1', plain(head), new Uint8Array(0), plain(payload)]);
  try {
    const key = await subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-384' }, false, ['verify']);
    return await subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, key, plain(signature), plain(text));
  } catch {
    return false;
  }
}
/** Of a kind that every interface takes. */
export const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
