/**
 * A shared folder as the guest sees it: files with the owners, modes and kinds that the guest gave them. How those are kept is the
 * security model: `mapped` in credential files, the host's files being ours with mode 0600 (folders 0700) and links and special files being
 * ordinary files; `passthrough` and `none` on the host itself, where `none` does not mind that owners cannot be changed.
 */
import * as fs from 'node:fs';
import type { SecurityModel } from '../config.ts';
import { CredentialStore, type Credentials, isReserved } from './credentials.ts';
import { NinepError } from './errors.ts';
import { binary, bytesOf } from './message.ts';
import { checkName, type HostTree, type TreePath, within } from './tree.ts';

/** Kinds of files in st_mode. */
export const S_IF = {
  mask: 0o170000,
  fifo: 0o010000,
  folder: 0o040000,
  file: 0o100000,
  link: 0o120000,
} as const;
const PERMISSIONS = 0o7777;
/** "No user" or "no group": left as it is. */
const NOBODY = 0xffffffff;
const LINK_BYTES = 4096;

export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly host: fs.BigIntStats;
}

/** What to change; times in nanoseconds since 1970, `now` is the host's time. */
export interface Changes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: bigint;
  readonly atime?: bigint | 'now';
  readonly mtime?: bigint | 'now';
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

export class SharedFolder {
  private readonly tree: HostTree;
  private readonly readonly: boolean;
  private readonly model: 'mapped' | 'passthrough' | 'none';
  private readonly store: CredentialStore;

  /** Throws UserError. */
  constructor(tree: HostTree, model: SecurityModel, readonly: boolean) {
    this.tree = tree;
    this.readonly = readonly;
    this.model = model === 'passthrough' || model === 'none' ? model : 'mapped';
    this.store = new CredentialStore(tree);
  }

  close(): void {
    this.tree.close();
  }

  /** The path of an entry, for names that a client may use. */
  child(folder: TreePath, name: string): TreePath {
    checkName(name);
    if (this.mapped && isReserved(name)) throw new NinepError('ENOENT');
    return [...folder, name];
  }

  stat(path: TreePath): Attributes {
    const host = this.tree.stat(path);
    return this.attributes(host, this.mapped ? this.store.get(path) : {});
  }
  /** Of an open file, whose name may be gone: `known` is what it was when it was opened. */
  statOpen(path: TreePath, fd: number, known: Attributes): Attributes {
    const host = fs.fstatSync(fd, { bigint: true });
    try {
      const named = this.stat(path);
      if (named.host.ino === host.ino && named.host.dev === host.dev) return named;
    } catch {
      // No longer there.
    }
    return this.mapped ? { ...known, host } : this.attributes(host, {});
  }
  private attributes(host: fs.BigIntStats, own: Credentials): Attributes {
    return {
      mode: own.mode ?? Number(host.mode),
      uid: own.uid ?? Number(host.uid),
      gid: own.gid ?? Number(host.gid),
      rdev: own.rdev ?? Number(host.rdev),
      host,
    };
  }

  /** Opens a file or folder; `flags`: of the host. */
  open(path: TreePath, flags: number): number {
    const kind = this.stat(path).mode & S_IF.mask;
    if (kind === S_IF.link) throw new NinepError('ELOOP');
    if (kind !== S_IF.file && kind !== S_IF.folder) throw new NinepError('ENXIO');
    const writes = (flags & ~(O_NOFOLLOW | O_NONBLOCK)) !== O_RDONLY;
    if (writes) this.checkWritable();
    if (writes && kind === S_IF.folder) throw new NinepError('EISDIR');
    return this.tree.open(path, flags);
  }

  /** Names in a folder, without "." and "..". */
  list(path: TreePath): string[] {
    const names = this.tree.inFolder(path, (folder) =>
      fs.readdirSync(bytesOf(folder) as Buffer, { encoding: 'latin1' }),
    );
    return this.mapped ? names.filter((name) => !isReserved(name)) : names;
  }

  /** Makes a file that does not exist, and opens it. */
  create(path: TreePath, flags: number, mode: number, owner: Owner): number {
    const fd = this.make(path, (file) =>
      fs.openSync(file, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK, this.mapped ? 0o600 : mode & PERMISSIONS),
    );
    try {
      this.own(path, S_IF.file | (mode & PERMISSIONS), owner);
      return fd;
    } catch (error) {
      fs.closeSync(fd);
      this.undo(path, false);
      throw error;
    }
  }

  makeFolder(path: TreePath, mode: number, owner: Owner): void {
    this.make(path, (file) => fs.mkdirSync(file, this.mapped ? 0o700 : mode & PERMISSIONS));
    this.ownOrUndo(path, S_IF.folder | (mode & PERMISSIONS), owner);
  }

  makeLink(path: TreePath, target: string, owner: Owner): void {
    if (target.length > LINK_BYTES) throw new NinepError('ENAMETOOLONG');
    this.make(path, (file) => {
      if (this.mapped) writeNew(file, bytesOf(target));
      else fs.symlinkSync(bytesOf(target) as Buffer, file);
    });
    this.ownOrUndo(path, S_IF.link | 0o777, owner);
  }

  /** A file, or a special file of the guest. Node cannot make special files of the host. */
  makeNode(path: TreePath, mode: number, rdev: number, owner: Owner): void {
    const kind = (mode & S_IF.mask) === 0 ? S_IF.file : mode & S_IF.mask;
    if (kind === S_IF.folder || kind === S_IF.link) throw new NinepError('EINVAL');
    if (!this.mapped && kind !== S_IF.file) throw new NinepError('EPERM');
    this.make(path, (file) => writeNew(file, new Uint8Array(0)));
    this.ownOrUndo(path, kind | (mode & PERMISSIONS), owner, rdev);
  }

  readLink(path: TreePath): string {
    if ((this.stat(path).mode & S_IF.mask) !== S_IF.link) throw new NinepError('EINVAL');
    const host = this.tree.stat(path);
    if (host.isSymbolicLink()) {
      return this.entry(path, (file) => binary(fs.readlinkSync(file, { encoding: 'buffer' })));
    }
    const fd = this.tree.open(path, O_RDONLY);
    try {
      const bytes = new Uint8Array(LINK_BYTES);
      return binary(bytes.subarray(0, fs.readSync(fd, bytes, 0, LINK_BYTES, 0)));
    } finally {
      fs.closeSync(fd);
    }
  }

  /** A hard link. */
  link(from: TreePath, to: TreePath): void {
    this.make(to, (target) => this.entry(from, (file) => fs.linkSync(file, target)));
    if (this.mapped) this.store.link(from, to);
  }

  rename(from: TreePath, to: TreePath): void {
    this.checkWritable();
    if (from.length === 0) throw new NinepError('EBUSY');
    if (from.join('/') === to.join('/')) return;
    // A folder's own credential store is in the way of its replacement.
    if (this.mapped && this.isFolder(from) && this.isFolder(to)) this.store.clear(to);
    this.entry(from, (a) => this.entry(to, (b) => fs.renameSync(a, b)));
    if (this.mapped) this.store.move(from, to);
  }
  private isFolder(path: TreePath): boolean {
    try {
      return this.tree.stat(path).isDirectory();
    } catch {
      return false;
    }
  }

  remove(path: TreePath, folder: boolean): void {
    this.checkWritable();
    if (path.length === 0) throw new NinepError('EBUSY');
    if (folder) {
      if (!this.tree.stat(path).isDirectory()) throw new NinepError('ENOTDIR');
      if (this.mapped) this.store.clear(path);
      this.entry(path, (file) => fs.rmdirSync(file));
    } else {
      if (this.tree.stat(path).isDirectory()) throw new NinepError('EISDIR');
      this.entry(path, (file) => fs.unlinkSync(file));
    }
    if (this.mapped) this.store.remove(path);
  }

  /** `fd`: if the file is open for writing, its size is changed there. */
  change(path: TreePath, changes: Changes, fd: number | null): void {
    this.checkWritable();
    const { size, uid, gid, mode } = changes;
    if (size !== undefined) this.resize(path, size, fd);
    if (mode !== undefined || uid !== undefined || gid !== undefined) this.changeCredentials(path, { mode, uid, gid });
    if (changes.atime !== undefined || changes.mtime !== undefined) this.setTimes(path, changes);
  }

  statfs(path: TreePath): fs.BigIntStatsFs {
    return this.tree.withFile(path, (file) => fs.statfsSync(file, { bigint: true }));
  }

  checkWritable(): void {
    if (this.readonly) throw new NinepError('EROFS');
  }

  private get mapped(): boolean {
    return this.model === 'mapped';
  }

  /** Calls `work` with a name of an entry that is not to be followed. */
  private entry<T>(path: TreePath, work: (file: Buffer) => T): T {
    const name = path.at(-1);
    if (name === undefined) throw new NinepError('EBUSY');
    return this.tree.inFolder(path.slice(0, -1), (folder) => work(within(folder, name)));
  }
  private make<T>(path: TreePath, work: (file: Buffer) => T): T {
    this.checkWritable();
    return this.entry(path, (file) => {
      const result = work(file);
      // What an earlier entry of that name had does not count.
      if (this.mapped) this.store.remove(path);
      return result;
    });
  }

  private ownOrUndo(path: TreePath, mode: number, owner: Owner, rdev?: number): void {
    try {
      this.own(path, mode, owner, rdev);
    } catch (error) {
      this.undo(path, (mode & S_IF.mask) === S_IF.folder);
      throw error;
    }
  }
  private undo(path: TreePath, folder: boolean): void {
    try {
      this.remove(path, folder);
    } catch {
      // It stays; the request fails for its first reason.
    }
  }

  /** Gives a new entry its owner and mode. */
  private own(path: TreePath, mode: number, { uid, gid }: Owner, rdev?: number): void {
    if (this.mapped) {
      const known: Credentials = { mode };
      if (uid !== NOBODY) known.uid = uid;
      if (gid !== NOBODY) known.gid = gid;
      if (rdev !== undefined && (mode & S_IF.mask) !== S_IF.file) known.rdev = rdev;
      this.store.set(path, known);
      return;
    }
    this.changeOwner(path, uid, gid);
    // After the owner: a change of that takes set-user-ID away. Until now the host's umask applied.
    if ((mode & S_IF.mask) !== S_IF.link) this.tree.withFile(path, (file) => fs.chmodSync(file, mode & PERMISSIONS));
  }

  private changeOwner(path: TreePath, uid: number, gid: number): void {
    const [user, group] = [uid, gid].map((id) => (id === NOBODY ? -1 : id)) as [number, number];
    try {
      if (path.length === 0) this.tree.withFile(path, (file) => fs.chownSync(file, user, group));
      else this.entry(path, (file) => fs.lchownSync(file, user, group));
    } catch (error) {
      if (this.model !== 'none') throw error;
    }
  }

  private changeCredentials(path: TreePath, { mode, uid, gid }: Changes): void {
    if (this.mapped) {
      const before = this.stat(path);
      const changes: Credentials = {};
      if (mode !== undefined) changes.mode = (before.mode & S_IF.mask) | (mode & PERMISSIONS);
      if (uid !== undefined) changes.uid = uid;
      if (gid !== undefined) changes.gid = gid;
      this.store.set(path, changes);
      return;
    }
    if (uid !== undefined || gid !== undefined) this.changeOwner(path, uid ?? NOBODY, gid ?? NOBODY);
    if (mode !== undefined) this.tree.withFile(path, (file) => fs.chmodSync(file, mode & PERMISSIONS));
  }

  private resize(path: TreePath, size: bigint, fd: number | null): void {
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new NinepError('EFBIG');
    if (fd !== null) {
      fs.ftruncateSync(fd, Number(size));
      return;
    }
    if ((this.stat(path).mode & S_IF.mask) !== S_IF.file) throw new NinepError('EINVAL');
    const own = this.tree.open(path, O_WRONLY);
    try {
      fs.ftruncateSync(own, Number(size));
    } finally {
      fs.closeSync(own);
    }
  }

  /** To the microsecond: Node takes times as floating-point seconds. */
  private setTimes(path: TreePath, changes: Changes): void {
    const { host } = this.stat(path);
    const seconds = (time: bigint | 'now' | undefined, before: bigint): number =>
      time === 'now' ? Date.now() / 1000 : Number(time ?? before) / 1e9;
    const [atime, mtime] = [seconds(changes.atime, host.atimeNs), seconds(changes.mtime, host.mtimeNs)];
    if (path.length === 0) this.tree.withFile(path, (file) => fs.utimesSync(file, atime, mtime));
    else this.entry(path, (file) => fs.lutimesSync(file, atime, mtime));
  }
}

/** Makes a file with this content. */
function writeNew(file: Buffer, bytes: Uint8Array): void {
  const fd = fs.openSync(file, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    fs.writeSync(fd, bytes);
  } finally {
    fs.closeSync(fd);
  }
}
