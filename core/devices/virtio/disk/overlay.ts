/**
 * A disk whose base is never written: what is written goes into clusters of 64 KiB, in memory up to a limit, then in a temporary
 * file with holes, and is gone when the disk is closed. Memory: the limit, and one byte for each cluster of the disk's
 * regions (256 MiB each) that have been written.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Disk } from './disk.ts';

export const CLUSTER = 1 << 16;
const REGION = 4096;
export const MEMORY_LIMIT = 64 << 20;

/** Where a cluster is. */
const IN_BASE = 0;
const IN_MEMORY = 1;
const IN_FILE = 2;
const ZERO = 3;

export class OverlayDisk implements Disk {
  readonly bytes: number;
  readonly readonly = false;
  readonly discards = true;
  private readonly base: Disk;
  private readonly folder: string;
  private readonly room: number;
  private readonly regions = new Map<number, Uint8Array>();
  private readonly memory = new Map<number, Uint8Array>();
  private readonly whole = new Uint8Array(CLUSTER);
  private file: { fd: number; name: string; unlinked: boolean } | null = null;

  /** `limit`: bytes of memory for clusters. The base is closed with the overlay. */
  constructor(base: Disk, limit = MEMORY_LIMIT, folder = tmpdir()) {
    this.base = base;
    this.bytes = base.bytes;
    this.room = Math.floor(limit / CLUSTER);
    this.folder = folder;
  }

  read(offset: number, into: Uint8Array): void {
    this.each(offset, into.length, (cluster, within, length, done) => {
      const part = into.subarray(done, done + length);
      switch (this.place(cluster)) {
        case IN_MEMORY:
          part.set(this.memory.get(cluster)!.subarray(within, within + length));
          break;
        case IN_FILE:
          this.readFile(cluster * CLUSTER + within, part);
          break;
        case ZERO:
          part.fill(0);
          break;
        default:
          this.base.read(cluster * CLUSTER + within, part);
      }
    });
  }

  write(offset: number, from: Uint8Array): void {
    this.each(offset, from.length, (cluster, within, length, done) => {
      this.writePart(cluster, within, from.subarray(done, done + length));
    });
  }

  zero(offset: number, length: number): void {
    this.each(offset, length, (cluster, within, count) => {
      if (count === this.sizeOf(cluster)) this.forget(cluster);
      else if (this.place(cluster) !== ZERO) this.writePart(cluster, within, new Uint8Array(count));
    });
  }

  discard(offset: number, length: number): void {
    this.each(offset, length, (cluster, _within, count) => {
      // A cluster of the base takes no room.
      if (count === this.sizeOf(cluster) && this.place(cluster) !== IN_BASE) this.forget(cluster);
    });
  }

  /** Nothing outlives the overlay, so there is nothing to keep safe. */
  flush(): void {}

  close(): void {
    this.base.close();
    this.memory.clear();
    this.regions.clear();
    if (!this.file) return;
    const { fd, name, unlinked } = this.file;
    this.file = null;
    fs.closeSync(fd);
    if (!unlinked) fs.rmSync(name, { force: true });
  }

  /** Cuts a range at the borders of clusters. */
  private each(
    offset: number,
    length: number,
    work: (cluster: number, within: number, length: number, done: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const cluster = Math.floor((offset + done) / CLUSTER);
      const within = offset + done - cluster * CLUSTER;
      const count = Math.min(CLUSTER - within, length - done);
      work(cluster, within, count, done);
      done += count;
    }
  }

  private sizeOf(cluster: number): number {
    return Math.min(CLUSTER, this.bytes - cluster * CLUSTER);
  }

  private place(cluster: number): number {
    return this.regions.get(Math.floor(cluster / REGION))?.[cluster % REGION] ?? IN_BASE;
  }
  private setPlace(cluster: number, place: number): void {
    const region = Math.floor(cluster / REGION);
    let places = this.regions.get(region);
    if (!places) this.regions.set(region, (places = new Uint8Array(REGION)));
    places[cluster % REGION] = place;
  }

  private forget(cluster: number): void {
    this.memory.delete(cluster);
    this.setPlace(cluster, ZERO);
  }

  private writePart(cluster: number, within: number, bytes: Uint8Array): void {
    const place = this.place(cluster);
    if (place === IN_MEMORY) this.memory.get(cluster)!.set(bytes, within);
    else if (place === IN_FILE) this.writeFile(cluster * CLUSTER + within, bytes);
    else this.add(cluster, within, bytes);
  }

  /** Gives a cluster storage of its own. It is seen only when all of it is there: the host may be out of space. */
  private add(cluster: number, within: number, bytes: Uint8Array): void {
    const size = this.sizeOf(cluster);
    const inMemory = this.memory.size < this.room;
    const data = inMemory ? new Uint8Array(size) : this.whole.subarray(0, size);
    if (bytes.length < size) this.read(cluster * CLUSTER, data);
    data.set(bytes, within);
    if (inMemory) this.memory.set(cluster, data);
    else this.writeFile(cluster * CLUSTER, data);
    this.setPlace(cluster, inMemory ? IN_MEMORY : IN_FILE);
  }

  private readFile(offset: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const count = fs.readSync(this.openFile(), into, done, into.length - done, offset + done);
      if (count === 0) throw new Error('the temporary file has become shorter');
      done += count;
    }
  }
  private writeFile(offset: number, from: Uint8Array): void {
    let done = 0;
    while (done < from.length) done += fs.writeSync(this.openFile(), from, done, from.length - done, offset + done);
  }

  private openFile(): number {
    if (this.file) return this.file.fd;
    const name = path.join(this.folder, `trireme-overlay-${randomUUID()}`);
    const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
    const fd = fs.openSync(name, O_RDWR | O_CREAT | O_EXCL, 0o600);
    // Without a name it goes away even if we fall; hosts that cannot do that remove it in the end.
    let unlinked = true;
    try {
      fs.unlinkSync(name);
    } catch {
      unlinked = false;
    }
    this.file = { fd, name, unlinked };
    return fd;
  }
}
