/** `trireme boot`: what it refuses, and the bundled stack from power-on to power-off. */
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Presets } from '../../core/host/presets.ts';
import { command } from '../support/command.ts';
import { startTrireme } from '../support/trireme.ts';

const BUILT_IN = join(import.meta.dirname, '..', '..', 'resources', 'presets');

test('every preset of ours can be read, and says what it needs', () => {
  const lines: string[] = [];
  const presets = new Presets(BUILT_IN, join(tmpdir(), 'no-such-folder'), (line) => lines.push(line)).list();
  expect(lines).toEqual([]);
  expect(presets.map(({ id, needs }) => [id, needs])).toEqual([
    ['three-worlds', []],
    ['linux-host', ['kernel']],
    ['custom', ['bios']],
    ['bare', []],
  ]);
  expect(presets.find((p) => p.id === 'linux-host')!.description).toContain('cannot host realms');
});

describe('mistakes are one line, and status 2', () => {
  test.each([
    [['nothing'], 'there is no preset nothing (there are three-worlds, linux-host, custom, bare)'],
    [['bare'], 'bare is a program on the bare machine: trireme run --kernel FILE runs those'],
    [['linux-host'], 'linux-host needs a kernel: --kernel FILE, an arm64 Image'],
    [['custom'], 'custom needs firmware: --flash FILE, for instance flash.bin of TF-A with RMM'],
    [['-c', '0'], "option '-c, --smp <n>' argument '0' is invalid. A whole number from 1 to 32 is needed."],
    [['--initrd', 'x'], 'an initial RAM disk needs a kernel'],
  ])('boot %j', async (args, line) => {
    expect(await command(['boot', ...args])).toMatchObject({ status: 2, stdout: '', stderr: `trireme: ${line}\n` });
  });
});

test('what the options change', async () => {
  const { launch } = await command([
    'boot',
    '--enable-mec',
    '--mecid-width',
    '4',
    '-c',
    '4',
    '-m',
    '512M',
    '--log-all',
  ]);
  expect(launch).toMatchObject({
    cores: 4,
    memoryBytes: 512 << 20,
    rme: { enabled: true },
    mec: { enabled: true, mecidWidth: 4, model: 'exact' },
    machine: { secure: true, virtualization: true, uarts: 4 },
    fwCfg: [{ name: 'opt/trireme/rmm-log', content: { from: 'text', text: 'all' } }],
  });
  expect(launch!.bios).toBe(join(BUILT_IN, '..', 'firmware', 'images', 'flash.bin'));
  const linux = await command([
    'boot',
    'linux-host',
    '-k',
    '/K',
    '-i',
    '/I',
    '--append',
    'quiet',
    '-d',
    '/D',
    '--share',
    '/S',
  ]);
  expect(linux.launch).toMatchObject({
    kernel: '/K',
    initrd: '/I',
    append: 'quiet',
    virtio: [
      { device: 'block', file: '/D', access: 'overlay' },
      { device: '9p', folder: '/S', tag: 'share0' },
    ],
  });
});

describe.each([[[]], [['--enable-mec']]])('three worlds %j', (mec) => {
  test('log in, look around, power off', async () => {
    // Consoles share the output line by line at most: what one of them shows is asked of itself.
    const script = ['--expect', 'rmm:RMI_SUCCESS', '--expect', 'host:login:', '--send', 'root\\n'];
    const end = ['--expect', 'host#|~#|# $', '--send', 'poweroff\\n', '--timeout', '110'];
    const { status, stdout, stderr } = await startTrireme(['boot', ...mec, ...script, ...end]).ended;
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^SMC_RMI_VERSION {19}10000 > RMI_SUCCESS 10000 10001\r$/m);
    // The two logs of RMM differ as they do for its users.
    const missing = stdout.match(/RMM_MEM_SCRUB_METHOD=2 is set but FEAT_MEC is not present\./g) ?? [];
    expect(stdout.match(/RMM_MEM_SCRUB_METHOD 2 is selected\./g)).toHaveLength(2);
    expect(missing).toHaveLength(mec.length === 0 ? 2 : 0);
    expect(stdout).toContain('NOTICE:  System off\r\n');
  });
});

test('firmware of the user: worlds that share a serial port have consoles all the same', async () => {
  const flash = join(BUILT_IN, '..', 'firmware', 'images', 'flash.bin');
  const script = [
    '--expect',
    'monitor:RMM init end',
    '--expect',
    'rmm:^SMC_RMI_VERSION',
    '--expect',
    'host:^host login:',
  ];
  const { status } = await startTrireme(['boot', 'custom', '--flash', flash, ...script, '--timeout', '110']).ended;
  expect(status).toBe(0);
});

test('all calls of RMM by a switch; each world has a console of its own', async () => {
  const rmm = join(tmpdir(), `rmm-${process.pid}.txt`);
  try {
    const args = ['--log-all', '--console', `rmm=file:${rmm}`, '--expect', 'rmm:SMC_RMI_FEATURES +0 > RMI_SUCCESS'];
    const { status } = await startTrireme(['boot', ...args, '--expect', 'host:login:', '--timeout', '110']).ended;
    expect(status).toBe(0);
    expect(readFileSync(rmm, 'utf8')).toMatch(/^RMM_MEM_SCRUB_METHOD 2[\s\S]*SMC_RMI_FEATURES/);
    expect(readFileSync(rmm, 'utf8')).not.toMatch(/NOTICE|login/);
  } finally {
    rmSync(rmm, { force: true });
  }
});
