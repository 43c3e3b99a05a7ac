/**
 * A 9P2000.L server for one client: a request in, its answer out, at once. What the client makes it hold is bounded (`fids.ts`);
 * a message takes at most `MAX_MESSAGE` bytes, and so does its answer.
 */
import * as fs from 'node:fs';
import { errorNumber, NinepError } from './errors.ts';
import { type Fid, Fids } from './fids.ts';
import { type Attributes, type Changes, type Owner, S_IF, type SharedFolder } from './folder.ts';
import { MessageReader, MessageWriter } from './message.ts';
import {
  ERROR_REPLY,
  GET_BASIC,
  HEADER_BYTES,
  LOCK_SUCCESS,
  LOCK_TYPE_UNLOCK,
  MAX_WALK,
  OPEN,
  QID,
  REMOVE_FOLDER,
  SET,
  T,
} from './protocol.ts';
import type { TreePath } from './tree.ts';

/** Largest msize that is agreed to. */
export const MAX_MESSAGE = 1 << 20;
const MIN_MESSAGE = 4096;
const VERSION = '9P2000.L';
/** V9FS_MAGIC: the file system's kind, as statfs tells it. */
const STATFS_TYPE = 0x01021997;
const NAME_BYTES = 255;
const { O_RDONLY, O_WRONLY, O_RDWR, O_TRUNC, O_APPEND } = fs.constants;

type Handler = (m: MessageReader, reply: MessageWriter) => void;

export class NinepServer {
  private readonly folder: SharedFolder;
  private readonly fids = new Fids();
  private readonly devices = new Map<bigint, number>();
  private msize = MAX_MESSAGE;
  private readonly handlers: Readonly<Record<number, Handler>>;

  constructor(folder: SharedFolder) {
    this.folder = folder;
    this.handlers = this.table();
  }

  /** The client is gone, or begins anew. */
  reset(): void {
    this.fids.clear();
    this.msize = MAX_MESSAGE;
  }
  close(): void {
    this.fids.clear();
    this.folder.close();
  }

  /** Answers a message; `limit`: bytes there is room for. Empty if not even an error fits. */
  answer(request: Uint8Array, limit: number): Uint8Array {
    const room = Math.min(limit, this.msize);
    if (room < HEADER_BYTES + 4) return new Uint8Array(0);
    let type = 0;
    let tag = 0xffff;
    try {
      const reader = new MessageReader(request);
      const size = reader.u32();
      type = reader.u8();
      tag = reader.u16();
      // Less than what is there is let pass: older kernels do not count the data of a write.
      if (size > request.length || request.length > this.msize) throw new NinepError('EPROTO');
      const handler = this.handlers[type];
      if (!handler) throw new NinepError('EOPNOTSUPP');
      const reply = begin(room, type + 1, tag);
      handler(reader, reply);
      return end(reply);
    } catch (error) {
      return end(begin(room, ERROR_REPLY, tag).u32(errorNumber(error)));
    }
  }

  private table(): Record<number, Handler> {
    return {
      [T.version]: (m, reply) => this.version(m, reply),
      [T.auth]: () => {
        throw new NinepError('EOPNOTSUPP');
      },
      [T.attach]: (m, reply) => this.attach(m, reply),
      // Requests are answered one after the other: what is to be flushed has its answer.
      [T.flush]: (m) => void m.u16(),
      [T.walk]: (m, reply) => this.walk(m, reply),
      [T.lopen]: (m, reply) => this.open(m, reply),
      [T.lcreate]: (m, reply) => this.create(m, reply),
      [T.read]: (m, reply) => this.read(m, reply),
      [T.write]: (m, reply) => this.write(m, reply),
      [T.readdir]: (m, reply) => this.readFolder(m, reply),
      [T.clunk]: (m) => this.fids.remove(m.u32()),
      [T.remove]: (m) => this.remove(m),
      [T.getattr]: (m, reply) => this.getAttributes(m, reply),
      [T.setattr]: (m) => this.setAttributes(m),
      [T.statfs]: (m, reply) => this.statfs(m, reply),
      [T.fsync]: (m) => this.sync(m),
      [T.readlink]: (m, reply) => void reply.string(this.folder.readLink(this.fids.get(m.u32()).path)),
      [T.symlink]: (m, reply) => this.symlink(m, reply),
      [T.mkdir]: (m, reply) => this.makeFolder(m, reply),
      [T.mknod]: (m, reply) => this.makeNode(m, reply),
      [T.link]: (m) => this.link(m),
      [T.rename]: (m) => this.rename(m),
      [T.renameat]: (m) => this.renameAt(m),
      [T.unlinkat]: (m) => this.unlinkAt(m),
      [T.lock]: (m, reply) => this.lock(m, reply),
      [T.getlock]: (m, reply) => this.getLock(m, reply),
      [T.xattrwalk]: () => {
        throw new NinepError('EOPNOTSUPP');
      },
      [T.xattrcreate]: () => {
        throw new NinepError('EOPNOTSUPP');
      },
    };
  }

  // Session.

  private version(m: MessageReader, reply: MessageWriter): void {
    const wanted = m.u32();
    const name = m.string();
    if (wanted < MIN_MESSAGE) throw new NinepError('EINVAL');
    // A new session: the fids of the one before are gone.
    this.reset();
    const known = name === VERSION;
    if (known) this.msize = Math.min(wanted, MAX_MESSAGE);
    reply.u32(this.msize).string(known ? VERSION : 'unknown');
  }

  private attach(m: MessageReader, reply: MessageWriter): void {
    const number = m.u32();
    m.u32();
    m.string();
    m.string();
    const uid = m.u32();
    const attributes = this.folder.stat([]);
    this.fids.add(number, [], uid);
    this.qid(reply, attributes);
  }

  private walk(m: MessageReader, reply: MessageWriter): void {
    const [from, to, count] = [m.u32(), m.u32(), m.u16()];
    const fid = this.fids.get(from);
    if (count > MAX_WALK) throw new NinepError('EINVAL');
    const names = Array.from({ length: count }, () => m.string());
    if (fid.open) throw new NinepError('EBADF');
    const reached: Attributes[] = [];
    let path = fid.path;
    for (const name of names) {
      try {
        // The root's parent is the root.
        path = name === '..' ? path.slice(0, -1) : this.folder.child(path, name);
        reached.push(this.folder.stat(path));
      } catch (error) {
        // Only the first name's error is told; else the client learns how far it got, and newfid is not made.
        if (reached.length === 0) throw error;
        break;
      }
    }
    if (reached.length === count) {
      if (to === from) fid.path = path;
      else this.fids.add(to, path, fid.uid);
    }
    reply.u16(reached.length);
    for (const attributes of reached) this.qid(reply, attributes);
  }

  // Files.

  private open(m: MessageReader, reply: MessageWriter): void {
    const fid = this.fids.get(m.u32());
    const flags = m.u32();
    this.fids.checkOpen(fid);
    this.opened(fid, () => this.folder.open(fid.path, hostFlags(flags)), flags, reply);
  }

  private create(m: MessageReader, reply: MessageWriter): void {
    const fid = this.fids.get(m.u32());
    const path = this.folder.child(fid.path, m.string());
    const [flags, mode, gid] = [m.u32(), m.u32(), m.u32()];
    this.fids.checkOpen(fid);
    const make = (): number => {
      try {
        return this.folder.create(path, hostFlags(flags) & ~O_TRUNC, mode, { uid: fid.uid, gid });
      } catch (error) {
        const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
        if (!exists || flags & OPEN.exclusive) throw error;
        return this.folder.open(path, hostFlags(flags));
      }
    };
    this.opened(fid, make, flags, reply, path);
  }

  private opened(fid: Fid, open: () => number, flags: number, reply: MessageWriter, path = fid.path): void {
    const fd = open();
    try {
      const known = this.folder.stat(path);
      this.qid(reply, known);
      // 0: the client goes by msize.
      reply.u32(0);
      this.fids.setOpen(fid, fd, (flags & OPEN.access) !== 0, known);
      fid.path = path;
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  private openFile(fid: Fid): NonNullable<Fid['open']> {
    if (!fid.open) throw new NinepError('EBADF');
    return fid.open;
  }

  private read(m: MessageReader, reply: MessageWriter): void {
    const open = this.openFile(this.fids.get(m.u32()));
    const offset = m.u64();
    const count = Math.min(m.u32(), reply.room - 4);
    reply.u32(0);
    if (offset > BigInt(Number.MAX_SAFE_INTEGER - count)) return;
    const space = reply.space(count);
    const got = fs.readSync(open.fd, space, 0, count, Number(offset));
    reply.shorten(count - got);
    reply.patch32(HEADER_BYTES, got);
  }

  private write(m: MessageReader, reply: MessageWriter): void {
    const open = this.openFile(this.fids.get(m.u32()));
    const offset = m.u64();
    const bytes = m.data(m.u32());
    this.folder.checkWritable();
    if (offset > BigInt(Number.MAX_SAFE_INTEGER - bytes.length)) throw new NinepError('EFBIG');
    reply.u32(bytes.length === 0 ? 0 : fs.writeSync(open.fd, bytes, 0, bytes.length, Number(offset)));
  }

  private sync(m: MessageReader): void {
    const { fd } = this.openFile(this.fids.get(m.u32()));
    if (m.u32() !== 0) fs.fdatasyncSync(fd);
    else fs.fsyncSync(fd);
  }

  private readFolder(m: MessageReader, reply: MessageWriter): void {
    const fid = this.fids.get(m.u32());
    const open = this.openFile(fid);
    const offset = Number(m.u64());
    const count = Math.min(m.u32(), reply.room - 4);
    if (!open.known.host.isDirectory()) throw new NinepError('ENOTDIR');
    if (offset === 0 || !open.names) this.fids.setNames(open, ['.', '..', ...this.folder.list(fid.path)]);
    const names = open.names!;
    reply.u32(0);
    const start = reply.length;
    for (let n = offset; n < names.length; n++) {
      const name = names[n]!;
      const size = 13 + 8 + 1 + 2 + name.length;
      if (reply.length - start + size > count) break;
      const attributes = this.entryOf(fid.path, name);
      if (!attributes) continue;
      this.qid(reply, attributes);
      // DT_* of Linux: the kind's bits of st_mode. The offset of an entry is where the next one is.
      reply
        .u64(n + 1)
        .u8((attributes.mode & S_IF.mask) >> 12)
        .string(name);
    }
    reply.patch32(HEADER_BYTES, reply.length - start);
  }
  private entryOf(folder: TreePath, name: string): Attributes | null {
    try {
      if (name === '.') return this.folder.stat(folder);
      return this.folder.stat(name === '..' ? folder.slice(0, -1) : [...folder, name]);
    } catch {
      // Gone since the names were read.
      return null;
    }
  }

  // Attributes.

  private getAttributes(m: MessageReader, reply: MessageWriter): void {
    const fid = this.fids.get(m.u32());
    m.u64();
    const a = fid.open ? this.folder.statOpen(fid.path, fid.open.fd, fid.open.known) : this.folder.stat(fid.path);
    const { host } = a;
    reply.u64(GET_BASIC);
    this.qid(reply, a);
    reply.u32(a.mode).u32(a.uid).u32(a.gid).u64(host.nlink).u64(a.rdev).u64(host.size);
    reply.u64(host.blksize ?? 4096n).u64(host.blocks ?? (host.size + 511n) / 512n);
    for (const time of [host.atimeNs, host.mtimeNs, host.ctimeNs]) {
      const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      reply.u64((time - nanoseconds) / 1_000_000_000n).u64(nanoseconds);
    }
    // Birth time, generation, data version: not among the valid ones.
    for (let i = 0; i < 4; i++) reply.u64(0);
  }

  private setAttributes(m: MessageReader): void {
    const fid = this.fids.get(m.u32());
    const valid = m.u32();
    const [mode, uid, gid, size] = [m.u32(), m.u32(), m.u32(), m.u64()];
    const [atime, mtime] = [time(m), time(m)];
    const changes: Changes = {
      ...(valid & SET.mode && { mode }),
      ...(valid & SET.uid && { uid }),
      ...(valid & SET.gid && { gid }),
      ...(valid & SET.size && { size }),
      ...(valid & SET.atime && { atime: valid & SET.atimeGiven ? atime : ('now' as const) }),
      ...(valid & SET.mtime && { mtime: valid & SET.mtimeGiven ? mtime : ('now' as const) }),
    };
    this.folder.change(fid.path, changes, fid.open?.writable ? fid.open.fd : null);
  }

  private statfs(m: MessageReader, reply: MessageWriter): void {
    const s = this.folder.statfs(this.fids.get(m.u32()).path);
    reply.u32(STATFS_TYPE).u32(Number(s.bsize)).u64(s.blocks).u64(s.bfree).u64(s.bavail).u64(s.files).u64(s.ffree);
    reply.u64(0).u32(NAME_BYTES);
  }

  // Entries.

  private made(path: TreePath, reply: MessageWriter): void {
    this.qid(reply, this.folder.stat(path));
  }
  private symlink(m: MessageReader, reply: MessageWriter): void {
    const fid = this.fids.get(m.u32());
    const path = this.folder.child(fid.path, m.string());
    const target = m.string();
    this.folder.makeLink(path, target, owner(fid, m.u32()));
    this.made(path, reply);
  }
  private makeFolder(m: MessageReader, reply: MessageWriter): void {
    const fid = this.fids.get(m.u32());
    const path = this.folder.child(fid.path, m.string());
    const mode = m.u32();
    this.folder.makeFolder(path, mode, owner(fid, m.u32()));
    this.made(path, reply);
  }
  private makeNode(m: MessageReader, reply: MessageWriter): void {
    const fid = this.fids.get(m.u32());
    const path = this.folder.child(fid.path, m.string());
    const [mode, major, minor, gid] = [m.u32(), m.u32(), m.u32(), m.u32()];
    this.folder.makeNode(path, mode, deviceNumber(major, minor), owner(fid, gid));
    this.made(path, reply);
  }
  private link(m: MessageReader): void {
    const folder = this.fids.get(m.u32());
    const fid = this.fids.get(m.u32());
    this.folder.link(fid.path, this.folder.child(folder.path, m.string()));
  }
  private rename(m: MessageReader): void {
    const fid = this.fids.get(m.u32());
    const folder = this.fids.get(m.u32());
    this.move(fid.path, this.folder.child(folder.path, m.string()));
  }
  private renameAt(m: MessageReader): void {
    const from = this.folder.child(this.fids.get(m.u32()).path, m.string());
    const to = this.folder.child(this.fids.get(m.u32()).path, m.string());
    this.move(from, to);
  }
  private move(from: TreePath, to: TreePath): void {
    this.folder.rename(from, to);
    this.fids.moved(from, to);
  }
  private unlinkAt(m: MessageReader): void {
    const path = this.folder.child(this.fids.get(m.u32()).path, m.string());
    this.folder.remove(path, (m.u32() & REMOVE_FOLDER) !== 0);
  }
  private remove(m: MessageReader): void {
    const number = m.u32();
    const { path } = this.fids.get(number);
    try {
      this.folder.remove(path, (this.folder.stat(path).mode & S_IF.mask) === S_IF.folder);
    } finally {
      // The fid is gone even if the file is not.
      this.fids.remove(number);
    }
  }

  // Locks: nobody else is told of them, so the guest's kernel alone keeps them.

  private lock(m: MessageReader, reply: MessageWriter): void {
    this.openFile(this.fids.get(m.u32()));
    reply.u8(LOCK_SUCCESS);
  }
  private getLock(m: MessageReader, reply: MessageWriter): void {
    this.openFile(this.fids.get(m.u32()));
    m.u8();
    const [start, length, process, client] = [m.u64(), m.u64(), m.u32(), m.string()];
    reply.u8(LOCK_TYPE_UNLOCK).u64(start).u64(length).u32(process).string(client);
  }

  /** Kind, version, and a number that the file keeps: its inode's, told apart from those of other file systems below the folder. */
  private qid(reply: MessageWriter, { mode, host }: Attributes): void {
    let device = this.devices.get(host.dev);
    if (device === undefined) this.devices.set(host.dev, (device = this.devices.size));
    const kind = mode & S_IF.mask;
    reply.u8(kind === S_IF.folder ? QID.folder : kind === S_IF.link ? QID.link : QID.file);
    reply.u32(Number(BigInt.asUintN(32, host.mtimeNs ^ host.size))).u64(host.ino ^ (BigInt(device) << 48n));
  }
}

function begin(room: number, type: number, tag: number): MessageWriter {
  return new MessageWriter(room).u32(0).u8(type).u16(tag);
}
function end(reply: MessageWriter): Uint8Array {
  reply.patch32(0, reply.length);
  return reply.finish();
}

const owner = (fid: Fid, gid: number): Owner => ({ uid: fid.uid, gid });

function time(m: MessageReader): bigint {
  return BigInt.asIntN(64, m.u64()) * 1_000_000_000n + m.u64();
}

/** Linux's open flags as the host's; those without meaning to a server are left out. */
function hostFlags(flags: number): number {
  const access = [O_RDONLY, O_WRONLY, O_RDWR][flags & OPEN.access];
  if (access === undefined) throw new NinepError('EINVAL');
  return access | (flags & OPEN.truncate ? O_TRUNC : 0) | (flags & OPEN.append ? O_APPEND : 0);
}

/** glibc's makedev: 12 bits of the major and 8 of the minor number in their old places, the rest above. */
function deviceNumber(major: number, minor: number): number {
  const low = (minor & 0xff) | ((major & 0xfff) << 8);
  return low + (minor >>> 8) * 2 ** 20 + (major >>> 12) * 2 ** 44;
}
