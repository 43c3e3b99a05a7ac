/** The command and its subcommands. */
import { Command, CommanderError } from 'commander';
import { UserError } from '../system/errors.ts';
import { bootCommand } from './boot.ts';
import { qemuCommand } from './qemu/command.ts';
import { type Parts, runCommand } from './run.ts';
import { serveCommand } from './serve.ts';
import { STATUS } from './session.ts';
import type { Io } from './terminal.ts';

const EXAMPLES = `
Examples:
  npm run -s trireme -- boot                                          (three worlds; Ctrl+A 1, 2, 3: host, RMM, monitor)
  npm run -s trireme -- boot --enable-mec -c 2 --expect rmm:'RMI_SUCCESS' --expect host:'login:'
  npm run -s trireme -- run --kernel tests/guests/elf/hello.elf      (a first guest, which is in the repository)
  npm run -s trireme -- run --kernel prog.elf --cpus 2 --memory 512M
  npm run -s trireme -- run --kernel prog.elf --expect 'ready' --send 'go\\n' --expect 'done' --timeout 20
  npm run -s trireme -- run --kernel prog.elf -s -S      (then: gdb-multiarch prog.elf -ex 'target remote :1234')
  npm run -s trireme -- qemu -M virt -cpu max -smp 2 -m 1G -nographic -kernel Image -initrd initrd.gz -append console=ttyAMA0
  npm run -s trireme -- help run                                      (all options; more in docs/command.md)

In the terminal Ctrl+A x quits; Ctrl+A ? shows the other keys.
The exit status is the guest's; 2: the command line or a file is wrong; 3: an expectation was missed or time ran out.`;

/** Everything an argument vector asks for; yields the exit status. Errors of the user are one line on standard error. */
export async function main(args: readonly string[], io: Io, parts: Parts): Promise<number> {
  let status = 0;
  const program = new Command('trireme')
    .description('An AArch64 machine, emulated in TypeScript and WebAssembly.')
    .addHelpText('after', EXAMPLES);
  program.addCommand(
    runCommand(io, parts, (result) => {
      status = result;
    }),
  );
  program.addCommand(
    bootCommand(io, parts, (result) => {
      status = result;
    }),
  );
  program.addCommand(
    new Command('qemu')
      .description(
        'Runs what a command line of qemu-system-aarch64 describes, taken as it is: qemu -help lists its options.',
      )
      .usage('-M virt … -kernel FILE'),
  );
  program.addCommand(
    serveCommand(io, (result) => {
      status = result;
    }),
  );
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // Said below, as one line.
      writeErr: () => {},
    });
  }
  const complain = (message: string): number => {
    io.stderr.write(`trireme: ${message}\n`);
    return STATUS.usage;
  };
  if (args.length === 0) {
    program.outputHelp();
    return 0;
  }
  try {
    // Its options are QEMU's, with one dash.
    if (args[0] === 'qemu') return await qemuCommand(args.slice(1), io, parts);
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof UserError) return complain(error.message);
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    return complain(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  }
}
