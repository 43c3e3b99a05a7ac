/**
 * The script of a run: `--expect` and `--send`, done in the order given.
 *
 * An expectation looks at what its console showed since the match before it; without a console, at what all consoles showed, as
 * the terminal does. Matching goes over several lines: `^` and `$` are the ends of a line.
 */
import { UserError } from '../system/errors.ts';
import { unescapeC } from './escapes.ts';

export interface RawStep {
  readonly kind: 'expect' | 'send';
  readonly text: string;
}

export type Step =
  | { readonly kind: 'expect'; readonly console: string | null; readonly pattern: RegExp }
  | { readonly kind: 'send'; readonly console: string | null; readonly bytes: Uint8Array };

/** Characters of unmatched output that are kept; what is older cannot be expected any more. */
const WINDOW = 1 << 20;

/** Reads the steps; `CONSOLE:` in front counts only if there is a console of that name. */
export function parseSteps(raw: readonly RawStep[], consoles: readonly string[]): Step[] {
  return raw.map(({ kind, text }) => {
    const colon = text.indexOf(':');
    const named = colon > 0 && consoles.includes(text.slice(0, colon));
    const console = named ? text.slice(0, colon) : null;
    const body = named ? text.slice(colon + 1) : text;
    try {
      if (kind === 'send') return { kind, console, bytes: unescapeC(body) };
      return { kind, console, pattern: new RegExp(body, 'gm') };
    } catch (error) {
      const why = (error as Error).message.replace(/^Invalid regular expression: /, '').split('\n')[0];
      const what = kind === 'send' ? `--send '${text}'` : `--expect '${text}' is not a regular expression`;
      throw new UserError(`${what}: ${why}`);
    }
  });
}

/** True when the pattern neither matches nor looks across a line's end, so that lines which were searched need no second look. */
function staysInLine(pattern: RegExp): boolean {
  return !/\\[nrsvfWDxucpP0B]|\[\^|\[[^\]]*[\n\r]|[\n\r]|\(\?[a-z]*s|\(\?</.test(pattern.source);
}

/** Characters of matched output that are kept, for `^` and for looking behind. */
const BEHIND = 1 << 10;

/** Output of one console, or of all, that is not matched yet. */
class Unmatched {
  /** Whole lines that `pattern` was not found in. */
  private searched: string[] = [];
  private searchedLength = 0;
  private pattern: RegExp | null = null;
  /** What follows; before `from` it is matched. */
  private text = '';
  private from = 0;
  private readonly decoder = new TextDecoder();

  append(bytes: Uint8Array): void {
    this.text += this.decoder.decode(bytes, { stream: true });
    if (this.text.length <= 2 * WINDOW) return;
    this.from = Math.max(0, this.from - (this.text.length - WINDOW));
    this.text = this.text.slice(-WINDOW);
  }

  /** Looks for the pattern; what it matches, and all before, is matched then. */
  take(pattern: RegExp): boolean {
    if (pattern !== this.pattern) this.lookAtAllAgain();
    this.pattern = pattern;
    pattern.lastIndex = this.from;
    const match = pattern.exec(this.text);
    if (match) {
      const end = match.index + match[0].length;
      const keep = Math.max(0, end - BEHIND);
      this.text = this.text.slice(keep);
      this.from = end - keep;
      this.pattern = null;
      this.searched = [];
      this.searchedLength = 0;
    } else if (staysInLine(pattern)) {
      this.setAside(this.text.lastIndexOf('\n') + 1);
    }
    return match !== null;
  }
  private setAside(length: number): void {
    if (length <= this.from) return;
    this.searched.push(this.text.slice(this.from, length));
    this.searchedLength += length - this.from;
    this.text = this.text.slice(length);
    this.from = 0;
    while (this.searchedLength > WINDOW) this.searchedLength -= this.searched.shift()!.length;
  }
  private lookAtAllAgain(): void {
    if (this.searched.length === 0) return;
    this.text = this.searched.join('') + this.text;
    this.from = 0;
    this.searched = [];
    this.searchedLength = 0;
  }
}

export class Script {
  private readonly steps: readonly Step[];
  private readonly send: (console: string | null, bytes: Uint8Array) => void;
  private next = 0;
  private readonly all = new Unmatched();
  private readonly byConsole = new Map<string, Unmatched>();

  constructor(steps: readonly Step[], send: (console: string | null, bytes: Uint8Array) => void) {
    this.steps = steps;
    this.send = send;
    for (const { console } of steps) if (console !== null) this.byConsole.set(console, new Unmatched());
  }

  /** True once a script that ends with an expectation is through: the run ends well. */
  get succeeded(): boolean {
    return this.next === this.steps.length && this.steps.at(-1)?.kind === 'expect';
  }
  /** The expectation that the script waits for, or null. */
  get pending(): (Step & { kind: 'expect' }) | null {
    const step = this.steps[this.next];
    return step?.kind === 'expect' ? step : null;
  }

  /** Does what needs no (more) output. */
  advance(): void {
    for (let step = this.steps[this.next]; step; step = this.steps[this.next]) {
      if (step.kind === 'expect') {
        const output = step.console === null ? this.all : this.byConsole.get(step.console)!;
        if (!output.take(step.pattern)) return;
        this.next++;
      } else {
        // Counted first: what is sent may be answered at once.
        this.next++;
        this.send(step.console, step.bytes);
      }
    }
  }

  /** A console showed bytes; `whole`: they are not a part of what another one shows. */
  feed(console: string, bytes: Uint8Array, whole = true): void {
    if (this.next === this.steps.length) return;
    if (whole) this.all.append(bytes);
    this.byConsole.get(console)?.append(bytes);
    this.advance();
  }
}

/** The last lines that were shown, for messages. */
export class Tail {
  private text = '';
  private readonly decoder = new TextDecoder();

  append(bytes: Uint8Array): void {
    this.text += this.decoder.decode(bytes, { stream: true });
    if (this.text.length > 1 << 17) this.text = this.text.slice(-(1 << 16));
  }
  lines(count: number): string[] {
    const lines = this.text.split(/\r\n|\n|\r/);
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-count);
  }
}
