// SPDX-License-Identifier: Apache-2.0
// `three-worlds`: from the start of the process to RMM's first line, and to the host's login; then it is powered off.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Spread, spread } from './measure.ts';

/** The command as it is built. */
const builtCommand = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
/** Longest for a run, in ms. */
const LIMIT = 60_000;

export interface WorldsReport {
  readonly mec: boolean;
  /** In ms, from before the process was started. */
  readonly rmm: Spread;
  readonly login: Spread;
}

interface Times {
  rmm: number;
  login: number;
}

function once(mec: boolean): Promise<Times> {
  return new Promise((resolve, reject) => {
    const before = performance.now();
    const child = spawn(process.execPath, [builtCommand, 'boot', ...(mec ? ['--enable-mec'] : [])]);
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT);
    const times: Times = { rmm: 0, login: 0 };
    let [text, errors, asked] = ['', '', false];
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors += chunk;
    });
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      const now = performance.now() - before;
      text += chunk;
      if (times.rmm === 0 && /^RMM_MEM_SCRUB_METHOD.*\r?\n/m.test(text)) times.rmm = now;
      if (times.login === 0 && /login: $/.test(text)) {
        times.login = now;
        child.stdin.write('root\n');
      }
      if (!asked && /^root@host:~# $/m.test(text)) {
        asked = true;
        child.stdin.write('poweroff\n');
      }
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(limit);
      if (status === 0 && times.rmm > 0 && times.login > 0) resolve(times);
      else reject(new Error(`status ${status}: ${errors.trim() || text.slice(-200)}`));
    });
  });
}

/** Runs with and without FEAT_MEC, in turns. Throws where a run does not come to its end. */
export async function measureWorlds(runs: number): Promise<WorldsReport[]> {
  const { ensureBuilt } = await import('../scripts/build.mjs');
  await ensureBuilt('cli');
  const found: [Times[], Times[]] = [[], []];
  for (let n = 0; n < runs; n++) {
    found[0].push(await once(false));
    found[1].push(await once(true));
  }
  return found.map((times, mec) => ({
    mec: mec === 1,
    rmm: spread(times.map(({ rmm }) => rmm)),
    login: spread(times.map(({ login }) => login)),
  }));
}

export function worldsLines(reports: readonly WorldsReport[]): string {
  const ms = ({ median, min, max }: Spread): string => `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)}) ms`;
  return reports
    .map(({ mec, rmm, login }) => `three-worlds, MEC ${mec ? 'on' : 'off'}: RMM ${ms(rmm)}, login ${ms(login)}`)
    .join('\n');
}
