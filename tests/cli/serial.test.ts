/** Serial ports and the monitor where QEMU's options have them, with a guest that talks. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guest, said, startTrireme, type Trireme } from '../support/trireme.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-serial-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const start = (...args: string[]): Trireme =>
  startTrireme(['qemu', '-M', 'virt', '-display', 'none', '-kernel', guest('virt'), '--timeout', '110', ...args]);

/** Something to talk to: `ask` types a line, and waits until the pattern is shown behind what was waited for before. */
function talk(stream: NodeJS.ReadableStream, type: (text: string) => void) {
  let shown = '';
  let look = (): void => {};
  stream.on('data', (chunk: Buffer) => {
    shown += chunk.toString('latin1');
    look();
  });
  const wait = (pattern: RegExp): Promise<string> =>
    new Promise((resolve) => {
      look = () => {
        const match = pattern.exec(shown);
        if (!match) return;
        shown = shown.slice(match.index + match[0].length);
        resolve(match[0]);
      };
      look();
    });
  const ask = (line: string, pattern: RegExp): Promise<string> => {
    type(line);
    return wait(pattern);
  };
  return { ask, wait, type };
}
async function remote(port: string | undefined) {
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  return talk(socket, (text) => void socket.write(text));
}

describe('a port of the host', () => {
  test.each([
    ['-serial telnet:0'],
    ['-serial telnet:127.0.0.1:0,server,nowait'],
    ['-serial tcp:127.0.0.1:0,server=on,wait=off'],
    ['-chardev socket,id=c,host=127.0.0.1,port=0,server=on,wait=off -serial chardev:c'],
    ['-chardev socket,id=c,host=127.0.0.1,port=0,server=on,telnet=on -serial chardev:c'],
  ])('%s', async (line) => {
    const { child, ended } = start(...line.split(' '));
    const [, port] = await said(child, /console uart0 (?:is|waits for a connection) on 127\.0\.0\.1:(\d+)\n/);
    const uart = await remote(port);
    await uart.wait(/> $/);
    await uart.ask('mark\r\n', /marks 1\r\n> /);
    uart.type('off\r\n');
    expect(await ended).toMatchObject({ status: 0, stdout: '' });
  });
});

test.skipIf(!existsSync('/dev/ptmx'))('a terminal of the host: -serial pty', async () => {
  const { child, ended } = start('-serial', 'pty');
  const [, path] = await said(child, /console uart0 is on (\/dev\/\S+)\n/);
  const fd = openSync(path!, 'r+');
  const terminal = new ReadStream(fd);
  terminal.setRawMode(true);
  const uart = talk(terminal, (text) => void writeSync(fd, text));
  await uart.wait(/> $/);
  await uart.ask('mark\r', /marks 1\r\n> /);
  uart.type('off\r');
  expect((await ended).status).toBe(0);
  terminal.destroy();
});

test('a file, and a second console on stdio', async () => {
  const log = join(folder, 'log');
  const script = ['--expect', '> $', '--send', 'uart 1 hello\\n', '--expect', 'uart1:hello', '--send', 'off\\n'];
  const { status, stdout } = await start(
    ...['-M', 'uarts=2', '-chardev', `file,id=f,path=${log}`, '-serial', 'chardev:f', '-serial', 'stdio', ...script],
  ).ended;
  expect([status, stdout]).toEqual([0, 'hello\n']);
  expect(readFileSync(log, 'utf8')).toBe('> > ');
});

test('the monitor on a port: the power key, a reset, an end', async () => {
  const { child, ended } = start('-serial', 'telnet:0', '-monitor', 'telnet:127.0.0.1:0,server,nowait');
  const [, uartPort, monitorPort] = await said(child, /uart0 is on \S+:(\d+)\n(?:.|\n)*the monitor is on \S+:(\d+)\n/);
  const uart = await remote(uartPort);
  const monitor = await remote(monitorPort);
  await monitor.wait(/\(trireme\) $/);
  await uart.wait(/> $/);
  await uart.ask('key\r\n', /waiting/);
  await monitor.ask('system_powerdown\r\n', /\(trireme\) $/);
  // GPIO line 3 of the PL061, whose SPI is 7.
  await uart.wait(/key 1, interrupt 39\r\nreleased\r\n> $/);
  await monitor.ask('info irq\r\n', /39 SPI 7 .*enabled\r\n\(trireme\) $/);
  await uart.ask('mark\r\n', /marks 1\r\n> /);
  await monitor.ask('system_reset\r\n', /\(trireme\) $/);
  await uart.wait(/> $/);
  await uart.ask('mark\r\n', /marks 1\r\n> /);
  monitor.type('quit\r\n');
  expect(await ended).toMatchObject({ status: 0 });
});
