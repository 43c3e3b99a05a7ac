import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FIRMWARE, installed } from './firmware.ts';

const sources = ['common/sha2.c', 'common/p384.c', 'common/ecdsa.c', 'tests/host/crypto.c'];

test.runIf(installed('gcc'))('SHA-2, HMAC and ECDSA give what NIST, RFC 4231 and RFC 6979 publish', () => {
  const folder = mkdtempSync(join(tmpdir(), 'firmware-'));
  try {
    const program = join(folder, 'crypto');
    const options = [
      '-O1',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-fsanitize=undefined',
      '-fno-sanitize-recover',
      '-Icommon/include',
    ];
    const built = spawnSync('gcc', [...options, ...sources, '-o', program], { cwd: FIRMWARE, encoding: 'utf8' });
    expect(built.stderr).toBe('');
    const run = spawnSync(program, { encoding: 'utf8' });
    expect(run.stdout.match(/^PASS/gm)).toHaveLength(17);
    expect(run.stdout).toContain('\n0 failures\n');
    expect(run.status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
