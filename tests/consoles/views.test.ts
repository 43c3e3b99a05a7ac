import { describe, expect, test } from 'vitest';
import { ConsoleSet } from '../../core/consoles/console-set.ts';
import { LineEditor } from '../../core/consoles/line-editor.ts';
import { Multiplexer } from '../../core/consoles/multiplexer.ts';
import { Scrollback } from '../../core/consoles/scrollback.ts';
import { splitByWorld, WorldLines } from '../../core/consoles/worlds.ts';
import { consoleTag, WORLDS, type World } from '../../core/system/console-tag.ts';
import { FakeSystem } from '../support/fake-system.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (b: Uint8Array): string => new TextDecoder().decode(b);

/** Pieces of text with who wrote them, as one piece of output. */
function written(...parts: [World, string][]): [Uint8Array, Uint8Array] {
  const all = parts.map(([world, t]) => [bytes(t), consoleTag(WORLDS.indexOf(world), 1)] as const);
  return [
    Uint8Array.from(all.flatMap(([b]) => [...b])),
    Uint8Array.from(all.flatMap(([b, tag]) => [...b].map(() => tag))),
  ];
}

describe('worlds on one UART', () => {
  test('each gets its own bytes, at once and in order, interrupted lines too', () => {
    const out: Partial<Record<World, string>> = {};
    const take = (world: World, b: Uint8Array): void => {
      out[world] = (out[world] ?? '') + text(b);
    };
    splitByWorld(
      ...written(['normal', '[  0.1] Lin'], ['realm', 'SMC_RMI'], ['normal', 'ux'], ['root', 'NOTICE\n']),
      take,
    );
    splitByWorld(...written(['realm', '_VERSION\r\n'], ['normal', ' boots\r\nlogin: ']), take);
    expect(out).toEqual({ normal: '[  0.1] Linux boots\r\nlogin: ', realm: 'SMC_RMI_VERSION\r\n', root: 'NOTICE\n' });
    splitByWorld(new Uint8Array(0), new Uint8Array(0), () => expect.unreachable());
  });
  test('lines in the order in which they were completed', () => {
    const lines: string[] = [];
    const split = new WorldLines(({ world, text }) => void lines.push(`${world}: ${text}`));
    const euro = bytes('€');
    split.feed(...written(['normal', 'a'], ['realm', 'x\r\ny'], ['normal', 'b\n']));
    const tag = Uint8Array.of(consoleTag(1, 0));
    for (const byte of euro) split.feed(Uint8Array.of(byte), tag);
    split.feed(...written(['root', 'z'.repeat(5000)]));
    split.flush();
    expect(lines).toEqual([
      'realm: x',
      'normal: ab',
      `root: ${'z'.repeat(4096)}`,
      'normal: €',
      'realm: y',
      `root: ${'z'.repeat(904)}`,
    ]);
  });
});

describe('scrollback', () => {
  test('is bounded and keeps the end', () => {
    const back = new Scrollback(100);
    for (let i = 0; i < 5000; i++) back.append(bytes(`line ${i}\n`));
    expect(back.bytes().length).toBe(100);
    expect(text(back.lastLines(2))).toBe('line 4998\nline 4999\n');
    back.append(bytes('prompt> '));
    expect(text(back.lastLines(2))).toBe('line 4999\nprompt> ');
    back.append(new Uint8Array(1000).fill(0x78));
    expect(text(back.bytes())).toBe('x'.repeat(100));
    expect(text(new Scrollback().lastLines(5))).toBe('');
  });
});

function machine() {
  const system = new FakeSystem();
  system.consoles = [
    { id: 0, name: 'uart0', worlds: ['normal', 'realm', 'root'] },
    { id: 1, name: 'uart1' },
  ];
  const set = new ConsoleSet(system);
  set.attach(system);
  return { system, set };
}

describe('consoles of a system', () => {
  test('worlds are consoles of their own; the shared one stays whole', () => {
    const { system, set } = machine();
    expect(set.list.map((c) => c.title)).toEqual(['uart0', 'realm (rmm)', 'root (monitor)', 'normal (host)', 'uart1']);
    const seen: string[] = [];
    for (const c of set.list) c.on((b) => void seen.push(`${c.name}:${text(b)}`));
    system.show('one', 0, 'realm');
    system.show('two', 1, 'realm');
    expect(seen).toEqual(['uart0:one', 'realm:one', 'uart1:two']);
    expect(set.find('rmm')).toBe(set.find('realm'));
    set.find('host')!.type(bytes('x'));
    expect(system.typed).toEqual(['x']);
  });
  test("a machine's own console keeps its name", () => {
    const system = new FakeSystem();
    system.consoles = [
      { id: 0, name: 'uart0', worlds: ['normal', 'realm'] },
      { id: 1, name: 'rmm' },
      { id: 2, name: 'uart2', worlds: ['normal', 'realm'] },
    ];
    const set = new ConsoleSet(system);
    expect(set.find('rmm')).toMatchObject({ source: 1, world: null });
    expect(set.find('realm')).toMatchObject({ source: 0, world: 'realm' });
    expect(set.find('uart2-realm')).toMatchObject({ source: 2, world: 'realm' });
    expect(set.find('moon')).toBeUndefined();
  });
});

describe('the terminal', () => {
  function screen(withMonitor = true) {
    const { system, set } = machine();
    let shown = '';
    let said = '';
    let quits = 0;
    const write = (d: Uint8Array | string): void => {
      shown += typeof d === 'string' ? d : text(d);
    };
    const monitor = new LineEditor(write, async (line) => `did ${line}`);
    const mux = new Multiplexer(
      set.list,
      { write, say: (t) => void (said += t), rows: () => 4 },
      withMonitor ? monitor : null,
      () => void quits++,
    );
    const take = (): string => {
      const out = shown;
      shown = '';
      return out;
    };
    return { system, mux, take, said: () => said, quits: () => quits };
  }
  test('all consoles at first, each byte once', () => {
    const { system, take } = screen();
    system.show('a\n', 0, 'realm');
    system.show('b\n', 1);
    expect(take()).toBe('a\nb\n');
  });
  test('switching shows the last lines again, and then only that console', () => {
    const { system, mux, take } = screen();
    mux.startWithFirst();
    for (let i = 0; i < 9; i++) system.show(`${i}\n`, 0, i % 2 ? 'realm' : 'normal');
    expect(take()).toContain('8\n');
    mux.command({ do: 'show', number: 2 });
    expect(take()).toBe('\x1b[0m\r\n[2: realm (rmm)]\r\n5\n7\n');
    system.show('n', 0, 'normal');
    system.show('u', 1);
    system.show('r', 0, 'realm');
    expect(take()).toBe('r');
    mux.type(bytes('k'));
    mux.command({ do: 'previous' });
    expect(take()).toContain('[1: uart0]\r\n7\n8\nnr'.slice(0, 10));
    mux.command({ do: 'previous' });
    expect(take()).toContain('[5: uart1]\r\nu');
    mux.command({ do: 'next' });
    expect(take()).toContain('[1: uart0]');
    mux.command({ do: 'show', number: 0 });
    system.show('x', 1);
    expect(take()).toMatch(/\[0: all\]\r\nx$/);
    expect(system.typed).toEqual(['k']);
  });
  test('the monitor takes keys, and gives them back', async () => {
    const { system, mux, take, quits } = screen();
    mux.command({ do: 'show', number: 5 });
    take();
    mux.command({ do: 'monitor' });
    mux.type(bytes('infoo\x7f x\r'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(take()).toBe('\r\n(trireme) infoo\b \b x\r\ndid info x\r\n(trireme) ');
    system.show('hidden', 1);
    expect(take()).toBe('');
    // Two times up is the line before.
    mux.type(bytes('b\r'));
    mux.type(bytes('\x1b[A\x1b[A\r'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(take()).toContain('did b\r\n(trireme) b\b \binfo x\r\ndid info x\r\n');
    mux.command({ do: 'monitor' });
    expect(take()).toContain('[5: uart1]\r\nhidden');
    mux.command({ do: 'quit' });
    expect(quits()).toBe(1);
  });
  test('help lists keys and consoles; a number without a console is said', () => {
    const { mux, said } = screen();
    mux.command({ do: 'help' });
    expect(said()).toContain('Ctrl+A 0…9 show console');
    expect(said()).toContain("  2  realm (rmm): that world's part of uart0");
    mux.command({ do: 'show', number: 9 });
    expect(said()).toContain('there is no console 9');
  });
});
