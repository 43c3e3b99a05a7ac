/** Entry point of the command: `npm run -s trireme -- …`. */
import type { RunOptions } from '../machines/configure.ts';
import type { Launch } from '../machines/launch.ts';
import type { CreateSystem } from '../system/api.ts';
import { main } from './program.ts';
import { flushed } from './terminal.ts';

const { stdin, stdout, stderr } = process;

/** A mistake of ours: a line, and more only for those who want to find it. */
function internal(error: unknown): number {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  stderr.write(`trireme: internal error: ${message.split('\n')[0]}\n`);
  if (process.env.TRIREME_DEBUG) stderr.write(`${stack}\n`);
  return 1;
}

process.on('uncaughtException', (error) => process.exit(internal(error)));

// Loaded only when needed: help and mistakes answer at once.
const parts = {
  createSystem: async (): Promise<CreateSystem> => {
    const { Crew } = await import('../system/crew.ts');
    const crew = new Crew(1);
    const { createSystem } = await import('../system/system.ts');
    return (config) => createSystem(config, crew);
  },
  configure: async (launch: Launch, run: RunOptions) =>
    (await import('../machines/configure.ts')).configureLaunch(launch, run),
  deviceTree: async (launch: Launch) => (await import('../machines/configure.ts')).treeOfLaunch(launch),
  disassembler: async () => (await import('../debug/disassemble.ts')).disassemble,
};

// Whatever a thread does, this process ends only below.
const alive = setInterval(() => {}, 1 << 30);
const status = await main(process.argv.slice(2), { stdin, stdout, stderr }, parts).catch(internal);
clearInterval(alive);
await flushed(stdout);
await flushed(stderr);
process.exit(status);
