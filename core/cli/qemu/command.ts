/** `trireme qemu`: runs what a command line of QEMU's describes. */
import { writeFileSync } from 'node:fs';
import { fileReason, UserError } from '../../system/errors.ts';
import { runLaunch } from '../launched.ts';
import { userPath } from '../paths.ts';
import type { Parts } from '../run.ts';
import type { Io } from '../terminal.ts';
import { Answer } from './answer.ts';
import { parseQemu, type QemuLaunch } from './parse.ts';

/** Yields the exit status. */
export async function qemuCommand(args: readonly string[], io: Io, parts: Parts): Promise<number> {
  let parsed: QemuLaunch;
  try {
    parsed = parseQemu(args, userPath);
  } catch (error) {
    if (!(error instanceof Answer)) throw error;
    io.stdout.write(error.message);
    return 0;
  }
  const { launch, host } = parsed;
  if (host.dumpDtb !== undefined) {
    const blob = await parts.deviceTree(launch);
    try {
      writeFileSync(host.dumpDtb, blob);
    } catch (error) {
      throw new UserError(`cannot write ${host.dumpDtb}: ${fileReason(error)}`);
    }
    return 0;
  }
  return runLaunch(launch, host, io, parts);
}
