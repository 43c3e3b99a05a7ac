/** What `fetch.sh` unpacks from Debian's packages, found by item; or why it is not to be had. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

/** Kernels by the names that `fetch.sh` has for them. */
export type KernelName = '6.1' | '6.12' | 'cloud';
export type Item = KernelName | 'busybox' | 'u-boot' | 'edk2' | 'efi-shell' | 'rootfs';

/** By item: null when its folder is known, else one line that says why there is none. */
const attempts = new Map<Item, Promise<string | null>>();
const folders = new Map<Item, string>();

async function fetchItem(item: Item): Promise<string | null> {
  const script = join(import.meta.dirname, 'fetch.sh');
  const run = await execFileAsync('sh', [script, item]).catch((error: { stderr?: string }) => ({
    stdout: '',
    stderr: error.stderr ?? String(error),
  }));
  const folder = run.stdout.trim();
  if (folder === '') return run.stderr.trim().split('\n').at(-1) || `fetch ${item} failed`;
  folders.set(item, folder);
  return null;
}

/**
 * Fetches what was not fetched before, which takes up to a minute an item (a root file system: some minutes). Yields null, or one line
 * that says why something is not to be had. To be awaited before the functions below are used.
 */
export async function unavailable(...items: Item[]): Promise<string | null> {
  for (const item of items) {
    if (!attempts.has(item)) attempts.set(item, fetchItem(item));
    const reason = await attempts.get(item)!;
    if (reason !== null) return reason;
  }
  return null;
}

/** A title with the reason, so that whoever reads the report sees why the group did not run. */
export const titled = (title: string, reason: string | null): string =>
  reason === null ? title : `${title} (skipped: ${reason})`;

function folderOf(item: Item): string {
  const folder = folders.get(item);
  if (folder === undefined) throw new Error(`${item} was not fetched`);
  return folder;
}
export const fileOf = (item: Item, ...path: string[]): string => join(folderOf(item), ...path);

export interface Kernel {
  /** `vmlinuz`, an arm64 Image. */
  readonly image: string;
  /** Folder `…/modules/RELEASE`. */
  readonly modules: string;
  readonly release: string;
}

export function kernelOf(name: KernelName): Kernel {
  const folder = folderOf(name);
  const library = ['usr/lib/modules', 'lib/modules'].map((p) => join(folder, p)).find((p) => existsSync(p));
  const release = library === undefined ? undefined : readdirSync(library)[0];
  if (library === undefined || release === undefined) throw new Error(`${folder}: no modules`);
  const modules = join(library, release);
  const images = [join(modules, 'vmlinuz'), join(folder, 'boot', `vmlinuz-${release}`)];
  const image = images.find((p) => existsSync(p));
  if (image === undefined) throw new Error(`${folder}: no vmlinuz`);
  return { image, modules, release };
}

/** A module's name as `lsmod` prints it. */
const moduleName = (path: string): string =>
  basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');

/**
 * The objects of these modules and all that they need, in an order in which they can be inserted. What the kernel has not, or has built
 * in, is left out.
 */
export function moduleObjects(kernel: Kernel, wanted: readonly string[]): { name: string; bytes: Uint8Array }[] {
  const paths = readdirSync(join(kernel.modules, 'kernel'), { recursive: true, encoding: 'utf8' });
  const files = new Map(paths.filter((p) => /\.ko(\.xz)?$/.test(p)).map((p) => [moduleName(p), p]));
  const objects = new Map<string, Uint8Array>();
  const visited = new Set<string>();
  const add = (name: string): void => {
    const path = files.get(name);
    if (path === undefined || visited.has(name)) return;
    visited.add(name);
    const bytes = readModule(join(kernel.modules, 'kernel', path));
    for (const needed of needs(bytes)) add(needed);
    objects.set(name, bytes);
  };
  for (const name of wanted) add(name);
  return [...objects].map(([name, bytes]) => ({ name, bytes }));
}

/** What a module says it needs, in its section .modinfo: strings `depends=a,b` and `softdep=pre: a b`. */
function needs(module: Uint8Array): string[] {
  const text = Buffer.from(module.buffer, module.byteOffset, module.length).toString('latin1');
  const hard = /\0depends=([\w,-]+)\0/.exec(text)?.[1]?.split(',') ?? [];
  const soft = [...text.matchAll(/\0softdep=pre: ([\w -]+)\0/g)].flatMap((m) => m[1]!.trim().split(/ +/));
  return [...hard, ...soft].map((name) => name.replaceAll('-', '_'));
}

function readModule(path: string): Uint8Array {
  if (!path.endsWith('.xz')) return readFileSync(path);
  return execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 26 });
}
