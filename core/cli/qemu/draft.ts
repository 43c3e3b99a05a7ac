/** A launch in the making: what the options of a command line have said so far. */
import type { ConsoleTarget, Launch, LoaderLaunch, VirtioLaunch } from '../../machines/launch.ts';
import { UserError } from '../../system/errors.ts';
import { type HostOptions, hostDefaults } from '../host-options.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type DiskAccess = (VirtioLaunch & { device: 'block' })['access'];

/** A `-drive` or a node of `-blockdev`. */
export interface Drive {
  readonly id: string | null;
  readonly file: string;
  readonly access: DiskAccess;
  readonly serial: string | null;
}

/** A `virtconsole`. */
interface Port {
  readonly name: string | null;
  readonly target: () => ConsoleTarget;
}

export class Draft {
  /** Makes a path absolute. */
  readonly path: (file: string) => string;
  readonly host: HostOptions = hostDefaults();

  secure = false;
  virtualization = false;
  uarts: number | null = null;
  randomness = true;
  legacyVirtio = false;
  topology: Launch['topology'] = null;
  rtc: Mutable<Launch['rtc']> = { base: 'utc', follows: 'host' };
  cpu: { model: string; features: Record<string, boolean> } = { model: 'max', features: {} };
  cores = 1;
  /** Null: not said, what the memory's backend has, or QEMU's 128 MiB. */
  memoryBytes: number | null = null;
  /** Sizes of `-object memory-backend-…`, and the one that the machine takes. */
  readonly memoryBackends = new Map<string, number>();
  memoryBackend: string | null = null;
  rme: Mutable<Launch['rme']> = { enabled: false, l0gptsz: 30 };
  mec: Mutable<Launch['mec']> = { enabled: false, mecidWidth: 16, model: 'exact' };
  bios: string | null = null;
  kernel: string | null = null;
  initrd: string | null = null;
  append: string | null = null;
  boot: Mutable<Launch['boot']> = { menu: false, strict: false, menuWait: null, retryAfter: null };
  dtb: string | null = null;
  readonly pflash: (Drive | null)[] = [];
  readonly flashNodes: (string | null)[] = [null, null];
  readonly loaders: LoaderLaunch[] = [];
  readonly fwCfg: Launch['fwCfg'] = [];
  /** In the order of the command line; each yields its device once everything is known. */
  readonly devices: (() => VirtioLaunch | null)[] = [];
  /** Those of `-drive if=virtio`: QEMU makes them last. */
  readonly disks: Drive[] = [];
  readonly drives = new Map<string, Drive>();
  private readonly used = new Set<Drive>();
  readonly folders = new Map<string, { folder: string; readOnly: boolean }>();
  readonly chardevs = new Map<string, ConsoleTarget>();
  readonly serials: (() => ConsoleTarget | null)[] = [];
  readonly monitors: (() => ConsoleTarget | null)[] = [];
  /** virtio consoles, each with its ports. */
  readonly portHomes: { readonly id: string | null; readonly ports: Port[] }[] = [];
  nographic = false;
  noDefaults = false;
  snapshot = false;
  semihosting: { enabled: boolean; arguments: string[] } = { enabled: false, arguments: [] };
  semihostingFiles = 'none';
  onReset: Launch['onReset'] = 'reset';
  uuid: string | null = null;
  engine: Launch['engine'] = 'normal';
  deterministic = false;
  seed: number | null = null;

  constructor(path: (file: string) => string) {
    this.path = path;
  }

  /** `-snapshot` counts for all, wherever it stands. */
  accessTo({ access }: Drive): DiskAccess {
    return this.snapshot && access === 'write' ? 'overlay' : access;
  }
  /** A drive is for one device. */
  useDrive(id: string): Drive | null {
    const drive = this.drives.get(id);
    if (!drive) return null;
    if (this.used.has(drive)) throw new UserError(`the drive ${id} has a device already`);
    this.used.add(drive);
    return drive;
  }
  block(drive: Drive, own: { readonly serial: string | null; readonly bootIndex: number | null }): VirtioLaunch {
    const { bootIndex, serial } = own;
    const access = this.accessTo(drive);
    return { device: 'block', file: drive.file, access, serial: serial ?? drive.serial, bootIndex };
  }
  chardev(id: string): ConsoleTarget {
    const found = this.chardevs.get(id);
    if (!found) throw new UserError(`there is no -chardev with id=${id}`);
    return found;
  }
}
