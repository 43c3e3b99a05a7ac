import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Backlog } from '../../core/consoles/sinks/backlog.ts';
import { type ConsoleSink, openSink } from '../../core/consoles/sinks/sink.ts';
import { escapeTelnet, TelnetFilter } from '../../core/consoles/sinks/telnet.ts';
import type { ConsoleTarget } from '../../core/machines/launch.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-sinks-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function sinkAt(target: ConsoleTarget): Promise<{ sink: ConsoleSink; typed: () => string; failures: string[] }> {
  let typed = '';
  const failures: string[] = [];
  const sink = await openSink(target, {
    input: (b) => void (typed += Buffer.from(b).toString('latin1')),
    failed: (m) => void failures.push(m),
  });
  return { sink: sink!, typed: () => typed, failures };
}
async function until(what: () => boolean): Promise<void> {
  for (let n = 0; !what(); n++) {
    if (n > 500) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
function reader(socket: { on(event: 'data', f: (b: Buffer) => void): unknown }): () => Buffer {
  const pieces: Buffer[] = [];
  socket.on('data', (b) => void pieces.push(b));
  return () => Buffer.concat(pieces);
}
const tcp = (more: object = {}): ConsoleTarget & { to: 'tcp' } => ({
  ...{ to: 'tcp', host: '127.0.0.1', port: 0, server: true, wait: false, telnet: false },
  ...more,
});
async function client(sink: ConsoleSink): Promise<Socket> {
  const socket = connect(Number(sink.place.split(':').at(-1)), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

describe('what waits', () => {
  test('is bounded, the oldest goes, and that is said', () => {
    const backlog = new Backlog(10);
    backlog.push(bytes('abcdef'));
    backlog.push(bytes('ghijkl'));
    backlog.push(bytes('m'));
    const out: string[] = [];
    for (let piece = backlog.shift(); piece; piece = backlog.shift()) out.push(Buffer.from(piece).toString());
    expect(out).toEqual(['\r\n[trireme: 3 bytes are lost here, nobody read them]\r\n', 'def', 'ghijkl', 'm']);
    expect(backlog.empty).toBe(true);
  });
});

describe('telnet', () => {
  test('commands are no input, however they are cut; offers are answered', () => {
    const all = [
      0x61, 255, 253, 1, 255, 253, 31, 0x62, 255, 251, 24, 255, 250, 31, 0, 80, 255, 255, 255, 240, 13, 0, 255, 255, 13,
      10, 0x63,
    ];
    for (const size of [1, 2, 3, 100]) {
      const replies: number[] = [];
      const filter = new TelnetFilter((b) => void replies.push(...b));
      const data: number[] = [];
      for (let i = 0; i < all.length; i += size) data.push(...filter.feed(Uint8Array.from(all.slice(i, i + size))));
      expect(data).toEqual([0x61, 0x62, 13, 255, 13, 0x63]);
      expect(replies).toEqual([255, 252, 31, 255, 254, 24]);
    }
    expect([...escapeTelnet(Uint8Array.of(1, 255, 2))]).toEqual([1, 255, 255, 2]);
  });
  test('a client is greeted, and talks', async () => {
    const { sink, typed } = await sinkAt(tcp({ telnet: true }));
    const socket = await client(sink);
    const got = reader(socket);
    sink.write(Uint8Array.of(0x68, 255));
    await until(() => got().includes(0x68));
    await until(() =>
      got()
        .subarray(-3)
        .equals(Buffer.from([0x68, 255, 255])),
    );
    expect([...got().subarray(0, 3)]).toEqual([255, 251, 1]);
    socket.write(Uint8Array.of(255, 253, 1, 0x79, 13, 0));
    await until(() => typed() === 'y\r');
    socket.destroy();
    await sink.close();
  });
});

describe('a TCP port', () => {
  test('what came before a reader is there for it; what no one reads is kept while readers come and go', async () => {
    const { sink, typed } = await sinkAt(tcp());
    expect(sink.place).toMatch(/^127\.0\.0\.1:\d+$/);
    sink.write(bytes('early '));
    const first = await client(sink);
    const one = reader(first);
    await until(() => one().toString() === 'early ');
    const second = await client(sink);
    const two = reader(second);
    await new Promise((resolve) => setTimeout(resolve, 20));
    sink.write(bytes('both'));
    await until(() => one().toString() === 'early both' && two().toString() === 'both');
    first.write('keys');
    await until(() => typed() === 'keys');
    first.destroy();
    second.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    sink.write(bytes('between'));
    const third = await client(sink);
    const three = reader(third);
    await until(() => three().toString() === 'between');
    third.destroy();
    await sink.close();
  });
  test('a reader that takes nothing stalls nobody, and gets what fits the buffer', async () => {
    const { sink } = await sinkAt(tcp());
    const lazy = await client(sink);
    lazy.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const total = 64 << 20;
    const piece = new Uint8Array(1 << 16).fill(0x2e);
    // Synchronous: had it to wait, this would never end.
    for (let sent = 0; sent < total; sent += piece.length) sink.write(piece);
    sink.write(bytes('END'));
    const got = reader(lazy);
    lazy.resume();
    await until(() => got().subarray(-3).toString() === 'END');
    expect(got().toString('latin1')).toMatch(/trireme: \d+ bytes are lost here/);
    expect(got().length).toBeGreaterThan(1 << 20);
    expect(got().length).toBeLessThan(total);
    lazy.destroy();
    await sink.close();
  });
  test('one that is waited for', async () => {
    const { sink } = await sinkAt(tcp({ wait: true }));
    let there = false;
    void sink.ready.then(() => {
      there = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(there).toBe(false);
    const socket = await client(sink);
    await sink.ready;
    socket.destroy();
    await sink.close();
  });
  test('as a client; nobody there, or a port in use: one line', async () => {
    const { sink: server, typed } = await sinkAt(tcp());
    const port = Number(server.place.split(':')[1]);
    const { sink } = await sinkAt(tcp({ port, server: false }));
    sink.write(bytes('hi'));
    await until(() => typed() === 'hi');
    await expect(sinkAt(tcp({ port }))).rejects.toThrow(`console on 127.0.0.1:${port}: it is in use`);
    await sink.close();
    await server.close();
    await expect(sinkAt(tcp({ port, server: false }))).rejects.toThrow('nobody listens there');
  });
  test('a Unix socket', async () => {
    const path = join(folder, 'socket');
    const { sink, typed } = await sinkAt({ to: 'unix', path, server: true, wait: false });
    const socket = connect(path);
    await once(socket, 'connect');
    socket.write('x');
    await until(() => typed() === 'x');
    await expect(sinkAt({ to: 'unix', path, server: true, wait: false })).rejects.toThrow('it is in use');
    socket.destroy();
    await sink.close();
  });
  test('a Unix socket that a killed process has left is taken over; a file is not', async () => {
    const path = join(folder, 'left');
    const leave = `require('node:net').createServer().listen('${path}', () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', leave]);
    expect(lstatSync(path).isSocket()).toBe(true);
    const { sink } = await sinkAt({ to: 'unix', path, server: true, wait: false });
    await sink.close();
    writeFileSync(path, 'kept');
    await expect(sinkAt({ to: 'unix', path, server: true, wait: false })).rejects.toThrow('it is in use');
    expect(readFileSync(path, 'utf8')).toBe('kept');
  });
});

test('a file has everything in order', async () => {
  const path = join(folder, 'log');
  const { sink } = await sinkAt({ to: 'file', path, append: false });
  let all = '';
  for (let n = 0; n < 2000; n++) {
    all += `line ${n}\n`;
    sink.write(bytes(`line ${n}\n`));
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await sink.close();
  expect(readFileSync(path, 'utf8')).toBe(all);
  const more = await sinkAt({ to: 'file', path, append: true });
  more.sink.write(bytes('end'));
  await more.sink.close();
  expect(readFileSync(path, 'utf8')).toBe(`${all}end`);
  await expect(sinkAt({ to: 'file', path: '/nowhere/x', append: false })).rejects.toThrow(
    /^cannot write \/nowhere\/x: no such file/,
  );
});

const hasPty = process.platform === 'linux' || process.platform === 'darwin';
describe.skipIf(!hasPty)('a terminal of the host', () => {
  test('is raw, keeps what nobody reads, and outlives its users', async () => {
    const link = join(folder, 'tty');
    const { sink, typed, failures } = await sinkAt({ to: 'pty', link });
    expect(readlinkSync(link)).toBe(sink.place);
    // More than the kernel holds, with nobody there: nothing stalls, and nothing comes back as an echo.
    const early = `${'e'.repeat(99)}\n`.repeat(1000);
    sink.write(bytes(early));
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(typed()).toBe('');
    for (let round = 0; round < 2; round++) {
      const handle = await open(link, 'r+');
      const user = new ReadStream(handle.fd);
      user.setRawMode(true);
      const got = reader(user);
      if (round === 0) await until(() => got().length === early.length);
      if (round === 0) expect(got().toString()).toBe(early);
      sink.write(bytes(`round ${round}\n`));
      await until(() => got().toString().endsWith(`round ${round}\n`));
      await handle.write(`keys ${round}\x03`);
      await until(() => typed().endsWith(`keys ${round}\x03`));
      user.destroy();
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(failures).toEqual([]);
    await sink.close();
    expect(existsSync(link)).toBe(false);
  });
  test('its link replaces a link, and no file', async () => {
    const link = join(folder, 'old-tty');
    symlinkSync('/dev/pts/nothing', link);
    const { sink } = await sinkAt({ to: 'pty', link });
    expect(readlinkSync(link)).toBe(sink.place);
    await sink.close();
    writeFileSync(link, 'kept');
    await expect(sinkAt({ to: 'pty', link })).rejects.toThrow(/^cannot make the link .*: /);
    expect(readFileSync(link, 'utf8')).toBe('kept');
  });
});
