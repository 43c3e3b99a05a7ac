/** A CCA attestation token in words: claims by name (RFC 9711; draft-ffm-rats-cca-token). Who signed it: `token-check.ts`. */
import { decode, Tag } from 'cbor2';
import { CBOR, readSigned } from './cose.ts';

export interface Claim {
  readonly name: string;
  readonly value: string;
}
export interface TokenPart {
  readonly title: string;
  readonly claims: readonly Claim[];
}

const PARTS: readonly (readonly [number, string])[] = [
  [44234, 'Platform'],
  [44241, 'Realm'],
];
const NAMES: Readonly<Record<number, string>> = {
  10: 'challenge',
  256: 'instance',
  265: 'profile',
  2395: 'lifecycle',
  2396: 'implementation',
  2399: 'software components',
  2400: 'verification service',
  2401: 'configuration',
  2402: 'hash algorithm',
  44235: 'personalization value',
  44236: 'hash algorithm',
  44237: 'public key',
  44238: 'initial measurement',
  44239: 'extensible measurements',
  44240: 'hash algorithm of the public key',
};
/** Of a software component. */
const COMPONENT: Readonly<Record<number, string>> = {
  1: 'type',
  2: 'measurement',
  4: 'version',
  5: 'signer',
  6: 'hash',
};
const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

function text(value: unknown, names: Readonly<Record<number, string>> = {}): string {
  if (value instanceof Uint8Array) return hexOf(value);
  if (Array.isArray(value)) return value.map((v) => text(v, COMPONENT)).join('\n');
  if (value instanceof Map) return [...value].map(([k, v]) => `${names[k as number] ?? k}: ${text(v)}`).join(', ');
  return typeof value === 'number' ? `0x${value.toString(16)}` : String(value);
}

function claimsOf(message: unknown): Claim[] {
  const claims = decode<Map<number, unknown>>(readSigned(message).payload, CBOR);
  return [...claims].map(([key, value]) => ({ name: NAMES[key] ?? `claim ${key}`, value: text(value) }));
}

/** The signed messages of a token. Throws when it is none. */
export function partsOf(bytes: Uint8Array): { readonly title: string; readonly message: unknown }[] {
  const outer = decode<Tag>(bytes, CBOR);
  const parts = outer instanceof Tag ? outer.contents : null;
  if (!(parts instanceof Map)) throw new Error('it is no CCA attestation token');
  return PARTS.flatMap(([key, title]) => {
    const part: unknown = parts.get(key);
    if (part === undefined) return [];
    // Older profiles hold the bytes themselves, newer ones a pair of content format and bytes.
    return [{ title, message: Array.isArray(part) ? part[1] : part }];
  });
}

/** Throws when it is no token. */
export const readToken = (bytes: Uint8Array): TokenPart[] =>
  partsOf(bytes).map(({ title, message }) => ({ title, claims: claimsOf(message) }));
