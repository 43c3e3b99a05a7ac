/**
 * Host files for semihosting: handles common to all threads of a system, and a policy of what may be opened.
 *
 * The table lies in shared memory. File descriptors belong to the process, so any thread may use them; positions are kept here,
 * not by the host, since Node cannot seek.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { lock, unlock } from '../devices/lock.ts';
import type { SemihostingConfig } from './api.ts';

/** An operation's failure, with its number as Linux has it: guests see the same on every host. */
export class HostFileError extends Error {
  readonly errno: number;
  constructor(code: string) {
    super(code);
    this.errno = ERRNO[code] ?? ERRNO['EIO']!;
  }
}

const ERRNO: Readonly<Record<string, number>> = {
  ...{ EPERM: 1, ENOENT: 2, EIO: 5, EBADF: 9, EAGAIN: 11, EACCES: 13, EFAULT: 14, EBUSY: 16, EEXIST: 17, EXDEV: 18 },
  ...{ ENOTDIR: 20, EISDIR: 21, EINVAL: 22, ENFILE: 23, EMFILE: 24, EFBIG: 27, ENOSPC: 28, ESPIPE: 29, EROFS: 30 },
  ...{ ENAMETOOLONG: 36, ENOSYS: 38, ENOTEMPTY: 39, ELOOP: 40 },
};

/** Kinds of handle. */
export const HANDLE = { free: 0, file: 1, console: 2, features: 3 } as const;

const MAX_HANDLES = 64;
const W_LOCK = 0;
const W_TABLE = 2;
const WORDS_EACH = 2;
const WORDS = W_TABLE + WORDS_EACH * MAX_HANDLES;

/** Runs a file operation; its failure becomes a HostFileError. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof HostFileError) throw error;
    throw new HostFileError((error as NodeJS.ErrnoException).code ?? 'EIO');
  }
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;
/** Flags by fopen mode without its "b": r, r+, w, w+, a, a+. */
const OPEN_FLAGS = [
  O_RDONLY,
  O_RDWR,
  O_WRONLY | O_CREAT | O_TRUNC,
  O_RDWR | O_CREAT | O_TRUNC,
  O_WRONLY | O_CREAT | O_APPEND,
  O_RDWR | O_CREAT | O_APPEND,
];

export class HostFiles {
  /** Bytes of shared memory. */
  static readonly BYTES = 4 * WORDS + 8 * MAX_HANDLES;

  private readonly words: Int32Array;
  private readonly positions: Float64Array;
  private readonly policy: SemihostingConfig['files'];

  /** `offset`: a multiple of 8. The memory starts as zeros. */
  constructor(buffer: SharedArrayBuffer, offset: number, policy: SemihostingConfig['files']) {
    this.words = new Int32Array(buffer, offset, WORDS);
    this.positions = new Float64Array(buffer, offset + 4 * WORDS, MAX_HANDLES);
    this.policy = policy;
  }

  /** Opens a file; `mode`: 0–11, the fopen modes in the order of SYS_OPEN. Yields a handle, 1 or more. */
  open(name: string, mode: number): number {
    const flags = OPEN_FLAGS[mode >> 1]!;
    const file = this.permitted(name);
    // Not a pipe that nobody writes to: a guest must not be able to stop its thread for ever.
    const fd = attempt(() => fs.openSync(file, flags | (fs.constants.O_NONBLOCK ?? 0), 0o666));
    try {
      if (attempt(() => fs.fstatSync(fd)).isDirectory()) throw new HostFileError('EISDIR');
      return this.add(HANDLE.file, fd);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** A handle for something that is no file. */
  openSpecial(kind: number): number {
    return this.add(kind, -1);
  }

  kind(handle: number): number {
    if (!(handle >= 1 && handle <= MAX_HANDLES)) throw new HostFileError('EBADF');
    const kind = Atomics.load(this.words, W_TABLE + WORDS_EACH * (handle - 1));
    if (kind === HANDLE.free) throw new HostFileError('EBADF');
    return kind;
  }

  close(handle: number): void {
    const kind = this.kind(handle);
    const at = W_TABLE + WORDS_EACH * (handle - 1);
    if (Atomics.compareExchange(this.words, at, kind, HANDLE.free) !== kind) throw new HostFileError('EBADF');
    if (kind === HANDLE.file) attempt(() => fs.closeSync(this.words[at + 1]!));
  }

  /** Closes everything, when the system ends or is reset. */
  closeAll(): void {
    for (let handle = 1; handle <= MAX_HANDLES; handle++) {
      if (Atomics.load(this.words, W_TABLE + WORDS_EACH * (handle - 1)) !== HANDLE.free) this.close(handle);
    }
  }

  /** Reads at the handle's position; fewer bytes than asked for only at the end of the file. */
  read(handle: number, length: number): Uint8Array {
    const fd = this.fd(handle);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const position = this.positions[handle - 1]! + done;
      const count = attempt(() => fs.readSync(fd, bytes, done, length - done, this.seekable(fd) ? position : null));
      if (count === 0) break;
      done += count;
    }
    this.positions[handle - 1]! += done;
    return bytes.subarray(0, done);
  }

  write(handle: number, bytes: Uint8Array): number {
    const fd = this.fd(handle);
    let done = 0;
    while (done < bytes.length) {
      const position = this.positions[handle - 1]! + done;
      done += attempt(() => fs.writeSync(fd, bytes, done, bytes.length - done, this.seekable(fd) ? position : null));
    }
    this.positions[handle - 1]! += done;
    return done;
  }

  seek(handle: number, position: number): void {
    const fd = this.fd(handle);
    if (!this.seekable(fd)) throw new HostFileError('ESPIPE');
    this.positions[handle - 1] = position;
  }

  /** Position of any kind of handle. */
  position(handle: number): number {
    return this.positions[handle - 1]!;
  }
  setPosition(handle: number, position: number): void {
    this.positions[handle - 1] = position;
  }

  size(handle: number): number {
    const fd = this.fd(handle);
    return attempt(() => fs.fstatSync(fd)).size;
  }

  remove(name: string): void {
    const file = this.permitted(name, true);
    attempt(() => fs.unlinkSync(file));
  }

  rename(from: string, to: string): void {
    const [source, target] = [this.permitted(from, true), this.permitted(to, true)];
    attempt(() => fs.renameSync(source, target));
  }

  /** A name for a temporary file, the same for the same number. */
  temporaryName(id: number): string {
    if (this.policy === 'none') throw new HostFileError('EACCES');
    const name = `trireme-${process.pid}-${id}.tmp`;
    return this.policy === 'all' ? path.join(tmpdir(), name) : name;
  }

  private add(kind: number, fd: number): number {
    lock(this.words, W_LOCK);
    try {
      for (let i = 0; i < MAX_HANDLES; i++) {
        const at = W_TABLE + WORDS_EACH * i;
        if (this.words[at] !== HANDLE.free) continue;
        this.words[at + 1] = fd;
        this.positions[i] = 0;
        Atomics.store(this.words, at, kind);
        return i + 1;
      }
    } finally {
      unlock(this.words, W_LOCK);
    }
    throw new HostFileError('EMFILE');
  }

  private fd(handle: number): number {
    if (this.kind(handle) !== HANDLE.file) throw new HostFileError('EINVAL');
    return this.words[W_TABLE + WORDS_EACH * (handle - 1) + 1]!;
  }

  private seekable(fd: number): boolean {
    return attempt(() => fs.fstatSync(fd)).isFile();
  }

  /** The file that a guest's name means, links resolved, if the policy lets the guest have it. */
  private permitted(name: string, itself = false): string {
    if (name === '' || name.includes('\0')) throw new HostFileError('ENOENT');
    if (this.policy === 'none') throw new HostFileError('EACCES');
    if (this.policy === 'all') return path.resolve(name);
    const root = attempt(() => fs.realpathSync((this.policy as { root: string }).root));
    const file = path.resolve(root, name);
    // The folder must exist. A last part that exists is resolved as well, unless the link itself is meant.
    const folder = attempt(() => fs.realpathSync(path.dirname(file)));
    let real = path.join(folder, path.basename(file));
    try {
      if (!itself) real = fs.realpathSync(real);
    } catch (error) {
      // A link to nowhere would be created through, wherever it points.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new HostFileError('EACCES');
      if (fs.lstatSync(real, { throwIfNoEntry: false })?.isSymbolicLink()) throw new HostFileError('EACCES');
    }
    const inside = path.relative(root, real);
    if (inside === '..' || inside.startsWith(`..${path.sep}`) || path.isAbsolute(inside)) {
      throw new HostFileError('EACCES');
    }
    return real;
  }
}
