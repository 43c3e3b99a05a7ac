/** The machine `virt` as a running system, with a guest that looks at its devices. */
import fs, { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bareSystem } from '../../core/machines/bare.ts';
import { createSystem } from '../../core/system/system.ts';
import { PLAIN } from '../support/system-run.ts';
import { VirtGuest } from '../support/virt-guest.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-virt-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const wait = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

describe.each(['', '--deterministic'])('what a launch says, the guest finds %s', (mode) => {
  test('devices, identity, cores', async () => {
    writeFileSync(join(folder, 'item'), 'of a file');
    const g = await VirtGuest.start(
      `${mode} -smp 2 -uuid 01234567-89ab-cdef-0123-456789abcdef -fw_cfg name=opt/text,string=abc ` +
        `-global virtio-mmio.force-legacy=${mode === '' ? 'off' : 'on'} -fw_cfg name=opt/file,file=${join(folder, 'item')} -rtc base=2030-05-06T07:08:09 -device virtio-rng-device ` +
        '-serial stdio -serial null -M uarts=3',
    );
    expect(await g.ask('config 2 16')).toBe('0123456789abcdef0123456789abcdef');
    expect(await g.ask('file opt/text')).toBe(Buffer.from('abc').toString('hex'));
    expect(await g.ask('file opt/file')).toBe(Buffer.from('of a file').toString('hex'));
    expect(await g.ask('file opt/none')).toBe('no such file');
    const clock = Number((await g.ask('clock')).replace('seconds ', ''));
    expect(clock - Date.parse('2030-05-06T07:08:09Z') / 1000).toBeLessThan(30);
    expect(clock).toBeGreaterThanOrEqual(Date.parse('2030-05-06T07:08:09Z') / 1000);
    const version = mode === '' ? 2 : 1;
    expect(await g.ask('virtio 31')).toBe(`version ${version}, device 4`);
    expect(await g.ask('virtio 30')).toBe(`version ${version}, device 0`);
    expect(await g.ask('suspend')).toBe('result 0, slept, interrupt 27');
    // The other core comes and goes, twice.
    for (let n = 0; n < 2; n++) expect(await g.ask('on')).toBe('before 1\nCPU_ON 0\nran with 5');
    await g.ask('uart 1 one');
    await g.ask('uart 2 two');
    await vi.waitFor(() => expect(g.shown.slice(1)).toEqual(['one\n', 'two\n']), 5000);
    expect([...g.worlds]).toEqual(['normal']);
    // Memory is made new by a reset, and everything else starts over.
    expect(await g.ask('mark')).toBe('marks 1');
    expect(await g.ask('mark')).toBe('marks 2');
    g.type('reset\n');
    await g.until(/> /);
    expect(await g.ask('mark')).toBe('marks 1');
    expect(await g.ask('virtio 31')).toBe(`version ${version}, device 4`);
    expect(await g.ask('on')).toBe('before 1\nCPU_ON 0\nran with 5');
    g.type('off\n');
    expect(await g.exit).toMatchObject({ reason: 'poweroff', status: 0 });
  }, 300_000);
});

describe('from outside', () => {
  let g: VirtGuest;
  beforeAll(async () => {
    g = await VirtGuest.start('-rtc clock=vm -device virtio-serial-device -device virtconsole');
  });
  afterAll(() => g.system.stop());

  test('a virtio console: output, and input that comes while the guest waits for it', async () => {
    await g.ask('hvc out of the queue');
    await vi.waitFor(() => expect(g.shown[1]).toBe('out of the queue'), 5000);
    g.type('hvc\n');
    await g.until(/waiting\r\n/);
    g.system.consoleInput(1, new TextEncoder().encode('keys'));
    await g.until(/typed keys\r\n> $/);
    // What nobody takes yet is kept, and the guest goes on.
    g.system.holdConsole(1, true);
    for (let n = 0; n < 3; n++) await g.ask(`hvc ${'x'.repeat(200)}`);
    g.system.holdConsole(1, false);
    await vi.waitFor(() => expect(g.shown[1]!.length).toBe(16 + 600), 5000);
  });
  test('while the system is paused its devices leave memory alone', async () => {
    g.type('hvc\n');
    await g.until(/waiting\r\n/);
    await g.system.pause();
    const memory = (): Buffer => Buffer.from(g.system.readMemory(0x40080000n, 1 << 17));
    const before = memory();
    g.system.consoleInput(1, new TextEncoder().encode('later'));
    await wait(0.3);
    expect(memory().equals(before)).toBe(true);
    g.system.resume();
    await g.until(/typed later\r\n> $/);
    expect(memory().equals(before)).toBe(false);
  });
  test('the power key, pressed while the guest runs and while it stands still; its interrupt as the controller has it', async () => {
    const { system } = g;
    const gpio = () => system.machine!.interrupts().find((i) => i.intid === 39);
    expect(gpio()).toBeUndefined();
    for (const paused of [false, true]) {
      g.type('key\n');
      await g.until(/waiting\r\n/);
      if (paused) {
        await system.pause();
        expect(gpio()).toEqual({
          ...{ intid: 39, core: null, group: 'group1-nonsecure', enabled: true, pending: false, active: false },
          ...{ trigger: 'level', priority: 0, target: 0 },
        });
      }
      system.machine!.pressPowerKey();
      if (paused) {
        expect(gpio()).toMatchObject({ pending: true, active: false });
        // Longer than the key is held: but the guest has not seen it yet.
        await wait(0.25);
        system.resume();
      }
      await g.until(/key 1, interrupt 39\r\nreleased\r\n> $/);
    }
  });
  test('time stands still while the system does', async () => {
    const { system } = g;
    const now = async (what: string): Promise<number> => Number((await g.ask(what)).split(' ')[1]);
    const began = performance.now();
    const ran = system.stats().seconds;
    const [ticks, clock] = [await now('ticks'), await now('clock')];
    for (let n = 0; n < 3; n++) {
      await system.pause();
      await wait(0.7);
      system.resume();
    }
    const [later, laterClock] = [await now('ticks'), await now('clock')];
    const granted = system.stats().seconds - ran;
    expect(granted).toBeLessThan((performance.now() - began) / 1000 - 2);
    expect((later - ticks) / 1000).toBeLessThan(granted + 0.05);
    expect(later).toBeGreaterThan(ticks);
    expect(laterClock - clock).toBeLessThan(granted + 1.05);
  });
  test('a machine without interrupt controller has no such view', async () => {
    const system = await createSystem(bareSystem(PLAIN));
    expect(system.machine).toBe(null);
    await system.stop();
  });
});

describe('consoles and who writes to them', () => {
  test.each([
    ['', [['uart0', ['normal']]]],
    [
      '-M secure=on',
      [
        ['uart0', ['normal', 'secure']],
        ['uart1', ['secure']],
      ],
    ],
    [
      '-M secure=on,virtualization=on,uarts=3 -cpu max,x-rme=on -device virtio-serial-device -device virtconsole',
      [
        ['uart0', ['normal', 'realm', 'root', 'secure']],
        ['uart1', ['root', 'secure']],
        ['uart2', ['normal', 'realm', 'root', 'secure']],
        ['hvc0', undefined],
      ],
    ],
  ])('%s', async (line, consoles) => {
    const { system } = await VirtGuest.create(line);
    expect(system.consoles.map(({ name, worlds }) => [name, worlds])).toEqual(consoles);
    await system.stop();
  });
  test('there are limits', async () => {
    const ports = ' -device virtconsole'.repeat(14);
    const { system } = await VirtGuest.create(`-device virtio-serial-device${ports}`);
    expect(system.consoles.length).toBe(15);
    await system.stop();
    const ids = [...'abcdefghijklmno'];
    const homes = ids.map((id) => ` -device virtio-serial-device,id=${id}`).join('');
    const all = ids.map((id) => ` -device virtconsole,bus=${id}.0`.repeat(14)).join('');
    await expect(VirtGuest.create(homes + all)).rejects.toThrow(/211 consoles are too many/);
  });
});

test('where a core starts can be said', async () => {
  const { system } = await VirtGuest.create('-device loader,addr=0x40080010,cpu-num=0');
  expect(system.cores[0]!.pc).toBe(0x40080010n);
  await system.reset();
  expect(system.cores[0]!.pc).toBe(0x40080010n);
  await system.stop();
});

describe('flash memories', () => {
  const BANK = 64 << 20;
  const make = (name: string, first: string): string => {
    const path = join(folder, name);
    const fd = openSync(path, 'w');
    ftruncateSync(fd, BANK);
    closeSync(fd);
    writeFileSync(path, first, { flag: 'r+' });
    return path;
  };
  test.each([
    ['snapshot=off', 'new'],
    ['snapshot=on', 'old'],
  ])('with %s keep what was programmed over a reset, and the file is then %s', async (how, left) => {
    const file = make(`flash-${left}`, 'old');
    const { system } = await VirtGuest.create(`-drive if=pflash,unit=1,file=${file},format=raw,${how}`);
    const read = (): string => Buffer.from(system.readMemory(0x4000000n, 3)).toString();
    expect(read()).toBe('old');
    system.writeMemory(0x4000000n, Buffer.from('new'));
    await system.reset();
    expect(read()).toBe('new');
    const ended = new Promise((resolve) => system.on('exit', resolve));
    await system.stop();
    await ended;
    expect(readFileSync(file).subarray(0, 4).toString('latin1')).toBe(`${left}\0`);
  });
  test.each([
    ['readonly=on', 'status 144, holds 1684828003'],
    ['snapshot=on', 'status 128, holds 287454020'],
  ])('the guest programs one with %s', async (how, answer) => {
    const file = make('program', 'cold');
    const g = await VirtGuest.start(`-drive if=pflash,unit=1,file=${file},format=raw,${how}`);
    expect(await g.ask('program')).toBe(answer);
    await g.system.stop();
    expect(readFileSync(file).subarray(0, 5).toString('latin1')).toBe('cold\0');
  });
  test('a file that can no longer be written at the end is said in a line', async () => {
    const file = make('full', 'old');
    const { system, exit } = await VirtGuest.create(`-drive if=pflash,unit=1,file=${file},format=raw,snapshot=off`);
    system.writeMemory(0x4000000n, Buffer.from('new'));
    const { writeSync } = fs;
    fs.writeSync = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    syncBuiltinESMExports();
    await system.stop();
    const how = await exit;
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
    const message = `cannot write the flash image ${file}: no space left on the device`;
    expect(how).toEqual({ reason: 'failed', status: 1, message });
  });
  test('a file that cannot be written is said at once', async () => {
    const gone = join(folder, 'none');
    await expect(VirtGuest.create(`-drive if=pflash,unit=1,file=${gone},format=raw,snapshot=off`)).rejects.toThrow(
      /none: no such file/,
    );
  });
});
