import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { noWindow, runtimeOf } from '../../scripts/start.mjs';

test('a window needs a display, and a user who is not root', () => {
  expect(noWindow({ DISPLAY: ':0' }, 'linux', 1000)).toBeNull();
  expect(noWindow({ WAYLAND_DISPLAY: 'wayland-0' }, 'linux', 1000)).toBeNull();
  expect(noWindow({}, 'linux', 1000)).toBe('there is no display');
  expect(noWindow({ DISPLAY: ':0' }, 'linux', 0)).toContain('root');
  expect(noWindow({ DISPLAY: ':0', CI: 'true' }, 'linux', 1000)).toContain('CI');
  expect(noWindow({}, 'darwin', 501)).toBeNull();
  expect(noWindow({ SSH_CONNECTION: 'x' }, 'darwin', 501)).toContain('remote');
  expect(noWindow({ TRIREME_NO_WINDOW: '1' }, 'win32', undefined)).toContain('TRIREME_NO_WINDOW');
});

test('the runtime is there when its program is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-start-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(runtimeOf(folder, {})).toBeNull();
  writeFileSync(join(folder, 'path.txt'), 'electron');
  expect(runtimeOf(folder, {})).toBeNull();
  mkdirSync(join(folder, 'dist'));
  writeFileSync(join(folder, 'dist', 'electron'), '');
  expect(runtimeOf(folder, {})).toBe(join(folder, 'dist', 'electron'));
  expect(runtimeOf(folder, { ELECTRON_OVERRIDE_DIST_PATH: join(folder, 'elsewhere') })).toBeNull();
});
