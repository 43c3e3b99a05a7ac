/** When a face is sent console output, by a clock of its own. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { HostEvents } from '../../core/host/api.ts';
import { CONSOLE_WINDOW } from '../../core/host/api.ts';
import type { RunConsole } from '../../core/host/consoles.ts';
import { ConsoleHistory } from '../../core/host/history.ts';
import type { HostRun } from '../../core/host/host-run.ts';
import { readMessage } from '../../core/host/messages.ts';
import { Session } from '../../core/host/session.ts';

interface Sent {
  readonly at: number;
  readonly console: string;
  readonly bytes: number;
  /** Another follows at once. */
  readonly more: boolean;
}

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

function face() {
  const sent: Sent[] = [];
  const began = performance.now();
  const session = new Session(
    { handlers: {} as never, log: () => {}, closed: () => {} },
    {
      send: (message) => {
        const { data } = readMessage(message) as { data: HostEvents['console'] };
        sent.push({
          at: performance.now() - began,
          console: data.console,
          bytes: data.bytes.length,
          more: data.more,
        });
      },
      close: () => {},
    },
  );
  const consoles = ['a', 'b'].map(
    (id): RunConsole => ({ id, name: id, world: null, source: 0, history: new ConsoleHistory() }),
  );
  for (const console of consoles) session.attach({ id: 'r1' } as HostRun, console, 0);
  const write = (n: number, bytes: number): void => {
    consoles[n]!.history.append(new Uint8Array(bytes).fill(0x61), { host: 0, guest: 0 });
    session.outputCame();
  };
  return { session, sent, write };
}
const pass = (ms: number): unknown => vi.advanceTimersByTime(ms);

test('what comes after a pause is sent at once; what goes on is gathered, longer and longer', () => {
  const { sent, write } = face();
  pass(1000);
  for (let n = 0; n < 500; n++) {
    write(0, 1);
    pass(1);
  }
  const at = sent.map((s) => s.at - 1000);
  expect(at[0]).toBeLessThan(2);
  const gaps = at.slice(1).map((t, n) => t - at[n]!);
  expect(gaps[0]).toBeLessThan(20);
  expect(Math.max(...gaps)).toBeGreaterThan(96);
  expect(Math.max(...gaps)).toBeLessThan(106);
  pass(1000);
  write(0, 1);
  pass(1);
  expect(sent.at(-1)!.at).toBeGreaterThan(2499);
  expect(sent.reduce((sum, s) => sum + s.bytes, 0)).toBe(501);
});

test('a flood comes a few times a second, and what is typed into another console does not wait for it', () => {
  const { session, sent, write } = face();
  pass(1000);
  for (let n = 0; n < 1000; n++) {
    write(0, 400);
    if (n === 633) write(1, 1);
    if (n % 250 === 0) session.beat();
    pass(1);
  }
  expect(sent.filter((s) => s.console === 'a' && !s.more).length).toBeLessThan(8);
  const echo = sent.find((s) => s.console === 'b')!;
  expect(echo.at - 1633).toBeLessThan(18);
  // Never two consoles in one frame.
  for (const [n, s] of sent.slice(1).entries()) {
    if (s.console !== sent[n]!.console) expect(s.at - sent[n]!.at).toBeGreaterThan(15);
  }
  session.close('');
});

test('two floods come with each beat, one behind the other, and what ends one of them comes with the next', () => {
  const { session, sent, write } = face();
  pass(1000);
  for (let n = 0; n < 4; n++) {
    for (const console of [0, 1]) write(console, 100_000);
    session.beat();
    pass(250);
  }
  const behind = sent.filter((s) => s.at >= 1250);
  for (const console of ['a', 'b']) {
    const own = behind.filter((s) => s.console === console);
    expect(own.filter((s) => !s.more).length).toBe(3);
    expect(own.reduce((sum, s) => sum + s.bytes, 0)).toBe(300_000);
  }
  for (const s of behind) expect((s.at - 1000) % 250).toBeLessThan(40);
  // What is passed on is not drawn at the same time.
  for (const [n, s] of behind.slice(1).entries()) expect(s.at - behind[n]!.at).toBeGreaterThanOrEqual(5);
  write(0, 1);
  pass(200);
  session.beat();
  expect(sent.at(-1)).toMatchObject({ console: 'a', bytes: 1 });
});

test('a torrent comes with every second beat, as all that is told then, and its end with the next', () => {
  const { session, sent, write } = face();
  const told: boolean[] = [];
  for (let n = 0; n < 8; n++) {
    write(0, 200_000);
    session.drawn(
      'r1',
      'a',
      sent.reduce((sum, s) => sum + s.bytes, 0),
    );
    told.push(session.beat());
    pass(250);
  }
  expect(told.filter((yes) => yes).length).toBe(4);
  const times = sent.filter((s) => !s.more && s.at >= 250).map((s) => s.at);
  const gaps = times.slice(1).map((at, n) => at - times[n]!);
  expect(gaps.length).toBeGreaterThan(1);
  for (const gap of gaps) expect(Math.abs(gap - 500)).toBeLessThan(40);
  write(0, 1);
  session.beat();
  pass(100);
  expect(sent.reduce((sum, s) => sum + s.bytes, 0)).toBe(8 * 200_000 + 1);
});

test('a face that does not say what it has drawn is sent a window’s worth, and more when it does', () => {
  const { session, sent, write } = face();
  write(0, 2 * CONSOLE_WINDOW);
  pass(1000);
  const total = (): number => sent.reduce((sum, s) => sum + s.bytes, 0);
  expect(total()).toBe(CONSOLE_WINDOW);
  session.drawn('r1', 'a', CONSOLE_WINDOW);
  for (let n = 0; n < 2; n++) session.beat();
  pass(1000);
  expect(total()).toBe(2 * CONSOLE_WINDOW);
});
