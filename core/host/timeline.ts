/** Lines of all consoles of a run, in the order in which they began. */
import type { Line } from './api.ts';
import type { RunConsole } from './consoles.ts';

/** Beyond this the older half is forgotten; consoles keep their own lines. */
const LIMIT = 200_000;

export class Timeline {
  private entries: { readonly console: RunConsole; readonly line: number }[] = [];
  private first = 0;

  add(console: RunConsole, line: number): void {
    this.entries.push({ console, line });
    if (this.entries.length <= LIMIT) return;
    this.entries = this.entries.slice(LIMIT / 2);
    this.first += LIMIT / 2;
  }

  read(first: number, count: number): { first: number; total: number; lines: Line[] } {
    const from = Math.max(first, this.first);
    const part = this.entries.slice(from - this.first, from - this.first + count);
    return { first: from, total: this.first + this.entries.length, lines: part.map((e) => lineOf(e.console, e.line)) };
  }
}

export function lineOf(console: RunConsole, number: number): Line {
  const kept = console.history.line(number);
  return {
    console: console.id,
    number,
    hostSeconds: kept?.host ?? 0,
    guestSeconds: kept?.guest ?? 0,
    text: kept?.text ?? '(no longer kept)',
  };
}
