import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { guest } from '../support/trireme.ts';

const root = join(import.meta.dirname, '..', '..');
const built = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], { cwd: root, encoding: 'utf8' });

beforeAll(() => ensureBuilt('cli'), 60_000);

test('the built command runs a program, on threads of its own', () => {
  expect(built('run', '--kernel', guest('hello'))).toEqual({
    ...{ pid: expect.any(Number), output: expect.any(Array), signal: null },
    ...{ status: 42, stdout: 'hello from EL1\r\n', stderr: '' },
  });
  expect(built('run', '--kernel', guest('cores'), '--cpus', '4')).toMatchObject({
    status: 0,
    stdout: 'PSCI 1.1\r\n3 cores, sum 6\r\n',
  });
});
test('it finds the presets of the project', () => {
  const { status, stderr } = built('boot', 'no-such-preset');
  expect(status).toBe(2);
  expect(stderr).toContain('three-worlds');
});
