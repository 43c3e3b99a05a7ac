/** Firmware of Debian's packages on `virt`, by the command: U-Boot, EDK2. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { initramfs } from './debian/initramfs.ts';
import { fileOf, kernelOf, titled, unavailable } from './debian/packages.ts';
import { PROMPT } from './guest.ts';
import { alarms, virtArguments } from './machine.ts';
import { staged } from './scene.ts';

/** Longest for a test, in ms. */
const LIMIT = 900_000;

const uBoot = await unavailable('u-boot');
describe.skipIf(uBoot !== null)(titled('U-Boot', uBoot), () => {
  const bios = () => fileOf('u-boot', 'usr', 'lib', 'u-boot', 'qemu_arm64', 'u-boot.bin');
  test.each(['', ',virtualization=on'])(
    'its prompt on virt%s, a disk, power off',
    (options) =>
      staged(async (scene) => {
        const disk = scene.file('disk.img', Buffer.alloc(1 << 20, 'sixteen bytes..\n'));
        const guest = scene.start([
          ...virtArguments(2, '512M'),
          ...['-M', `virt${options}`, '-bios', bios()],
          ...['-drive', `file=${disk},format=raw,if=virtio,readonly=on`],
        ]);
        /** Types a command at the prompt, which it awaits: a command that asks for Ctrl+C eats what is typed before. */
        const type = async (command: string) => {
          await guest.expect(/=> $/m);
          guest.send(`${command}\n`);
        };
        await guest.expect(/Hit any key to stop autoboot/);
        guest.send('\n');
        await type('bdinfo');
        // All of memory, at its place.
        await guest.expect(/-> start\s+= 0x0000000040000000\s+-> size\s+= 0x0000000020000000/);
        await type('virtio scan; virtio info');
        await guest.expect(/Device 0: .*VirtIO Block Device/);
        await type('virtio read 0x48000000 0x10 2; md.b 0x480003f0 0x10');
        await guest.expect(/480003f0: 73 69 78 74 65 65 6e 20 62 79 74 65 73 2e 2e 0a/);
        await type('poweroff');
        expect({ status: await guest.ended, stderr: guest.stderr }).toEqual({ status: 0, stderr: '' });
      })(),
    LIMIT,
  );
});

const edk2 = await unavailable('edk2');
describe.skipIf(edk2 !== null)(titled('EDK2', edk2), () => {
  const flash = (name: string) => fileOf('edk2', 'usr', 'share', 'AAVMF', name);

  test(
    'its boot menu, from two flash banks, whose variables stay; disks in the order asked for',
    staged(async (scene) => {
      const vars = scene.file('vars.fd', new Uint8Array(64 << 20));
      const disk = scene.file('disk.img', new Uint8Array(1 << 20));
      const blank = (id: string, place: string): string[] => [
        ...['-drive', `if=none,id=${id},file=${disk},format=raw,readonly=on`],
        ...['-device', `virtio-blk-device,drive=${id}${place}`],
      ];
      const guest = scene.start([
        ...virtArguments(1, '512M'),
        ...['-drive', `if=pflash,format=raw,file=${flash('AAVMF_CODE.no-secboot.fd')},readonly=on`],
        ...['-drive', `if=pflash,format=raw,file=${vars},snapshot=off`],
        ...[...blank('a', ',bootindex=5'), ...blank('b', ''), ...blank('c', ',bootindex=8')],
      ]);
      await guest.expect(/Press any key to enter the Boot Manager Menu/);
      guest.send('x');
      // By itself it goes from the lowest transport up: c, b, a. What has no place comes last, and is not tried.
      const tried = guest.text.matchAll(/failed to load Boot\d+ .*,00(\w\w)000A00000000\)/g);
      expect([...tried].map(([, transport]) => transport)).toEqual(['3E', '3A']);
      await guest.expect(/Please select boot device:.*EFI Internal Shell.*ESC to exit/s);
      // Three down, behind two disks and the setup: the shell.
      guest.send('\x1b[B\x1b[B\x1b[B\r');
      await guest.expect(/Shell> /);
      guest.send('reset -s\r');
      expect(await guest.ended).toBe(0);
      // A firmware volume with variables was made in the empty flash (UEFI PI, 3.2.1: its header has `_FVH` at 40).
      expect(readFileSync(vars).toString('latin1', 40, 44)).toBe('_FVH');
    }),
    LIMIT,
  );
});

const missing = await unavailable('edk2', 'efi-shell');
describe.skipIf(missing !== null)(titled("EDK2's shell", missing), () => {
  test(
    'is loaded as a kernel, shows memory and devices, powers off',
    staged(async (scene) => {
      const shell = fileOf('efi-shell', 'usr', 'share', 'efi-shell-aa64', 'shellaa64.efi');
      const bios = fileOf('edk2', 'usr', 'share', 'qemu-efi-aarch64', 'QEMU_EFI.fd');
      const guest = scene.start([...virtArguments(1, '512M'), '-bios', bios, '-kernel', shell]);
      await guest.expect(/Shell> /);
      guest.send('ver\r');
      await guest.expect(/UEFI v2\.\d+/);
      guest.send('reset -s\r');
      expect({ status: await guest.ended, stderr: guest.stderr }).toEqual({ status: 0, stderr: '' });
    }),
    LIMIT,
  );
});

const stub = await unavailable('edk2', 'busybox', '6.12');
describe.skipIf(stub !== null)(titled("Linux's EFI stub", stub), () => {
  test(
    'starts from EDK2, boots to a shell, powers off',
    staged(async (scene) => {
      const guest = scene.start([
        ...virtArguments(1, '512M'),
        ...['-bios', fileOf('edk2', 'usr', 'share', 'qemu-efi-aarch64', 'QEMU_EFI.fd')],
        ...['-kernel', kernelOf('6.12').image, '-initrd', scene.file('initrd', initramfs('6.12'))],
        ...['-append', 'console=ttyAMA0 panic=-1'],
      ]);
      await guest.expect(/EFI stub: Exiting boot services/);
      await guest.expect(PROMPT);
      expect(guest.text).toMatch(/efi: EFI v2\.\d+ by Debian|efi: EFI v2/);
      // Variables and time come from the firmware's runtime services.
      expect(await guest.output('dmesg | grep -c "efi: "')).not.toBe('0\n');
      guest.send('poweroff -f\n');
      expect(await guest.ended).toBe(0);
      expect(alarms(guest.text)).toEqual([]);
    }),
    LIMIT,
  );
});
