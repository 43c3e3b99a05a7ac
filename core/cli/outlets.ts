/** Consoles and monitors outside of the terminal, while a session lasts. */
import type { ConsoleSet } from '../consoles/console-set.ts';
import type { LineEditor } from '../consoles/line-editor.ts';
import { type ConsoleSink, openSink } from '../consoles/sinks/sink.ts';
import type { ConsoleTarget } from '../machines/launch.ts';
import { UserError } from '../system/errors.ts';

interface OutletEvents {
  say(line: string): void;
  /** A monitor that writes there. */
  monitor(write: (text: string) => void): LineEditor;
}

export class Outlets {
  private readonly consoles: ConsoleSet;
  private readonly events: OutletEvents;
  private readonly sinks: ConsoleSink[] = [];
  private readonly waits: Promise<void>[] = [];

  constructor(consoles: ConsoleSet, events: OutletEvents) {
    this.consoles = consoles;
    this.events = events;
  }

  /** Has a console elsewhere. Throws a UserError where there is none of that name, or the place cannot be had. */
  async open(name: string, target: ConsoleTarget): Promise<void> {
    const console = this.consoles.find(name);
    if (!console) throw new UserError(`there is no console ${name} (there are ${this.consoles.names.join(', ')})`);
    const sink = await this.make(`console ${name}`, target, (bytes) => console.type(bytes));
    if (sink) console.on((bytes) => sink.write(bytes));
  }

  async openMonitor(target: ConsoleTarget): Promise<void> {
    let editor: LineEditor | null = null;
    const sink = await this.make('the monitor', target, (bytes) => editor?.feed(bytes));
    if (!sink) return;
    editor = this.events.monitor((text) => sink.write(new TextEncoder().encode(text)));
    editor.prompt();
  }

  /** Resolves when everybody is there whom a console is to wait for. */
  async awaited(): Promise<void> {
    await Promise.all(this.waits);
  }

  async close(): Promise<void> {
    await Promise.all(this.sinks.map((sink) => sink.close()));
  }

  private async make(
    what: string,
    target: ConsoleTarget,
    input: (bytes: Uint8Array) => void,
  ): Promise<ConsoleSink | null> {
    const sink = await openSink(target, { input, failed: (message) => this.events.say(message) });
    if (!sink) return null;
    this.sinks.push(sink);
    this.waits.push(sink.ready);
    const waits = (target.to === 'tcp' || target.to === 'unix') && target.wait;
    // Said where nobody could know it, or somebody is waited for.
    if (waits) this.events.say(`${what} waits for a connection on ${sink.place}`);
    else if (target.to === 'pty' || (target.to === 'tcp' && target.port === 0)) {
      this.events.say(`${what} is on ${sink.place}`);
    }
    return sink;
  }
}
