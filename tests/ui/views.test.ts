import { createECDH, createHash, createPrivateKey, type KeyObject, sign as signBytes, webcrypto } from 'node:crypto';
import { encode, Tag } from 'cbor2';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../core/host/observation.ts';
import { bytesText, hex, parseAddress, plainHex, secondsText } from '../../renderer/state/numbers.ts';
import { asCsv, asJsonLines } from '../../renderer/views/calls/export.ts';
import { align, comparable, differences } from '../../renderer/views/compare/align.ts';
import { parseSize, sizeText } from '../../renderer/views/launch/sizes.ts';
import { mecidHue, moved, zoomed } from '../../renderer/views/memory/map-scale.ts';
import { readToken } from '../../renderer/views/realms/token.ts';
import { BUNDLED_PLATFORM, checkSignatures } from '../../renderer/views/realms/token-check.ts';
import * as time from '../../renderer/views/worlds/time-scale.ts';

describe('numbers', () => {
  test('hexadecimal in groups of four, and plain for programs', () => {
    expect(hex(0x40100000n)).toBe('0x4010_0000');
    expect(hex('0xffff800012345678')).toBe('0xffff_8000_1234_5678');
    expect(hex(0n, 16)).toBe('0x0000_0000_0000_0000');
    expect(plainHex('0x0040')).toBe('0x40');
  });
  test('addresses as they are typed', () => {
    expect(parseAddress(' 0x4010_0000 ')).toBe(0x40100000n);
    expect(parseAddress('4096')).toBe(4096n);
    for (const wrong of ['', '0x', '-1', '0x1g', '18446744073709551616', '1e3'])
      expect(parseAddress(wrong), wrong).toBeNull();
  });
  test('sizes, both ways', () => {
    expect(parseSize('512M')).toBe(512 << 20);
    expect(parseSize('2 GiB')).toBe(2 ** 31);
    expect(parseSize('64')).toBe(64 << 20);
    expect(parseSize('many')).toBeNull();
    expect(sizeText(2 ** 31)).toBe('2G');
    expect(bytesText(1536)).toBe('1.5 KiB');
    expect(secondsText(75)).toBe('1:15');
  });
});

describe('comparing consoles', () => {
  test('times and addresses do not count, words do', () => {
    expect(comparable('[    0.123456] Booting Linux')).toBe(comparable('[    9.000001] Booting Linux'));
    expect(comparable('heap at 0x88001000')).toBe(comparable('heap at 0x88002000'));
    expect(comparable('FEAT_MEC present')).not.toBe(comparable('FEAT_MEC absent'));
  });
  test('lines stand beside their like; what is new stands alone', () => {
    const left = ['[ 0.1] boot', 'MEC off', 'shell', 'end'];
    const right = ['[ 0.2] boot', 'MEC on', 'key set', 'shell', 'end'];
    const pairs = align(left, right);
    expect(pairs).toEqual([
      { left: 0, right: 0, same: true },
      { left: 1, right: 1, same: false },
      { left: null, right: 2, same: false },
      { left: 2, right: 3, same: true },
      { left: 3, right: 4, same: true },
    ]);
    expect(differences(pairs)).toEqual([1]);
  });
  test('every line of both sides comes once, in order, whatever they are', () => {
    const lines = (seed: number): string[] => Array.from({ length: 400 }, (_, n) => `line ${(n * seed) % 37}`);
    const [a, b] = [lines(5), lines(11)];
    const pairs = align(a, b);
    expect(pairs.flatMap((p) => p.left ?? [])).toEqual(a.map((_, n) => n));
    expect(pairs.flatMap((p) => p.right ?? [])).toEqual(b.map((_, n) => n));
    for (const p of pairs) if (p.same) expect(comparable(a[p.left!]!)).toBe(comparable(b[p.right!]!));
  });
});

describe('map of memory', () => {
  const limit = { from: 0, to: 2 ** 32 };
  test('zoom keeps the place under the pointer, and stays within memory', () => {
    const at = 0x40000000;
    const closer = zoomed(limit, at, 0.5, limit, 1000);
    expect(closer.to - closer.from).toBe(2 ** 31);
    expect((at - closer.from) / (closer.to - closer.from)).toBeCloseTo(at / 2 ** 32, 10);
    expect(zoomed(limit, at, 4, limit, 1000)).toEqual(limit);
    expect(moved(closer, -(2 ** 40), limit).from).toBe(0);
  });
  test('down to one granule that is wide enough to be seen, not further', () => {
    let scale = limit;
    for (let n = 0; n < 100; n++) scale = zoomed(scale, 0x40000000, 0.5, limit, 1000);
    expect(((scale.to - scale.from) / 4096) * 64).toBeCloseTo(1000);
  });
  test('neighbouring MECIDs look different', () => {
    for (let n = 0; n < 20; n++) expect(Math.abs(mecidHue(n) - mecidHue(n + 1))).toBeGreaterThan(40);
  });
});

describe('calls as files', () => {
  const call: Call = {
    ...{ number: 1, at: 0.5, core: 0, depth: 0, from: 'normal', to: 'realm', name: 'RMI_VERSION' },
    ...{
      arguments: [{ name: 'req', value: '"1,0"' }],
      result: '=RMI_SUCCESS',
      failed: false,
      seconds: 0.000001,
      realm: null,
    },
  };
  test('CSV quotes what has commas and quotes, and makes no formulas', () => {
    const [head, row] = asCsv([call]).split('\r\n');
    expect(head).toContain('number,seconds');
    expect(row).toContain('"req=""1,0"""');
    expect(row).toContain(`,'=RMI_SUCCESS,`);
  });
  test('JSON lines are one object each', () => {
    expect(
      asJsonLines([call, call])
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l)),
    ).toEqual([call, call]);
  });
});

describe('time of worlds', () => {
  test('follows while the last moment is shown, and stays where it was put', () => {
    const live = { span: 0.1, end: null };
    expect(time.shown(live, 10)).toEqual({ from: 9.9, to: 10 });
    expect(time.shown(live, 0.05)).toEqual({ from: 0, to: 0.05 });
    expect(time.shown({ span: Number.POSITIVE_INFINITY, end: null }, 10)).toEqual({ from: 0, to: 10 });
    const back = time.moved(live, 10, -5);
    expect(time.shown(back, 20).to).toBeCloseTo(5);
    expect(time.moved(back, 10, 100).end).toBeNull();
    expect(time.shown(time.moved(back, 10, -100), 10).from).toBe(0);
  });
  test('zoom keeps the moment under the pointer, down to a microsecond', () => {
    const closer = time.zoomed({ span: 8, end: null }, 10, 4, 0.5);
    const { from, to } = time.shown(closer, 10);
    expect(to - from).toBeCloseTo(4);
    expect((4 - from) / (to - from)).toBeCloseTo((4 - 2) / 8);
    expect(time.zoomed({ span: 8, end: null }, 10, 10, 0.5)).toEqual({ span: 4, end: null });
    let least: time.TimeWindow = closer;
    for (let n = 0; n < 100; n++) least = time.zoomed(least, 10, 4, 0.5);
    expect(least.span).toBe(1e-6);
    expect(time.durationText(least.span)).toBe('1 µs');
  });
});

describe('attestation tokens', () => {
  const signed = (claims: Map<number, unknown>): Uint8Array =>
    encode(new Tag(18, [new Uint8Array(0), new Map(), encode(claims), new Uint8Array(96)]));
  test('platform and realm with their claims by name, in either form', () => {
    const platform = signed(
      new Map<number, unknown>([
        [2395, 0x3003],
        [
          2399,
          [
            new Map<number, unknown>([
              [1, 'MONITOR'],
              [2, Uint8Array.of(0xab)],
            ]),
          ],
        ],
      ]),
    );
    const realm = signed(
      new Map<number, unknown>([
        [44238, Uint8Array.of(1, 2)],
        [99999, 'x'],
      ]),
    );
    const token = (wrap: (bytes: Uint8Array) => unknown): Uint8Array =>
      encode(
        new Tag(
          907,
          new Map([
            [44234, wrap(platform)],
            [44241, wrap(realm)],
          ]),
        ),
      );
    for (const wrap of [(bytes: Uint8Array) => bytes, (bytes: Uint8Array) => [263, bytes]]) {
      expect(readToken(token(wrap))).toEqual([
        {
          title: 'Platform',
          claims: [
            { name: 'lifecycle', value: '0x3003' },
            { name: 'software components', value: 'type: MONITOR, measurement: ab' },
          ],
        },
        {
          title: 'Realm',
          claims: [
            { name: 'initial measurement', value: '0102' },
            { name: 'claim 99999', value: 'x' },
          ],
        },
      ]);
    }
    expect(() => readToken(encode('nothing'))).toThrow('no CCA attestation token');
    expect(() => readToken(Uint8Array.of(0xff, 0xff))).toThrow();
  });

  test('signatures are checked: the realm’s by the key that the platform vouches for, the platform’s by the one that is known', async () => {
    const platformKey = testKey('Trireme test platform attestation key');
    const realmKey = testKey('Trireme test realm attestation key');
    const coseKey = encode(
      new Map<number, unknown>([
        [1, 2],
        [-1, 2],
        [-2, realmKey.x],
        [-3, realmKey.y],
      ]),
    );
    const hash = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
    const sign = (claims: Map<number, unknown>, key: KeyObject, algorithm = -35): Uint8Array => {
      const head = encode(new Map([[1, algorithm]]));
      const payload = encode(claims);
      const text = encode(['Signature1', head, new Uint8Array(0), payload]);
      const signature = new Uint8Array(signBytes('sha384', text, { key, dsaEncoding: 'ieee-p1363' }));
      return encode(new Tag(18, [head, new Map(), payload, signature]));
    };
    const realm = new Map<number, unknown>([
      [44237, coseKey],
      [44240, 'sha-256'],
    ]);
    const token = (platform: Uint8Array, part = sign(realm, realmKey.key)): Uint8Array =>
      encode(
        new Tag(
          907,
          new Map([
            [44234, [263, platform]],
            [44241, [263, part]],
          ]),
        ),
      );
    const platform = (challenge: Uint8Array, key = platformKey.key): Uint8Array =>
      sign(new Map([[10, challenge]]), key);
    const states = async (bytes: Uint8Array): Promise<unknown> => {
      const { Platform, Realm } = await checkSignatures(bytes, webcrypto.subtle as SubtleCrypto);
      return [Platform!.state, Realm!.state];
    };
    expect(BUNDLED_PLATFORM).toEqual({ x: platformKey.x, y: platformKey.y });
    expect(await states(token(platform(hash(coseKey))))).toEqual(['valid', 'valid']);
    expect(await states(token(platform(hash(coseKey), realmKey.key)))).toEqual(['not checked', 'valid']);
    expect(await states(token(platform(hash(realmKey.x))))).toEqual(['valid', 'not valid']);
    expect(await states(token(platform(hash(coseKey)), sign(realm, platformKey.key)))).toEqual(['valid', 'not valid']);
    expect(await states(token(platform(hash(coseKey)), sign(realm, realmKey.key, -7)))).toEqual([
      'valid',
      'not checked',
    ]);
    const changed = token(platform(hash(coseKey)));
    changed[changed.length - 1]! ^= 1;
    expect(await states(changed)).toEqual(['valid', 'not valid']);
    // A page from another machine without HTTPS has no WebCrypto.
    const none = await checkSignatures(token(platform(hash(coseKey))), null);
    expect(none.Realm!.state).toBe('not checked');
    expect(none.Realm!.reason).toContain('HTTPS');
  });
});

/** A key whose private scalar is the SHA-384 of a sentence, as those of the bundled firmware are. */
function testKey(sentence: string): { key: KeyObject; x: Uint8Array; y: Uint8Array } {
  const d = createHash('sha384').update(sentence).digest();
  const pair = createECDH('secp384r1');
  pair.setPrivateKey(d);
  const point = pair.getPublicKey();
  const [x, y] = [new Uint8Array(point.subarray(1, 49)), new Uint8Array(point.subarray(49))];
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-384', x: text(x), y: text(y), d: text(d) };
  return { key: createPrivateKey({ key: jwk, format: 'jwk' }), x, y };
}
