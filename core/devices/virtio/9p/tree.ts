/**
 * A folder of the host as the root of a tree that nothing leads out of.
 *
 * A path is a list of names from the root. Linux: each folder on the way is opened within the one before it, by the name
 * `/proc/self/fd/N/name` (what openat does), with O_PATH, O_DIRECTORY and O_NOFOLLOW; the last name is used in the same way. So no symbolic link is
 * ever followed, not even one that another process puts in while we are at it. Other hosts have no such names: there each folder
 * on the way is looked at first, and only a process of the host that exchanges one for a link at that moment can lead out.
 *
 * Names are strings of one character a byte, so that names that are not UTF-8 pass unchanged.
 */
import * as fs from 'node:fs';
import { fileReason, UserError } from '../../../system/errors.ts';
import { NinepError } from './errors.ts';
import { binary, bytesOf } from './message.ts';

export type TreePath = readonly string[];

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_NOCTTY = 0 } = fs.constants;
/** Linux: a handle that only names a file (asm-generic); Node does not list it. */
const O_PATH = 0x200000;
/** As Linux's PATH_MAX; bounds what paths can take. */
const PATH_BYTES = 4096;

/** The path of `name` in a folder, as Node's functions of files take it. */
export const within = (folder: string, name: string): Buffer => bytesOf(`${folder}/${name}`) as Buffer;

export class HostTree {
  private readonly root: string;
  /** Handle of the root; −1 where there is no `/proc/self/fd`. */
  private readonly rootFd: number;

  /** `handles`: whether `/proc/self/fd` serves. Throws UserError. */
  constructor(folder: string, handles = process.platform === 'linux' && fs.existsSync('/proc/self/fd')) {
    try {
      this.root = binary(Buffer.from(fs.realpathSync(folder)));
      this.rootFd = handles ? fs.openSync(folder, O_PATH | O_DIRECTORY) : -1;
    } catch (error) {
      throw new UserError(`cannot share the folder ${folder}: ${fileReason(error)}`);
    }
  }

  close(): void {
    if (this.rootFd >= 0) fs.closeSync(this.rootFd);
  }

  /** Calls `work` with a name of the folder at `path`, valid while it runs; names within it may be appended. */
  inFolder<T>(path: TreePath, work: (folder: string) => T): T {
    checkPath(path);
    return this.rootFd >= 0 ? this.inHandle(path, work) : work(this.looked(path));
  }

  /**
   * Calls `work` with a name of the file at `path` itself, whatever its kind, which leads to no other even if the directory changes
   * meanwhile. A symbolic link gives ELOOP.
   */
  withFile<T>(path: TreePath, work: (file: Buffer, stat: fs.BigIntStats) => T): T {
    const parent = path.slice(0, -1);
    const name = path.at(-1);
    if (name === undefined) return this.inFolder([], (folder) => this.named(bytesOf(folder) as Buffer, -1, work));
    return this.inFolder(parent, (folder) => {
      const file = within(folder, name);
      if (this.rootFd < 0) return this.named(file, -1, work);
      const fd = fs.openSync(file, O_PATH | O_NOFOLLOW);
      try {
        return this.named(handleName(fd), fd, work);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  private named<T>(file: Buffer, fd: number, work: (file: Buffer, stat: fs.BigIntStats) => T): T {
    // The root's name leads through a magic link, which has to be followed.
    const stat =
      fd >= 0
        ? fs.fstatSync(fd, { bigint: true })
        : this.rootFd >= 0
          ? fs.statSync(file, { bigint: true })
          : fs.lstatSync(file, { bigint: true });
    if (stat.isSymbolicLink()) throw new NinepError('ELOOP');
    return work(file, stat);
  }

  /** Opens a file or a folder that exists; special files of the host are not opened (ENXIO). */
  open(path: TreePath, flags: number): number {
    return this.withFile(path, (file, stat) => {
      // A device or a pipe could do something when it is opened, or make us wait.
      if (!stat.isFile() && !stat.isDirectory()) throw new NinepError('ENXIO');
      const follow = this.rootFd >= 0 ? 0 : O_NOFOLLOW;
      return fs.openSync(file, flags | O_NONBLOCK | O_NOCTTY | follow);
    });
  }

  /** Status of what is at `path`, of a symbolic link itself. */
  stat(path: TreePath): fs.BigIntStats {
    const name = path.at(-1);
    if (name === undefined) return this.withFile(path, (_file, stat) => stat);
    return this.inFolder(path.slice(0, -1), (folder) => fs.lstatSync(within(folder, name), { bigint: true }));
  }

  private inHandle<T>(path: TreePath, work: (folder: string) => T): T {
    let fd = this.rootFd;
    try {
      for (const name of path) {
        const next = fs.openSync(within(`/proc/self/fd/${fd}`, name), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_RDONLY);
        if (fd !== this.rootFd) fs.closeSync(fd);
        fd = next;
      }
      return work(`/proc/self/fd/${fd}`);
    } finally {
      if (fd !== this.rootFd) fs.closeSync(fd);
    }
  }

  private looked(path: TreePath): string {
    let folder = this.root;
    for (const name of path) {
      folder = `${folder}/${name}`;
      if (!fs.lstatSync(bytesOf(folder) as Buffer).isDirectory()) throw new NinepError('ENOTDIR');
    }
    return folder;
  }
}

const handleName = (fd: number): Buffer => Buffer.from(`/proc/self/fd/${fd}`);

/** What a client gives as one name; throws where it could mean anything but an entry of its folder. */
export function checkName(name: string): string {
  const separators = process.platform === 'win32' ? /[/\\:\0]/ : /[/\0]/;
  if (name === '' || separators.test(name)) throw new NinepError('ENOENT');
  if (name === '.' || name === '..') throw new NinepError('EINVAL');
  if (name.length > 255) throw new NinepError('ENAMETOOLONG');
  return name;
}

function checkPath(path: TreePath): void {
  let bytes = 0;
  for (const name of path) bytes += name.length + 1;
  if (bytes > PATH_BYTES) throw new NinepError('ENAMETOOLONG');
}
