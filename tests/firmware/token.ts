/** Takes a CCA attestation token apart and checks its signatures and the binding of its two halves. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { decode, encode, Tag } from 'cbor2';

type Claims = Map<number, unknown>;

export interface CcaToken {
  platform: Claims;
  realm: Claims;
  platformSigned: boolean;
  realmSigned: boolean;
  bound: boolean;
}

const maps = { preferMap: true } as const;
const bytes = (value: unknown): Uint8Array => {
  if (!(value instanceof Uint8Array)) throw new Error('a byte string is missing');
  // The encoder writes a Node Buffer as an object: only plain arrays become byte strings.
  return new Uint8Array(value);
};

function p384(x: Uint8Array, y: Uint8Array): KeyObject {
  const text = (part: Uint8Array): string => Buffer.from(part).toString('base64url');
  return createPublicKey({ key: { kty: 'EC', crv: 'P-384', x: text(x), y: text(y) }, format: 'jwk' });
}

function sign1(message: Uint8Array): { payload: Uint8Array; claims: Claims; signedBy: (key: KeyObject) => boolean } {
  const tagged = decode<Tag>(message, { ...maps, tags: new Map() });
  if (!(tagged instanceof Tag) || tagged.tag !== 18) throw new Error('no COSE_Sign1');
  const [head, , payload, signature] = (tagged.contents as unknown[]).map((part) => part as Uint8Array);
  const header = decode<Map<number, number>>(bytes(head), maps);
  if (header.get(1) !== -35) throw new Error('not ES384');
  const structure = encode(['Signature1', bytes(head), new Uint8Array(0), bytes(payload)]);
  return {
    payload: bytes(payload),
    claims: decode<Claims>(bytes(payload), maps),
    signedBy: (key) => verify('sha384', structure, { key, dsaEncoding: 'ieee-p1363' }, bytes(signature)),
  };
}

/** `platformKey`: private scalar's public point, as verifiers of this test platform know it. */
export function readToken(token: Uint8Array, platformKey: KeyObject): CcaToken {
  const outer = decode<Tag>(token, { ...maps, tags: new Map() });
  if (!(outer instanceof Tag) || outer.tag !== 907) throw new Error('no CCA token');
  const parts = outer.contents as Map<number, [number, Uint8Array]>;
  const part = (key: number): Uint8Array => {
    const [format, content] = parts.get(key)!;
    if (format !== 263) throw new Error('not an EAT');
    return content;
  };
  const platform = sign1(part(44234));
  const realm = sign1(part(44241));
  const realmKey = bytes(realm.claims.get(44237));
  const key = decode<Map<number, Uint8Array>>(realmKey, maps);
  const binder = createHash('sha256').update(realmKey).digest();
  return {
    platform: platform.claims,
    realm: realm.claims,
    platformSigned: platform.signedBy(platformKey),
    realmSigned: realm.signedBy(p384(key.get(-2)!, key.get(-3)!)),
    bound: binder.equals(bytes(platform.claims.get(10))),
  };
}

export { p384 };
