/** lkvm: each option, long and short, is taken, and does what it says; what is wrong is one line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { command, GUEST_PROMPT, type Step, TIMEOUT, worlds } from './worlds.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lkvm-'));
  writeFileSync(join(folder, 'ramdisk'), new Uint8Array(5000));
  writeFileSync(join(folder, 'disk'), new Uint8Array(64 << 10));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a line of the host's shell showed, by the order of the lines. */
function parts(host: string): string[] {
  return host.split(/root@host:\S*# /).slice(1);
}

const MACHINE = '--irqchip gicv3 --console serial';
/** By the name of a run: its options, and the guest that it must have made. */
const SPELLINGS: readonly (readonly [name: string, options: string, cores: number, megabytes: number])[] = [
  ['short', '-c 3 -m 32 -k ./selftest.flat -p "setup smp=3 mem=32" -n short', 3, 32],
  ['long', `--cpus 2 --mem 24 --kernel ./selftest.flat --params "setup smp=2 mem=24" --name long ${MACHINE}`, 2, 24],
  [
    'equal',
    '--cpus=2 --mem=20M --kernel=./selftest.flat "--params=setup smp=2 mem=20" --name=equal --irqchip=gicv3',
    2,
    20,
  ],
  ['small', '-m 18m -k ./selftest.flat -p "setup smp=1 mem=18" -n small --console=serial', 1, 18],
  ['kilo', '--mem 16384k -k ./selftest.flat -p "setup smp=1 mem=16" -n kilo', 1, 16],
  ['giga', '--mem 1G -k ./selftest.flat -p "setup smp=1 mem=1024" -n giga', 1, 1024],
];

test('each option in each spelling makes the guest that it names', { timeout: TIMEOUT }, async () => {
  const lines = SPELLINGS.flatMap(([, options]) => [options, `--realm --restricted_mem ${options}`]);
  const { host, rmm } = await worlds(
    ['--enable-mec', '-m', '2G'],
    [
      command('mount /dev/vda2 /mnt; cd /mnt/kvm-ut/arm'),
      ...lines.map((options) => command(`lkvm run ${options}`)),
      command('lkvm run --realm --restricted-mem --shared-mec=0 -k selftest.flat -m 16 -p "setup smp=1"'),
    ],
  );
  const shown = parts(host).slice(1);
  for (const [n, [name, , cores, megabytes]] of SPELLINGS.entries()) {
    for (const part of shown.slice(2 * n, 2 * n + 2)) {
      expect(part).toContain(`  Info: # lkvm run -k ./selftest.flat -m ${megabytes} -c ${cores} --name ${name}\n`);
      expect(part).toContain('PASS: selftest: setup: smp: number of CPUs matches expectation\n');
      expect(part).toContain(`INFO: selftest: setup: smp: found ${cores} CPUs\n`);
      expect(part).toContain('PASS: selftest: setup: mem: memory size matches expectation\n');
      expect(part).toContain(`INFO: selftest: setup: mem: found ${megabytes} MB\nSUMMARY: 2 tests\n`);
      expect(part).toContain('  # KVM session ended normally.\n');
    }
  }
  // One of each two was a realm, with as many execution contexts as it has cores.
  expect(rmm.match(/^SMC_RMI_REALM_CREATE .*> RMI_SUCCESS$/gm)).toHaveLength(SPELLINGS.length + 1);
  expect(rmm.match(/^SMC_RMI_REC_CREATE .*> RMI_SUCCESS$/gm)).toHaveLength(
    SPELLINGS.reduce((sum, [, , cores]) => sum + cores, 1),
  );
  expect(host).not.toMatch(/Fatal|FAIL/);
});

test('ramdisk, disk, measurement, context, exits, ends', { timeout: TIMEOUT }, async () => {
  const realm = 'lkvm run --realm -k /mnt/Image -m 16';
  const off: Step = [GUEST_PROMPT, 'poweroff\\n'];
  const { host } = await worlds(
    ['--enable-mec', '--share', folder],
    [
      command('mount /dev/vda2 /mnt; mount -t 9p share0 /host'),
      command('lkvm run -k /mnt/Image -m 16 -i /host/ramdisk -d /host/disk -p short'),
      off,
      command(`${realm} --initrd /host/ramdisk --disk /host/disk --params long`),
      off,
      command(`${realm} --initrd=/host/ramdisk --disk=/host/disk --params=equal`),
      off,
      command(`${realm} --realm-pv personal --measurement-algo sha512 -p token --debug`),
      off,
      command('dmesg'),
      ...['one', 'two', 'three', 'four'].map((name) =>
        command(`screen -md -S ${name} ${realm} --shared-mec 0 -n ${name}`),
      ),
      ...['one', 'two', 'three', 'four'].flatMap((name): Step[] => [
        command(`screen -r ${name}`),
        [GUEST_PROMPT, String.raw`\x01d`],
      ]),
      command('lkvm list'),
      command('lkvm stop -n one; lkvm stop --name two; lkvm list'),
      command('lkvm stop --all; lkvm list'),
      command('lkvm run --help; lkvm run -h; lkvm'),
      command('lkvm run --nodefaults -k /mnt/Image -m 16 -d /host/disk -p "only this"'),
      off,
    ],
  );
  const shown = parts(host);
  for (const [n, params] of ['short', 'long', 'equal'].entries()) {
    const part = shown[n + 1]!;
    expect(part).toMatch(/initrd: 5000 bytes at 0x8[0-9a-f]{7}\n/);
    expect(part).toContain('virtio_blk: [vda] 128 512-byte logical blocks\n');
    expect(part).toMatch(new RegExp(`Kernel command line: console=ttyS0 .*${params}\\n`));
    expect(part).toContain(n === 0 ? 'a normal virtual machine at NS-EL1' : 'this is a realm at R-EL1');
  }
  expect(shown[4]).toMatch(/hash algorithm +sha-512\n/);
  const personal = Buffer.from('personal').toString('hex').padEnd(128, '0');
  expect(shown[4]).toMatch(new RegExp(`personalization value +${personal}\\n`));
  expect(shown[5]).toMatch(/guest-\d+\/0: exit 3 ESR 0x0 HPFAR 0x0 x0 0x84000008/);
  const list = (part: string): string[] =>
    [...part.matchAll(/^ *\d+ {2}(\w+) +running .* realm {2}MECID 0 \(shared\)$/gm)].map((m) => m[1]!).sort();
  expect(list(shown[14]!)).toEqual(['four', 'one', 'three', 'two']);
  expect(list(shown[15]!)).toEqual(['four', 'three']);
  expect(list(shown[16]!)).toEqual([]);
  expect(shown[18]).toMatch(/Kernel command line: only this\n/);
  expect(shown[17]!.match(/^usage: lkvm run \[options\]/gm)).toHaveLength(3);
  const options = [
    '-k, --kernel',
    '-i, --initrd',
    '-d, --disk',
    '-m, --mem',
    '-c, --cpus',
    '-p, --params',
    '-n, --name',
  ];
  for (const option of [
    ...options,
    '--realm',
    '--restricted_mem',
    '--shared-mec',
    '--nodefaults',
    '--irqchip gicv3',
    '--console serial',
  ])
    expect(shown[17]).toContain(option);
});

const HELP = 'lkvm run --help shows what is taken';
const MISTAKES: readonly (readonly [options: string, line: string])[] = [
  ['run', `--kernel needs a value: ${HELP}`],
  ['run -k', `-k needs a value: ${HELP}`],
  ['run --nonsense', `unknown option --nonsense: ${HELP}`],
  ['run -k /mnt/Image -c 0', `--cpus 0: ${HELP}`],
  ['run -k /mnt/Image --cpus=9', `--cpus 9: ${HELP}`],
  ['run -k /mnt/Image -m 1', `--mem 1: ${HELP}`],
  ['run -k /mnt/Image -m 16x', `--mem 16x: ${HELP}`],
  ['run -k /mnt/Image --irqchip gicv2', `--irqchip gicv2: ${HELP}`],
  ['run -k /mnt/Image --console virtio', `--console virtio: ${HELP}`],
  ['run -k /mnt/Image --realm --shared-mec x', `--shared-mec x: ${HELP}`],
  ['run -k /mnt/Image --realm --shared-mec 5', 'this machine has no memory encryption contexts (FEAT_MEC)'],
  ['run -k /mnt/Image --measurement-algo md5', `--measurement-algo md5: ${HELP}`],
  ['run -k /mnt/Image --firmware x', `not offered by this host: --firmware: ${HELP}`],
  ['run -k /mnt/Image -m 2G', '2048 MB are more than this host has (free shows how much)'],
  ['run -k /nothing', 'Unable to open kernel: /nothing'],
  ['run -k /mnt/Image -i /nothing', 'Unable to open initrd: /nothing'],
  ['run -k /mnt/Image -d /nothing', '/nothing is no disk image'],
  ['run -k /mnt/Image -m 16 -i /host/huge', 'kernel and ramdisk do not fit into 16 MB'],
  ['run --realm -k /mnt/Image -m 16 -i /host/huge', 'kernel and ramdisk do not fit into 16 MB'],
  ['stop nobody', 'no guest nobody runs (lkvm list)'],
];

describe('mistakes', () => {
  test('are one line each, and leave nothing behind', { timeout: TIMEOUT }, async () => {
    writeFileSync(join(folder, 'huge'), new Uint8Array(20 << 20));
    const { host } = await worlds(
      ['--share', folder],
      [
        command('mount /dev/vda2 /mnt; mount -t 9p share0 /host; free'),
        ...MISTAKES.map(([options]) => command(`lkvm ${options}; echo status $?`)),
        command('lkvm list; free'),
      ],
    );
    const shown = parts(host);
    for (const [n, [, line]] of MISTAKES.entries()) {
      const said = shown[n + 1]!.split('\n').filter((text) => /Fatal|status/.test(text));
      expect(said.slice(1)).toEqual([expect.stringContaining(line), 'status 1']);
      expect(said[1]).toMatch(/^ {2}Fatal: /);
    }
    const free = [...host.matchAll(/^Mem: +\d+ +(\d+) +\d+ +(\d+)$/gm)].map((m) => m.slice(1).map(Number));
    expect(free[1]![1]).toBe(0);
    expect(free[1]![0]! - free[0]![0]!).toBeLessThan((20 << 10) + 256);
  });
});
