import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('all 2^32 words decode, and the code of every shape is valid', () => {
  const main = join(import.meta.dirname, '..', 'sweep', 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', main], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('4294967296 words');
}, 1_200_000);
