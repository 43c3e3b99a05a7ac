/** The installed QEMU: where it is, and the arguments that put its serial ports where the workbench finds them. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { qemuArguments } from '../../cli/qemu/format.ts';
import type { ConsoleTarget, Launch } from '../../machines/launch.ts';
import { consolesOf } from '../../machines/launch-consoles.ts';
import { bareQemu } from '../command-lines.ts';
import { isBare } from '../configure.ts';
import type { AnyLaunch } from '../launch.ts';

export interface QemuProgram {
  readonly path: string;
  /** As it tells itself: `QEMU emulator version 10.0.2`. */
  readonly version: string;
}

/** Null where no QEMU is installed. */
export async function findQemu(env: NodeJS.ProcessEnv = process.env): Promise<QemuProgram | null> {
  const name = process.platform === 'win32' ? 'qemu-system-aarch64.exe' : 'qemu-system-aarch64';
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 5000 });
      return { path, version: stdout.split('\n')[0]!.trim() };
    } catch {
      // Not here, or not a program.
    }
  }
  return null;
}

export interface QemuCommand {
  readonly args: readonly string[];
  /** Names of consoles, and the socket of each, on which QEMU waits before it begins. */
  readonly consoles: readonly { readonly name: string; readonly socket: string }[];
  /** Where its machine protocol is served. */
  readonly control: string;
}

/** The command for a launch; sockets are made in `folder`. */
export function qemuCommand(launch: AnyLaunch, folder: string): QemuCommand {
  const control = join(folder, 'qmp');
  const socketOf = (name: string): string => join(folder, name);
  const target = (name: string): ConsoleTarget => ({ to: 'unix', path: socketOf(name), server: true, wait: true });
  const own = ['-display', 'none', '-monitor', 'none', '-qmp', `unix:${control},server=on,wait=off`];
  if (isBare(launch)) {
    const words = bareQemu(launch).slice(1);
    const serial = ['-serial', `unix:${socketOf('uart0')},server=on,wait=on`];
    const args = [...words.filter((w) => w !== '-nographic'), ...serial, ...own];
    return { args, control, consoles: [{ name: 'uart0', socket: socketOf('uart0') }] };
  }
  const virt = launch as Launch;
  const here = (t: ConsoleTarget | null): boolean => t?.to === 'terminal';
  const names = consolesOf(virt);
  let port = virt.serials.length;
  const moved: Launch = {
    ...virt,
    serials: virt.serials.map((t, n) => (here(t) ? target(names[n]!.name) : t)),
    virtio: virt.virtio.map((d) => {
      if (d.device !== 'console') return d;
      return { ...d, ports: d.ports.map((p) => ({ ...p, target: moveTo(p.target, names[port++]!.name) })) };
    }),
    exposed: [],
    monitors: [],
  };
  function moveTo(t: ConsoleTarget, name: string): ConsoleTarget {
    return here(t) ? target(name) : t;
  }
  const args = [...qemuArguments(moved).filter((w) => w !== '-nographic'), ...own];
  const consoles = names.filter((c) => here(c.target)).map(({ name }) => ({ name, socket: socketOf(name) }));
  return { args, control, consoles };
}
