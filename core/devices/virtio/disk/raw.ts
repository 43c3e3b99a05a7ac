/** A raw image: a file, or a block device of the host, whose bytes are the disk's. */
import * as fs from 'node:fs';
import { fileReason, UserError } from '../../../system/errors.ts';
import { type Disk, SECTOR } from './disk.ts';

const ZEROS = new Uint8Array(1 << 16);

/** Opens an image and finds its size in bytes; throws UserError. The caller closes `fd`. */
export function openImage(file: string, writing: boolean): { fd: number; bytes: number } {
  let fd = -1;
  try {
    // A pipe without a writer would make the open wait for ever.
    const wait = fs.constants.O_NONBLOCK ?? 0;
    fd = fs.openSync(file, (writing ? fs.constants.O_RDWR : fs.constants.O_RDONLY) | wait);
    const stat = fs.fstatSync(fd);
    if (stat.isFile()) return { fd, bytes: stat.size };
    if (stat.isBlockDevice()) return { fd, bytes: deviceBytes(fd) };
  } catch (error) {
    if (fd >= 0) fs.closeSync(fd);
    throw new UserError(`cannot open the disk image ${file}: ${fileReason(error)}`);
  }
  fs.closeSync(fd);
  throw new UserError(`cannot use ${file} as a disk image: it is neither a file nor a block device`);
}

/** The size of a block device: Node has no call for it, but reading stops at the end. */
function deviceBytes(fd: number): number {
  const probe = new Uint8Array(SECTOR);
  const exists = (sector: number): boolean => fs.readSync(fd, probe, 0, SECTOR, sector * SECTOR) > 0;
  if (!exists(0)) return 0;
  let [low, high] = [0, 1];
  while (exists(high)) [low, high] = [high, 2 * high];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (exists(middle)) low = middle;
    else high = middle;
  }
  return high * SECTOR;
}

export class RawDisk implements Disk {
  readonly bytes: number;
  readonly readonly: boolean;
  // Node cannot punch holes into files.
  readonly discards = false;
  private readonly fd: number;
  /** Where the file ended when it was opened: the rest of its last sector is zeros. */
  private readonly end: number;

  /** Throws UserError. */
  constructor(file: string, writing: boolean) {
    const { fd, bytes } = openImage(file, writing);
    this.fd = fd;
    this.end = bytes;
    this.bytes = Math.ceil(bytes / SECTOR) * SECTOR;
    this.readonly = !writing;
  }

  read(offset: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const count = fs.readSync(this.fd, into, done, into.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    if (done === into.length) return;
    if (offset + done < this.end) throw new Error('the image has become shorter');
    into.fill(0, done);
  }

  write(offset: number, from: Uint8Array): void {
    let done = 0;
    while (done < from.length) done += fs.writeSync(this.fd, from, done, from.length - done, offset + done);
  }

  zero(offset: number, length: number): void {
    for (let done = 0; done < length; done += ZEROS.length) {
      this.write(offset + done, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
    }
  }

  discard(): void {}

  flush(): void {
    if (!this.readonly) fs.fdatasyncSync(this.fd);
  }

  close(): void {
    fs.closeSync(this.fd);
  }
}
