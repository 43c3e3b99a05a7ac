/**
 * Arm semihosting for AArch64, version 2.0 (Arm "Semihosting for AArch32 and AArch64"): HLT #0xF000 with the operation number in
 * W0 and a parameter in X1, most often the address of a block of 8-byte fields. The result goes to X0.
 */
import type { ConsolePort } from './console.ts';
import type { CallOutcome, CpuView } from './cpu-view.ts';
import { HANDLE, HostFileError, type HostFiles } from './host-files.ts';

/** What semihosting reaches of the host and of the system. */
export interface SemihostingHost {
  readonly files: HostFiles;
  readonly console: Pick<ConsolePort, 'sendAll' | 'receiveSome'>;
  readonly commandLine: string;
  /** Free memory for the guest's heap and stack: lowest address, and the one after the highest. */
  readonly heap: { readonly base: bigint; readonly limit: bigint };
  /** Guest time since start. */
  nanoseconds(): bigint;
  /** Seconds since 1970. */
  wallSeconds(): number;
  /** The guest ends, with this exit status. */
  exit(status: number): void;
  /** The last error number, common to all cores. */
  errno: number;
}

/** ADP_Stopped_ApplicationExit: the only reason of SYS_EXIT that has an exit status. */
const APPLICATION_EXIT = 0x20026n;
/** Content of `:semihosting-features`: magic, then SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR. */
const FEATURES = Uint8Array.of(0x53, 0x48, 0x46, 0x42, 0x03);
const MAX_NAME = 4096;
const MAX_STRING = 1 << 24;
const CHUNK = 1 << 16;

/** Ends a call early with the result −1. */
const fail = (code: string): never => {
  throw new HostFileError(code);
};

class Call {
  readonly host: SemihostingHost;
  readonly cpu: CpuView;
  constructor(host: SemihostingHost, cpu: CpuView) {
    this.host = host;
    this.cpu = cpu;
  }
  get parameter(): bigint {
    return this.cpu.x(1);
  }
  bytes(va: bigint, length: number): Uint8Array {
    return this.cpu.readBytes(va, length) ?? fail('EFAULT');
  }
  put(va: bigint, bytes: Uint8Array): void {
    if (!this.cpu.writeBytes(va, bytes)) fail('EFAULT');
  }
  /** Field n of the parameter block. */
  field(n: number): bigint {
    const bytes = this.bytes(this.parameter + 8n * BigInt(n), 8);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }
  size(n: number): number {
    const value = this.field(n);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? fail('EINVAL') : Number(value);
  }
  handle(n: number): number {
    const value = this.field(n);
    return value > 0xffffn ? fail('EBADF') : Number(value);
  }
  /** A string of a pointer field and a length field. */
  name(pointer: number, length: number): string {
    const size = this.size(length);
    if (size > MAX_NAME) fail('ENAMETOOLONG');
    return new TextDecoder().decode(this.bytes(this.field(pointer), size));
  }
}

/** Yields what goes to X0; undefined leaves it alone; an outcome other than `continue` leaves it alone, too. */
type Operation = (c: Call) => bigint | number | CallOutcome | undefined;

const open: Operation = (c) => {
  const name = c.name(0, 2);
  const mode = c.size(1);
  if (mode > 11) fail('EINVAL');
  const { files } = c.host;
  // Reading, writing and appending mean stdin, stdout and stderr, all of them this console.
  if (name === ':tt') return files.openSpecial(HANDLE.console);
  if (name === ':semihosting-features') return mode > 1 ? fail('EACCES') : files.openSpecial(HANDLE.features);
  return files.open(name, mode);
};

const writeString: Operation = (c) => {
  let va = c.parameter;
  for (let done = 0; done < MAX_STRING; ) {
    // Up to the end of the page: what follows the string need not be readable.
    const bytes = c.bytes(va, 4096 - Number(va & 0xfffn));
    const end = bytes.indexOf(0);
    c.host.console.sendAll(end < 0 ? bytes : bytes.subarray(0, end));
    if (end >= 0) return undefined;
    va += BigInt(bytes.length);
    done += bytes.length;
  }
  return undefined;
};

const write: Operation = (c) => {
  const handle = c.handle(0);
  const kind = c.host.files.kind(handle);
  const [va, size] = [c.field(1), c.size(2)];
  let done = 0;
  while (done < size) {
    const bytes = c.bytes(va + BigInt(done), Math.min(CHUNK, size - done));
    if (kind === HANDLE.console) c.host.console.sendAll(bytes);
    else if (kind === HANDLE.file) c.host.files.write(handle, bytes);
    else fail('EBADF');
    done += bytes.length;
  }
  return 0;
};

const read: Operation = (c) => {
  const handle = c.handle(0);
  const { files, console } = c.host;
  const kind = files.kind(handle);
  const [va, size] = [c.field(1), c.size(2)];
  if (size === 0) return 0;
  if (kind === HANDLE.console) {
    const bytes = console.receiveSome(Math.min(size, CHUNK));
    if (bytes.length === 0) return 'retry';
    c.put(va, bytes);
    return size - bytes.length;
  }
  if (kind === HANDLE.features) {
    const from = files.position(handle);
    const bytes = FEATURES.subarray(from, from + size);
    c.put(va, bytes);
    files.setPosition(handle, from + bytes.length);
    return size - bytes.length;
  }
  let done = 0;
  while (done < size) {
    const bytes = files.read(handle, Math.min(CHUNK, size - done));
    if (bytes.length === 0) break;
    c.put(va + BigInt(done), bytes);
    done += bytes.length;
  }
  return size - done;
};

const seek: Operation = (c) => {
  const handle = c.handle(0);
  const kind = c.host.files.kind(handle);
  const position = c.size(1);
  if (kind === HANDLE.features) c.host.files.setPosition(handle, Math.min(position, FEATURES.length));
  else c.host.files.seek(handle, position);
  return 0;
};

const length: Operation = (c) => {
  const handle = c.handle(0);
  return c.host.files.kind(handle) === HANDLE.features ? FEATURES.length : c.host.files.size(handle);
};

/** Writes a string with its NUL at `va`, which has room for `room` bytes. */
function putString(c: Call, va: bigint, room: number, text: string): number {
  const bytes = new TextEncoder().encode(`${text}\0`);
  if (bytes.length > room) fail('EINVAL');
  c.put(va, bytes);
  return bytes.length - 1;
}

const commandLine: Operation = (c) => {
  const size = putString(c, c.field(0), c.size(1), c.host.commandLine);
  c.put(c.parameter + 8n, words(BigInt(size)));
  return 0;
};

function words(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

const exit: Operation = (c) => {
  const [reason, status] = [c.field(0), c.field(1)];
  c.host.exit(reason === APPLICATION_EXIT ? Number(status & 0xffn) : 1);
  return 'system';
};

const OPERATIONS: Readonly<Record<number, Operation>> = {
  // SYS_OPEN, SYS_CLOSE
  1: open,
  2: (c) => {
    c.host.files.close(c.handle(0));
    return 0;
  },
  // SYS_WRITEC, SYS_WRITE0, SYS_WRITE, SYS_READ, SYS_READC
  3: (c) => {
    c.host.console.sendAll(c.bytes(c.parameter, 1));
    return undefined;
  },
  4: writeString,
  5: write,
  6: read,
  7: (c) => c.host.console.receiveSome(1)[0] ?? 'retry',
  // SYS_ISERROR, SYS_ISTTY
  8: (c) => (BigInt.asIntN(64, c.field(0)) < 0n ? 1 : 0),
  9: (c) => (c.host.files.kind(c.handle(0)) === HANDLE.console ? 1 : 0),
  // SYS_SEEK, SYS_FLEN, SYS_TMPNAM, SYS_REMOVE, SYS_RENAME
  10: seek,
  12: length,
  13: (c) => {
    putString(c, c.field(0), c.size(2), c.host.files.temporaryName(c.size(1) & 0xff));
    return 0;
  },
  14: (c) => {
    c.host.files.remove(c.name(0, 1));
    return 0;
  },
  15: (c) => {
    c.host.files.rename(c.name(0, 1), c.name(2, 3));
    return 0;
  },
  // SYS_CLOCK in hundredths of a second, SYS_TIME
  16: (c) => c.host.nanoseconds() / 10_000_000n,
  17: (c) => BigInt(Math.floor(c.host.wallSeconds())),
  // SYS_SYSTEM: no commands for guests.
  18: () => fail('ENOSYS'),
  // SYS_ERRNO, SYS_GET_CMDLINE, SYS_HEAPINFO
  19: (c) => c.host.errno,
  21: commandLine,
  22: (c) => {
    const { base, limit } = c.host.heap;
    c.put(c.field(0), words(base, limit, limit, base));
    return 0;
  },
  // SYS_EXIT, SYS_EXIT_EXTENDED: the same for AArch64.
  24: exit,
  32: exit,
  // SYS_ELAPSED, SYS_TICKFREQ: in nanoseconds.
  48: (c) => {
    c.put(c.parameter, words(c.host.nanoseconds()));
    return 0;
  },
  49: () => 1_000_000_000,
};

const OUTCOMES: readonly unknown[] = ['wait', 'retry', 'off', 'system'];

/** Answers the semihosting call that a core has just made. */
export function semihostingCall(host: SemihostingHost, cpu: CpuView): CallOutcome {
  let result: ReturnType<Operation>;
  try {
    const operation = OPERATIONS[Number(cpu.x(0) & 0xffffffffn)] ?? (() => fail('ENOSYS'));
    result = operation(new Call(host, cpu));
  } catch (error) {
    if (!(error instanceof HostFileError)) throw error;
    host.errno = error.errno;
    result = -1;
  }
  if (OUTCOMES.includes(result)) return result as CallOutcome;
  if (result !== undefined) cpu.setX(0, BigInt.asUintN(64, BigInt(result as number | bigint)));
  return 'continue';
}
