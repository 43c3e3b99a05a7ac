/**
 * The guides on the bundled stack, line by line: what they say to type, and what they say to see. The learning path's page about memory
 * encryption; the RD-V3 page about realms; what the series for QEMU's FEAT_MEC says how to try it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kernelOf, titled, unavailable } from '../boot/debian/packages.ts';
import { COVER_LETTER } from '../support/cover-letter.ts';
import { command, DETACH, GUEST_PROMPT, SECONDS, type Step, TIMEOUT, worlds } from './worlds.ts';

const terminal = spawnSync('script', ['--version']).status === 0;
const IMAGES = join(import.meta.dirname, '..', '..', 'resources', 'firmware', 'images');
const MAIN = join(import.meta.dirname, '..', '..', 'core', 'cli', 'main.ts');

/** RMM's console as the page shows it, of its machine's eight cores; name and version are ours, its interfaces' minor versions newer. */
function rmmConsole(missing: string): string[] {
  const scrub = ['RMM_MEM_SCRUB_METHOD 2 is selected.', ...(missing === '' ? [] : [missing])];
  return [
    ...scrub,
    'Booting Trireme RMM v.0.1.0(release)',
    'RMM-EL3 Interface v.0.8',
    'Boot Manifest Interface v.0.5',
    'RMI ABI revision v1.1',
    'RSI ABI revision v1.1',
    ...Array<string[]>(7).fill(scrub).flat(),
    'SMC_RMI_VERSION                   10000 > RMI_SUCCESS 10000 10001',
  ];
}

test.skipIf(!terminal).each([
  ['', 'RMM_MEM_SCRUB_METHOD=2 is set but FEAT_MEC is not present.'],
  ['--enable-mec', ''],
])('memory encryption: three worlds on a terminal, %s', { timeout: TIMEOUT }, async (mec, missing) => {
  const boot = `${process.execPath} --no-warnings ${MAIN} boot ${mec} -c 8 --timeout 110`;
  const child = spawn('script', ['-qec', `stty rows 60; ${boot}; echo status $?`, '/dev/null']);
  const ended = once(child, 'close');
  let shown = '';
  let rmm = '';
  // Each key press waits for what has to be there before it.
  const steps: [RegExp, () => void][] = [
    [/login: $/, () => child.stdin.write('\x012')],
    [
      /\[2: .*SMC_RMI_VERSION .*\r\n$/s,
      () => {
        rmm = shown.slice(shown.indexOf('[2: ')).replaceAll('\r', '');
        child.stdin.write('\x011');
      },
    ],
    [/login: $/, () => child.stdin.write('root\r')],
    [/root@host:~# $/, () => child.stdin.write('poweroff\r')],
  ];
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    if (steps.length > 0 && steps[0]![0].test(shown)) steps.shift()![1]();
  });
  await ended;
  expect(shown).toMatch(/status 0\r\n$/);
  expect(rmm.split('\n').slice(1)).toEqual([...rmmConsole(missing), '']);
});

const linux = await unavailable('6.12');
test.skipIf(linux !== null)(
  titled('the command line of the series for QEMU, by a shell', linux),
  { timeout: TIMEOUT },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'guide-'));
    try {
      mkdirSync(join(folder, 'out'));
      copyFileSync(join(IMAGES, 'flash.bin'), join(folder, 'out', 'flash.bin'));
      copyFileSync(kernelOf('6.12').image, join(folder, 'out', 'Image'));
      writeFileSync(join(folder, 'out', 'host.ext4'), new Uint8Array(1 << 20));
      const script = `"$@" qemu ${COVER_LETTER} --expect 'Memory: .*K available' --timeout ${SECONDS}`;
      const words = ['-c', script, 'sh', process.execPath, '--no-warnings', MAIN];
      const { status, stdout, stderr } = spawnSync('sh', words, { cwd: folder, encoding: 'utf8', input: '' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^RMM_MEM_SCRUB_METHOD 2 is selected\.\r?$/m);
      expect(stdout).toMatch(/Kernel command line: nokaslr root=\/dev\/vda rw init=\/init -- \/bin\/bash\r?$/m);
      expect(stdout).toMatch(/CPU\d?: All CPU\(s\) started at EL2/);
      expect(stdout).toMatch(/Memory: \d+K\/2097152K available/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

test('two realms in one context, by the options of the series for QEMU', { timeout: TIMEOUT }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'guide-'));
  try {
    mkdirSync(join(folder, 'out'));
    writeFileSync(join(folder, 'out', 'lkvm'), '#!builtin lkvm\n', { mode: 0o755 });
    writeFileSync(join(folder, 'out', 'guest.ext4'), new Uint8Array(1 << 20));
    const line =
      '/host/out/lkvm run --realm -m 256m --shared-mec 0 --restricted_mem --kernel /mnt/Image --disk /host/out/guest.ext4 --params "root=/dev/vda rw init=/init"';
    const { host, rmm } = await worlds(
      ['--enable-mec', '--share', folder],
      [
        command('mount -t 9p share0 /host; mount /dev/vdb2 /mnt || mount /dev/vda2 /mnt'),
        command(`screen -S one ${line}`),
        [GUEST_PROMPT, DETACH],
        command(`screen -S two ${line}`),
        [GUEST_PROMPT, DETACH],
        command('cat /proc/realms'),
        command('screen -r one'),
        [GUEST_PROMPT, 'poweroff\\n'],
        ['host:KVM session ended normally', ''],
        // The series' open issue: a realm after another one that has ended.
        command(`screen -S three ${line}`),
        [GUEST_PROMPT, DETACH],
        command('cat /proc/realms'),
      ],
    );
    expect(host.match(/^guest-\d+ .* mecid 0 \(shared\)$/gm)).toHaveLength(4);
    expect(host).toContain('virtio_blk: [vda] 2048 512-byte logical blocks');
    expect(host).toContain('root=/dev/vda rw init=/init');
    expect(rmm).not.toMatch(/Unexpected exception|PANIC/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const REALM =
  'screen -md -S realm /mnt/kvmtool/lkvm run --realm --restricted_mem -c 2 -m 512 -k /mnt/Image -i /mnt/ramdisk-buildroot.img --irqchip gicv3 --console serial -p earlycon';
const NORMAL =
  'screen -md -S nsvm /mnt/kvmtool/lkvm run -c 2 -m 512 -k /mnt/Image -i /mnt/ramdisk-buildroot.img --irqchip gicv3 --console serial -p earlycon';

test('a realm and a normal virtual machine side by side', { timeout: TIMEOUT }, async () => {
  const steps: Step[] = [
    command('mount /dev/vda2 /mnt'),
    command('cd /mnt'),
    command('ls'),
    command(REALM),
    command('screen -ls'),
    command('screen -r realm    // <screen_name: realm>'),
    [GUEST_PROMPT, DETACH],
    command(NORMAL),
    command('screen -r nsvm'),
    [GUEST_PROMPT, DETACH],
    command('screen -ls'),
    command('screen -r realm'),
    [GUEST_PROMPT, 'poweroff\\n'],
    ['host:KVM session ended normally', ''],
    command('screen -r nsvm'),
    [GUEST_PROMPT, 'poweroff\\n'],
    ['host:KVM session ended normally', ''],
    command('screen -ls'),
  ];
  const { host: shown } = await worlds([], steps);
  for (const name of ['Image', 'kvmtool', 'ramdisk-buildroot.img', 'kvm-ut', 'lost+found'])
    expect(shown).toContain(name);
  expect(shown).toMatch(/There is a screen on:\n\t\d+\.realm\t\(Detached\)\n/);
  expect(shown).toMatch(/There are screens on:\n\t\d+\.realm\t\(Detached\)\n\t\d+\.nsvm\t\(Detached\)\n/);
  expect(shown).toMatch(/ Info: # lkvm run -k \/mnt\/Image -m 512 -c 2 --name guest-\d+\n/);
  expect(shown).toMatch(/Machine model: linux,dummy-virt\n\[ *[\d.]+\] RME: Using RSI version 1\.0\n/);
  expect(shown).toMatch(/Machine model: linux,dummy-virt\n\[ *[\d.]+\] This is a normal virtual machine at NS-EL1\n/);
  expect(shown.match(/ # KVM session ended normally\.\n/g)!.length).toBeGreaterThanOrEqual(2);
  expect(shown).toContain('No Sockets found');
});

test('the realm tests', { timeout: TIMEOUT }, async () => {
  const { host: shown } = await worlds(
    ['--enable-mec'],
    [
      command('mount /dev/vda2 /mnt'),
      command('cd /mnt'),
      command('ls'),
      command('cd kvm-ut/arm/'),
      command('export LKVM=/mnt/kvmtool/lkvm'),
      command('./run-realm-tests'),
    ],
  );
  expect(shown.match(/^FAIL.*|^SKIP.*/gm)).toBeNull();
  expect(shown).toMatch(
    /# lkvm run -k \.\/selftest\.flat -m 16 -c 2 --name guest-\d+\nPASS: selftest: setup: smp: number of CPUs matches expectation\nINFO: selftest: setup: smp: found 2 CPUs\nPASS: selftest: setup: mem: memory size matches expectation\nINFO: selftest: setup: mem: found 16 MB\nSUMMARY: 2 tests\n/,
  );
  for (const name of ['vectors-kernel: und', 'vectors-kernel: svc', 'vectors-user: und', 'vectors-user: svc'])
    expect(shown).toContain(`PASS: selftest: ${name}\n`);
  expect(shown).toMatch(/^INFO: selftest: smp: CPU {2}3: MPIDR=0080000003$/m);
  expect(shown).toContain(
    'PASS: selftest: smp: MPIDR test on all CPUs\nINFO: selftest: smp: 4 CPUs reported back\nSUMMARY: 1 tests\n',
  );
  for (const suite of ['realm-rsi', 'psci', 'gicv3', 'timer', 'realm-attest'])
    expect(shown).toContain(`PASS: ${suite}: `);
  expect(shown.match(/^SUMMARY: \d+ tests$/gm)).toHaveLength(9);
  expect(shown.match(/ # KVM session ended normally\.\n/g)).toHaveLength(9);
});
