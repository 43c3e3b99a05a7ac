/** Makes initial RAM file systems: cpio archives in the format `newc` (Linux: Documentation/driver-api/early-userspace/buffer-format). */
import { readFileSync } from 'node:fs';
import { fileOf, type KernelName, kernelOf, moduleObjects } from './packages.ts';

interface Entry {
  /** Without a leading slash. */
  readonly path: string;
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number;
  readonly content: Uint8Array;
}

const FOLDER = 0o040755;
const PROGRAM = 0o100755;
const LINK = 0o120777;

/** A header and its name, and then the content, each take a multiple of 4 bytes. */
export function cpio(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const padding = (length: number): Uint8Array => new Uint8Array(-length & 3);
  const add = ({ path, mode, content }: Entry, inode: number): void => {
    const name = `${path}\0`;
    const [uid, gid, time, device] = [0, 0, 0, 0];
    const fields = [inode, mode, uid, gid, 1, time, content.length, device, device, device, device, name.length, 0];
    const head = Buffer.from(`070701${fields.map((f) => f.toString(16).padStart(8, '0')).join('')}${name}`, 'latin1');
    parts.push(head, padding(head.length), content, padding(content.length));
  };
  entries.forEach((entry, n) => void add(entry, n + 1));
  add({ path: 'TRAILER!!!', mode: 0, content: new Uint8Array(0) }, 0);
  return Buffer.concat(parts);
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Devices that the tests use, as modules of Debian's kernels. */
export const DEVICES = [
  'virtio_mmio',
  'virtio_blk',
  'virtio_console',
  'virtio_rng',
  '9pnet_virtio',
  '9p',
  'gpio_keys',
  'evdev',
];

/** Start of PID 1: mounts, inserts the modules. */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /mnt
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod $module; done
`;
/** PID 1 becomes a shell on the kernel's console. */
export const SHELL = 'exec setsid cttyhack sh\n';

/** Busybox and a kernel's modules; a script says how PID 1 goes on when these are inserted. `more`: programs, by path. */
export function initramfs(
  kernel: KernelName,
  wanted = DEVICES,
  script = SHELL,
  more: readonly { path: string; content: string }[] = [],
): Uint8Array {
  const folders = ['bin', 'modules'].map((path) => ({ path, mode: FOLDER, content: new Uint8Array(0) }));
  const modules = moduleObjects(kernelOf(kernel), wanted).map(({ name, bytes }, n) => ({
    path: `modules/${String(n).padStart(2, '0')}-${name}.ko`,
    mode: PROGRAM,
    content: bytes,
  }));
  return cpio([
    ...folders,
    { path: 'bin/busybox', mode: PROGRAM, content: readFileSync(fileOf('busybox', 'usr/bin/busybox')) },
    { path: 'bin/sh', mode: LINK, content: text('busybox') },
    ...modules,
    ...more.map(({ path, content }) => ({ path, mode: PROGRAM, content: text(content) })),
    { path: 'init', mode: PROGRAM, content: text(INIT + script) },
  ]);
}
