/** The guest `virt.elf` (a prompt on UART0) on the machine `virt`, as a command line of QEMU's describes it. */
import { parseQemu } from '../../core/cli/qemu/parse.ts';
import { configureLaunch } from '../../core/machines/configure.ts';
import type { System, SystemExit } from '../../core/system/api.ts';
import { worldOf } from '../../core/system/console-tag.ts';
import { createSystem } from '../../core/system/system.ts';
import { guest } from './trireme.ts';

export class VirtGuest {
  readonly system: System;
  readonly exit: Promise<SystemExit>;
  /** What consoles showed, by number. */
  readonly shown: string[] = [];
  /** Worlds that wrote to the first console. */
  readonly worlds = new Set<string>();
  private from = 0;
  private look: () => void = () => {};

  private constructor(system: System) {
    this.system = system;
    for (const { id } of system.consoles) this.shown[id] = '';
    system.on('console', (id, bytes, tags) => {
      this.shown[id] += Buffer.from(bytes).toString('latin1');
      if (id === 0) for (const tag of tags) this.worlds.add(worldOf(tag));
      this.look();
    });
    this.exit = new Promise((resolve) => system.on('exit', resolve));
  }
  /** Created, not started. */
  static async create(line: string): Promise<VirtGuest> {
    const words = `-M virt -nographic -kernel ${guest('virt')} ${line}`.split(' ').filter((word) => word !== '');
    return new VirtGuest(await createSystem(configureLaunch(parseQemu(words).launch)));
  }
  /** Started, at its prompt. */
  static async start(line: string): Promise<VirtGuest> {
    const made = await VirtGuest.create(line);
    await made.system.start();
    await made.until(/> $/);
    return made;
  }
  /** Waits for output of the first console behind what was waited for before; yields the match. */
  until(pattern: RegExp, milliseconds = 100_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${pattern} did not come: ${this.shown[0]!.slice(this.from)}`)),
        milliseconds,
      );
      this.look = () => {
        const match = pattern.exec(this.shown[0]!.slice(this.from));
        if (!match) return;
        clearTimeout(late);
        this.look = () => {};
        this.from += match.index + match[0].length;
        resolve(match);
      };
      this.look();
    });
  }
  type(text: string): void {
    this.system.consoleInput(0, new TextEncoder().encode(text));
  }
  /** What it answers to a command, up to the next prompt. */
  async ask(command: string): Promise<string> {
    this.type(`${command}\n`);
    return (await this.until(/^((?:[^\n]*\n)*?)> $/))[1]!.replaceAll('\r', '').trimEnd();
  }
}
