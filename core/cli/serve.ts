/** `trireme serve`: the workbench in a browser, from this machine or through a tunnel. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Command } from 'commander';
import { UserError } from '../system/errors.ts';
import { parseCount } from './options.ts';
import { userFolder, userPath } from './paths.ts';
import type { Io } from './terminal.ts';

const root = join(import.meta.dirname, '..', '..');

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly folder?: string[];
  readonly open: boolean;
  readonly background?: boolean;
}

/** The subcommand; `done` gets the exit status. */
export function serveCommand(io: Io, done: (status: number) => void): Command {
  return new Command('serve')
    .description('The workbench in a browser. Prints an address that works once; Enter prints another, Ctrl+C ends.')
    .option('--host <address>', 'where to listen; other machines better come through a tunnel', '127.0.0.1')
    .option('--port <n>', 'port to listen on (default: a free one)', parseCount(0, 65535), 0)
    .option('--folder <path...>', 'folders whose files may be launched (default: this one and the project)')
    .option('--no-open', 'do not open a browser')
    .option('--background', 'guests come after other work, as is best where the browser runs on this machine (Linux)')
    .allowExcessArguments(false)
    .action(async (options: ServeOptions) => done(await serve(options, io)));
}

async function serve(options: ServeOptions, io: Io): Promise<number> {
  const [{ Host }, { hostParts }, { WorkbenchServer }, { StaticFiles }] = await Promise.all([
    import('../host/host.ts'),
    import('../host/parts.ts'),
    import('../host/server.ts'),
    import('../host/static-files.ts'),
  ]);
  const files = new StaticFiles(join(root, 'dist', 'renderer'));
  if (!files.built) throw new UserError('the workbench is not built yet: run `npm run build` first');
  const log = (line: string): void => void io.stderr.write(`trireme: ${line}\n`);
  const folders = options.folder?.map(userPath) ?? [...new Set([userFolder(), root])];
  const host = new Host({ place: 'server', folders, log, parts: hostParts, background: options.background });
  const { host: address, port } = options;
  const server = await WorkbenchServer.start(host, { host: address, port, files, log });
  const show = (): string => {
    const url = server.newAddress();
    io.stdout.write(`Trireme's workbench: ${url}\n`);
    return url;
  };
  const url = show();
  if (options.open) openBrowser(url);
  const again = (chunk: Buffer | string): void => {
    if (String(chunk).includes('\n')) show();
  };
  if (io.stdin.isTTY) io.stdin.on('data', again).resume();
  const status = await new Promise<number>((resolve) => {
    process.once('SIGINT', () => resolve(0));
    process.once('SIGTERM', () => resolve(0));
  });
  io.stdin.off('data', again).pause();
  await server.close();
  await host.close();
  return status;
}

/** Opens the user's browser, where there is one to be seen; otherwise the printed address has to do. */
export function openBrowser(url: string, env: NodeJS.ProcessEnv = process.env, platform = process.platform): boolean {
  const remote = env.SSH_CONNECTION !== undefined || env.CI !== undefined;
  const display = platform === 'win32' || platform === 'darwin' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
  if (remote || !display) return false;
  const [command, ...before] =
    platform === 'darwin'
      ? ['open']
      : platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler']
        : ['xdg-open'];
  const child = spawn(command!, [...before, url], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
  return true;
}
