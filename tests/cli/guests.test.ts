import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guest, runGuest, startTrireme } from '../support/trireme.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-guests-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(['normal', 'interpreter', 'compiled', 'normal --deterministic', 'compiled --deterministic'])(
  'engine %s',
  (engine) => {
    const options = ['--engine', ...engine.split(' ')];

    test('a prompt, by script', async () => {
      const script = ['--expect', '> $', '--send', 'hi\\n', '--expect', 'you said hi$', '--send', 'exit 5\\n'];
      const { status, stdout, stderr } = await runGuest('echo', [...options, ...script]);
      expect({ status, stdout, stderr }).toEqual({ status: 5, stdout: '> you said hi\r\n> ', stderr: '' });
    });
    test('semihosting: command line, files, console', async () => {
      const more = ['--append', 'one two', '--semihosting-files', folder, '--stats', join(folder, 'stats.json')];
      const { status, stdout } = await runGuest('semihosting', [...options, ...more], 'Bob\n');
      expect(stdout).toBe('called as semihosting.elf one two\nthe file says good day\nname? hello Bob\n');
      expect(status).toBe(0);
      expect(readFileSync(join(folder, 'greeting.txt'), 'utf8')).toBe('good day\n');
      const stats = JSON.parse(readFileSync(join(folder, 'stats.json'), 'utf8'));
      expect(stats.instructions).toBeGreaterThan(100);
      expect(stats.seconds).toBeGreaterThan(0);
      // A run that compiled nothing is none of the compiler.
      if (engine.startsWith('compiled')) expect(stats.engine.regions).toBeGreaterThan(0);
      if (engine === 'interpreter') expect(stats.engine.regions ?? 0).toBe(0);
    });
    test('PSCI: cores come and go, the system is powered off', async () => {
      const { status, stdout } = await runGuest('cores', [...options, '--cpus', '4']);
      expect([status, stdout]).toEqual([0, 'PSCI 1.1\r\n3 cores, sum 6\r\n']);
    });
  },
);

test.each([1, 2, 3])('starts at EL%d', async (el) => {
  expect(await runGuest('hello', ['--el', `${el}`])).toMatchObject({ status: 42, stdout: `hello from EL${el}\r\n` });
});

test('relative paths are taken from where npm was called', () => {
  const { status, stdout } = spawnSync('npm', ['run', '-s', 'trireme', '--', 'run', '--kernel', 'hello.elf'], {
    cwd: join(guest('hello'), '..'),
    encoding: 'utf8',
    env: { ...process.env, npm_config_update_notifier: 'false' },
  });
  expect([status, stdout]).toEqual([42, 'hello from EL1\r\n']);
});

test('PSCI SYSTEM_RESET starts over, with memory made new', async () => {
  const { status, stdout } = await runGuest('reset', ['--expect', 'boot 1[^]*boot 1[^]*boot 1']);
  expect(status).toBe(0);
  expect(stdout).not.toContain('boot 2');
});

test('a lot of output reaches a slow reader whole', () => {
  const command = `${process.execPath} --no-warnings core/cli/main.ts run --kernel ${guest('echo')} --send 'flood 3000000\\nexit 0\\n'`;
  const { stdout } = spawnSync('bash', ['-c', `${command} | (sleep 1.5; wc -c)`], { encoding: 'utf8', input: '' });
  expect(Number(stdout)).toBe(2 + 3_000_002 + 2);
});

test('a reader that goes away ends the run', () => {
  const command = `${process.execPath} --no-warnings core/cli/main.ts run --kernel ${guest('echo')} --send 'flood 300000000\\n'`;
  const script = `${command} | head -c 100 >/dev/null; echo \${PIPESTATUS[0]}`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', input: '', timeout: 60_000 });
  expect([stdout, stderr]).toEqual(['141\n', '']);
});

test.each([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends the run with status %i', async (signal, wanted) => {
  const { child, ended } = startTrireme(['run', '--kernel', guest('echo'), '--timeout', '60']);
  // Its prompt may come in pieces.
  for (let shown = ''; !shown.endsWith('> '); ) shown += String((await once(child.stdout!, 'data'))[0]);
  child.kill(signal);
  expect(await ended).toEqual({ status: wanted, stdout: '> ', stderr: '' });
});

describe('guests that run wild', () => {
  test.each([
    ['j', 'instruction abort at 0x123450', '0000000000000200: no memory'],
    ['u', 'undefined instruction at 0x', '0000000000000200: no memory'],
    ['h', 'undefined instruction at 0x', '-> 00000000'],
  ])('%s', async (how, first, window) => {
    const { status, stdout, stderr } = await runGuest('wild', ['--append', how]);
    expect([status, stdout]).toEqual([1, 'here we go\r\n']);
    expect(stderr).toMatch(/^trireme: the guest runs wild: core 0 takes exceptions without end at 0x/);
    expect(stderr).toContain(first);
    expect(stderr).toContain(window);
    expect(stderr).toMatch(/x30 [0-9a-f]{16} {3}sp [0-9a-f]{16}/);
    expect(stderr).not.toContain('.ts:');
  });
  test('one that only waits is not wild', async () => {
    const { status, stderr } = await runGuest('wild', ['--append', 'n', '--deterministic', '--timeout', '3']);
    expect([status, stderr]).toEqual([
      3,
      'trireme: 3 s of guest time have passed; the last console lines:\nhere we go\n',
    ]);
  });
});

describe('the deterministic mode', () => {
  const script = [
    '--expect',
    '> ',
    '--send',
    'flood 3000\\n',
    '--expect',
    '> ',
    '--send',
    'a\\n',
    '--expect',
    'a\\r\\n> ',
    '--send',
    'exit 0\\n',
  ];
  async function statistics(
    name: string,
    options: readonly string[],
  ): Promise<{ instructions: number; perCore: unknown }> {
    const file = join(folder, 'deterministic.json');
    const { status } = await runGuest(name, ['--deterministic', '--stats', file, ...options]);
    expect(status).toBe(0);
    return JSON.parse(readFileSync(file, 'utf8'));
  }
  test.each([
    ['echo', script],
    ['cores', ['--cpus', '4']],
  ])('%s takes the same instructions each time, interpreted and compiled', async (name, options) => {
    const runs: unknown[] = [];
    for (const engine of ['normal', 'interpreter', 'compiled', 'normal']) {
      runs.push((await statistics(name, [...options, '--engine', engine])).perCore);
    }
    expect(new Set(runs.map((r) => JSON.stringify(r))).size).toBe(1);
  });
});

test('statistics of a run that an expectation ends: what the engine counted, too', async () => {
  const file = join(folder, 'ended.json');
  expect((await runGuest('echo', ['--stats', file, '--expect', '> '])).status).toBe(0);
  const { engine, perCore } = JSON.parse(readFileSync(file, 'utf8'));
  expect(engine.decoded).toBeGreaterThan(0);
  expect(perCore[0].worlds.normal.instructions).toBe(perCore[0].instructions);
});

test('memory that cannot be had, a CPU that is none, too many cores: one line', async () => {
  for (const [options, message] of [
    [['--memory', '64G'], /65536 MiB of memory are too many: with 1 core 39\d\d MiB are the most/],
    [['--cpu', 'z80'], /z80/],
    [['--cpus', '60'], /from 1 to 32/],
  ] as const) {
    const { status, stderr } = await runGuest('hello', options);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(status).toBe(2);
  }
});

describe('traces', () => {
  test.each(['normal', 'interpreter', 'compiled'])('calls and exceptions, engine %s', async (engine) => {
    const file = join(folder, `trace-${engine}`);
    const options = ['--engine', engine, '--deterministic', '--cpus', '2', '--trace', `smc,exceptions:${file}`];
    expect(await runGuest('cores', options)).toMatchObject({ status: 0, stderr: '' });
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines[0]).toMatch(/^0 \d+ NS-EL1 0x[0-9a-f]+ hvc call x0=0x84000000 x1=0x0 x2=0x0 x3=0x0$/);
    expect(lines[1]).toMatch(/hvc return x0=0x10001 /);
    expect(lines.some((line) => /^1 .* hvc call x0=0x84000002 /.test(line))).toBe(true);
  });
  test('devices', async () => {
    const { stderr } = await runGuest('hello', ['--trace', 'mmio']);
    const shown = [...stderr.matchAll(/mmio write 0x9000000 size 4 value (0x[0-9a-f]+)/g)].map((m) => Number(m[1]));
    expect(String.fromCharCode(...shown)).toBe('hello from EL1\r\n');
  });
  test('how a guest ran wild', async () => {
    const { stderr } = await runGuest('wild', ['--append', 'u', '--trace', 'exceptions']);
    expect(stderr).toMatch(
      /exception sync from EL1 to EL1, ESR 0x2000000 \(undefined instruction\), .* vector 0x200\n/,
    );
    expect(stderr).toContain('where it began:');
  });
});

const pty = spawnSync('script', ['--version']).status === 0;
test.skipIf(!pty)('on a terminal: raw, quit by Ctrl+A x, and as before afterwards', async () => {
  const modes = "stty -a | grep -o -- '-*icanon'";
  const command = `${process.execPath} --no-warnings core/cli/main.ts run --kernel ${guest('echo')}`;
  const child = spawn('script', ['-qec', `stty -icanon; ${command}; echo status $?; ${modes}`, '/dev/null']);
  const ended = once(child, 'close');
  let shown = '';
  // Each key press waits for what has to be there before it.
  const steps: [string, string][] = [
    ['> ', 'a\x03b\r'],
    ['you said a\x03b\r\r\n> ', '\x01x'],
  ];
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    if (steps.length > 0 && shown.includes(steps[0]![0])) child.stdin.write(steps.shift()![1]);
  });
  await ended;
  expect(shown).toContain('status 0');
  expect(shown).toMatch(/-icanon\s*$/);
});
