/** What is run in a Linux that has booted, in an initial RAM disk, and what must come of it. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { initramfs } from './debian/initramfs.ts';
import { type Guest, PROMPT } from './guest.ts';
import { alarms, type Boot, bootArguments, type Start } from './machine.ts';
import type { Scene } from './scene.ts';

const STARTED: Record<Start, RegExp[]> = {
  EL1: [/CPU: All CPU\(s\) started at EL1/],
  'EL2, VHE': [/CPU: All CPU\(s\) started at EL2/, /kvm \[1\]: VHE mode initialized successfully/],
  'EL2, nVHE': [/CPU: All CPU\(s\) started at EL2/, /kvm \[1\]: Hyp( nVHE)? mode initialized successfully/],
};
const md5 = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('hex');
/** Bytes that depend on their place. */
function pattern(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  for (let n = 0; n < words.length; n++) words[n] = Math.imul(n ^ 0x5bd1e995, 0x9e3779b1);
  return new Uint8Array(words.buffer);
}
const lines = (last: number): string => Array.from({ length: last }, (_, n) => `${n + 1}\n`).join('');

const DISK_BYTES = 8 << 20;
const WRITTEN_BYTES = 1 << 20;
const SHARED_BYTES = 1 << 20;

/** Boots it, runs everything, powers it off. */
export async function bootAndCheck(boot: Boot, scene: Scene): Promise<void> {
  const content = pattern(DISK_BYTES);
  const disk = scene.file('disk.img', content);
  const shared = join(scene.folder, 'shared');
  mkdirSync(shared);
  writeFileSync(join(shared, 'from-host'), content.subarray(0, SHARED_BYTES));
  const guest = scene.start([
    ...bootArguments(boot, scene.file('initrd', initramfs(boot.kernel))),
    ...['-drive', `file=${disk},format=raw,if=virtio,snapshot=off`],
    ...['-virtfs', `local,path=${shared},mount_tag=shared,security_model=mapped`],
  ]);
  await guest.expect(PROMPT);
  for (const sign of STARTED[boot.start]) expect(guest.text).toMatch(sign);
  // What it says from now on would stand between the output of commands; alarms come all the same, or are in the log at the end.
  await guest.output('dmesg -n 1');

  await processors(guest, boot.vcpus);
  await memory(guest);
  await processes(guest);
  await pipes(guest);
  await block(guest, content);
  const has9p = await guest.output('grep -cw 9p /proc/filesystems || true');
  // Debian's cloud kernels are built without 9P.
  expect(has9p.trim()).toBe(boot.kernel === 'cloud' ? '0' : '1');
  if (has9p.trim() === '1') await folder(guest, content);

  expect(alarms(await guest.output('dmesg'))).toEqual([]);
  guest.send('poweroff -f\n');
  expect({ status: await guest.ended, stderr: guest.stderr }).toEqual({ status: 0, stderr: '' });
  expect(alarms(guest.text)).toEqual([]);
  const after = readFileSync(disk);
  const start = DISK_BYTES - WRITTEN_BYTES;
  expect(md5(after.subarray(0, start))).toBe(md5(content.subarray(0, start)));
  expect(md5(after.subarray(start))).toBe(md5(content.subarray(0, WRITTEN_BYTES)));
  if (has9p.trim() === '1') {
    expect(md5(readFileSync(join(shared, 'from-guest')))).toBe(md5(lines(5000)));
    expect(readFileSync(join(shared, 'inside', 'again'), 'utf8')).toBe('one\ntwo\n');
  }
}

async function processors(guest: Guest, vcpus: number): Promise<void> {
  const info = await guest.output('cat /proc/cpuinfo');
  expect(info.match(/^processor\s*: \d+$/gm)).toHaveLength(vcpus);
  const features = /^Features\s*: (.*)$/m.exec(info)?.[1]?.split(' ') ?? [];
  expect(features).toEqual(expect.arrayContaining(['fp', 'asimd', 'aes', 'sha2', 'crc32', 'atomics', 'paca', 'bti']));
  // Every core takes its own timer's interrupts.
  const timer = (await guest.output('grep arch_timer /proc/interrupts')).trim();
  const counts = timer
    .split(/\s+/)
    .slice(1, 1 + vcpus)
    .map(Number);
  expect(counts.filter((n) => n > 0).length, timer).toBe(vcpus);
}

/** Files in memory: random contents, copied and compared, 96 MiB at once. */
async function memory(guest: Guest): Promise<void> {
  await guest.output(
    'mount -t tmpfs -o size=200m none /tmp && dd if=/dev/urandom of=/tmp/0 bs=1M count=12 2>/dev/null',
  );
  await guest.output('for i in 1 2 3 4 5 6 7; do cp /tmp/$((i-1)) /tmp/$i || exit 1; done');
  const sums = (await guest.output('md5sum /tmp/[0-7]')).trim().split('\n');
  expect(sums).toHaveLength(8);
  expect(new Set(sums.map((line) => line.split(' ')[0])).size).toBe(1);
  await guest.output('cmp /tmp/0 /tmp/7 && rm /tmp/[0-7]');
}

/** Many processes at once, each with a program of its own, whose statuses are counted. */
async function processes(guest: Guest): Promise<void> {
  const storm =
    'n=0; for i in $(seq 100); do /bin/sh -c "exit $((i % 7))" & done; for p in $(jobs -p); do wait $p || n=$((n+1)); done; echo "failed $n"';
  expect(await guest.output(storm)).toContain(`failed ${100 - Math.floor(100 / 7)}`);
}

async function pipes(guest: Guest): Promise<void> {
  const sum = await guest.output('seq 1 40000 | gzip | gzip -1 | zcat | gunzip | md5sum');
  expect(sum.split(' ')[0]).toBe(md5(lines(40000)));
}

/** Reads all of the disk, writes its start to its end, past the page cache. */
async function block(guest: Guest, content: Uint8Array): Promise<void> {
  expect((await guest.output('cat /sys/block/vda/size')).trim()).toBe(`${DISK_BYTES / 512}`);
  expect((await guest.output('md5sum /dev/vda')).split(' ')[0]).toBe(md5(content));
  const blocks = WRITTEN_BYTES / 65536;
  await guest.output(
    `dd if=/dev/vda of=/dev/vda bs=64k count=${blocks} seek=${DISK_BYTES / 65536 - blocks} conv=fsync 2>/dev/null`,
  );
  await guest.output('echo 3 > /proc/sys/vm/drop_caches');
  const sum = await guest.output(`tail -c ${WRITTEN_BYTES} /dev/vda | md5sum`);
  expect(sum.split(' ')[0]).toBe(md5(content.subarray(0, WRITTEN_BYTES)));
}

async function folder(guest: Guest, content: Uint8Array): Promise<void> {
  await guest.output('mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072 shared /mnt');
  expect((await guest.output('md5sum /mnt/from-host')).split(' ')[0]).toBe(md5(content.subarray(0, SHARED_BYTES)));
  await guest.output('seq 1 5000 > /mnt/from-guest && mkdir /mnt/inside && echo one > /mnt/inside/file');
  await guest.output(
    'mv /mnt/inside/file /mnt/inside/again && echo two >> /mnt/inside/again && chmod 600 /mnt/inside/again',
  );
  expect(await guest.output('stat -c %a /mnt/inside/again')).toBe('600\n');
  expect((await guest.output('ls -1 /mnt /mnt/inside')).split('\n')).toEqual(
    expect.arrayContaining(['from-guest', 'from-host', 'inside', 'again']),
  );
  expect((await guest.run('cat /mnt/none 2>&1')).status).toBe(1);
  await guest.output('umount /mnt');
}
