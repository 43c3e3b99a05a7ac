/** What the host tells of realms, with the bundled stack: names, contexts, measurements before and after they are read, a token. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, type Tag } from 'cbor2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PARAMS } from '../../core/host/api.ts';
import { Host } from '../../core/host/host.ts';
import type { AnyLaunch } from '../../core/host/launch.ts';
import type { Realm } from '../../core/host/observation.ts';
import { hostParts } from '../../core/host/parts.ts';
import { Face, until } from './support.ts';

const root = join(import.meta.dirname, '..', '..');
const PATIENCE = 90_000;
const PROMPT = 'root@host:~# ';
/** Of the realm's claims (draft-ffm-rats-cca-token). */
const [INITIAL, PERSONALIZATION] = [44238, 44235];

const own = mkdtempSync(join(tmpdir(), 'trireme-realms-'));
const host = new Host({
  place: 'server',
  folders: [root],
  presets: { builtIn: join(root, 'resources', 'presets'), own },
  log: () => {},
  parts: hostParts,
});
const face = new Face(host);
let run = '';

const shows = (text: string): Promise<void> => until(() => face.text().includes(text), PATIENCE);
async function type(text: string, answer: string): Promise<void> {
  const from = face.text().length;
  await face.ask('console.input', { run, console: 'host', bytes: Buffer.from(`${text}\r`).toString('base64') });
  await until(() => face.text().slice(from).includes(answer), PATIENCE);
}
/** By the host's number: two that are made at once come in any order. */
async function realms(): Promise<readonly Realm[]> {
  const { realms: list } = await face.ask('realms.list', { run });
  return [...list].sort((a, b) => a.hostMecid! - b.hostMecid!);
}
async function settled(what: (list: readonly Realm[]) => boolean): Promise<readonly Realm[]> {
  for (;;) {
    const list = await realms();
    if (what(list)) return list;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeAll(async () => {
  const { presets } = await face.ask('presets.list', {});
  const { launch, id } = presets[0]!;
  const withMec = { ...launch, mec: { enabled: true } } as AnyLaunch;
  ({ run } = await face.ask('launch.start', {
    ...{ launch: withMec as never, preset: id, name: 'realms', on: 'trireme', paused: false },
  }));
  await face.ask('console.attach', { run, console: 'host', from: -1 });
  await shows('host login:');
  await type('root', PROMPT);
  await type('mount /dev/vda2 /mnt', PROMPT);
  for (const name of ['one', 'two'])
    await type(`screen -md -S ${name} lkvm run --realm --realm-pv "realm ${name}" -k /mnt/Image -m 16`, PROMPT);
});
afterAll(async () => {
  await host.close();
  rmSync(own, { recursive: true });
});

test('a realm has its name, and the MECID of its memory beside the number that the host knows', async () => {
  const list = await settled((all) => all.length === 2 && all.every((r) => r.state === 'active'));
  expect(list.map((r) => r.name).sort()).toEqual(['realm one', 'realm two']);
  expect(list.map((r) => r.hostMecid)).toEqual([1, 2]);
  // RMM keeps 0 and 1 to itself.
  expect(list.map((r) => r.mecid)).toEqual([3, 4]);
  const map = await face.ask('granules.map', { run, from: '0x40000000', to: '0x50000000', buckets: 4096 });
  const ofRealms = map.states.filter((s) => s.hostMecid !== null);
  expect(ofRealms.map((s) => [s.mecid, s.hostMecid]).sort()).toEqual([
    [3, 1],
    [4, 2],
  ]);
  const { rtt } = await face.ask('realms.detail', { run, rd: list[1]!.rd });
  const leaf = (nodes: typeof rtt): string | undefined =>
    nodes.map((n) => (n.level === 4 ? n.granule : leaf(n.children))).find((g) => g !== undefined);
  const granule = await face.ask('granules.inspect', { run, address: leaf(rtt)! as `0x${string}` });
  expect(granule).toMatchObject({ pas: 'realm', owner: 'realm', mecid: 4, hostMecid: 2 });
});

test('its RIM is known before it reads it, and is what it reads; its token says the same', async () => {
  const all = await settled((list) => list.every((r) => r.rim !== null));
  const [one, two] = [all.find((r) => r.name === 'realm one'), all.find((r) => r.name === 'realm two')];
  expect(one!.rim).toMatch(/^[0-9a-f]{64}$/);
  // The same image, and the same device tree.
  expect(two!.rim).toBe(one!.rim);
  const detail = () => face.ask('realms.detail', { run, rd: one!.rd });
  expect((await detail()).measurements.map((m) => m.read)).toEqual([false, false, false, false, false]);

  await type('screen -r one', 'guest# ');
  await type('measure', 'guest# ');
  await type('token', 'guest# ');
  while ((await detail()).token === null) await new Promise((resolve) => setTimeout(resolve, 50));
  const after = await detail();
  expect(after.measurements[0]).toEqual({ name: 'RIM', value: one!.rim, read: true });
  expect(after.measurements[1]!.value).not.toBe('0'.repeat(64));
  const token = decode<Tag>(Buffer.from(after.token!.bytes!, 'base64'), { preferMap: true, tags: new Map() });
  const [, signed] = (token.contents as Map<number, [number, Uint8Array]>).get(44241)!;
  const parts = decode<Tag>(signed, { preferMap: true, tags: new Map() }).contents as Uint8Array[];
  const claims = decode<Map<number, Uint8Array>>(parts[2]!, { preferMap: true });
  expect(Buffer.from(claims.get(INITIAL)!).toString('hex')).toBe(one!.rim);
  expect(Buffer.from(claims.get(PERSONALIZATION)!).toString('latin1')).toContain('realm one');
  const life = after.events.map((e) => e.text);
  expect(life).toContain('extended REM0 by 32 bytes');
  expect(life.at(-1)).toMatch(/^got an attestation token: \d+ bytes$/);
});

test('questions about any place, time and realm are answered or refused, and the machine goes on', async () => {
  const { regions } = await face.ask('memory.regions', { run });
  const places = [
    ...regions.flatMap((r) => [BigInt(r.base), BigInt(r.base) + BigInt(r.size) - 1n, BigInt(r.base) + BigInt(r.size)]),
    ...[0n, 1n, (1n << 48n) - 1n, 1n << 52n, (1n << 64n) - 1n],
  ].map((n) => `0x${n.toString(16)}`);
  const values: Readonly<Record<string, readonly unknown[]>> = {
    ...{
      run: [run],
      core: [0, 1, 2, 127],
      console: ['host', 'rmm', 'nosuch'],
      address: places,
      from: [0, -1, 1e300, ...places],
    },
    ...{
      to: [0, 1e-9, 1e300, ...places],
      length: [1, 4096, 65_536],
      buckets: [1, 4096, 65_536],
      limit: [1, 20_000],
      rd: places,
    },
    ...{
      first: [0, 5, 2 ** 53 - 1],
      count: [1, 2000],
      filter: ['', 'name:rmi result:', 'realm:0x', '('],
      regime: ['EL1', 'EL2', 'EL3', '?'],
    },
    ...{
      via: [null, 0, 127],
      as: [null, ...['root', 'realm', 'secure', 'normal'].map((pas) => ({ pas, mecid: 65_535 }))],
    },
    ...{ before: [0, 256], after: [0, 256], offset: [0, 2 ** 40], name: ['X0', 'nosuch'], value: places },
  };
  const reading = Object.keys(PARAMS).filter((m) =>
    /^(memory|granules|worlds|realms|calls|faults|translation|disassemble|registers|console\.(lines|ack))/.test(m),
  );
  expect(reading.length).toBeGreaterThan(12);
  const codes = new Set<string>();
  let turn = 0;
  for (const method of reading) {
    const { entries } = PARAMS[method as keyof typeof PARAMS] as unknown as { entries: Record<string, unknown> };
    for (let n = 0; n < 25; n++) {
      const params = Object.fromEntries(
        Object.keys(entries).map((key) => [key, values[key]![(turn += 7) % values[key]!.length]]),
      );
      const { error } = await face.answer(method, params);
      codes.add(error?.code ?? 'answered');
      expect(error?.code, `${method} ${JSON.stringify(params)}: ${error?.message}`).not.toBe('internal');
      // Malformed ones are counted, and end the connection at last.
      if (error?.code === 'invalid') break;
    }
  }
  expect(codes).toContain('answered');
  expect(codes).toContain('missing');
  await type('', 'guest# ');
  expect((await realms()).every((r) => r.state === 'active')).toBe(true);
});
