/** `trireme qemu`: runs what a command line of QEMU's describes. */
import { writeFileSync } from 'node:fs';
import { consolesOf } from '../../machines/launch-consoles.ts';
import { fileReason, UserError } from '../../system/errors.ts';
import { userPath } from '../paths.ts';
import { type Parts, runSession } from '../run.ts';
import type { Io } from '../terminal.ts';
import { parseQemu } from './parse.ts';

/** Yields the exit status. */
export async function qemuCommand(args: readonly string[], io: Io, parts: Parts): Promise<number> {
  const { launch, host } = parseQemu(args, userPath);
  if (host.dumpDtb !== undefined) {
    const blob = await parts.deviceTree(launch);
    try {
      writeFileSync(host.dumpDtb, blob);
    } catch (error) {
      throw new UserError(`cannot write ${host.dumpDtb}: ${fileReason(error)}`);
    }
    return 0;
  }
  const timeLimit = launch.deterministic ? host.timeout : undefined;
  const config = await parts.configure(launch, { trace: host.trace && { choices: host.trace.choices }, timeLimit });
  const system = await (await parts.createSystem())(config);
  return runSession(system, io, {
    host,
    guestTime: launch.deterministic,
    targets: new Map(consolesOf(launch).map(({ name, target }) => [name, target])),
    monitors: launch.monitors,
    endAtReset: launch.onReset === 'exit',
    disassembler: () => parts.disassembler(),
  });
}
