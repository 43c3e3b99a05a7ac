/** What the host tells of realms, with the bundled stack: names, contexts, measurements before and after they are read, a token. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, type Tag } from 'cbor2';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
const realms = async (): Promise<readonly Realm[]> => (await face.ask('realms.list', { run })).realms;
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
  expect(list.map((r) => r.name)).toEqual(['realm one', 'realm two']);
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
  const [one, two] = await settled((all) => all.every((r) => r.rim !== null));
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
