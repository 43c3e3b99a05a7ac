/** What people do with a Linux that runs: restart it, press its power key, give it a device tree of their own, debug it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gdbInstalled, runGdb } from '../support/gdb.ts';
import { startTrireme } from '../support/trireme.ts';
import { initramfs } from './debian/initramfs.ts';
import { kernelOf, titled, unavailable } from './debian/packages.ts';
import { type Guest, PROMPT, remote } from './guest.ts';
import { alarms, virtArguments } from './machine.ts';
import { staged } from './scene.ts';

const KERNEL = '6.12';
/** Longest for a test, in ms. */
const LIMIT = 600_000;

/** The port that the command said on stderr. */
async function portOf(guest: Guest, what: string): Promise<number> {
  const pattern = new RegExp(`${what} (?:is )?on 127\\.0\\.0\\.1:(\\d+)\\n`);
  for (;;) {
    const match = pattern.exec(guest.stderr);
    if (match) return Number(match[1]);
    if (guest.child.exitCode !== null) throw new Error(guest.stderr);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const missing = await unavailable('busybox', KERNEL);
describe.skipIf(missing !== null)(titled('a Linux that runs', missing), () => {
  test(
    'a device tree of its own, reboot, the power key, system_reset',
    staged(async (scene) => {
      const tree = join(scene.folder, 'own.dtb');
      const dumped = await startTrireme(['qemu', ...virtArguments(1, '512M'), '-M', `dumpdtb=${tree}`]).ended;
      expect(dumped).toEqual({ status: 0, stdout: '', stderr: '' });
      execFileSync('fdtput', ['-t', 's', tree, '/', 'model', 'of a user']);
      const guest = scene.start([
        ...virtArguments(1, '512M'),
        ...['-display', 'none', '-serial', 'stdio', '-monitor', 'telnet:127.0.0.1:0,server,nowait', '-dtb', tree],
        ...['-kernel', kernelOf(KERNEL).image, '-initrd', scene.file('initrd', initramfs(KERNEL))],
        ...['-append', 'console=ttyAMA0 panic=-1'],
      ]);
      const monitor = await remote(await portOf(guest, 'the monitor'));
      await guest.expect(PROMPT);
      expect(await guest.output('cat /proc/device-tree/model')).toContain('of a user');
      expect(await guest.output('cat /proc/cmdline')).toBe('console=ttyAMA0 panic=-1\n');

      guest.send('reboot -f\n');
      await guest.expect(/Booting Linux on physical CPU 0x0/);
      await guest.expect(PROMPT);
      // Memory was made new: nothing of the first boot is in the log.
      expect(await guest.output('dmesg | grep -c "Booting Linux"')).toBe('1\n');

      monitor.send('system_reset\r\n');
      await guest.expect(/Booting Linux on physical CPU 0x0/);
      await guest.expect(PROMPT);

      guest.send('exec 3</dev/input/event0; echo is "open"; head -c 24 <&3 | hexdump -C; poweroff -f\n');
      await guest.expect(/is open\r\n/);
      monitor.send('system_powerdown\r\n');
      // struct input_event: behind the time, EV_KEY, KEY_POWER (116), pressed.
      await guest.expect(/^00000010 {2}01 00 74 00 01 00 00 00/m);
      expect(await guest.ended).toBe(0);
      expect(alarms(guest.text)).toEqual([]);
    }),
    LIMIT,
  );

  test.skipIf(!gdbInstalled)(
    'gdb: from its first instruction, and at a function of the kernel on two cores',
    staged(async (scene) => {
      const guest = scene.start([
        ...virtArguments(2, '512M'),
        ...['-no-reboot', '-S', '-gdb', 'tcp:127.0.0.1:0'],
        ...['-kernel', kernelOf(KERNEL).image, '-initrd', scene.file('initrd', initramfs(KERNEL))],
        ...['-append', 'console=ttyAMA0 panic=-1 nokaslr'],
      ]);
      const port = await portOf(guest, 'gdb server');
      // The stub at the start of memory goes to the kernel, with the device tree's address in X0.
      const start = await runGdb(port, ['p/x $pc', 'break *0x40200000', 'continue', 'p/x $pc', 'x/xw $x0', 'detach']);
      expect(start).toContain('$1 = 0x40000000');
      expect(start).toContain('$2 = 0x40200000');
      expect(start).toMatch(/0x4[0-9a-f]{7}:\s+0xedfe0dd0/);
      await guest.expect(PROMPT);
      await guest.output('echo 0 > /proc/sys/kernel/kptr_restrict');
      const address = (await guest.output("grep ' ksys_sync$' /proc/kallsyms")).split(' ')[0]!;
      expect(address).toMatch(/^ffff[0-9a-f]{12}$/);
      let typed = false;
      const commands = ['info threads', `hbreak *0x${address}`, 'continue', 'p/x $pc', 'p $cpsr', 'delete', 'detach'];
      const stop = await runGdb(port, commands, (text) => {
        if (typed || !text.includes('assisted breakpoint 1 at')) return;
        typed = true;
        guest.send('sync; echo synced "$?"\n');
      });
      expect(stop).toMatch(/Thread 1 \(core 0.*\n.*Thread 2 \(core 1/);
      expect(stop).toContain(`$1 = 0x${address}`);
      expect(stop).toMatch(/\$2 = \[.*EL=1.*\]/);
      await guest.expect(/synced 0\r\n/);
      guest.send('poweroff -f\n');
      expect(await guest.ended).toBe(0);
    }),
    LIMIT,
  );
});
