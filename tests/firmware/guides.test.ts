/** The guide of the RD-V3 page on the bundled stack, line by line: what it says to type, and what it says to see. */
import { expect, test } from 'vitest';
import { command, DETACH, GUEST_PROMPT, type Step, TIMEOUT, worlds } from './worlds.ts';

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
