/** Entry point of the command: `npm run -s trireme -- …`. */
import type { CreateSystem } from '../system/api.ts';
import { main } from './program.ts';
import type { Disassemble } from './report.ts';
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

// Whatever a thread does, this process ends only below.
const alive = setInterval(() => {}, 1 << 30);
const status = await main(
  process.argv.slice(2),
  { stdin, stdout, stderr },
  {
    createSystem: async () => {
      const module = (await import(new URL('../system/system.ts', import.meta.url).href)) as {
        createSystem: CreateSystem;
      };
      return module.createSystem;
    },
    disassembler: async () => {
      try {
        const file = new URL('../debug/disassemble.ts', import.meta.url).href;
        return ((await import(file)) as { disassemble: Disassemble }).disassemble;
      } catch {
        return null;
      }
    },
  },
).catch(internal);
clearInterval(alive);
await flushed(stdout);
await flushed(stderr);
process.exit(status);
