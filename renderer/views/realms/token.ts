/** A CCA attestation token in words: claims by name (RFC 9711; draft-ffm-rats-cca-token). Nothing is verified here. */
import { decode, Tag } from 'cbor2';

export interface Claim {
  readonly name: string;
  readonly value: string;
}
export interface TokenPart {
  readonly title: string;
  readonly claims: readonly Claim[];
}

/** EAT collection and COSE_Sign1, by tag. */
const SIGNED = 18;
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
const OPTIONS = { preferMap: true, tags: new Map() } as const;

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

function text(value: unknown, names: Readonly<Record<number, string>> = {}): string {
  if (value instanceof Uint8Array) return hexOf(value);
  if (Array.isArray(value)) return value.map((v) => text(v, COMPONENT)).join('\n');
  if (value instanceof Map) return [...value].map(([k, v]) => `${names[k as number] ?? k}: ${text(v)}`).join(', ');
  return typeof value === 'number' ? `0x${value.toString(16)}` : String(value);
}

function claimsOf(signed: unknown): Claim[] {
  const message = decode<Tag>(signed as Uint8Array, OPTIONS);
  if (!(message instanceof Tag) || message.tag !== SIGNED) throw new Error('a part is no COSE_Sign1');
  const payload = (message.contents as unknown[])[2] as Uint8Array;
  const claims = decode<Map<number, unknown>>(payload, OPTIONS);
  return [...claims].map(([key, value]) => ({ name: NAMES[key] ?? `claim ${key}`, value: text(value) }));
}

/** Throws when it is no token. */
export function readToken(bytes: Uint8Array): TokenPart[] {
  const outer = decode<Tag>(bytes, OPTIONS);
  const parts = outer instanceof Tag ? outer.contents : null;
  if (!(parts instanceof Map)) throw new Error('it is no CCA attestation token');
  return PARTS.flatMap(([key, title]) => {
    const part: unknown = parts.get(key);
    if (part === undefined) return [];
    // Older profiles hold the bytes themselves, newer ones a pair of content format and bytes.
    return [{ title, claims: claimsOf(Array.isArray(part) ? part[1] : part) }];
  });
}
