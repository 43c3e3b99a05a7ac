import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { command } from '../support/command.ts';
import { buildElf, code } from '../support/elf-builder.ts';
import type { FakeSystem } from '../support/fake-system.ts';
import { guest, said, startTrireme } from '../support/trireme.ts';

let folder = '';
let kernel = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-consoles-'));
  kernel = join(folder, 'prog.elf');
  writeFileSync(kernel, buildElf({ segments: [{ address: 0x40000000, bytes: code(0xd503201f) }] }));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A machine whose first UART three worlds share. */
const shared = (system: FakeSystem): void => {
  system.consoles = [
    { id: 0, name: 'uart0', worlds: ['normal', 'realm', 'root'] },
    { id: 1, name: 'uart1' },
  ];
};
const run = (args: string[], options: object) =>
  command(['run', '--kernel', kernel, ...args], { prepare: shared, ...options });

describe('scripts name consoles', () => {
  test('worlds by either name, each looked at apart, and each byte shown once', async () => {
    const { status, stdout, system } = await run(
      [
        '--expect',
        'rmm:^SMC_RMI_VERSION$',
        '--send',
        'host:root\\n',
        '--expect',
        'normal:^\\[0\\] Linux$',
        '--expect',
        'uart1:x',
      ],
      {
        guest: (s: FakeSystem) => {
          s.show('[0] Li', 0, 'normal');
          s.show('SMC_RMI', 0, 'realm');
          s.show('nux\n', 0, 'normal');
          s.show('_VERSION\n', 0, 'realm');
          s.show('x', 1);
        },
      },
    );
    expect([status, system?.typed, stdout]).toEqual([0, ['root\n'], '[0] LiSMC_RMInux\n_VERSION\nx']);
  });
  test('what another world says does not count', async () => {
    const { status, stderr } = await run(['--expect', 'rmm:yes'], {
      guest: (s: FakeSystem) => {
        s.show('yes\n', 0, 'root');
        s.exit();
      },
    });
    expect(status).toBe(3);
    expect(stderr).toContain('and /yes/ did not come on realm; the last console lines:\nyes\n');
  });
  test('a name that no console has is part of the text', async () => {
    const guestOf = (s: FakeSystem): void => s.show('secure: yes', 0, 'normal');
    expect((await run(['--expect', 'secure: yes'], { guest: guestOf })).status).toBe(0);
  });
});

describe('on a terminal', () => {
  test('the first console, switches, the monitor', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
    const { status, stdout, system } = await run([], {
      stdin,
      rows: 10,
      guest: (s: FakeSystem) => {
        s.show('whole ', 0, 'normal');
        s.show('realm', 0, 'realm');
        s.show('hidden', 1);
        // Keys come in when the session reads them.
        setTimeout(() => {
          stdin.write('a\x015b\x012');
          stdin.write('\x01cstop\rinfo status\r');
          setTimeout(() => stdin.write('\x01x'), 100);
        }, 50);
      },
    });
    expect(status).toBe(0);
    expect(system?.typed).toEqual(['a', 'b']);
    expect(stdout).toMatch(/^whole realm\x1b\[0m\r\n\[5: uart1\]\r\nhidden\x1b\[0m\r\n\[2: realm \(rmm\)\]\r\nrealm/);
    expect(stdout).toContain('(trireme) info status\r\nVM status: paused\r\n');
  });
});

describe('consoles elsewhere, with a real guest', () => {
  test('a port and a file; keys from there', async () => {
    const log = join(folder, 'log');
    const where = ['--console', 'uart0=tcp:0', '--console', `uart0=file:${log}`];
    const { child, ended } = startTrireme(['run', '--kernel', guest('echo'), '--timeout', '110', ...where]);
    const [, port] = await said(child, /console uart0 is on 127\.0\.0\.1:(\d+)\n/);
    const socket = connect(Number(port), '127.0.0.1');
    let got = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      got += chunk;
      if (got === '> ') socket.write('hi\n');
      if (got.endsWith('you said hi\r\n> ')) socket.write('exit 5\n');
    });
    const { status, stdout } = await ended;
    expect([status, stdout]).toEqual([5, '> you said hi\r\n> ']);
    expect(got).toBe(stdout);
    expect(readFileSync(log, 'utf8')).toBe(stdout);
  });
  test('worlds that share a UART, each by itself, and all of them in one', async () => {
    const files = ['uart0', 'rmm', 'host', 'monitor'].map((name) => [name, join(folder, name)] as const);
    const { status, stdout, stderr } = await startTrireme([
      ...['qemu', '-M', 'virt,secure=on,virtualization=on', '-cpu', 'max,x-rme=on', '-kernel', guest('worlds')],
      ...['-nographic', '-semihosting', '--timeout', '100'],
      ...files.flatMap(([name, file]) => ['--console', `${name}=file:${file}`]),
      ...['--expect', 'realm:^realm$', '--expect', 'monitor:^monitor$', '--expect', 'host:^normal$', '--send', 'rmm:x'],
    ]).ended;
    const shared = 'moninorreamal\r\ntor\r\nlm\r\n'.repeat(2);
    expect({ status, stdout, stderr }).toMatchObject({ status: 9, stdout: shared });
    expect(files.map(([, file]) => readFileSync(file, 'utf8'))).toEqual([
      shared,
      'realm\r\n'.repeat(2),
      'normal\r\n'.repeat(2),
      'monitor\r\n'.repeat(2),
    ]);
  });
  test('a flood, and a reader that takes nothing', async () => {
    const { child, ended } = startTrireme([
      ...['run', '--kernel', guest('echo'), '--timeout', '110', '--console', 'uart0=tcp:0'],
      ...['--send', 'flood 2000000\\nexit 0\\n'],
    ]);
    const [, port] = await said(child, /127\.0\.0\.1:(\d+)\n/);
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.pause();
    const { status, stdout } = await ended;
    socket.destroy();
    expect([status, stdout.length]).toEqual([0, 2 + 2_000_002 + 2]);
  });
  test('mistakes: one line, status 2', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    for (const [where, message] of [
      ['uart9=pty', /there is no console uart9 \(there are uart0\)/],
      [`uart0=tcp:${port}`, /it is in use/],
      ['uart0=file:/nowhere/x', /cannot write \/nowhere\/x/],
      ['uart0', /NAME=WHERE/],
      ['uart0=moon', /there are stdio/],
    ] as const) {
      const { status, stderr } = await command(['run', '--kernel', kernel, '--console', where]);
      expect(stderr).toMatch(message);
      expect(stderr.trimEnd()).not.toContain('\n');
      expect(status).toBe(2);
    }
    server.close();
  });
});

const pty = spawnSync('script', ['--version']).status === 0;
test.skipIf(!pty)('the monitor over a real system, on a terminal', async () => {
  const line = `${process.execPath} --no-warnings core/cli/main.ts run --kernel ${guest('echo')} --cpus 2`;
  const child = spawn('script', ['-qec', `${line}; echo status $?`, '/dev/null']);
  const ended = once(child, 'close');
  let shown = '';
  const steps: [RegExp, string][] = [
    [/> $/, '\x01c'],
    [/\(trireme\) $/, 'info cpus\r'],
    [/\* CPU #0: (runs|waits), normal EL1, pc 0x[0-9a-f]{16}\n {2}CPU #1: off.*\n\(trireme\) $/, 'xp /2i 0x40000000\r'],
    [/0000000040000004: [0-9a-f]{8} {2}\S.*\n\(trireme\) $/, 'info registers -a\r'],
    [/CPU #1\n(?:.|\n)*\(trireme\) $/, 'stop\rinfo status\r'],
    [/VM status: paused\n\(trireme\) $/, 'p ($MPIDR_EL1 & 0xff) + 4\r'],
    [/\n0x4\n\(trireme\) $/, 'cont\rinfo status\r'],
    [/VM status: running\n\(trireme\) $/, 'system_reset\r'],
    [/\(trireme\) $/, '\x01c'],
    [/> $/, 'exit 7\r'],
  ];
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString().replaceAll('\r', '');
    const next = steps[0];
    if (!next?.[0].test(shown)) return;
    steps.shift();
    shown = '';
    child.stdin.write(next[1]);
  });
  const late = setTimeout(() => child.kill(), 110_000);
  await ended;
  clearTimeout(late);
  expect({ left: steps.map(([wanted]) => String(wanted)), shown }).toEqual({
    left: [],
    shown: expect.stringContaining('status 7'),
  });
});

describe('qemu', () => {
  const line = ['qemu', '-M', 'virt', '-kernel', 'K', '-smp', '2'];
  test('describes a launch and runs it', async () => {
    const pid = join(folder, 'pid');
    const args = [...line, '-pidfile', pid, '--expect', 'ready', '-nographic', '-no-shutdown'];
    const { status, launch, stdout, system } = await command(args, {
      guest: (s) => {
        expect(readFileSync(pid, 'utf8')).toBe(`${process.pid}\n`);
        s.show('ready');
      },
    });
    expect([status, stdout, launch?.cores, launch?.kernel]).toEqual([0, 'ready', 2, join(process.cwd(), 'K')]);
    expect(system?.cores.length).toBe(2);
    expect(existsSync(pid)).toBe(false);
  });
  test('a console that is elsewhere is not on the terminal', async () => {
    const log = join(folder, 'serial');
    const guestOf = (s: FakeSystem): void => {
      s.show('text');
      s.exit({ reason: 'poweroff' });
    };
    const { status, stdout } = await command([...line, '-serial', `file:${log}`], { guest: guestOf });
    expect([status, stdout, readFileSync(log, 'utf8')]).toEqual([0, '', 'text']);
  });
  test('-no-reboot ends at a reset', async () => {
    const { status } = await command([...line, '-no-reboot'], { guest: (s) => void s.reset() });
    expect(status).toBe(0);
  });
  test('-M dumpdtb writes the device tree and starts nothing', async () => {
    const file = join(folder, 't.dtb');
    const { status, system } = await command(['qemu', '-M', `virt,dumpdtb=${file}`, '-smp', '3']);
    expect([status, system, readFileSync(file, 'utf8')]).toEqual([0, null, 'tree of 3']);
  });
  test('mistakes are one line and status 2', async () => {
    const { status, stderr } = await command([...line, '-netdev', 'user,id=n']);
    expect([status, stderr]).toEqual([2, 'trireme: -netdev: networks follow: -nic none\n']);
  });
  test.each([
    ['--help', /qemu-system-aarch64(.|\n)* -kernel (.|\n)*accepted(.|\n)* -enable-kvm (.|\n)*refused(.|\n)* -netdev /],
    ['-h', /^usage: /],
    ['-version', /QEMU 11\.1's virt\n$/],
    ['-M help', /^virt: /],
    ['-cpu help', /^CPUs:\n {2}max cortex-a72\n$/],
    ['-device help', /^Devices:\n {2}virtio-blk-device /],
  ])('%s answers, and starts nothing', async (words, answer) => {
    const { status, stdout, stderr, system } = await command(['qemu', ...words.split(' ')]);
    expect([status, stderr, system]).toEqual([0, '', null]);
    expect(stdout).toMatch(answer);
  });
  test('the monitor has the terminal, or what is piped, where no console has', async () => {
    const stdin = new PassThrough();
    stdin.write('info status\nquit\n');
    const io = { stdin, guest: (s: FakeSystem) => s.show('text') };
    const { status, stdout, system } = await command([...line, '-serial', 'null', '-monitor', 'stdio'], io);
    expect([status, system?.typed]).toEqual([0, []]);
    expect(stdout).toMatch(/^\(trireme\) info status\r\nVM status: running\r\n\(trireme\) quit\r\n/);
  });
});
