/**
 * Debian trixie on a raw disk. The first stage comes from `fetch.sh rootfs`; the second configures the packages, which needs an arm64
 * machine: QEMU, so that what comes of it does not depend on what is tested with it. Made once and kept in the cache.
 *
 *   node tests/boot/debian/rootfs.ts     makes it, prints its path
 */

import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { virtArguments } from '../machine.ts';
import { initramfs } from './initramfs.ts';
import { fileOf, kernelOf, unavailable } from './packages.ts';

const run = promisify(execFile);

/** The kernel that boots it. */
export const ROOT_KERNEL = '6.12';

const SECOND_STAGE = `
fail() { echo "second stage: $1"; poweroff -f; }
mount -t ext4 /dev/vda /mnt || fail mount
for folder in proc sys dev; do mount --bind /$folder /mnt/$folder; done
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive
# By their paths: busybox has commands of the same names.
chroot /mnt /debootstrap/debootstrap --second-stage || fail debootstrap
# As root: apt's own user may not look into root's folder.
chroot /mnt /bin/sh -c 'apt-get -y --no-install-recommends -o APT::Sandbox::User=root install /root/packages/*.deb' || fail apt-get
rm -r /mnt/root/packages
chroot /mnt /usr/bin/passwd -d root || fail passwd
echo trireme > /mnt/etc/hostname
echo '/dev/vda / ext4 defaults 0 1' > /mnt/etc/fstab
for folder in dev sys proc; do umount /mnt/$folder; done
umount /mnt || mount -o remount,ro /mnt || fail umount
echo 'second stage: good'
poweroff -f
`;

/** Modules that mount the root file system. */
const MODULES = ['virtio_mmio', 'virtio_blk', 'virtio_rng', 'crc32c_generic', 'ext4'];

/** An initial RAM disk that mounts /dev/vda and goes on with the init there. */
export const rootInitramfs = (): Uint8Array =>
  initramfs(
    ROOT_KERNEL,
    MODULES,
    'mount -t ext4 /dev/vda /mnt && umount /sys /proc && exec switch_root /mnt /sbin/init\n',
  );

export const rootImage = (): string => fileOf('rootfs', 'rootfs.ext4');

/** Makes the image if it is not there, which takes some minutes. Yields null, or one line that says why it is not to be had. */
export async function rootUnavailable(): Promise<string | null> {
  const missing = await unavailable('busybox', ROOT_KERNEL, 'rootfs');
  if (missing !== null || existsSync(rootImage())) return missing;
  const chroot = join(import.meta.dirname, '..', '..', 'differential', 'qemu-chroot.sh');
  const work = `${rootImage()}.${process.pid}`;
  const initrd = `${work}.initrd`;
  // What the guest shows, as it comes.
  const log = `${rootImage()}.log`;
  try {
    const qemu = (await run('sh', [chroot])).stdout.trim();
    await run('cp', ['--sparse=always', fileOf('rootfs', 'first-stage.ext4'), work]);
    writeFileSync(initrd, initramfs(ROOT_KERNEL, MODULES, SECOND_STAGE));
    await run(
      qemu,
      [
        ...[...virtArguments(2, '1G'), '-serial', `file:${log}`, '-monitor', 'none', '-nic', 'none', '-no-reboot'],
        ...['-kernel', kernelOf(ROOT_KERNEL).image, '-initrd', initrd, '-append', 'console=ttyAMA0 quiet panic=-1'],
        ...['-global', 'virtio-mmio.force-legacy=false', '-drive', `file=${work},format=raw,if=none,id=root`],
        ...['-device', 'virtio-blk-device,drive=root', '-device', 'virtio-rng-device'],
      ],
      { timeout: 3_600_000 },
    );
    if (!readFileSync(log, 'latin1').includes('second stage: good')) return `the second stage failed; ${log} shows it`;
    renameSync(work, rootImage());
    return null;
  } catch (error) {
    return `the second stage needs QEMU: ${(error as Error).message.split('\n')[0]}`;
  } finally {
    for (const file of [work, initrd]) rmSync(file, { force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const missing = await rootUnavailable();
  console.log(missing ?? rootImage());
  process.exitCode = missing === null ? 0 : 1;
}
