import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import packageFile from '../../package.json' with { type: 'json' };
import lockFile from '../../package-lock.json' with { type: 'json' };
import { ensureInstalled, whatIsMissing } from '../../scripts/ensure-installed.mjs';
import { skippedGroups, summarize } from '../../scripts/test-summary.mjs';

const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

describe('ensure-installed', () => {
  const locked = {
    '': { version: '1.0.0' },
    'node_modules/node': { version: '26.0.0', integrity: 'sha512-node' },
    'node_modules/@scope/tool': { version: '2.0.0', integrity: 'sha512-tool' },
    'node_modules/other-system': { version: '3.0.0', integrity: 'sha512-other', optional: true },
  };
  let root = '';

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'trireme-installed-'));
    write('package-lock.json', JSON.stringify({ packages: locked }));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  /** Writes what npm would have left behind: its list of packages, and the pinned Node. */
  function pretendInstalled(changes: Record<string, object | undefined> = {}): void {
    const { '': _root, 'node_modules/other-system': _absent, ...packages } = { ...locked, ...changes };
    write('node_modules/.package-lock.json', JSON.stringify({ packages }));
    write('node_modules/node/bin/node', '');
  }

  test('a complete installation needs nothing, though other systems’ packages are absent', () => {
    pretendInstalled();
    expect(whatIsMissing(root)).toBeUndefined();
    const fail = () => expect.unreachable('nothing is to be done');
    expect(ensureInstalled(root, fail, fail)).toBe(false);
  });

  test('it says what is missing', () => {
    expect(whatIsMissing(root)).toBe('nothing is installed yet');
    pretendInstalled({ 'node_modules/@scope/tool': undefined });
    expect(whatIsMissing(root)).toBe('@scope/tool is missing');
    pretendInstalled({ 'node_modules/@scope/tool': { version: '1.9.0', integrity: 'sha512-old' } });
    expect(whatIsMissing(root)).toBe('@scope/tool is 1.9.0, not 2.0.0');
    pretendInstalled({ 'node_modules/@scope/tool': { version: '2.0.0', integrity: 'sha512-else' } });
    expect(whatIsMissing(root)).toBe('@scope/tool has changed');
    pretendInstalled();
    rmSync(join(root, 'node_modules/node/bin/node'));
    expect(whatIsMissing(root)).toBe('the pinned Node is missing');
  });

  test('it installs once, says so in one line, and leaves no lock behind', () => {
    const lines: string[] = [];
    const run = () => {
      expect(existsSync(join(root, '.npm-ci.lock'))).toBe(true);
      pretendInstalled();
      return undefined;
    };
    expect(ensureInstalled(root, (line) => lines.push(line), run)).toBe(true);
    expect(lines).toEqual(['trireme: running npm ci, because nothing is installed yet']);
    expect(existsSync(join(root, '.npm-ci.lock'))).toBe(false);
  });

  test('it takes over from a process that died while installing', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    write('.npm-ci.lock', String(dead));
    const run = () => {
      pretendInstalled();
      return undefined;
    };
    expect(ensureInstalled(root, () => {}, run)).toBe(true);
  });

  test('a failed or fruitless installation is an error', () => {
    expect(() =>
      ensureInstalled(
        root,
        () => {},
        () => 'no network',
      ),
    ).toThrow('npm ci failed:\nno network');
    expect(() =>
      ensureInstalled(
        root,
        () => {},
        () => undefined,
      ),
    ).toThrow('npm ci ran, but nothing is installed yet');
    expect(existsSync(join(root, '.npm-ci.lock'))).toBe(false);
    write('package-lock.json', '{');
    expect(() => whatIsMissing(root)).toThrow('package-lock.json is missing or damaged');
  });

  test('as a command in this project it does nothing and says nothing', () => {
    const result = spawnSync(process.execPath, ['scripts/ensure-installed.mjs'], {
      cwd: projectRoot,
      encoding: 'utf8',
    });
    expect(result).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });
});

describe('test-summary', () => {
  const ok = { numPassedTests: 3, numFailedTests: 0, testResults: [{ status: 'passed', assertionResults: [{}] }] };

  test('counts tests, files that did not load, and failed steps', () => {
    expect(summarize(ok, [])).toMatchObject({ passed: 3, failed: 0 });
    expect(summarize({ ...ok, numFailedTests: 2 }, ['test'])).toMatchObject({ passed: 3, failed: 2 });
    const broken = { ...ok, testResults: [{ status: 'failed', assertionResults: [] }] };
    expect(summarize(broken, ['test'])).toMatchObject({ passed: 3, failed: 1 });
    expect(summarize(ok, ['check', 'test'])).toMatchObject({ passed: 3, failed: 2 });
  });

  test('names what was skipped', () => {
    const assertionResults = [
      { status: 'passed', ancestorTitles: ['a'], title: '1' },
      { status: 'skipped', ancestorTitles: ['under QEMU 11.1'], title: '2' },
      { status: 'skipped', ancestorTitles: ['under QEMU 11.1'], title: '3' },
      { status: 'skipped', ancestorTitles: [], title: '4' },
    ];
    expect(skippedGroups({ ...ok, testResults: [{ status: 'passed', assertionResults }] })).toEqual([
      '2 skipped: under QEMU 11.1',
      '1 skipped: 4',
    ]);
  });

  test('a run without a test is a failure', () => {
    expect(summarize(undefined, [])).toEqual({ passed: 0, failed: 1, remarks: ['no test ran'] });
    expect(summarize(undefined, ['test'])).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe('the project', () => {
  test('tests run on the pinned Node', () => {
    expect(process.versions.node).toBe(packageFile.devDependencies.node);
  });

  test('every dependency is pinned to one version', () => {
    for (const version of Object.values({ ...packageFile.dependencies, ...packageFile.devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  test('the lock file names no place to download from, and every install script is allowed or refused by name', () => {
    type Locked = { resolved?: string; link?: true; hasInstallScript?: true; optional?: true };
    for (const [path, lock] of Object.entries(lockFile.packages as Record<string, Locked>)) {
      // A workspace is a folder of this repository.
      expect(lock.resolved, path).toBe(lock.link ? 'renderer' : undefined);
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      if (lock.hasInstallScript && !lock.optional) expect(packageFile.allowScripts).toHaveProperty(name);
    }
  });

  test.skipIf(process.platform === 'win32')('CI can be run', () => {
    expect(statSync(join(projectRoot, '.ci/run')).mode & 0o111).toBe(0o111);
  });
});
