/** Consoles of a run that are to be had elsewhere, too: on a port, on a terminal of this machine, in a file. */
import { type ConsoleSink, openSink } from '../consoles/sinks/sink.ts';
import type { Launch } from '../machines/launch.ts';
import { consolesOf } from '../machines/launch-consoles.ts';
import { UserError } from '../system/errors.ts';
import type { ConsolePlace } from './api.ts';
import type { AnyLaunch } from './launch.ts';

type Target = Launch['exposed'][number]['target'];

/** Every place that a launch names: for a console beside this window, or instead of the terminal that the workbench stands for. */
function placesOf(launch: AnyLaunch): [console: string, target: Target][] {
  if (launch.machine.type === 'bare') return [];
  const virt = launch as Launch;
  const others = consolesOf(virt).flatMap(({ name, target }): [string, Target][] =>
    target === null || target.to === 'terminal' || target.to === 'null' ? [] : [[name, target]],
  );
  return [...others, ...virt.exposed.map(({ console, target }): [string, Target] => [console, target])];
}

export interface ExposureEvents {
  /** Somebody typed there. */
  input(console: string, bytes: Uint8Array): void;
  /** Something went wrong later on. */
  failed(message: string): void;
}

export class Exposure {
  private readonly sinks = new Map<string, ConsoleSink[]>();
  private readonly list: { console: string; sink: ConsoleSink }[] = [];

  /** Opens all of them, or none: throws a UserError for the first that cannot be had. */
  static async open(launch: AnyLaunch, consoles: readonly string[], events: ExposureEvents): Promise<Exposure> {
    const exposure = new Exposure();
    try {
      for (const [console, target] of placesOf(launch)) {
        if (!consoles.includes(console)) throw new UserError(`there is no console ${console} to be had elsewhere`);
        const sink = await openSink(target, {
          input: (bytes) => events.input(console, bytes),
          failed: (message) => events.failed(message),
        });
        if (sink) exposure.add(console, sink);
      }
      return exposure;
    } catch (error) {
      await exposure.close();
      throw error;
    }
  }
  private add(console: string, sink: ConsoleSink): void {
    this.list.push({ console, sink });
    this.sinks.set(console, [...(this.sinks.get(console) ?? []), sink]);
  }
  /** Resolves when everybody is there whom a console is to wait for. */
  async awaited(): Promise<void> {
    await Promise.all(this.list.map(({ sink }) => sink.ready));
  }
  write(console: string, bytes: Uint8Array): void {
    for (const sink of this.sinks.get(console) ?? []) sink.write(bytes);
  }
  places(): ConsolePlace[] {
    return this.list.map(({ console, sink }) => ({ console, place: sink.place }));
  }
  async close(): Promise<void> {
    await Promise.all(this.list.splice(0).map(({ sink }) => sink.close()));
    this.sinks.clear();
  }
}
