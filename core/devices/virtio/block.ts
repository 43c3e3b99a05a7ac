/** Block device (virtio 1.2, section 5.2) over a disk. Data pass through a buffer of 256 KiB, whatever a request's size. */
import type { Backend } from './backend.ts';
import { type Disk, SECTOR } from './disk/disk.ts';
import type { Request, VirtQueue } from './queue.ts';

/** Requests (5.2.6) and their results. */
const TYPE = { read: 0, write: 1, flush: 4, getId: 8, discard: 11, writeZeroes: 13 } as const;
const OK = 0;
const IO_ERROR = 1;
const UNSUPPORTED = 2;
const FLUSH_FEATURE = 9;
const UNMAP = 1;

const HEADER_BYTES = 16;
const RANGE_BYTES = 16;
const ID_BYTES = 20;
const PIECE = 1 << 18;
/** Requests that are served before other devices have their turn. */
const TURN = 16;

/** Limits that the configuration space tells: buffers of data in a request; sectors of a range, ranges in a request. */
export const SEGMENTS = 254;
export const DISCARD_SECTORS = 1 << 22;
export const DISCARD_SEGMENTS = 32;
export const ZERO_SECTORS = 1 << 15;
export const ZERO_SEGMENTS = 1;

/** The request is refused with this result. */
class Refused extends Error {
  readonly result: number;
  constructor(result: number) {
    super();
    this.result = result;
  }
}

export class BlockBackend implements Backend {
  private readonly queue: VirtQueue;
  private readonly disk: Disk;
  private readonly serial: string;
  private readonly buffer = new Uint8Array(PIECE);

  constructor(queue: VirtQueue, disk: Disk, serial: string) {
    this.queue = queue;
    this.disk = disk;
    this.serial = serial;
  }

  serve(): boolean {
    for (let turn = 0; turn < TURN; turn++) {
      const request = this.queue.pop();
      if (!request) return false;
      this.run(request);
    }
    return true;
  }

  /** What was written to the overlay stays. */
  reset(): void {}

  close(): void {
    this.disk.close();
  }

  private run(request: Request): void {
    const room = request.writable.total - 1;
    // Without room for the result the driver cannot be told anything.
    if (room < 0) {
      this.queue.breakDown(request);
      return;
    }
    let written = 0;
    let result = OK;
    try {
      written = this.execute(request, room);
    } catch (error) {
      // Errors of the host's files are the disk's errors: it vanished, is full, was cut short.
      result = error instanceof Refused ? error.result : IO_ERROR;
    }
    this.queue.scatter(request, room, new Uint8Array([result]));
    this.queue.push(request, written + 1);
  }

  /** Yields how many bytes were written to the driver's room. */
  private execute(request: Request, room: number): number {
    const header = new Uint8Array(HEADER_BYTES);
    if (!this.queue.gather(request, 0, header)) throw new Refused(IO_ERROR);
    const view = new DataView(header.buffer);
    const sector = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
    const sent = request.readable.total - HEADER_BYTES;
    switch (view.getUint32(0, true)) {
      case TYPE.read:
        this.check(sector, room);
        this.pieces(room, (done, piece) => {
          this.disk.read(sector * SECTOR + done, piece);
          if (!this.queue.scatter(request, done, piece)) throw new Refused(IO_ERROR);
        });
        return room;
      case TYPE.write:
        this.checkWritable();
        this.check(sector, sent);
        this.pieces(sent, (done, piece) => {
          if (!this.queue.gather(request, HEADER_BYTES + done, piece)) throw new Refused(IO_ERROR);
          this.disk.write(sector * SECTOR + done, piece);
        });
        this.writtenThrough();
        return 0;
      case TYPE.flush:
        this.disk.flush();
        return 0;
      case TYPE.getId: {
        const id = new Uint8Array(Math.min(ID_BYTES, room));
        id.set(new TextEncoder().encode(this.serial).subarray(0, id.length));
        if (!this.queue.scatter(request, 0, id)) throw new Refused(IO_ERROR);
        return id.length;
      }
      case TYPE.discard:
        if (!this.disk.discards) throw new Refused(UNSUPPORTED);
        this.ranges(request, sent, DISCARD_SEGMENTS, DISCARD_SECTORS, 0, (at, length) => this.disk.discard(at, length));
        return 0;
      case TYPE.writeZeroes:
        this.ranges(request, sent, ZERO_SEGMENTS, ZERO_SECTORS, UNMAP, (at, length) => this.disk.zero(at, length));
        this.writtenThrough();
        return 0;
      default:
        throw new Refused(UNSUPPORTED);
    }
  }

  private checkWritable(): void {
    if (this.disk.readonly) throw new Refused(IO_ERROR);
  }
  private check(sector: number, length: number): void {
    if (length % SECTOR !== 0 || sector + length / SECTOR > this.disk.bytes / SECTOR) throw new Refused(IO_ERROR);
  }
  private pieces(length: number, work: (done: number, piece: Uint8Array) => void): void {
    for (let done = 0; done < length; done += PIECE) {
      work(done, this.buffer.subarray(0, Math.min(PIECE, length - done)));
    }
  }
  /** Drivers that do not know of flushing expect that what is written is safe (5.2.6.2). */
  private writtenThrough(): void {
    if (!this.queue.transport.accepted(FLUSH_FEATURE)) this.disk.flush();
  }

  /** The ranges of discard and write zeroes: sector (64 bits), sectors, flags. All are checked before the first is done. */
  private ranges(
    request: Request,
    sent: number,
    maxRanges: number,
    maxSectors: number,
    flagsAllowed: number,
    work: (offset: number, length: number) => void,
  ): void {
    this.checkWritable();
    if (sent < RANGE_BYTES || sent % RANGE_BYTES !== 0 || sent / RANGE_BYTES > maxRanges) throw new Refused(IO_ERROR);
    const bytes = new Uint8Array(sent);
    if (!this.queue.gather(request, HEADER_BYTES, bytes)) throw new Refused(IO_ERROR);
    const view = new DataView(bytes.buffer);
    const ranges = Array.from({ length: sent / RANGE_BYTES }, (_, i) => {
      const at = i * RANGE_BYTES;
      if (view.getUint32(at + 12, true) & ~flagsAllowed) throw new Refused(UNSUPPORTED);
      const sector = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      const sectors = view.getUint32(at + 8, true);
      if (sectors > maxSectors) throw new Refused(IO_ERROR);
      this.check(sector, sectors * SECTOR);
      return [sector * SECTOR, sectors * SECTOR] as const;
    });
    for (const [offset, length] of ranges) work(offset, length);
  }
}
