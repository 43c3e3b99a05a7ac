/** Consoles elsewhere, and machines elsewhere: exposed serial lines, an installed QEMU. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findQemu, qemuCommand } from '../../core/host/qemu/program.ts';
import { Face, testHost, until } from './support.ts';

const root = join(import.meta.dirname, '..', '..');
const qemu = await findQemu();
const start = { preset: null, name: 'test', on: 'trireme', paused: false } as const;
const virt = (program: string, more: object) => ({ machine: { type: 'virt' }, cpu: {}, kernel: program, ...more });
const tcp = { to: 'tcp', host: '127.0.0.1', port: 0, server: true, wait: false, telnet: false };

describe('exposed consoles', () => {
  test('are had on their port as well, both ways, while the machine is on', async () => {
    const { host, systems, program } = testHost();
    const face = new Face(host);
    const launch = virt(program, { exposed: [{ console: 'uart0', target: tcp }] });
    const { run } = await face.ask('launch.start', { launch, ...start });
    const { places } = (await face.ask('runs.list', {})).runs[0]!;
    expect(places).toMatchObject([{ console: 'uart0', place: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }]);
    const socket = connect(Number(places[0]!.place.split(':')[1]), '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes;
    });
    systems[0]!.show('hello\n');
    await until(() => text === 'hello\n');
    socket.write('typed');
    await until(() => systems[0]!.typed.join('') === 'typed');
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await face.ask('run.control', { run, action: 'forceOff' });
    await gone;
  });

  test('a place that cannot be had keeps the machine from starting, in words', async () => {
    const { host, program } = testHost();
    const face = new Face(host);
    const client = { ...tcp, server: false, port: 1 };
    for (const [target, console, problem] of [
      [client, 'uart0', /127\.0\.0\.1:1/],
      [tcp, 'uart7', /uart7/],
    ] as const) {
      const answer = await face.answer('launch.start', {
        launch: virt(program, { exposed: [{ console, target }] }),
        ...start,
      });
      expect(answer.error).toMatchObject({ code: 'user', message: expect.stringMatching(problem) });
    }
    expect((await face.ask('runs.list', {})).runs).toEqual([]);
  });
});

describe('QEMU', () => {
  test('a missing program is said plainly', async () => {
    const { host, program } = testHost();
    const face = new Face(host);
    expect((await face.ask('hello', {})).qemu).toBeNull();
    const answer = await face.answer('launch.start', { launch: virt(program, {}), ...start, on: 'qemu' });
    expect(answer.error).toEqual({
      code: 'unavailable',
      message: 'qemu-system-aarch64 is not installed, or not in PATH',
    });
    expect(await findQemu({ PATH: '/nowhere' })).toBeNull();
  });

  test('every console of the launch has a socket, and other places stay as they are', () => {
    const launch = {
      ...{ machine: { type: 'virt' }, cpu: {}, kernel: 'k', exposed: [{ console: 'uart0', target: tcp }] },
      serials: [{ to: 'terminal' }, { to: 'file', path: '/tmp/x', append: false }],
      virtio: [{ device: 'console', ports: [{ name: null, target: { to: 'terminal' } }] }],
    };
    return import('valibot').then(async (v) => {
      const { anyLaunchSchema } = await import('../../core/host/launch.ts');
      const { args, consoles } = qemuCommand(v.parse(anyLaunchSchema, launch), '/f');
      expect(consoles.map((c) => c.name)).toEqual(['uart0', 'hvc0']);
      const line = args.join(' ');
      expect(line).toContain('unix:/f/uart0,server=on,wait=on');
      expect(line).toContain('path=/f/hvc0,server=on,wait=on');
      expect(line).toContain('file:/tmp/x');
      expect(line).not.toContain('-nographic');
      expect(line).not.toContain('mux');
    });
  });

  test.skipIf(!qemu)(
    'a program runs on it: console, pause, reset, off; a refusal of QEMU’s is told',
    { timeout: 60_000 },
    async () => {
      const { host, folder } = testHost({ qemu: async () => qemu });
      host.files.choose(join(root, 'tests/guests/elf/echo.elf'));
      const face = new Face(host);
      expect((await face.ask('hello', {})).qemu).toMatch(/^QEMU emulator version/);
      const launch = { machine: { type: 'bare' }, kernel: join(root, 'tests/guests/elf/echo.elf') };
      const { run } = await face.ask('launch.start', { launch, ...start, on: 'qemu' });
      await face.ask('console.attach', { run, console: 'uart0', from: -1 });
      await until(() => face.text().includes('>'), 20_000);
      await face.ask('console.input', { run, console: 'uart0', bytes: Buffer.from('hi\r').toString('base64') });
      await until(() => face.text().includes('you said hi'), 20_000);
      const state = () => face.events.run!.at(-1)!.run;
      expect(state()).toMatchObject({ on: 'qemu', state: 'running', inspectable: false });
      await face.ask('run.control', { run, action: 'pause' });
      await until(() => state()?.state === 'paused');
      expect((await face.answer('registers.read', { run, core: 0 })).error?.code).toBe('unavailable');
      expect((await face.answer('worlds.timeline', { run, from: 0, to: 1, limit: 9 })).error?.code).toBe('unavailable');
      await face.ask('run.control', { run, action: 'resume' });
      await face.ask('console.input', { run, console: 'uart0', bytes: Buffer.from('exit 7\r').toString('base64') });
      await until(() => state()?.state === 'ended', 20_000);
      expect(state()!.exit).toMatchObject({ status: 7 });
      expect(
        (await face.ask('console.lines', { run, console: 'uart0', first: 0, count: 50 })).lines
          .map((l) => l.text)
          .join(),
      ).toContain('you said hi');
      // The program knows no power key, and goes without.
      const { run: second } = await face.ask('launch.start', { launch, ...start, on: 'qemu' });
      await until(() => state()?.state === 'running');
      expect(state()).toMatchObject({ id: second, powerKey: false });
      await face.ask('run.control', { run: second, action: 'powerOff' });
      await until(() => state()?.state === 'ended', 20_000);
      expect(state()!.exit).toMatchObject({ status: 0 });

      const wrong = await face.answer('launch.start', {
        launch: { ...launch, cpu: 'cortex-a72', startEl: 3, cores: 32, memoryBytes: 2 ** 40 },
        ...start,
        on: 'qemu',
      });
      expect(wrong.error).toMatchObject({ code: 'user', message: expect.stringContaining('QEMU does not start: ') });
      const { run: third } = await face.ask('launch.start', { launch, ...start, on: 'qemu' });
      await face.ask('run.control', { run: third, action: 'forceOff' });
      await until(() => state()?.id === third && state()?.state === 'ended');
      expect(existsSync(folder)).toBe(true);
    },
  );
});
