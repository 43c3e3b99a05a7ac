/** Several consoles on one terminal, one of them shown at a time, as `screen` does it. */
import type { Console } from './console-set.ts';
import { KEY_HELP, type KeyCommand } from './keys.ts';
import type { LineEditor } from './line-editor.ts';
import { SharedLines } from './shared-lines.ts';

/** What is shown: all consoles as they come, one of them, or the monitor. */
type View = { readonly kind: 'all' | 'monitor' } | { readonly kind: 'one'; readonly index: number };

export interface Screen {
  write(data: Uint8Array | string): void;
  /** Messages of ours. */
  say(data: string): void;
  /** Lines that fit. */
  rows(): number;
}

export class Multiplexer {
  private readonly consoles: readonly Console[];
  private readonly screen: Screen;
  private readonly monitor: LineEditor | null;
  private readonly quit: () => void;
  private readonly shared: SharedLines<Console>;
  private view: View = { kind: 'all' };
  /** Where the monitor goes back to. */
  private before: View = { kind: 'all' };

  /** `consoles` by their numbers, from 1. At first all are shown. */
  constructor(consoles: readonly Console[], screen: Screen, monitor: LineEditor | null, quit: () => void) {
    this.consoles = consoles;
    this.screen = screen;
    this.monitor = monitor;
    this.quit = quit;
    this.shared = new SharedLines((bytes) => screen.write(bytes));
    for (const console of consoles) console.on((bytes) => this.shown(console, bytes));
  }

  /** Starts with the first console alone. */
  startWithFirst(): void {
    if (this.consoles.length > 0) this.view = { kind: 'one', index: 0 };
  }

  /** Starts in the monitor, where no console is on the terminal. */
  startWithMonitor(): void {
    this.view = { kind: 'monitor' };
    this.monitor?.prompt();
  }

  private shown(console: Console, bytes: Uint8Array): void {
    const { view } = this;
    // Worlds are parts of consoles that are shown whole already.
    if (view.kind === 'all' && console.world === null) this.shared.take(console, bytes);
    else if (view.kind === 'one' && this.consoles[view.index] === console) this.screen.write(bytes);
  }
  /** Nothing is held back any longer: the run ends. */
  flush(): void {
    this.shared.flush();
  }

  /** What is typed. */
  type(bytes: Uint8Array): void {
    if (this.view.kind === 'monitor') this.monitor?.feed(bytes);
    else this.consoles[this.view.kind === 'one' ? this.view.index : 0]?.type(bytes);
  }

  command(command: KeyCommand): void {
    const count = this.consoles.length;
    const at = this.view.kind === 'one' ? this.view.index : -1;
    switch (command.do) {
      case 'quit':
        this.quit();
        return;
      case 'help':
        this.help();
        return;
      case 'monitor':
        if (this.view.kind === 'monitor') this.go(this.before);
        else if (this.monitor) this.go({ kind: 'monitor' });
        return;
      case 'next':
        if (count > 0) this.go({ kind: 'one', index: (at + 1) % count });
        return;
      case 'previous':
        if (count > 0) this.go({ kind: 'one', index: (Math.max(at, 0) + count - 1) % count });
        return;
      case 'show':
        if (command.number === 0) this.go({ kind: 'all' });
        else if (command.number <= count) this.go({ kind: 'one', index: command.number - 1 });
        else this.screen.say(`\r\n[there is no console ${command.number}; Ctrl+A ? lists them]\r\n`);
    }
  }

  private go(view: View): void {
    if (view.kind === 'monitor' && this.view.kind !== 'monitor') this.before = this.view;
    this.shared.flush();
    this.view = view;
    if (view.kind === 'monitor') {
      this.screen.write('\r\n');
      this.monitor!.prompt();
      return;
    }
    const console = view.kind === 'one' ? this.consoles[view.index]! : null;
    this.screen.write(`\x1b[0m\r\n[${view.kind === 'one' ? view.index + 1 : 0}: ${console?.title ?? 'all'}]\r\n`);
    if (console) this.screen.write(console.scrollback.lastLines(Math.max(1, this.screen.rows() - 2)));
  }

  private help(): void {
    const list = this.consoles.map(
      (c, n) => `  ${n + 1}  ${c.title}${c.world === null ? '' : `: that world's part of ${this.wholeOf(c)}`}`,
    );
    this.screen.say(`\r\n${[...KEY_HELP, 'Consoles:', ...list].join('\r\n')}\r\n`);
  }
  private wholeOf(part: Console): string {
    return this.consoles.find((c) => c.source === part.source && c.world === null)?.name ?? 'the console';
  }
}
