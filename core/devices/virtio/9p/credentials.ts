/**
 * Owners, modes and kinds of files that the host's folder cannot keep, because we are not root there, in QEMU's form of
 * `security_model=mapped-file`: beside the entry `name` of a folder, the file `.virtfs_metadata/name` has lines such as
 * `virtfs.uid=0`; the root's own are in `.virtfs_metadata_root`. The guest does not see these names.
 */
import * as fs from 'node:fs';
import { NinepError } from './errors.ts';
import { bytesOf } from './message.ts';
import { type HostTree, type TreePath, within } from './tree.ts';

export interface Credentials {
  uid?: number;
  gid?: number;
  /** Kind and permissions, as in st_mode. */
  mode?: number;
  /** Device number of a special file, as glibc's makedev gives it. */
  rdev?: number;
}

const FOLDER = '.virtfs_metadata';
const ROOT_FILE = '.virtfs_metadata_root';
const LIMIT = 512;
const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/** Names that hold credentials; hosts may not tell upper from lower case. */
export function isReserved(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === FOLDER || lower === ROOT_FILE;
}

const missing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Runs `work`; undefined where something that it wants does not exist. */
function ifThere<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!missing(error)) throw error;
    return undefined;
  }
}

export class CredentialStore {
  private readonly tree: HostTree;

  constructor(tree: HostTree) {
    this.tree = tree;
  }

  get(path: TreePath): Credentials {
    const text = ifThere(() =>
      this.at(path, (folder, name) => {
        const fd = fs.openSync(within(folder, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        try {
          const bytes = new Uint8Array(LIMIT);
          return Buffer.from(bytes.subarray(0, fs.readSync(fd, bytes, 0, LIMIT, 0))).toString('latin1');
        } finally {
          fs.closeSync(fd);
        }
      }),
    );
    const found: Credentials = {};
    for (const match of (text ?? '').matchAll(/^virtfs\.(uid|gid|mode|rdev)=(-?\d{1,20})\s*$/gm)) {
      found[match[1] as keyof Credentials] = match[1] === 'rdev' ? Number(match[2]) : Number(match[2]) >>> 0;
    }
    return found;
  }

  set(path: TreePath, changes: Credentials): void {
    const all: Credentials = { ...this.get(path), ...changes };
    const lines = (['uid', 'gid', 'mode', 'rdev'] as const).filter((key) => all[key] !== undefined);
    const text = lines.map((key) => `virtfs.${key}=${all[key]}\n`).join('');
    if (path.length > 0) this.makeFolder(path.slice(0, -1));
    this.at(path, (folder, name) => {
      // In place: hard links share what is written.
      const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;
      const fd = fs.openSync(within(folder, name), flags, 0o600);
      try {
        fs.writeSync(fd, text);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  remove(path: TreePath): void {
    ifThere(() => this.at(path, (folder, name) => fs.unlinkSync(within(folder, name))));
  }

  /** `to` gets what `from` has, and nothing else. */
  move(from: TreePath, to: TreePath): void {
    this.transfer(from, to, (a, b) => fs.renameSync(a, b));
  }
  /** A hard link: both share what is written to either. */
  link(from: TreePath, to: TreePath): void {
    this.remove(to);
    this.transfer(from, to, (a, b) => fs.linkSync(a, b));
  }

  /** Takes the store out of a folder that is about to be removed; ENOTEMPTY if there is more in it. */
  clear(folder: TreePath): void {
    const stored = this.tree.inFolder(folder, (at) => fs.readdirSync(bytesOf(at) as Buffer, { encoding: 'latin1' }));
    if (stored.some((name) => !isReserved(name))) throw new NinepError('ENOTEMPTY');
    if (!stored.includes(FOLDER)) return;
    this.tree.inFolder([...folder, FOLDER], (at) => {
      for (const name of fs.readdirSync(bytesOf(at) as Buffer, { encoding: 'latin1' })) fs.unlinkSync(within(at, name));
    });
    this.tree.inFolder(folder, (at) => fs.rmdirSync(within(at, FOLDER)));
  }

  private transfer(from: TreePath, to: TreePath, work: (from: Buffer, to: Buffer) => void): void {
    const exists = ifThere(() => this.at(from, (folder, name) => fs.lstatSync(within(folder, name)).isFile()));
    if (!exists) {
      this.remove(to);
      return;
    }
    this.makeFolder(to.slice(0, -1));
    this.at(from, (a, name) => this.at(to, (b, newName) => work(within(a, name), within(b, newName))));
  }

  private makeFolder(parent: TreePath): void {
    this.tree.inFolder(parent, (folder) => {
      try {
        fs.mkdirSync(within(folder, FOLDER), 0o700);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    });
  }

  private at<T>(path: TreePath, work: (folder: string, name: string) => T): T {
    const name = path.at(-1);
    if (name === undefined) return this.tree.inFolder([], (folder) => work(folder, ROOT_FILE));
    return this.tree.inFolder([...path.slice(0, -1), FOLDER], (folder) => work(folder, name));
  }
}
