import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Disk } from '../../../core/devices/virtio/disk/disk.ts';
import { CLUSTER, OverlayDisk } from '../../../core/devices/virtio/disk/overlay.ts';
import { RawDisk } from '../../../core/devices/virtio/disk/raw.ts';
import { randomNumbers } from '../../support/random.ts';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'trireme-disk-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function image(bytes: number): { file: string; content: Uint8Array } {
  const random = randomNumbers(bytes);
  const content = Uint8Array.from({ length: bytes }, () => random(256));
  const file = path.join(folder, 'image');
  fs.writeFileSync(file, content);
  return { file, content };
}
const read = (disk: Disk, offset: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length, 0xee);
  disk.read(offset, bytes);
  return bytes;
};

test('a raw image: size rounded up to sectors, the rest reads as zeros; writing goes into the file', () => {
  const { file, content } = image(1300);
  const readonly = new RawDisk(file, false);
  expect([readonly.bytes, readonly.readonly]).toEqual([1536, true]);
  expect(read(readonly, 512, 1024)).toEqual(Buffer.concat([content.subarray(512), Buffer.alloc(236)]));
  expect(() => readonly.write(0, new Uint8Array(512))).toThrow();
  readonly.close();
  const disk = new RawDisk(file, true);
  disk.write(512, new Uint8Array(512).fill(7));
  disk.zero(0, 512);
  disk.flush();
  disk.close();
  const now = fs.readFileSync(file);
  expect([now[0], now[511], now[512], now[1023], now[1024]]).toEqual([0, 0, 7, 7, content[1024]]);
});

test('an image that becomes shorter while it is in use gives errors, not zeros', () => {
  const { file } = image(4096);
  const disk = new RawDisk(file, false);
  fs.truncateSync(file, 1024);
  expect(() => read(disk, 512, 1024)).toThrow('shorter');
  disk.close();
});

test('what cannot be a disk is said in a line', () => {
  const missing = path.join(folder, 'none');
  expect(() => new RawDisk(missing, false)).toThrow(`cannot open the disk image ${missing}: no such file or directory`);
  expect(() => new RawDisk(folder, false)).toThrow('neither a file nor a block device');
  expect(() => new RawDisk('/dev/null', false)).toThrow('neither a file nor a block device');
});

test.each([
  ['in memory', 100],
  ['in a file', 0],
  ['in both', 3],
])('an overlay %s does what a plain copy does, and the image stays as it was', (_name, clusters) => {
  const size = 20 * CLUSTER + 3 * 512;
  const { file, content } = image(size);
  const before = fs.statSync(file).mtimeMs;
  const spill = path.join(folder, 'spill');
  fs.mkdirSync(spill);
  const disk = new OverlayDisk(new RawDisk(file, false), clusters * CLUSTER, spill);
  const model = Buffer.from(content);
  const random = randomNumbers(clusters + 1);
  for (let round = 0; round < 400; round++) {
    const offset = 512 * random(size / 512);
    const length = 512 * (1 + random(Math.min(random(2) ? 8 : 400, (size - offset) / 512)));
    const kind = random(4);
    if (kind === 0) {
      const bytes = new Uint8Array(length).fill(round);
      disk.write(offset, bytes);
      model.set(bytes, offset);
    } else if (kind === 1) {
      disk.zero(offset, length);
      model.fill(0, offset, offset + length);
    } else {
      expect(read(disk, offset, length).equals(model.subarray(offset, offset + length))).toBe(true);
    }
  }
  expect(read(disk, 0, size).equals(model)).toBe(true);
  // Without a name, it goes even if the process is killed.
  expect(fs.readdirSync(spill)).toEqual([]);
  disk.close();
  expect(fs.readFileSync(file).equals(content)).toBe(true);
  expect(fs.statSync(file).mtimeMs).toBe(before);
});

test('discarding gives clusters of the overlay back, and leaves the image alone', () => {
  const { file, content } = image(4 * CLUSTER);
  const disk = new OverlayDisk(new RawDisk(file, false), 2 * CLUSTER, path.join(folder, 'nowhere'));
  const ones = new Uint8Array(2 * CLUSTER).fill(1);
  disk.write(0, ones);
  // Memory is full, and there is no folder for the file: the host's error, and what was there stays.
  expect(() => disk.write(2 * CLUSTER, ones)).toThrow('ENOENT');
  expect(read(disk, 2 * CLUSTER, 512)).toEqual(Buffer.from(content.subarray(2 * CLUSTER, 2 * CLUSTER + 512)));
  disk.discard(512, 2 * CLUSTER);
  expect(read(disk, 512, 1)).toEqual(Buffer.from([1]));
  expect(read(disk, CLUSTER, 1)).toEqual(Buffer.from([0]));
  disk.discard(0, CLUSTER);
  expect(read(disk, 0, CLUSTER).every((byte) => byte === 0)).toBe(true);
  disk.write(2 * CLUSTER, ones.subarray(0, CLUSTER));
  disk.discard(3 * CLUSTER, CLUSTER);
  expect(read(disk, 3 * CLUSTER, 512)).toEqual(Buffer.from(content.subarray(3 * CLUSTER, 3 * CLUSTER + 512)));
  disk.close();
});
