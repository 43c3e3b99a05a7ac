/** The firmware's own test host (resources/firmware/tests/payload), here and in QEMU: each of its checks, then what it shows of a realm. */
import { createECDH, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { image, qemu, runHere, runInQemu, type Shape } from './firmware.ts';
import { initialMeasurement, type MeasuredStep } from './measurement.ts';
import { p384, readToken } from './token.ts';

/** The public point of a test key: its private scalar is the SHA-384 of a sentence (monitor/test_keys.h). */
function publicKey(sentence: string): { x: Buffer; y: Buffer } {
  const pair = createECDH('secp384r1');
  pair.setPrivateKey(createHash('sha384').update(sentence).digest());
  const point = pair.getPublicKey();
  return { x: point.subarray(1, 49), y: point.subarray(49) };
}

/** What the test host does to its realm before it reads the measurement (main.c): image, RIPAS, first REC. */
function expectedMeasurement(console: string, flash: Buffer): Buffer {
  const pages = realmPages(console, flash);
  const steps: MeasuredStep[] = [];
  for (let at = 0n; at < 6n; at++)
    steps.push({ type: 'ripas', base: 0x80000000n + at * 0x1000n, top: 0x80001000n + at * 0x1000n });
  pages.forEach((content, i) => {
    steps.push({
      type: 'data',
      ipa: 0x80000000n + BigInt(i) * 0x1000n,
      flags: content ? 1n : 0n,
      content: content ?? new Uint8Array(0),
    });
  });
  steps.push({ type: 'rec', flags: 1n, pc: 0x80000000n, gprs: [0xabcn] });
  return initialMeasurement(33, steps);
}

/** The realm's pages within the payload, where the test host says they are: four, of which only the image's are measured. */
function realmPages(console: string, flash: Buffer): (Uint8Array | undefined)[] {
  const contents = 0x40000 + 16 + 48;
  const offset = Number(flash.readBigUInt64LE(contents + 16));
  const payload = flash.subarray(offset);
  const [, from, to] = console
    .match(/Realm image: 0x([0-9a-f]+) to 0x([0-9a-f]+)/)!
    .map((hex) => Number.parseInt(hex, 16));
  const pages: (Uint8Array | undefined)[] = [];
  for (let page = 0; page < 4; page++) {
    const at = from! + page * 0x1000;
    pages.push(at < to! ? payload.subarray(at - 0x48000000, at - 0x48000000 + 0x1000) : undefined);
  }
  return pages;
}

/** Every check passed, and the machine powered off. */
function expectPassed(console: string): void {
  expect(console.split('\n').filter((line) => /FAIL|PANIC|Unexpected exception/.test(line))).toEqual([]);
  const [, passed, failed] = console.match(/^(\d+) passed, (\d+) failed$/m)!;
  expect(failed).toBe('0');
  expect(Number(passed)).toBeGreaterThan(680);
  expect(console).toContain('NOTICE:  System off\n');
}

const name = ({ cores, mec, engine }: Shape): string =>
  `${cores} cores, MEC ${mec ?? 'not there'}${engine ? `, ${engine}` : ''}`;

/** Of cores, contexts and engines each pair, with the run that is looked at below. */
const PAIRS: Shape[] = [
  { cores: 1, mec: null },
  { cores: 2, mec: 'deadbeef' },
  { cores: 1, mec: 'exact', engine: 'interpreter' },
  { cores: 1, mec: 'off', engine: 'compiled' },
];
const ALL: Shape[] = [1, 2, 4].flatMap((cores) =>
  ([null, 'exact', 'deadbeef', 'off'] as const).flatMap((mec) =>
    (['normal', 'interpreter', 'compiled'] as const).map((engine) => ({ cores, mec, engine })),
  ),
);

describe.each((process.env.TRIREME_FULL ? ALL : PAIRS).map((shape) => [name(shape), shape] as const))(
  '%s',
  (_, shape) => {
    test('every check of the test host passes', async () => {
      expectPassed(await runHere('flash-test.bin', shape));
    });
  },
);

const program = qemu();
const places: (readonly [string, () => Promise<string>])[] = [
  ['here', () => runHere('flash-test.bin', { cores: 4, mec: 'exact' })],
];
if (program) places.push(['in QEMU', () => runInQemu(program, 'flash-test.bin', 4, 110)]);

describe.each(places)('monitor, RMM and a realm %s', (_, run) => {
  let console = '';
  beforeAll(async () => {
    console = await run();
  });

  test('every check of the test host passes, and the machine powers off', () => expectPassed(console));

  test('RMM logs as its users know it', () => {
    expect(console).toMatch(
      /RMM_MEM_SCRUB_METHOD 2 is selected\.\n(RMM_MEM_SCRUB_METHOD=2 is set but FEAT_MEC is not present\.\n)?Booting Trireme RMM v\.\d+\.\d+\.\d+\(release\)\nRMM-EL3 Interface v\.0\.8\nBoot Manifest Interface v\.0\.5\nRMI ABI revision v1\.1\nRSI ABI revision v1\.1\n/,
    );
    expect(console).toContain('SMC_RMI_VERSION                   10000 > RMI_SUCCESS 10000 10001\n');
    expect(console).toMatch(/^SMC_RSI_REALM_CONFIG {14}80005000 > RSI_SUCCESS$/m);
    expect(console).toMatch(/^PSCI_84000000 {21}0 0 0 0 0 0 0 > 10001 0 0 0$/m);
    expect(console).toMatch(/^PSCI_84000008 {21}0 0 0 0 0 0 0$/m);
    expect(console).toMatch(/^SMC_c40001ff {22}0 0 0 0 0 0 0 > ffffffffffffffff 0 0 0$/m);
  });

  test("the realm's initial measurement is that of what the host did", () => {
    const rim = expectedMeasurement(console, readFileSync(image('flash-test.bin')));
    const [, first, last] = console.match(/^RIM: ([0-9a-f]{16}) .* ([0-9a-f]{16})$/m)!;
    expect(rim.subarray(0, 8).toString('hex')).toBe(first);
    expect(rim.subarray(24, 32).toString('hex')).toBe(last);
  });

  test('the attestation token is signed by platform and realm, and says what was measured', () => {
    const { x, y } = publicKey('Trireme test platform attestation key');
    const token = readToken(
      Buffer.from(Array.from(console.matchAll(/^TOKEN: ([0-9a-f]+)$/gm), (line) => line[1]).join(''), 'hex'),
      p384(x, y),
    );
    expect(token).toMatchObject({ platformSigned: true, realmSigned: true, bound: true });
    const challenge = Buffer.from(Array.from({ length: 64 }, (_, i) => (i >> 3) + 1));
    expect(Buffer.from(token.realm.get(10) as Uint8Array).equals(challenge)).toBe(true);
    const rim = expectedMeasurement(console, readFileSync(image('flash-test.bin')));
    expect(Buffer.from(token.realm.get(44238) as Uint8Array).equals(rim)).toBe(true);
    const rem = createHash('sha256')
      .update(Buffer.concat([Buffer.alloc(32), Buffer.from('abc')]))
      .digest();
    const rems = token.realm.get(44239) as Uint8Array[];
    expect(rems.map((value) => Buffer.from(value).toString('hex'))).toEqual([
      rem.toString('hex'),
      ...Array(3).fill('00'.repeat(32)),
    ]);
    expect(token.realm.get(44236)).toBe('sha-256');
    expect((token.realm.get(44235) as Uint8Array)[0]).toBe(0x42);
    const components = token.platform.get(2399) as Map<number, unknown>[];
    expect(components.map((component) => component.get(1))).toEqual(['MONITOR', 'RMM']);
    expect(token.platform.get(2395)).toBe(0x3003);
    expect(token.platform.get(2401)).toBeInstanceOf(Uint8Array);
  });
});
