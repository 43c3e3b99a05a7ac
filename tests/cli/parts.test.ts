import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { unescapeC } from '../../core/cli/escapes.ts';
import { parseGdb, parseSize, parseTrace } from '../../core/cli/options.ts';
import { userFolder } from '../../core/cli/paths.ts';
import { parseSteps, Script, Tail } from '../../core/cli/script.ts';
import { KeyFilter } from '../../core/consoles/keys.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('C escapes', () => {
  const text = String.raw`a\n\r\t\0\x1b[A\e\\\'\"\?\101\x4B\x7\u00e9\U0001F600é\a\b\f\v`;
  expect([...unescapeC(text)]).toEqual([...bytes('a\n\r\t\0\x1b[A\x1b\\\'"?AK\x07é😀é\x07\b\f\v')]);
  expect([...unescapeC(String.raw`\xff\377`)]).toEqual([0xff, 0xff]);
  for (const wrong of ['\\q', 'x\\', '\\x', '\\u12', '\\U00110000']) expect(() => unescapeC(wrong), wrong).toThrow();
});

test('sizes', () => {
  expect(['512M', '2G', '4K', '512', '1.5g', '16MiB'].map(parseSize)).toEqual([
    ...[512 << 20, 2 ** 31, 4096, 512 << 20, 1.5 * 2 ** 30, 16 << 20],
  ]);
  for (const wrong of ['', 'M', '-1M', '1K', '0x10', '1.00001G', '99999999999T'])
    expect(() => parseSize(wrong), wrong).toThrow();
});

test('trace lists and gdb addresses', () => {
  expect(parseTrace('tlbi,exceptions:C:\\x')).toEqual({ choices: ['exceptions', 'tlbi'], file: 'C:\\x' });
  expect(parseTrace('all').choices.length).toBe(6);
  expect(parseGdb('1234')).toEqual({ host: '127.0.0.1', port: 1234 });
  expect(parseGdb('tcp::99')).toEqual({ host: '127.0.0.1', port: 99 });
  expect(parseGdb('0.0.0.0:99')).toEqual({ host: '0.0.0.0', port: 99 });
  expect(() => parseGdb('70000')).toThrow();
});

test('relative paths start where the user is', () => {
  const root = dirname(dirname(import.meta.dirname));
  const npm = { npm_lifecycle_event: 'trireme', INIT_CWD: '/home/me' };
  expect(userFolder(npm, root)).toBe('/home/me');
  // Started by something that npm started, or not by npm at all.
  expect(userFolder({ ...npm, npm_lifecycle_event: 'bench' }, root)).toBe(root);
  expect(userFolder(npm, '/tmp')).toBe('/tmp');
  expect(userFolder({}, '/tmp')).toBe('/tmp');
});

test('Ctrl+A and its keys, however they are cut', () => {
  for (const size of [1, 2, 3, 100]) {
    let out = '';
    const filter = new KeyFilter(
      (b) => {
        out += new TextDecoder().decode(b);
      },
      (c) => {
        out += `<${c.do}${c.do === 'show' ? c.number : ''}>`;
      },
    );
    const all = bytes('ab\x01ac\x01?d\x01\x01e\x01zf\x013g\x01n\x01p\x01ch\x01x');
    for (let i = 0; i < all.length; i += size) filter.feed(all.subarray(i, i + size));
    expect(out).toBe('ab\x01c<help>d\x01\x01e\x01zf<show3>g<next><previous><monitor>h<quit>');
  }
});

describe('script', () => {
  function start(...steps: (readonly ['expect' | 'send', string])[]): { script: Script; sent: string[] } {
    const sent: string[] = [];
    const parsed = parseSteps(
      steps.map(([kind, text]) => ({ kind, text })),
      ['uart0', 'rmm'],
    );
    const script = new Script(parsed, (console, b) => void sent.push(`${console}:${new TextDecoder().decode(b)}`));
    script.advance();
    return { script, sent };
  }
  test('matches over pieces of output, UTF-8 too', () => {
    const { script } = start(['expect', 'grün\\nis(h| that)']);
    for (const byte of bytes('so grün\nis that')) script.feed('uart0', Uint8Array.of(byte));
    expect(script.succeeded).toBe(true);
  });
  test('looks only at what is not matched yet', () => {
    const { script } = start(['expect', 'a'], ['expect', 'a']);
    script.feed('uart0', bytes('xa'));
    expect(script.succeeded).toBe(false);
    script.feed('uart0', bytes('xa'));
    expect(script.succeeded).toBe(true);
  });
  test('one piece may fulfil several steps', () => {
    const { script, sent } = start(['expect', 'one'], ['send', '1'], ['expect', 'two'], ['send', '2']);
    script.feed('uart0', bytes('one two three'));
    expect(sent).toEqual(['null:1', 'null:2']);
    expect(script.succeeded).toBe(false);
    expect(script.pending).toBeNull();
  });
  test('consoles are looked at apart, or all as one', () => {
    const { script } = start(['expect', 'rmm:ab'], ['expect', 'uart0:cd'], ['expect', 'x']);
    script.feed('uart0', bytes('abc'));
    script.feed('rmm', bytes('a'));
    script.feed('uart0', bytes('d'));
    script.feed('rmm', bytes('b'));
    expect(script.pending?.pattern.source).toBe('x');
    script.feed('rmm', bytes('x'));
    expect(script.succeeded).toBe(true);
  });
  test('lines have ends, may be crossed, and may be looked back at', () => {
    const { script } = start(
      ...([
        ['expect', '^two$'],
        ['expect', 'four[^]*six'],
        ['expect', '(?<=six\\r\\n)seven'],
        ['expect', '^eight|^ nine|ten'],
      ] as const),
    );
    script.feed('uart0', bytes('one\r\ntwo\r\nthree\r\nfo'));
    script.feed('uart0', bytes('ur\r\nfive\r\nsix'));
    script.feed('uart0', bytes('\r\nseven eight nine'));
    expect(script.pending?.pattern.source).toBe('^eight|^ nine|ten');
    script.feed('uart0', bytes('\r\nten'));
    expect(script.succeeded).toBe(true);
  });
  test('what one expectation passed over is there for the next', () => {
    const { script } = start(['expect', 'b'], ['expect', 'c1'], ['expect', 'a2\\r\\nc2']);
    for (const line of ['a1', 'b1', 'c1', 'a2', 'c2']) script.feed('uart0', bytes(`${line}\r\n`));
    expect(script.succeeded).toBe(true);
    const other = start(['expect', 'uart0:zz'], ['expect', 'rmm:b']).script;
    for (const line of ['a', 'b', 'c']) other.feed('rmm', bytes(`${line}\r\n`));
    other.feed('uart0', bytes('zz'));
    expect(other.succeeded).toBe(true);
  });
  test('a long output is searched in time', () => {
    const { script } = start(['expect', '^the end$'], ['expect', 'never\\s+comes']);
    const line = bytes(`${'x'.repeat(100)}\n`);
    const begin = performance.now();
    for (let i = 0; i < 20_000; i++) script.feed('uart0', line);
    script.feed('uart0', bytes('the end\n'));
    expect(script.pending?.pattern.source).toBe('never\\s+comes');
    for (let i = 0; i < 200; i++) script.feed('uart0', line);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});

test('the tail keeps the last lines', () => {
  const tail = new Tail();
  for (let i = 0; i < 50_000; i++) tail.append(bytes(`line ${i}\r\n`));
  tail.append(bytes('prompt> '));
  expect(tail.lines(3)).toEqual(['line 49998', 'line 49999', 'prompt> ']);
  expect(new Tail().lines(5)).toEqual([]);
});
