import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SystemExit } from '../../core/system/api.ts';
import { command } from '../support/command.ts';
import { buildElf, code } from '../support/elf-builder.ts';
import type { FakeSystem } from '../support/fake-system.ts';

let folder = '';
let kernel = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-cli-'));
  kernel = join(folder, 'prog.elf');
  writeFileSync(kernel, buildElf({ segments: [{ address: 0x40000000, bytes: code(0xd503201f) }] }));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (args: string, options = {}) =>
  command(['run', '--kernel', kernel, ...args.split(' ').filter(Boolean)], options);
const says =
  (text: string, status = 0) =>
  (system: FakeSystem): void => {
    system.show(text);
    system.exit({ status });
  };

describe('configuration', () => {
  test('defaults', async () => {
    const { config } = await run('', { guest: says('') });
    expect(config).toMatchObject({
      ...{ machine: { cores: 1, memory: [{ base: 0x40000000, size: 128 << 20 }] } },
      ...{ cpuModel: 'max', engine: 'normal', startEl: 1 },
      ...{ deterministic: false, entry: 0x40000000n, psci: 'hvc' },
      semihosting: { files: { root: process.cwd() }, commandLine: 'prog.elf' },
      images: [{ address: 0x40000000, bytes: code(0xd503201f) }],
    });
    expect(config?.trace).toBeUndefined();
  });
  test('everything said', async () => {
    const { config, system } = await run(
      '--cpus 2 --memory 1.5G --el 3 --cpu cortex-a72 --engine interpreter --deterministic --seed 9 --append one ' +
        `--semihosting-files ${folder} --timeout 2.5 --trace smc,tlbi --stats ${folder}/s --psci smc`,
      { guest: says('') },
    );
    expect(config).toMatchObject({
      ...{ machine: { cores: 2, el3: true, memory: [{ size: 1536 << 20 }] } },
      ...{ cpuModel: 'cortex-a72', engine: 'interpreter', startEl: 3 },
      ...{ deterministic: true, seed: 9, psci: 'smc', timeLimit: 2.5, trace: { choices: ['smc', 'tlbi'] } },
      semihosting: { files: { root: folder }, commandLine: 'prog.elf one' },
    });
    expect(system?.startedPaused).toBeFalsy();
    expect(JSON.parse(readFileSync(join(folder, 's'), 'utf8'))).toMatchObject({ instructions: 42, seconds: 0.5 });
  });
  test('semihosting off, PSCI by level', async () => {
    expect((await run('--no-semihosting --el 2', { guest: says('') })).config).toMatchObject({
      semihosting: null,
      psci: 'smc',
    });
    expect((await run('--semihosting-files none --el 3', { guest: says('') })).config).toMatchObject({
      semihosting: { files: 'none' },
      psci: 'none',
    });
  });
});

describe('output and status', () => {
  test("the console is on stdout, the guest's status is the command's", async () => {
    expect(await run('', { guest: says('hello\n', 7) })).toMatchObject({ status: 7, stdout: 'hello\n', stderr: '' });
  });
  test('power-off is 0', async () => {
    const guest = (s: FakeSystem): void => s.exit({ reason: 'poweroff', status: 0 });
    expect((await run('', { guest })).status).toBe(0);
  });
  test('a guest that runs wild is reported with its registers and instructions', async () => {
    const { status, stderr } = await run('', {
      guest: (s: FakeSystem) => {
        s.memory.set([0x1f, 0x20, 0x03, 0xd5], 0);
        s.cores[0]!.setX(4, 0xabcdn);
        s.exit({ reason: 'wild', status: 1, core: 0, message: 'the vector at 0x200 faults itself' });
      },
    });
    expect(status).toBe(1);
    expect(stderr).toContain('trireme: the guest runs wild: the vector at 0x200 faults itself\n');
    expect(stderr).toContain('x4 000000000000abcd');
    expect(stderr).toContain('-> 0000000040000000: d503201f  nop');
    expect(stderr).toContain('VBAR_EL1 0000000040000800');
    expect(stderr).toContain('EL1h');
    expect(stderr).not.toMatch(/\bat .*\.ts/);
  });
  test('what the guest has written cannot be kept: one line, also where the script or the user ends the run', async () => {
    const message = 'cannot write the flash image f: no space left on the device';
    const failure: SystemExit = { reason: 'failed', status: 1, message };
    const said = { status: 1, stderr: `trireme: ${message}\n` };
    expect(await run('', { guest: (s: FakeSystem) => s.exit(failure) })).toMatchObject(said);
    const atStop = (s: FakeSystem): void => {
      s.stop = async () => s.exit(failure);
      s.show('ready');
    };
    expect(await run('--expect ready', { guest: atStop })).toMatchObject(said);
  });
  test('an error of ours is said to be one, in one line', async () => {
    const message = 'internal error: Error: no such state\n    at run (thread.ts:1:2)';
    const { status, stderr } = await run('', {
      guest: (s: FakeSystem) => s.exit({ reason: 'failed', status: 1, message }),
    });
    expect([status, stderr]).toEqual([1, 'trireme: internal error: no such state\n']);
  });
  test('PC where there is no memory', async () => {
    const { stderr } = await run('', {
      guest: (s: FakeSystem) => {
        s.cores[0]!.pc = 0x200n;
        s.exit({ reason: 'wild', status: 1, core: 0 });
      },
    });
    expect(stderr).toContain('-> 0000000000000200: no memory that can be read');
  });
  test('a trace goes to its file, or to stderr', async () => {
    const file = join(folder, 'trace.txt');
    const guest = (s: FakeSystem): void => {
      s.trace('0 1 NS-EL1 0x40000000 block\n');
      s.exit();
    };
    expect((await run(`--trace blocks:${file}`, { guest })).stderr).toBe('');
    expect(readFileSync(file, 'utf8')).toBe('0 1 NS-EL1 0x40000000 block\n');
    expect((await run('--trace all', { guest })).stderr).toBe('0 1 NS-EL1 0x40000000 block\n');
  });
});

describe('scripts', () => {
  const prompt = (s: FakeSystem): void => s.show('booting\r\nlogin: ');
  const answer = (s: FakeSystem, text: string): void => s.show(`${text.trim()}\r\nwelcome\r\n$ `);
  test('expect, send, expect: ends with 0', async () => {
    const args = ['--expect', 'login: $', '--send', 'root\\n', '--expect', '^welcome$'];
    const { status, system, stdout } = await command(['run', '--kernel', kernel, ...args], {
      guest: prompt,
      onInput: answer,
    });
    expect(status).toBe(0);
    expect(system?.typed).toEqual(['root\n']);
    expect(stdout).toContain('welcome');
    expect(system?.stops).toBeGreaterThan(0);
  });
  test('after a last send the guest decides', async () => {
    const args = ['--expect', 'login', '--send', 'x\\n'];
    const onInput = (s: FakeSystem): void => s.exit({ status: 5 });
    expect((await command(['run', '--kernel', kernel, ...args], { guest: prompt, onInput })).status).toBe(5);
  });
  test('sending first', async () => {
    const { status, system } = await command(['run', '--kernel', kernel, '--send', 'go\\x21', '--expect', 'done'], {
      onInput: (s: FakeSystem) => s.show('done'),
    });
    expect([status, system?.typed]).toEqual([0, ['go!']]);
  });
  test('a console of the machine may be named; another name is text', async () => {
    const args = [
      '--expect',
      'uart0:one',
      '--expect',
      'two: 2',
      '--send',
      'uart0:a',
      '--send',
      'uart9:b',
      '--expect',
      'three',
    ];
    const { status, system } = await command(['run', '--kernel', kernel, ...args], {
      guest: (s: FakeSystem) => s.show('one two: 2 three'),
    });
    expect([status, system?.typed]).toEqual([0, ['a', 'uart9:b']]);
  });
  test('the guest ends before what was expected: status 3 and the last 40 lines', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`);
    const { status, stderr } = await run('--expect nothing', { guest: says(`${lines.join('\r\n')}\r\n`) });
    expect(status).toBe(3);
    const [first, ...rest] = stderr.trimEnd().split('\n');
    expect(first).toBe('trireme: the guest ended with status 0, and /nothing/ did not come; the last console lines:');
    expect(rest).toEqual(lines.slice(-40));
  });
  test('time runs out, by the host or in guest time', async () => {
    const late = await run('--expect nothing --timeout 0.05', { guest: (s: FakeSystem) => s.show('hm') });
    expect(late.status).toBe(3);
    expect(late.stderr).toBe('trireme: 0.05 s have passed, and /nothing/ did not come; the last console lines:\nhm\n');
    const limit = (s: FakeSystem): void => s.exit({ reason: 'limit', status: 1 });
    const guestTime = await run('--deterministic --timeout 4', { guest: limit });
    expect(guestTime.status).toBe(3);
    expect(guestTime.stderr).toBe('trireme: 4 s of guest time have passed; nothing was shown\n');
  });
});

describe('input', () => {
  test('piped input goes to the guest whole', async () => {
    const stdin = new PassThrough();
    const { system } = await run('', {
      stdin,
      guest: (s: FakeSystem) => {
        stdin.end('a\x01xb');
        setTimeout(() => s.exit(), 20);
      },
    });
    expect(system?.typed.join('')).toBe('a\x01xb');
  });
  test('a terminal is raw, and Ctrl+A x quits', async () => {
    const modes: boolean[] = [];
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => modes.push(on) });
    const { status, system, stderr } = await run('', {
      stdin,
      guest: () => stdin.write('l\x01a\x03\x01d\x01?\x01x'),
    });
    expect(status).toBe(0);
    expect(system?.typed.join('')).toBe('l\x01\x03\x01d');
    expect(stderr).toContain('Ctrl+A x   quit');
    expect(modes).toEqual([true, false]);
  });
});

describe('mistakes are one line and status 2', () => {
  const cases: [string, string[], RegExp][] = [
    ['no kernel', [], /required option '--kernel <file>' not specified/],
    ['missing file', ['--kernel', '/nowhere/prog.elf'], /^trireme: \/nowhere\/prog\.elf: no such file or directory$/],
    ['a folder', ['--kernel', '/'], /^trireme: \/: is a directory$/],
    ['not ELF', ['--kernel', '/etc/passwd'], /^trireme: \/etc\/passwd: not an ELF file$/],
    ['x86', ['--kernel', process.execPath], /not an AArch64 ELF file: it is for x86-64/],
    ['unknown option', ['--kernel', 'x', '--nonsense'], /unknown option '--nonsense'/],
    ['near miss', ['--kernel', 'x', '--memry', '1M'], /unknown option '--memry' \(Did you mean --memory\?\)/],
    ['extra argument', ['--kernel', 'x', 'y'], /too many arguments/],
    ['cpus', ['--kernel', 'x', '--cpus', '0'], /'--cpus <n>' argument '0' is invalid. A whole number from 1 to/],
    ['memory', ['--kernel', 'x', '--memory', 'lots'], /argument 'lots' is invalid. A size like 512M/],
    ['memory of 0', ['--kernel', 'x', '--memory', '0'], /positive multiple of 4K/],
    ['el', ['--kernel', 'x', '--el', '4'], /Allowed choices are 1, 2, 3/],
    ['engine', ['--kernel', 'x', '--engine', 'fast'], /Allowed choices are normal, interpreter, compiled/],
    ['trace', ['--kernel', 'x', '--trace', 'smc,foo'], /There is no trace 'foo'/],
    ['trace file', ['--kernel', 'x', '--trace', 'smc:'], /The name of the file is missing/],
    ['timeout', ['--kernel', 'x', '--timeout', '-1'], /argument missing|A number of seconds above 0/],
    ['gdb', ['--kernel', 'x', '--gdb', 'here'], /A port, or HOST:PORT/],
    ['missing value', ['--kernel'], /argument missing/],
  ];
  const oneLine = (stderr: string): void => {
    expect(stderr.endsWith('\n')).toBe(true);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(stderr.startsWith('trireme: ')).toBe(true);
  };
  test.each(cases)('%s', async (_name, args, message) => {
    const { status, stderr, stdout } = await command(['run', ...args]);
    expect(stderr.trimEnd()).toMatch(message);
    oneLine(stderr);
    expect([status, stdout]).toEqual([2, '']);
  });
  const later: [string, string[], RegExp][] = [
    ['too large', ['--memory', '4K', '--kernel', 'BIG'], /too large for memory/],
    ['regex', ['--expect', 'a(b'], /--expect 'a\(b' is not a regular expression: .*Unterminated group/],
    ['escape', ['--send', 'a\\q'], /--send 'a\\q': unknown escape \\q/],
    ['folder', ['--semihosting-files', '/nowhere'], /there is no such folder/],
    ['trace file', ['--trace', 'smc:/nowhere/t'], /cannot write the trace to \/nowhere\/t: no such file/],
    ['stats file', ['--stats', '/nowhere/s'], /cannot write \/nowhere\/s: no such file/],
  ];
  test.each(later)('with a good program: %s', async (_name, args, message) => {
    const big = join(folder, 'big.elf');
    writeFileSync(big, buildElf({ segments: [{ address: 0x40000000, bytes: new Uint8Array(8192) }] }));
    const all = ['run', '--kernel', kernel, ...args.map((a) => (a === 'BIG' ? big : a))];
    const { status, stderr } = await command(all, { guest: says('') });
    expect(stderr.trimEnd()).toMatch(message);
    oneLine(stderr);
    expect(status).toBe(2);
  });
  test('unknown subcommands; help is none', async () => {
    expect(await command(['walk'])).toMatchObject({ status: 2, stderr: "trireme: unknown command 'walk'\n" });
    const help = await command(['help']);
    expect(help.status).toBe(0);
    expect(help.stdout).toContain('--kernel prog.elf');
    expect((await command(['--help'])).stdout).toBe(help.stdout);
    expect((await command([])).stdout).toBe(help.stdout);
    expect((await command(['run', '--help'])).stdout).toContain('--deterministic');
  });
});
