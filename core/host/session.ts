/** One face: reads its requests, answers, sends events, and sends console output as fast as the face can take it. */
import * as v from 'valibot';
import {
  type Carrier,
  CONSOLE_CHUNK,
  CONSOLE_WINDOW,
  type Failure,
  type HostEvent,
  type HostEvents,
  MAX_MESSAGE,
  type Method,
  PARAMS,
  type Params,
  type Result,
  requestSchema,
} from './api.ts';
import type { RunConsole } from './consoles.ts';
import { failureOf, HostError } from './errors.ts';
import type { HostRun } from './host-run.ts';
import { outputMessage } from './messages.ts';

/** Messages that are none of the interface, after which the face is sent away. */
const PATIENCE = 50;
/**
 * Milliseconds between two messages of a console. What comes after a pause goes out at once; while output goes on, longer and longer is
 * gathered, for each message draws a terminal anew.
 */
const GATHER = { least: 16, most: 100 } as const;
/**
 * The same behind a message of more bytes than that: nobody reads along any more, and drawing takes the guest its processor. Without
 * end: until the face is told something else that it draws (`beat`).
 */
const FLOODS = [
  { bytes: 32 << 10, rest: Number.POSITIVE_INFINITY },
  { bytes: 4 << 10, rest: 100 },
] as const;
/** A flood of which more bytes than that come between two beats waits for every second one, and so does all else that is drawn. */
const TORRENT = 128 << 10;
/** Messages of different consoles are so many milliseconds apart: a frame of the face, so that it draws one terminal in each. */
const APART = 16;
/**
 * Milliseconds between messages of one go, when there is more than one of them: what passes them on and what draws them would be busy at
 * the same time otherwise, and a guest beside them without a processor.
 */
const BETWEEN = 5;

export type Handlers = { [M in Method]: (params: Params<M>, session: Session) => Result<M> | Promise<Result<M>> };

export interface SessionHost {
  readonly handlers: Handlers;
  log(line: string): void;
  closed(session: Session): void;
}

interface Feed {
  readonly console: RunConsole;
  sent: number;
  drawn: number;
  /** When output was sent last, and how long it rests from then on. */
  at: number;
  rest: number;
  /** Bytes that there were at the last beat. */
  seen: number;
  /** What goes out in one go: where it began, where it ends, and that it has not ended. */
  from: number;
  until: number;
  more: boolean;
}

export class Session {
  private readonly host: SessionHost;
  private readonly carrier: Carrier;
  private readonly feeds = new Map<string, Feed>();
  private timer: { readonly id: NodeJS.Timeout; readonly due: number } | null = null;
  /** When output was sent last. */
  private pumped = 0;
  /** The last beat left out torrents. */
  private rested = false;
  private mistakes = 0;
  private open = true;

  constructor(host: SessionHost, carrier: Carrier) {
    this.host = host;
    this.carrier = carrier;
  }

  /** A message from the face. Never throws, whatever it is. */
  async receive(message: unknown): Promise<void> {
    if (!this.open) return;
    let data: unknown;
    try {
      if (typeof message !== 'string' || message.length > MAX_MESSAGE) throw new SyntaxError('not a text, or too long');
      data = JSON.parse(message);
    } catch {
      this.mistake(null, 'a message is not JSON');
      return;
    }
    const request = v.safeParse(requestSchema, data);
    if (!request.success) {
      const id = (data as { id?: unknown } | null)?.id;
      this.mistake(typeof id === 'number' && Number.isSafeInteger(id) ? id : null, issueText(request.issues[0]));
      return;
    }
    const { id, method } = request.output;
    const params = v.safeParse(PARAMS[method], request.output.params);
    if (!params.success) {
      this.mistake(id, `${method}: ${issueText(params.issues[0])}`);
      return;
    }
    try {
      // The table's types belong together by method, which the compiler cannot follow through a lookup.
      const handler = this.host.handlers[method] as (params: unknown, session: Session) => unknown;
      this.send({ id, result: await handler(params.output, this) });
    } catch (error) {
      const failure = failureOf(error);
      if (failure.code === 'internal') {
        this.host.log(`${method} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      } else if (failure.code === 'refused') {
        this.host.log(`refused: ${method}: ${failure.message}`);
      }
      this.send({ id, error: failure });
    }
  }

  private mistake(id: number | null, message: string): void {
    this.mistakes++;
    const error: Failure = { code: 'invalid', message };
    this.host.log(`refused: ${message}`);
    if (id !== null) this.send({ id, error });
    if (this.mistakes >= PATIENCE) this.close('too many malformed messages');
  }

  private send(message: unknown): void {
    if (this.open) this.carrier.send(JSON.stringify(message));
  }

  emit<E extends HostEvent>(event: E, data: HostEvents[E]): void {
    this.send({ event, data });
  }

  close(reason: string): void {
    if (!this.open) return;
    this.gone();
    this.carrier.close(reason);
  }
  /** The carrier has lost the face. */
  gone(): void {
    this.open = false;
    if (this.timer) clearTimeout(this.timer.id);
    this.timer = null;
    this.feeds.clear();
    this.host.closed(this);
  }

  attach(run: HostRun, console: RunConsole, from: number): number {
    const start = Math.min(Math.max(from, console.history.start), console.history.end);
    this.feeds.set(keyOf(run.id, console.id), {
      console,
      sent: start,
      drawn: start,
      at: 0,
      rest: GATHER.least,
      seen: start,
      from: start,
      until: start,
      more: false,
    });
    this.outputCame();
    return start;
  }
  detach(run: string, console: string): void {
    this.feeds.delete(keyOf(run, console));
  }
  /** What a face has drawn makes room for more. */
  drawn(run: string, console: string, offset: number): void {
    const feed = this.feeds.get(keyOf(run, console));
    if (!feed) return;
    if (offset > feed.sent) throw new HostError('invalid', 'more was drawn than was sent');
    feed.drawn = Math.max(feed.drawn, offset);
    this.outputCame();
  }
  forget(run: string): void {
    for (const key of this.feeds.keys()) if (key.startsWith(`${run}/`)) this.feeds.delete(key);
  }

  /**
   * Called regularly, a few times a second, before the face is told what else it draws: floods go along. False: it is not to be told
   * now.
   */
  beat(): boolean {
    const feeds = [...this.feeds];
    const torrents = new Set(feeds.filter(([, { console, seen }]) => console.history.end - seen > TORRENT));
    for (const [, feed] of feeds) feed.seen = feed.console.history.end;
    this.rested = !this.rested && torrents.size > 0;
    const due = feeds.filter((one) => !(this.rested && torrents.has(one)));
    const [first, ...others] = due.filter(([, feed]) => feed.rest === Number.POSITIVE_INFINITY);
    if (first) this.pump(...first);
    for (const [, feed] of others) feed.rest = 0;
    this.outputCame();
    return !this.rested;
  }
  /** There may be something to send. */
  outputCame(): void {
    const ready = [...this.feeds].filter(([, f]) => this.hasMore(f) && (f.more || f.rest < Number.POSITIVE_INFINITY));
    if (!this.open || ready.length === 0) return;
    const due = ({ at, rest, more }: Feed): number => (more ? at + BETWEEN : Math.max(at + rest, this.pumped + APART));
    const [key, feed] = ready.reduce((a, b) => (due(b[1]) < due(a[1]) ? b : a));
    // What was echoed does not wait for a flood beside it.
    if (this.timer && this.timer.due <= due(feed)) return;
    if (this.timer) clearTimeout(this.timer.id);
    const pump = (): void => {
      this.timer = null;
      this.pump(key, feed);
      this.outputCame();
    };
    this.timer = { id: setTimeout(pump, Math.max(0, due(feed) - performance.now())), due: due(feed) };
  }
  private hasMore({ console, sent, drawn }: Feed): boolean {
    return sent < console.history.end && sent - drawn < CONSOLE_WINDOW;
  }

  /** Sends a message of what there is of a console, as far as the face's window goes; what does not fit follows. */
  private pump(key: string, feed: Feed): void {
    if (!this.open || this.feeds.get(key) !== feed || !this.hasMore(feed)) return;
    const [run = '', console = ''] = key.split('/');
    const { history } = feed.console;
    if (!feed.more) [feed.from, feed.until] = [feed.sent, history.end];
    const { offset, bytes } = history.read(feed.sent, Math.min(CONSOLE_CHUNK, feed.until - feed.sent));
    // What fell out of the history while the face was slow counts as drawn.
    if (offset > feed.sent) feed.drawn = Math.max(feed.drawn, offset);
    feed.sent = offset + bytes.length;
    feed.more = feed.sent < feed.until && this.hasMore(feed);
    this.carrier.send(outputMessage({ run, console, offset, bytes, more: feed.more }));
    const now = performance.now();
    const goesOn = now - feed.at < 2 * GATHER.most;
    const flood = FLOODS.find(({ bytes }) => feed.sent - feed.from > bytes);
    feed.rest = flood?.rest ?? (goesOn ? Math.min(2 * feed.rest, GATHER.most) : GATHER.least);
    feed.at = this.pumped = now;
  }
}

const keyOf = (run: string, console: string): string => `${run}/${console}`;

function issueText(issue: v.BaseIssue<unknown>): string {
  const where = v.getDotPath(issue);
  return `${where ? `${where}: ` : ''}${issue.message.split('\n')[0]!.slice(0, 200)}`;
}
