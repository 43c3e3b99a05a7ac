/** `trireme qemu`: runs what a command line of QEMU's describes. */
import { writeFileSync } from 'node:fs';
import { fileReason, UserError } from '../../system/errors.ts';
import { runLaunch } from '../launched.ts';
import { userPath } from '../paths.ts';
import type { Parts } from '../run.ts';
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
  return runLaunch(launch, host, io, parts);
}
