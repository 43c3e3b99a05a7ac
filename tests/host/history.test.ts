import { describe, expect, test } from 'vitest';
import { ConsoleHistory } from '../../core/host/history.ts';
import { HISTORY_LINES } from '../../core/host/limits.ts';
import { plainText } from '../../core/host/plain-text.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const now = { host: 0, guest: 0 };

describe('history of a console', () => {
  test('lines that come in pieces are whole, and have the time of their first byte', () => {
    const history = new ConsoleHistory();
    const began: number[] = [];
    history.append(bytes('one\ntw'), { host: 1, guest: 0.5 }, (line) => began.push(line));
    history.append(bytes('o\n'), { host: 2, guest: 1.5 }, (line) => began.push(line));
    history.append(bytes('three'), { host: 3, guest: 2.5 }, (line) => began.push(line));
    expect(began).toEqual([0, 1, 2]);
    expect(history.line(1)).toEqual({ number: 1, host: 1, guest: 0.5, text: 'two' });
    expect(history.line(2)).toEqual({ number: 2, host: 3, guest: 2.5, text: 'three' });
    expect(history.line(3)).toBeNull();
  });

  test('reads any range, over the borders of blocks', () => {
    const history = new ConsoleHistory();
    const all = Array.from({ length: 30_000 }, (_, n) => `line ${n}\n`).join('');
    for (let at = 0; at < all.length; at += 7919) history.append(bytes(all.slice(at, at + 7919)), now);
    expect(history.end).toBe(all.length);
    expect(text(history.read(0, all.length).bytes)).toBe(all);
    expect(text(history.read(65_530, 20).bytes)).toBe(all.slice(65_530, 65_550));
    expect(history.read(all.length, 10).bytes.length).toBe(0);
    expect(history.line(29_999)?.text).toBe('line 29999');
  });

  test('keeps the last lines, and says where they begin', () => {
    const history = new ConsoleHistory();
    const extra = 60_000;
    for (let n = 0; n < HISTORY_LINES + extra; n++) history.append(bytes(`line ${n}\n`), now);
    expect(history.firstLine).toBe(extra);
    expect(history.line(extra)?.text).toBe(`line ${extra}`);
    expect(history.line(extra - 1)).toBeNull();
    const { offset, bytes: kept } = history.read(0, 11);
    expect(offset).toBe(history.start);
    expect(text(kept)).toBe(`line ${extra}\n`);
  });

  test('a line without end does not grow without bound', () => {
    const history = new ConsoleHistory();
    for (let n = 0; n < 1100; n++) history.append(new Uint8Array(64 << 10).fill(97), now);
    expect(history.end - history.start).toBeLessThanOrEqual(64 << 20);
    expect(history.end).toBe(1100 * (64 << 10));
  });
});

describe('plain text', () => {
  test.each([
    ['\x1b[1;32mok\x1b[0m\r\n', 'ok'],
    ['\x1b]0;title\x07text\n', 'text'],
    ['\x1b]8;;http://a.example\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['10 %\r50 %\r100 %\r\n', '100 %'],
    ['abc\b\bX', 'aXc'],
    ['a\tb', 'a\tb'],
    ['\x1bcafter', 'after'],
    ['broken \x1b[', 'broken '],
  ])('%j is %j', (raw, plain) => expect(plainText(raw)).toBe(plain));
});
