/** What users get wrong: each time one line that says what it is, status 2, and all files as they were. By the command, as users run it. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildElf, code } from '../support/elf-builder.ts';
import { startTrireme } from '../support/trireme.ts';

const KERNEL_BYTES = 200_000;

/** An Image that is an EFI application: the header says that a section reaches to the file's end. */
function efiImage(): Uint8Array {
  const bytes = new Uint8Array(KERNEL_BYTES).map((_, n) => Math.imul(n, 0x9e3779b1) >>> 24);
  const view = new DataView(bytes.buffer);
  bytes.fill(0, 0, 0x200);
  bytes.set([0x4d, 0x5a]);
  view.setBigUint64(16, BigInt(KERNEL_BYTES), true);
  view.setUint32(56, 0x644d5241, true);
  view.setUint32(60, 64, true);
  bytes.set([0x50, 0x45, 0, 0, 0x64, 0xaa, 1, 0], 64);
  const section = 64 + 24;
  view.setUint32(section + 16, KERNEL_BYTES - 0x200, true);
  view.setUint32(section + 20, 0x200, true);
  return bytes;
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-bad-'));
  const put = (name: string, bytes: Uint8Array): void => writeFileSync(join(folder, name), bytes);
  const kernel = efiImage();
  const gzip = gzipSync(kernel);
  const elf = buildElf({ segments: [{ address: 0x40001000, bytes: code(0xd503201f), memoryBytes: 4096 }] });
  put('kernel', kernel);
  put('cut', kernel.subarray(0, KERNEL_BYTES - 1));
  put('cut-header', kernel.subarray(0, 40));
  put('cut.gz', gzip.subarray(0, gzip.length / 2));
  put(
    'damaged.gz',
    gzip.map((byte, n) => (n === 5000 ? byte ^ 0xff : byte)),
  );
  put('cut.elf', elf.subarray(0, 100));
  put(
    'damaged.elf',
    elf.map((byte, n) => (n === 0x38 ? 0xff : byte)),
  );
  put(
    'other.elf',
    elf.map((byte, n) => (n === 18 ? 62 : byte)),
  );
  put('empty', new Uint8Array(0));
  put('disk', new Uint8Array(1 << 20));
  put('large', new Uint8Array(0));
  truncateSync(join(folder, 'large'), 96 << 20);
  mkdirSync(join(folder, 'shared'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function contents(): Record<string, string> {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  const hash = (name: string) =>
    createHash('sha1')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
  return Object.fromEntries(files.map(({ name }) => [name, hash(name)]));
}

const disk = (name: string, more = ''): string => `-drive file=${name},format=raw,if=virtio,snapshot=off${more}`;

describe('one line, status 2, no file changed', () => {
  test.each([
    ['-kernel cut', /cut: truncated kernel/],
    ['-kernel cut-header', /cut-header: truncated kernel/],
    ['-kernel cut.gz', /cut\.gz: damaged or truncated gzip data/],
    ['-kernel damaged.gz', /damaged\.gz: damaged or truncated gzip data/],
    ['-kernel cut.elf', /cut\.elf: truncated ELF file/],
    ['-kernel damaged.elf', /damaged\.elf: /],
    ['-kernel other.elf', /other\.elf: .*AArch64/],
    ['-kernel empty', /empty: an empty file is no kernel/],
    ['-kernel none', /none: no such file/],
    ['-kernel .', /: not a file/],
    ['-kernel kernel -initrd none', /none: no such file/],
    ['-kernel kernel -dtb disk', /disk: not a device tree blob/],
    [`-kernel kernel ${disk('none.img')}`, /none\.img: no such file/],
    [`-kernel kernel ${disk('shared')}`, /shared: is a directory/],
    [`-kernel kernel ${disk('disk')} ${disk('disk')}`, /disk is to be written, and is used twice/],
    ['-kernel large -m 64M', /large: too large for memory/],
    ['-kernel kernel -initrd large -m 64M', /large: too large for memory/],
    ['-kernel kernel -device loader,file=large,addr=0x40000000,force-raw=on -m 64M', /large/],
    ['-kernel kernel -device loader,file=disk,addr=0x40210000,force-raw=on', /overlap in memory/],
    ['-kernel kernel -device loader,file=disk,addr=0x09000000,force-raw=on', /there is no memory at 0x9000000/],
    [
      '-kernel kernel -device virtio-rng-device,bus=virtio-mmio-bus.3 -device virtio-rng-device,bus=virtio-mmio-bus.3',
      /two virtio devices want transport 3/,
    ],
    ['-bios large', /large: too large: the flash has 64 MiB/],
    [
      '-kernel kernel -drive if=pflash,file=disk,format=raw,snapshot=off',
      /disk: a flash image must have 67108864 bytes/,
    ],
    ['-kernel kernel -virtfs local,path=none,mount_tag=x,security_model=mapped', /share the folder .*none: no such/],
    ['-kernel kernel -m 1T', /memory .*up to 255 GiB/],
  ])('%s', async (line, message) => {
    const before = contents();
    const { status, stdout, stderr } = await startTrireme(
      ['qemu', '-M', 'virt', '-cpu', 'max', '-nographic', ...line.split(' ')],
      '',
      folder,
    ).ended;
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^trireme: [^\n]+\n$/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(contents()).toEqual(before);
  });
});
