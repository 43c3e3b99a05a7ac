import { spawn, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { guest, startTrireme } from '../support/trireme.ts';

const gdb = 'gdb-multiarch';
const installed = spawnSync(gdb, ['--version']).status === 0;

describe.skipIf(!installed)('gdb-multiarch on a guest', () => {
  /** Starts the guest with a server on a free port, and lets gdb run these commands. */
  async function debug(
    options: readonly string[],
    ...commands: string[]
  ): Promise<{ text: string; status: number | null }> {
    const { child, ended } = startTrireme([
      ...['run', '--kernel', guest('debug'), '--gdb', '0', '-S', '--timeout', '40', ...options],
    ]);
    const port = await new Promise<string>((resolve, reject) => {
      let seen = '';
      child.stderr!.on('data', (chunk: string) => {
        seen += chunk;
        const match = /gdb server on 127\.0\.0\.1:(\d+)/.exec(seen);
        if (match) resolve(match[1]!);
      });
      void ended.then(({ stderr }) => reject(new Error(stderr)));
    });
    const setup = [
      'set pagination off',
      'set confirm off',
      'set architecture aarch64',
      `target remote 127.0.0.1:${port}`,
    ];
    // As arguments, not as a script: that would end at the first error.
    const arguments_ = [...setup, ...commands, 'kill'].flatMap((command) => ['-ex', command]);
    const client = spawn(gdb, ['-nx', '-batch', ...arguments_, guest('debug')], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const add = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    client.stdout.on('data', add);
    client.stderr.on('data', add);
    await new Promise((resolve) => client.on('close', resolve));
    return { text, status: (await ended).status };
  }

  const commands = [
    ...['info threads', 'p/x $pc', 'stepi', 'p/x $pc', 'break tick', 'continue', 'p $x0', 'continue', 'p $x0', 'bt'],
    ...['delete', 'stepi', 'stepi', 'x/i $pc', 'p *(long*)&counter'],
    ...['hbreak tick', 'continue', 'p $x0', 'delete'],
    ...[
      'set var *(long*)&counter = 77',
      'p *(long*)&counter',
      'p/x $SCTLR_EL1',
      'set $v5.d.u[1] = 4711',
      'p $v5.d.u[1]',
    ],
    ...['p $cpsr', 'x/2xw 0x1000'],
  ];
  test.each(['normal', 'interpreter', 'compiled', 'normal --deterministic'])('engine %s: one core', async (engine) => {
    const { text, status } = await debug(['--engine', ...engine.split(' ')], ...commands);
    expect(text).toMatch(/\* 1 +Thread 1 \(core 0 \[EL1/);
    expect(text).toContain('$1 = 0x40080000');
    expect(text).toContain('$2 = 0x40080004');
    expect(text).toContain('$3 = 1\n');
    expect(text).toContain('$4 = 2\n');
    expect(text).toMatch(/#0 +0x[0-9a-f]+ in tick \(\)\n#1 +0x[0-9a-f]+ in main \(\)/);
    expect(text).toMatch(/=> 0x[0-9a-f]+ <tick\+8>:\s+ret/);
    expect(text).toContain('$5 = 2\n');
    expect(text).toContain('$6 = 3\n');
    expect(text).toContain('$7 = 77\n');
    expect(text).toContain('$8 = 0x30c50998');
    expect(text).toContain('$9 = 4711');
    expect(text).toMatch(/\$10 = \[.*EL=1.*\]/);
    expect(text).toContain('Cannot access memory at address 0x1000');
    expect(status).toBe(0);
  });
  test('two cores: each by itself, and both', async () => {
    const { text } = await debug(
      ['--cpus', '2'],
      ...['info threads', 'break tick', 'continue', 'continue', 'info threads', 'delete', 'thread 2'],
      ...['set scheduler-locking on', 'stepi', 'stepi', 'stepi', 'bt', 'set scheduler-locking off'],
      ...['p *(long*)&counter', 'break secondary', 'thread 1', 'stepi', 'info threads'],
    );
    expect(text).toMatch(/2 +Thread 2 \(core 1 \[off\]\)/);
    expect(text).toMatch(/2 +Thread 2 \(core 1 \[EL1\]\)/);
    expect(text).toMatch(/#0 +0x[0-9a-f]+ in secondary \(\)/);
    expect(text).toContain('$1 = 1\n');
  });
  test('watchpoints stop at what changes memory', async () => {
    const { text } = await debug(
      [],
      ...['watch *(long*)&counter', 'continue', 'bt 1', 'continue', 'p *(long*)&counter', 'delete'],
      ...['rwatch *(long*)&other', 'break tick', 'continue', 'continue', 'p $x0'],
    );
    expect(text).toMatch(/Old value = 0\nNew value = 1\n0x[0-9a-f]+ in tick/);
    expect(text).toMatch(/Old value = 1\nNew value = 2\n/);
    expect(text).toContain('$1 = 2\n');
    expect(text).toContain('$2 = 4\n');
  });
  test('a running guest is interrupted', async () => {
    const { text } = await debug([], 'shell (sleep 1.5; kill -INT $PPID) &', 'continue', 'p *(long*)&counter > 1000');
    expect(text).toContain('SIGINT');
    expect(text).toContain('$1 = 1\n');
  });
  test('the end of a guest is told', async () => {
    const { text } = await debug(['--kernel', guest('hello')], 'continue');
    expect(text).toContain('exited with code 052');
  });
});
