import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FIRMWARE } from './firmware.ts';

const compiler = spawnSync('aarch64-linux-gnu-gcc', ['-dumpversion'], { encoding: 'utf8' });

// Another major version of the compiler gives other bytes.
test.runIf(compiler.stdout?.trim() === '12')('the committed images are what the sources give', () => {
  const check = spawnSync(join(FIRMWARE, 'build.sh'), ['--check'], { encoding: 'utf8' });
  expect(check.stderr + check.stdout).toBe('');
  expect(check.status).toBe(0);
});
