// SPDX-License-Identifier: Apache-2.0
// One run of one program in one emulator: a process, its console, its wall time and its peak memory.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a run that went well gives. */
export interface Run {
  /** The checksum of the `result` line. */
  result: string;
  /** Guest time in ms by the name on the `time` line, from the virtual counter, which follows host time. */
  times: Map<string, number>;
  /** Wall time of the whole process in ms, start-up and warm-up included. */
  wall: number;
  /** Peak resident memory of the process in MB; 0 where the system does not tell. */
  peak: number;
}

const limitMs = 300_000;

export class RunError extends Error {}

/** Peak resident memory of a process in MB so far, from /proc. */
function peakMemory(pid: number | undefined): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** The line that says why: an error's, or else the last one. */
function reason(output: string, errors: string): string {
  const lines = `${output}\n${errors}`.split('\n').filter((line) => line.trim());
  const line = lines.find((text) => /^(exception:|error:|\w*Error\b)/.test(text)) ?? lines.at(-1) ?? 'no output';
  return line.trim().slice(0, 200);
}

/** Runs a command to its end and reads the program's lines; throws RunError unless it exits with 0 and printed them. */
export function run(name: string, command: string, args: string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    let peak = 0;
    let late = false;
    const sampling = setInterval(() => {
      peak = Math.max(peak, peakMemory(child.pid));
    }, 100);
    const limit = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const settle = (): void => {
      clearInterval(sampling);
      clearTimeout(limit);
    };
    child.on('error', (error) => {
      settle();
      reject(new RunError(error.message));
    });
    child.on('close', (status, signal) => {
      settle();
      const wall = performance.now() - start;
      if (late) reject(new RunError(`not done after ${limitMs / 1000} s`));
      else if (status !== 0) reject(new RunError(`${ending(status, signal)}: ${reason(output, errors)}`));
      else {
        const { result, times } = parse(name, output);
        if (result === undefined || !times.has(name)) reject(new RunError('no result or time line'));
        else resolve({ result, times, wall, peak });
      }
    });
  });
}

function ending(status: number | null, signal: string | null): string {
  return signal ? `ended by ${signal}` : `status ${status}`;
}

/** `result <name> <checksum>` and `time <name> <ticks> <frequency>`. */
export function parse(name: string, output: string): { result: string | undefined; times: Map<string, number> } {
  let result: string | undefined;
  const times = new Map<string, number>();
  for (const line of output.split(/\r?\n/)) {
    const [kind, of, first, second] = line.trim().split(' ');
    if (kind === 'result' && of === name) result = first;
    if (kind === 'time' && of) times.set(of, (Number(first) / Number(second)) * 1000);
  }
  return { result, times };
}
