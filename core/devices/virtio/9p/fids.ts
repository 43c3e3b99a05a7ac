/** What a client holds: fids, each a path, perhaps open. */
import * as fs from 'node:fs';
import { NinepError } from './errors.ts';
import type { Attributes } from './folder.ts';
import { NO_FID } from './protocol.ts';
import type { TreePath } from './tree.ts';

export interface Fid {
  path: TreePath;
  /** The user that attached (n_uname). */
  readonly uid: number;
  open: OpenFile | null;
}
export interface OpenFile {
  readonly fd: number;
  readonly writable: boolean;
  /** What it was when it was opened. */
  readonly known: Attributes;
  /** Folders: the names, since reading began. */
  names: readonly string[] | null;
}

/** Bounds of what one client can make us hold. */
const MAX_FIDS = 1 << 14;
const MAX_OPEN = 1 << 10;
const MAX_NAMES = 1 << 20;

export class Fids {
  private readonly all = new Map<number, Fid>();
  private opened = 0;
  private names = 0;

  get(number: number): Fid {
    const fid = this.all.get(number);
    if (!fid) throw new NinepError('EBADF');
    return fid;
  }

  /** A new fid; `number` must be free. */
  add(number: number, path: TreePath, uid: number): void {
    if (number === NO_FID || this.all.has(number)) throw new NinepError('EBADF');
    if (this.all.size >= MAX_FIDS) throw new NinepError('EMFILE');
    this.all.set(number, { path, uid, open: null });
  }

  /** Called before a file is opened for a fid. */
  checkOpen(fid: Fid): void {
    if (fid.open) throw new NinepError('EBADF');
    if (this.opened >= MAX_OPEN) throw new NinepError('EMFILE');
  }
  setOpen(fid: Fid, fd: number, writable: boolean, known: Attributes): void {
    fid.open = { fd, writable, known, names: null };
    this.opened++;
  }
  setNames(open: OpenFile, names: readonly string[]): void {
    const total = this.names - (open.names?.length ?? 0) + names.length;
    if (total > MAX_NAMES) throw new NinepError('ENOMEM');
    this.names = total;
    open.names = names;
  }

  /** Forgets a fid, which is closed. */
  remove(number: number): void {
    const fid = this.get(number);
    this.all.delete(number);
    const { open } = fid;
    if (!open) return;
    this.opened--;
    this.names -= open.names?.length ?? 0;
    fs.closeSync(open.fd);
  }
  clear(): void {
    for (const number of [...this.all.keys()]) {
      try {
        this.remove(number);
      } catch {
        // The host may report a failed write now; nobody is left to be told.
      }
    }
  }

  /** What was at `from` and below is now at `to`. */
  moved(from: TreePath, to: TreePath): void {
    for (const fid of this.all.values()) {
      if (from.every((name, i) => fid.path[i] === name)) fid.path = [...to, ...fid.path.slice(from.length)];
    }
  }
}
