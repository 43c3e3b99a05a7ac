/**
 * Which of the host's files a face may name: what lies below the given folders, files that were chosen in a dialog of the host's
 * own, and what was uploaded. Everything else is refused, links that lead out included.
 */
import { closeSync, mkdtempSync, openSync, readdirSync, realpathSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { fileReason, UserError } from '../system/errors.ts';
import type { FileEntry } from './api.ts';
import { HostError } from './errors.ts';

/** Bytes of all uploads together. */
const UPLOAD_LIMIT = 4 * 2 ** 30;
/** Entries of a folder that are listed. */
const LISTED = 5000;

interface Upload {
  readonly path: string;
  readonly fd: number;
  offset: number;
}

export class HostFiles {
  private readonly roots: readonly string[];
  private readonly chosen = new Set<string>();
  private readonly uploads = new Map<string, Upload>();
  private folder: string | null = null;
  private uploaded = 0;
  private nextUpload = 1;

  /** `roots`: absolute paths of folders. */
  constructor(roots: readonly string[]) {
    this.roots = roots.flatMap((root) => {
      try {
        return [realpathSync(root)];
      } catch {
        return [];
      }
    });
  }

  /** Permits a file or folder that the user chose in a dialog of this program's. */
  choose(path: string): void {
    try {
      this.chosen.add(realpathSync(path));
    } catch (error) {
      throw new UserError(`${path}: ${fileReason(error)}`);
    }
  }

  /** The path, if a face may use it. `path` may be relative to the first root. */
  check(path: string): string {
    const absolute = resolve(this.roots[0] ?? '/', path);
    let real: string;
    try {
      real = realpathSync(absolute);
    } catch (error) {
      // The same words whether it exists or not, outside of what is permitted.
      if (!this.permitted(absolute)) throw this.refusal(path);
      throw new UserError(`${path}: ${fileReason(error)}`);
    }
    if (!this.permitted(real)) throw this.refusal(path);
    return absolute;
  }
  private refusal(path: string): HostError {
    return new HostError('refused', `${path} is outside of the folders that were opened to the workbench`);
  }
  private permitted(path: string): boolean {
    const below = (folder: string): boolean =>
      path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
    return [...this.roots, ...this.chosen, ...(this.folder ? [this.folder] : [])].some(below);
  }

  /** Null: the roots. */
  list(path: string | null): { path: string | null; parent: string | null; entries: FileEntry[] } {
    if (path === null) {
      const [only] = this.roots;
      if (this.roots.length === 1) return this.list(only!);
      return { path: null, parent: null, entries: this.roots.map((root) => this.entry(root, root)!) };
    }
    const folder = this.check(path);
    let names: string[];
    try {
      names = readdirSync(folder);
    } catch (error) {
      throw new UserError(`${path}: ${fileReason(error)}`);
    }
    const entries = names
      .filter((name) => !name.startsWith('.'))
      .slice(0, LISTED)
      .flatMap((name) => this.entry(join(folder, name), name) ?? []);
    entries.sort((a, b) => (a.kind === b.kind ? a.name.localeCompare(b.name) : a.kind === 'folder' ? -1 : 1));
    const up = dirname(folder);
    return { path: folder, parent: up !== folder && this.permitted(up) ? up : null, entries };
  }
  private entry(path: string, name: string): FileEntry | null {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat || !(stat.isFile() || stat.isDirectory())) return null;
    return { name, path, kind: stat.isDirectory() ? 'folder' : 'file', bytes: stat.isFile() ? stat.size : 0 };
  }

  /** A piece of a file that a face has; yields the upload's id, and the path when it was the last. */
  upload(id: string | null, name: string, offset: number, bytes: Uint8Array, last: boolean): [string, string | null] {
    const key = id ?? this.beginUpload(name);
    const upload = this.uploads.get(key);
    if (!upload) throw new HostError('missing', 'there is no such upload');
    if (offset !== upload.offset) throw new HostError('state', 'a piece of the upload is missing');
    if (this.uploaded + bytes.length > UPLOAD_LIMIT) throw new HostError('refused', 'uploads are full (4 GiB)');
    try {
      writeSync(upload.fd, bytes);
    } catch (error) {
      throw new UserError(`${name} cannot be stored: ${fileReason(error)}`);
    }
    this.uploaded += bytes.length;
    upload.offset += bytes.length;
    if (!last) return [key, null];
    closeSync(upload.fd);
    this.uploads.delete(key);
    return [key, upload.path];
  }
  private beginUpload(name: string): string {
    if (this.uploads.size >= 16) throw new HostError('state', 'too many uploads at once');
    this.folder ??= realpathSync(mkdtempSync(join(tmpdir(), 'trireme-')));
    const key = `u${this.nextUpload++}`;
    const safe =
      basename(name)
        .replace(/[^\w.+-]/g, '_')
        .replace(/^\.+/, '') || 'file';
    const path = join(mkdtempSync(join(this.folder, `${key}-`)), safe);
    this.uploads.set(key, { path, fd: openSync(path, 'wx', 0o600), offset: 0 });
    return key;
  }

  /** Removes what was uploaded. */
  close(): void {
    for (const { fd } of this.uploads.values()) closeSync(fd);
    this.uploads.clear();
    if (this.folder) rmSync(this.folder, { recursive: true, force: true });
    this.folder = null;
  }
}
