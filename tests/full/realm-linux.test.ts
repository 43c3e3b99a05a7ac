/** Stock Linux as a realm: Debian's newest cloud kernel with busybox, started by the bundled host, up to a shell and down again. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initramfs } from '../boot/debian/initramfs.ts';
import { kernelOf, titled, unavailable } from '../boot/debian/packages.ts';
import { command, worlds } from '../firmware/worlds.ts';

const SECONDS = 1800;
const missing = await unavailable('busybox', 'cloud');

describe.skipIf(missing !== null)(titled('Linux as a realm', missing), () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'realm-linux-'));
    copyFileSync(kernelOf('cloud').image, join(folder, 'Image'));
    writeFileSync(join(folder, 'initrd'), initramfs('cloud', ['virtio_mmio', 'virtio_blk']));
    writeFileSync(join(folder, 'disk'), Buffer.alloc(64 << 10, 'on the disk\n'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    [[], ''],
    [[], '-d disk'],
    [['--enable-mec'], '-d disk'],
  ])('boots to a shell with two cores: %j, %s', { timeout: (SECONDS + 60) * 1000 }, async (mec, disk) => {
    const { host, rmm } = await worlds(
      [...mec, '-m', '2G', '--share', folder],
      [
        command('mount -t 9p share0 /mnt; cd /mnt'),
        command(`lkvm run --realm --restricted_mem -m 512 -c 2 -k Image -i initrd ${disk} -p rodata=full`),
        ['host:~ # ', 'dmesg | grep RME; head -c 11 /dev/vda; echo; nproc; poweroff -f\\n'],
      ],
      SECONDS,
    );
    expect(host).toMatch(/RME: Using RSI version 1\.\d/);
    expect(host).toMatch(disk === '' ? /vda: No such file or directory\s+2\n/ : /on the disk\s+2\n/);
    expect(host).toContain(' # KVM session ended normally.');
    expect(rmm).toMatch(/^SMC_RMI_REALM_DESTROY .*> RMI_SUCCESS$/m);
  });
});
