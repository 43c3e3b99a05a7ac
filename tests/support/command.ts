/** Runs the command in this process, with streams and a system of the test's. */
import { PassThrough } from 'node:stream';
import { main } from '../../core/cli/program.ts';
import type { Io } from '../../core/cli/terminal.ts';
import type { Launch } from '../../core/machines/launch.ts';
import type { SystemConfig } from '../../core/system/api.ts';
import { FakeSystem } from './fake-system.ts';

export interface CommandRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Null when none was created. */
  readonly system: FakeSystem | null;
  readonly config: SystemConfig | null;
  /** What `qemu` described. */
  readonly launch: Launch | null;
}

export interface CommandOptions {
  /** Plays the guest. */
  readonly guest?: (system: FakeSystem) => void;
  readonly onInput?: (system: FakeSystem, text: string) => void;
  readonly stdin?: Io['stdin'];
  /** Makes the output a terminal of that many lines. */
  readonly rows?: number;
  /** Makes ready the system that was created. */
  readonly prepare?: (system: FakeSystem) => void;
}

export async function command(args: readonly string[], options: CommandOptions = {}): Promise<CommandRun> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const text = { stdout: '', stderr: '' };
  stdout.on('data', (chunk) => {
    text.stdout += chunk;
  });
  stderr.on('data', (chunk) => {
    text.stderr += chunk;
  });
  let system: FakeSystem | null = null;
  if (options.rows !== undefined) Object.assign(stdout, { isTTY: true, rows: options.rows });
  let launch: Launch | null = null;
  const io: Io = { stdin: options.stdin ?? new PassThrough(), stdout, stderr };
  const status = await main(args, io, {
    createSystem: async () => async (config) => {
      system = new FakeSystem(config);
      options.prepare?.(system);
      system.onStart = options.guest ?? (() => {});
      system.onInput = options.onInput ?? (() => {});
      return system;
    },
    configure: async (described, run) => {
      launch = described;
      return new FakeSystem({ cores: described.cores, ...run }).config;
    },
    deviceTree: async ({ cores }) => new TextEncoder().encode(`tree of ${cores}`),
    disassembler: async () => (word) => (word === 0xd503201f ? 'nop' : 'udf'),
  });
  return { status, ...text, system, config: (system as FakeSystem | null)?.config ?? null, launch };
}
