/**
 * Who signed an attestation token. The realm's part has its key with it, for which the platform's part vouches by its challenge; the
 * platform's key is what a verifier has to know, and here only that of the bundled monitor is known.
 */
import { decode } from 'cbor2';
import { CBOR, isEs384, isSignedBy, keyOf, type P384, plain, readSigned } from './cose.ts';
import { partsOf } from './token.ts';

export interface Verdict {
  readonly state: 'valid' | 'not valid' | 'not checked';
  readonly reason: string;
}

const fromHex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g)!, (pair) => Number.parseInt(pair, 16));

/** Of the bundled monitor's test key (resources/firmware/monitor/include/test_keys.h). */
export const BUNDLED_PLATFORM: P384 = {
  x: fromHex('6b9f7f6abb40c5e5ae5220afed158936130942fdf754914bf21a80a14a91556d69e8197c20f063c12c0b4c0fbe957716'),
  y: fromHex('abb8d94abc30c920ac462454e831258170803ba0dce78ae7d9869c93f6a142917a836f5e1b7a2db8dc222d1dd9ba6277'),
};
/** Claims. */
const CHALLENGE = 10;
const KEY = 44237;
const KEY_HASH = 44240;
const HASHES: Readonly<Record<string, string>> = { 'sha-256': 'SHA-256', 'sha-512': 'SHA-512' };

const unchecked = (reason: string): Verdict => ({ state: 'not checked', reason });
const invalid = (reason: string): Verdict => ({ state: 'not valid', reason });

/** What is to be said of each part's signature, by the part's title. Throws when it is no token. */
export async function checkSignatures(
  bytes: Uint8Array,
  subtle: SubtleCrypto | null = globalThis.crypto?.subtle ?? null,
): Promise<Readonly<Record<string, Verdict>>> {
  const parts = partsOf(bytes).map(({ title, message }) => ({ title, signed: readSigned(message) }));
  const claims = Object.fromEntries(
    parts.map(({ title, signed }) => [title, decode<Map<number, unknown>>(signed.payload, CBOR)]),
  );
  const verdicts: Record<string, Verdict> = {};
  for (const { title, signed } of parts) {
    if (!subtle) {
      verdicts[title] = unchecked('browsers give the means only to pages of this machine or over HTTPS');
    } else if (!isEs384(signed)) verdicts[title] = unchecked('it is not made with ES384, all that is known here');
    else if (title === 'Platform') {
      verdicts[title] = (await isSignedBy(signed, BUNDLED_PLATFORM, subtle))
        ? { state: 'valid', reason: 'by the bundled monitor’s test key, which is no secret' }
        : unchecked('it is not by the bundled monitor’s test key, and no other platform’s is known here');
    } else verdicts[title] = await realmVerdict(signed, claims.Realm!, claims.Platform ?? null, subtle);
  }
  return verdicts;
}

async function realmVerdict(
  signed: ReturnType<typeof readSigned>,
  realm: Map<number, unknown>,
  platform: Map<number, unknown> | null,
  subtle: SubtleCrypto,
): Promise<Verdict> {
  const bytes = realm.get(KEY);
  const key = bytes instanceof Uint8Array ? keyOf(bytes) : null;
  if (!key) return unchecked('its key is not in the token, or of another kind than P-384');
  if (!(await isSignedBy(signed, key, subtle))) return invalid('it is not by the key that the token names');
  const name = HASHES[String(realm.get(KEY_HASH))];
  const challenge = platform?.get(CHALLENGE);
  if (!name || !(challenge instanceof Uint8Array)) {
    return { state: 'valid', reason: 'by the key in the token; whether the platform vouches for it was not checked' };
  }
  const digest = new Uint8Array(await subtle.digest(name, plain(bytes as Uint8Array)));
  const bound = digest.length === challenge.length && digest.every((byte, n) => byte === challenge[n]);
  return bound
    ? { state: 'valid', reason: 'by the key in the token, for which the platform’s part vouches' }
    : invalid('the platform’s part vouches for another key than the one in the token');
}
