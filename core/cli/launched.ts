/** Runs a launch in the terminal, whatever said it: a command line or a preset. */
import type { Launch } from '../machines/launch.ts';
import { consolesOf } from '../machines/launch-consoles.ts';
import type { HostOptions } from './host-options.ts';
import { type Parts, runSession } from './run.ts';
import type { Io } from './terminal.ts';

/** Yields the exit status. */
export async function runLaunch(launch: Launch, host: HostOptions, io: Io, parts: Parts): Promise<number> {
  const timeLimit = launch.deterministic ? host.timeout : undefined;
  // Both are waited for; a thread starts meanwhile.
  const creator = parts.createSystem();
  const run = { trace: host.trace && { choices: host.trace.choices }, timeLimit };
  const [config, create] = await Promise.all([parts.configure(launch, run), creator]);
  const system = await create(config);
  return runSession(system, io, {
    host,
    guestTime: launch.deterministic,
    targets: new Map(consolesOf(launch).map(({ name, target }) => [name, target])),
    monitors: launch.monitors,
    endAtReset: launch.onReset === 'exit',
    disassembler: () => parts.disassembler(),
  });
}
