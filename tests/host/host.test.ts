import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONSOLE_WINDOW } from '../../core/host/api.ts';
import { Reserve } from '../../core/host/reserve.ts';
import { Face, testHost, until } from './support.ts';

describe('the next machine', () => {
  test('is prepared when its draft rests, again when it is off, and not while one runs', async () => {
    const prepared: number[] = [];
    const { host, program } = testHost({ prepare: async (threads) => void prepared.push(threads) });
    const face = new Face(host);
    const check = (more: object) =>
      face.ask('launch.check', { launch: { machine: { type: 'bare' }, kernel: program, ...more } });
    await check({ cores: 2 });
    await check({ cores: 3 });
    await until(() => prepared.length === 1);
    expect(prepared).toEqual([3]);
    const run = await face.start(program);
    await check({ cores: 4 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(prepared).toEqual([3]);
    await face.ask('run.control', { run, action: 'forceOff' });
    await until(() => prepared.length === 2);
    expect(prepared).toEqual([3, 4]);
    // All cores of a deterministic machine run on one thread.
    await check({ cores: 4, deterministic: true });
    await until(() => prepared.length === 3);
    expect(prepared[2]).toBe(1);
  });
  test('takes over the threads that wait for it; others end', async () => {
    const reserve = new Reserve();
    await reserve.prepare(3);
    await reserve.prepare(2);
    const crew = reserve.take()!;
    expect(reserve.take()).toBeUndefined();
    const workers = [crew.take(), crew.take()];
    const ended = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    await Promise.all(workers.map((worker) => worker.terminate()));
    await Promise.all(ended);
    await crew.dismiss();
    await reserve.close();
  });
});

describe('runs', () => {
  test('start, console, pause, registers, step, end; what was shown stays until it is closed', async () => {
    const { host, systems, program } = testHost();
    const face = new Face(host);
    const run = await face.start(program, { cores: 2 });
    const system = systems[0]!;
    await face.ask('console.attach', { run, console: 'uart0', from: -1 });
    system.show('hello\n');
    await until(() => face.text() === 'hello\n');
    await face.ask('console.input', { run, console: 'uart0', bytes: Buffer.from('x\r').toString('base64') });
    expect(system.typed).toEqual(['x\r']);

    const early = await face.answer('registers.read', { run, core: 0 });
    expect(early.error?.code).toBe('state');
    await face.ask('run.control', { run, action: 'pause' });
    const registers = await face.ask('registers.read', { run, core: 1 });
    expect(registers.general.pc).toBe(`0x${system.cores[1]!.pc.toString(16)}`);
    expect(registers.system.SCTLR_EL1).toBe('0x30d00800');
    expect(registers.simd[3]).toBe(`0x${'03'.repeat(16)}`);

    await face.ask('registers.write', { run, core: 1, name: 'x5', value: '0xabc' });
    expect(system.cores[1]!.x(5)).toBe(0xabcn);
    const before = system.cores[1]!.pc;
    await face.ask('run.step', { run, core: 1 });
    await until(() => !system.running);
    expect(system.cores[1]!.pc).toBe(before + 4n);
    expect((await face.ask('runs.list', {})).runs[0]!.stop).toEqual({ kind: 'step', core: 1 });

    await face.ask('run.control', { run, action: 'forceOff' });
    await until(() => face.events.run!.at(-1)!.run?.state === 'ended');
    expect((await face.ask('console.lines', { run, console: 'uart0', first: 0, count: 10 })).lines[0]!.text).toBe(
      'hello',
    );
    expect((await face.answer('run.control', { run, action: 'resume' })).error?.code).toBe('state');
    await face.ask('run.control', { run, action: 'close' });
    expect(face.events.run!.at(-1)).toEqual({ id: run, run: null });
    expect((await face.ask('runs.list', {})).runs).toEqual([]);
  });

  test('a second face, and one that comes again, see the same output from the start', async () => {
    const { host, systems, program } = testHost();
    const first = new Face(host);
    const run = await first.start(program);
    systems[0]!.show('boot\n');
    first.leave();
    const [second, third] = [new Face(host), new Face(host)];
    for (const face of [second, third]) await face.ask('console.attach', { run, console: 'uart0', from: -1 });
    systems[0]!.show('more\n');
    await until(() => second.text() === 'boot\nmore\n' && third.text() === 'boot\nmore\n');
  });

  test('a slow face gets a window of output, and the rest as it draws; the guest does not wait', async () => {
    const { host, systems, program } = testHost();
    const face = new Face(host);
    const run = await face.start(program);
    await face.ask('console.attach', { run, console: 'uart0', from: -1 });
    const all = Array.from({ length: 200_000 }, (_, n) => `${n}\n`).join('');
    systems[0]!.show(all);
    const kept = all.slice(all.indexOf('150000\n'));
    await until(() => face.text().length >= kept.length || face.text().length >= CONSOLE_WINDOW);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(face.text().length).toBeLessThanOrEqual(CONSOLE_WINDOW + (64 << 10));
    expect(systems[0]!.held).toEqual([]);
    let drawn = 0;
    for (let n = 0; n < 50 && !face.text().endsWith('199999\n'); n++) {
      const last = face.events.console!.at(-1)!;
      drawn = last.offset + last.bytes.length;
      await face.ask('console.ack', { run, console: 'uart0', offset: drawn });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(face.text()).toBe(kept);
    const beyond = await face.answer('console.ack', { run, console: 'uart0', offset: all.length + 1 });
    expect(beyond.error?.code).toBe('invalid');
  });

  test('bytes of several worlds on one line are consoles of their own, and merge by the order of lines', async () => {
    const { host, systems, program } = testHost({ consoles: [{ id: 0, name: 'uart0', worlds: ['normal', 'root'] }] });
    const face = new Face(host);
    const run = await face.start(program);
    systems[0]!.show('NOTICE: BL31\n', 0, 'root');
    systems[0]!.show('Linux\n', 0, 'normal');
    const lines = (await face.ask('timeline.lines', { run, first: 0, count: 10 })).lines;
    expect(lines.map((l) => [l.console, l.text])).toEqual([
      ['uart0.root', 'NOTICE: BL31'],
      ['uart0.normal', 'Linux'],
    ]);
    await face.ask('console.input', { run, console: 'uart0.root', bytes: 'eA==' });
    expect(systems[0]!.typed).toEqual(['x']);
  });

  test('too many machines at once are refused in words', async () => {
    const { host, program } = testHost();
    const face = new Face(host);
    for (let n = 0; n < 4; n++) await face.start(program);
    await expect(face.start(program)).rejects.toThrow('power one off first');
  });

  test('views without a source say what is missing', async () => {
    const { host, program } = testHost();
    const face = new Face(host);
    const run = await face.start(program);
    for (const [method, params] of [
      ['realms.list', { run }],
      ['calls.read', { run, first: 0, count: 10, filter: '' }],
      ['worlds.timeline', { run, from: 0, to: 1, limit: 10 }],
      ['granules.map', { run, from: '0x0', to: '0x1000', buckets: 4 }],
    ] as const) {
      const { error } = await face.answer(method, params);
      expect(error?.code).toBe('unavailable');
      expect(error?.message).toMatch(/\w+ \w+/);
    }
  });

  test('an observation supplies the views', async () => {
    const realm = {
      ...{ rd: '0x88000000', name: null, state: 'active' as const, vmid: 1, mecid: 3, recs: { total: 1, running: 1 } },
      ...{ hostMecid: 1, ramBytes: 4096, rttGranules: 2, rim: null, seconds: 0 },
    };
    const revisions = { worlds: 0, realms: 7, granules: 0, calls: 0, faults: 0 };
    const { host, program } = testHost({
      observe: () => ({ revisions: () => revisions, lost: () => 12, realms: () => [realm] }),
    });
    const face = new Face(host);
    const run = await face.start(program);
    expect((await face.ask('realms.list', { run })).realms).toEqual([realm]);
    await until(() => (face.events.status ?? []).some((s) => s.revisions.realms === 7 && s.lost === 12));
  });
});

describe('launch', () => {
  test('mistakes are told by field, as often as one asks', async () => {
    const { host, program } = testHost();
    const face = new Face(host);
    const check = (launch: Record<string, unknown>) => face.ask('launch.check', { launch });
    const good = { machine: { type: 'bare' }, kernel: program };
    expect((await check(good)).problems).toEqual([]);
    expect((await check({ ...good, cores: 99 })).problems[0]).toMatchObject({ field: 'cores' });
    expect((await check({ ...good, memoryBytes: 5000 })).problems[0]!.field).toBe('memoryBytes');
    expect((await check({ ...good, kernel: '' })).problems[0]!.field).toBe('kernel');
    expect((await check({ ...good, cpu: 'pentium' })).problems[0]!.message).toContain('max');
    expect((await check({ machine: { type: 'virt' }, cpu: {} })).problems[0]!.message).toContain('nothing to run');
    expect((await check({})).problems.length).toBeGreaterThan(0);
  });
  test('the command lines are those of the launch', async () => {
    const { host, program } = testHost();
    const face = new Face(host);
    const launch = { machine: { type: 'bare' }, kernel: program, cores: 2, startEl: 2, append: "it's" };
    const { commands } = await face.ask('launch.check', { launch });
    expect(commands.trireme).toContain(`run --kernel ${program} --cpus 2 --memory 128M --el 2`);
    expect(commands.qemu).toContain('-M virt,virtualization=on -cpu max -smp 2 -m 128M');
    const virt = { machine: { type: 'virt' }, cpu: {}, kernel: program };
    const both = (await face.ask('launch.check', { launch: virt })).commands;
    expect(both.trireme).toMatch(/^trireme qemu -M virt,/);
    expect(both.qemu).toMatch(/^qemu-system-aarch64 -M virt,/);
  });
});

describe('presets', () => {
  test('are saved, listed, changed and removed; those that come with Trireme stay', async () => {
    const { host, folder, program } = testHost();
    const face = new Face(host);
    const launch = { machine: { type: 'bare' }, kernel: program };
    const { preset } = await face.ask('presets.save', { id: null, name: 'My machine', description: '', launch });
    expect(preset.id).toBe('my-machine');
    expect(JSON.parse(readFileSync(join(folder, 'own', 'my-machine.json'), 'utf8')).launch.kernel).toBe(program);
    await face.ask('presets.save', { id: preset.id, name: 'Mine', description: '', launch });
    expect((await face.ask('presets.list', {})).presets.map((p) => p.name)).toEqual(['Mine']);
    await face.ask('presets.remove', { id: preset.id });
    expect(existsSync(join(folder, 'own', 'my-machine.json'))).toBe(false);
    expect((await face.answer('presets.remove', { id: 'bare' })).error?.code).toBe('missing');
  });
});

describe('files', () => {
  test('outside of the folders nothing is named, by no path and no link', async () => {
    const { host, folder, log } = testHost();
    symlinkSync('/etc', join(folder, 'way-out'));
    const face = new Face(host);
    for (const path of [
      '/etc',
      '/etc/passwd',
      `${folder}/../..`,
      `${folder}/way-out`,
      `${folder}/way-out/passwd`,
      '/nonexistent-x',
    ]) {
      expect((await face.answer('files.list', { path })).error?.code, path).toBe('refused');
      const launch = { machine: { type: 'bare' }, kernel: path };
      const started = await face.answer('launch.start', {
        launch,
        preset: null,
        name: 'x',
        on: 'trireme',
        paused: false,
      });
      expect(started.error?.message).toContain('outside of the folders');
    }
    expect(log.some((line) => line.startsWith('refused'))).toBe(true);
    expect((await face.ask('files.list', { path: null })).entries.map((e) => e.name)).toContain('prog.elf');
  });
  test('an upload arrives whole, under a name of ours, and only in order', async () => {
    const { host } = testHost();
    const face = new Face(host);
    const piece = (text: string): string => Buffer.from(text).toString('base64');
    const first = await face.ask('files.upload', {
      upload: null,
      name: '../../evil name',
      offset: 0,
      bytes: piece('abc'),
      last: false,
    });
    const wrong = await face.answer('files.upload', {
      upload: first.upload,
      name: 'x',
      offset: 9,
      bytes: piece('z'),
      last: true,
    });
    expect(wrong.error?.code).toBe('state');
    const { path } = await face.ask('files.upload', {
      upload: first.upload,
      name: 'x',
      offset: 3,
      bytes: piece('def'),
      last: true,
    });
    expect(path).toMatch(/evil_name$/);
    expect(readFileSync(path!, 'utf8')).toBe('abcdef');
    expect((await face.ask('launch.check', { launch: { machine: { type: 'bare' }, kernel: path! } })).problems).toEqual(
      [],
    );
    await host.close();
    expect(existsSync(path!)).toBe(false);
  });
  test('a file that was chosen in a dialog may be used', async () => {
    const { host } = testHost();
    const other = testHost();
    writeFileSync(join(other.folder, 'chosen.elf'), readFileSync(other.program));
    host.files.choose(join(other.folder, 'chosen.elf'));
    expect(host.files.check(join(other.folder, 'chosen.elf'))).toContain('chosen.elf');
    expect(() => host.files.check(other.program)).toThrow('outside');
  });
});
