/**
 * The bundled stack at work, with each number of cores and each model of memory encryption: realms and a normal virtual machine in
 * parallel, attacks on a realm's memory, the realms' own tests, one realm after the other in the same place.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { command, DETACH, GUEST_PROMPT, type Step, TIMEOUT, worlds } from './worlds.ts';

/** What a guest has in its first page (guests/lib/start.S). */
const SECRET = 'sesame-6174-open';
const RESTARTS = 50;
/** How many realms run-realm-tests starts. */
const SUITES = 9;

type Model = 'none' | 'exact' | 'deadbeef' | 'off';
const CASES = [1, 2, 4].flatMap((cores) =>
  (['none', 'exact', 'deadbeef', 'off'] as const).map((model) => [cores, model] as const),
);

const mecOptions = (model: Model): string[] => (model === 'none' ? [] : ['--enable-mec', '--mec-model', model]);

const start = (name: string, options: string): Step =>
  command(`screen -md -S ${name} lkvm run ${options} -n ${name} -k /mnt/Image -m 16`);
/** The guest has come up: its shell waits. */
const seen = (name: string): Step[] => [command(`screen -r ${name}`), [GUEST_PROMPT, DETACH]];

describe.each(CASES)('%i cores, MEC %s', (cores, model) => {
  test('parallel guests, attacks, tests of realms, 50 realms in one place', { timeout: TIMEOUT }, async () => {
    const again = Array.from({ length: RESTARTS }, (_, n): Step[] => [
      command(`lkvm stop ${n === 0 ? 'two' : `again-${n}`}`),
      start(`again-${n + 1}`, '--realm'),
      ...seen(`again-${n + 1}`),
    ]).flat();
    const { host, rmm } = await worlds(
      ['-c', `${cores}`, ...mecOptions(model)],
      [
        command('mount /dev/vda2 /mnt; free'),
        start('one', '--realm -c 2'),
        start('two', '--realm'),
        start('three', '-c 2'),
        ...['one', 'two', 'three'].flatMap(seen),
        command('lkvm list'),
        command('attack read one; attack write one; echo attacked'),
        command('cd /mnt/kvm-ut/arm; export LKVM=/mnt/kvmtool/lkvm; ./run-realm-tests; cd'),
        ...again,
        command('screen -r one'),
        [GUEST_PROMPT, 'secret\\n'],
        [`host:${SECRET}\\s+guest# $`, DETACH],
        command('lkvm list; lkvm stop -a; lkvm list; free; echo done'),
      ],
    );
    const listed = host.slice(host.indexOf('lkvm list'), host.indexOf('attack read'));
    const kinds = Array.from(
      listed.matchAll(/^ *\d+ {2}(\w+) +running +(\d) +16 MB {2}(\w+)(?: {2}MECID (\d+))?$/gm),
      (m) => m.slice(1),
    );
    // They start at the same time: any may be the first.
    expect(kinds.map(([name, cpus, kind]) => `${name} ${cpus} ${kind}`).sort()).toEqual([
      'one 2 realm',
      'three 2 normal',
      'two 1 realm',
    ]);
    const contexts = kinds.filter(([, , kind]) => kind === 'realm').map(([, , , mecid]) => mecid);
    expect(contexts.sort()).toEqual(model === 'none' ? [undefined, undefined] : ['1', '2']);
    const attacks = host.slice(host.indexOf('attack read'), host.indexOf('attacked\nroot@'));
    expect(attacks).toMatch(/^read of 0x([0-9a-f]+): granule protection fault \(ESR_EL2 0x96000028, FAR_EL2 0x\1\)$/m);
    expect(attacks).toMatch(/^write to 0x([0-9a-f]+): granule protection fault \(ESR_EL2 0x96000068, FAR_EL2 0x\1\)$/m);
    expect(attacks).not.toContain(SECRET);
    expect(rmm.match(/^SMC_RMI_REALM_CREATE .*> RMI_SUCCESS$/gm)).toHaveLength(2 + SUITES + RESTARTS);
    expect(rmm.match(/^SMC_RMI_REALM_DESTROY .*> RMI_SUCCESS$/gm)).toHaveLength(2 + SUITES + RESTARTS);
    expect(host.match(/^SUMMARY: \d+ tests$/gm)).toHaveLength(SUITES);
    expect(host.match(/^PASS: /gm)!.length).toBeGreaterThan(40);
    expect(host.match(/^FAIL.*|^SKIP.*/gm)).toBeNull();
    // Nothing is left with RMM, and nothing is lost of the host's memory but what its log and consoles took.
    const free = Array.from(host.matchAll(/^Mem: +\d+ +(\d+) +\d+ +(\d+)$/gm), (m) => m.slice(1).map(Number));
    expect(free.map(([, inRealms]) => inRealms)).toEqual([0, 0]);
    expect(free[1]![0]! - free[0]![0]!).toBeLessThan(2048);
    expect(host + rmm).not.toMatch(/panic|Fatal|PANIC/);
  });
});

/** The bytes of an attack's dump. */
const dumped = (text: string, heading: RegExp): string =>
  text
    .slice(text.search(heading))
    .split('\n')
    .slice(1, 9)
    .map((line) => line.slice(6, 53))
    .join(' ');

describe('what the monitor sees past granule protection, and a disk', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'attack-'));
    writeFileSync(join(folder, 'disk'), new Uint8Array(64 << 10));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    [1, 'exact'],
    [2, 'deadbeef'],
    [4, 'off'],
    [4, 'exact'],
  ] as const)('%i cores, MEC %s: ciphertext, for each context another', { timeout: TIMEOUT }, async (cores, model) => {
    const { host } = await worlds(
      ['-c', `${cores}`, ...mecOptions(model), '--inspect', '-d', join(folder, 'disk')],
      [
        command('mount /dev/vdb2 /mnt'),
        start('one', '--realm'),
        ...seen('one'),
        command('attack read one dma; attack write one dma; attack read one unchecked'),
        command('attack read one mecid 1; attack read one mecid 2'),
        command('screen -r one'),
        [GUEST_PROMPT, 'secret\\n'],
        [`host:${SECRET}\\s+guest# $`, DETACH],
      ],
    );
    expect(host).toMatch(/^DMA read of 0x[0-9a-f]+: refused: the device reports an I\/O error$/m);
    expect(host).toMatch(/^DMA write to 0x[0-9a-f]+: refused: the device reports an I\/O error$/m);
    const plain = Buffer.from(SECRET).toString('hex').match(/../g)!.join(' ');
    const unchecked = dumped(host, /^read of 0x[0-9a-f]+ as Non-secure/m);
    const own = dumped(host, /^read of 0x[0-9a-f]+ as Realm, MECID 1:/m);
    const other = dumped(host, /^read of 0x[0-9a-f]+ as Realm, MECID 2:/m);
    expect(own).toContain(plain);
    expect(unchecked).toMatch(/^([0-9a-f]{2} ){127}[0-9a-f]{2}$/);
    switch (model) {
      case 'exact':
        expect(unchecked).not.toContain(plain);
        expect(other).not.toContain(plain);
        expect(other).not.toBe(unchecked);
        break;
      case 'deadbeef':
        // As QEMU's series has it: Realm accesses alone are told apart.
        expect(unchecked).toBe(own);
        expect(other).toBe(Array(32).fill('ef be ad de').join(' '));
        break;
      case 'off':
        expect([unchecked, other]).toEqual([own, own]);
    }
  });
});

test('realms share a context by its number, which changes only while none is in it', { timeout: TIMEOUT }, async () => {
  const run = (name: string, mecid: number): Step =>
    command(`screen -md -S ${name} lkvm run --realm -n ${name} --shared-mec ${mecid} -k /mnt/Image -m 16M -p token`);
  const { host, rmm } = await worlds(
    ['--enable-mec', '--mecid-width', '4'],
    [
      command('mount /dev/vda2 /mnt'),
      run('a', 5),
      ...seen('a'),
      run('b', 5),
      ...seen('b'),
      command('lkvm list'),
      command('lkvm run --realm --shared-mec 6 -k /mnt/Image -m 16; lkvm stop a; lkvm stop b'),
      run('c', 6),
      ...seen('c'),
      command('lkvm list; lkvm stop -a'),
    ],
  );
  const shared = Array.from(
    host.matchAll(/^ *\d+ {2}(\w) .* realm {2}MECID (\d+) \(shared\)$/gm),
    (m) => m[1]! + m[2]!,
  );
  expect(shared).toEqual(['a5', 'b5', 'c6']);
  expect(host).toContain('Fatal: no encryption context: realms share MECID 5 now, the highest is 13');
  expect(rmm).toMatch(/^SMC_RMI_MEC_SET_PRIVATE +5 > RMI_SUCCESS\nSMC_RMI_MEC_SET_SHARED +6 > RMI_SUCCESS$/m);
  expect(host.match(/^CCA attestation token, \d+ bytes$/gm)!.length).toBeGreaterThanOrEqual(3);
});
