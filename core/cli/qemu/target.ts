/** Where character devices go: `-serial`, `-chardev`, `-monitor`, `--console`. */
import type { ConsoleTarget } from '../../machines/launch.ts';
import { UserError } from '../../system/errors.ts';
import { Properties } from './keyval.ts';

/** Yields the character device of that name; throws when there is none. */
export type FindChardev = (id: string) => ConsoleTarget;

const tcp = (p: Properties, host: string, port: string, telnet: boolean): ConsoleTarget => {
  const server = p.takeFlag('server') ?? false;
  // QEMU's servers wait for somebody unless told not to.
  const wait = (p.takeFlag('wait') ?? true) && server;
  const talks = p.takeFlag('telnet') ?? telnet;
  if (!/^\d+$/.test(port) || Number(port) > 65535) p.fail(`${port || 'nothing'} is no port`);
  return {
    to: 'tcp',
    host: host.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: Number(port),
    server,
    wait,
    telnet: talks,
  };
};
const unix = (p: Properties, path: string): ConsoleTarget => {
  const server = p.takeFlag('server') ?? false;
  return { to: 'unix', path, server, wait: (p.takeFlag('wait') ?? true) && server };
};
/** Details of connections that matter to QEMU only. */
const LATER = [
  'mux',
  'logfile',
  'logappend',
  'signal',
  'delay',
  'nodelay',
  'reconnect',
  'reconnect-ms',
  'abstract',
  'tight',
  'ipv4',
  'ipv6',
  'to',
];

/** `-serial TEXT` and its like; null where the line is not connected. `option` is for messages. */
export function parseTarget(
  option: string,
  text: string,
  path: (file: string) => string,
  chardev: FindChardev,
): ConsoleTarget | null {
  // A monitor in the terminal is always there.
  const plain = text.replace(/^mon:/, '');
  const colon = plain.indexOf(':');
  const kind = colon < 0 ? plain.split(',')[0]! : plain.slice(0, colon);
  const rest = colon < 0 ? '' : plain.slice(colon + 1);
  const p = Properties.parse(option, rest, 'where');
  const where = (): string => p.take('where') || p.fail(`${plain}: where to?`);
  const done = (target: ConsoleTarget | null): ConsoleTarget | null => {
    p.ignore(...LATER);
    p.end();
    return target;
  };
  switch (kind) {
    case 'none':
      return null;
    case 'stdio':
    case 'vc':
      return { to: 'terminal' };
    case 'null':
      return { to: 'null' };
    case 'chardev':
      return chardev(rest);
    case 'file':
      return done({ to: 'file', path: path(where()), append: p.takeFlag('append') ?? false });
    case 'pty':
      return done({ to: 'pty', link: p.has('where') ? path(where()) : null });
    case 'unix':
      return done(unix(p, path(where())));
    case 'tcp':
    case 'telnet': {
      const text = where();
      const cut = text.lastIndexOf(':');
      // A bare port is short for a server there that waits for nobody.
      if (cut < 0)
        return done({ ...(tcp(p, '', text, kind === 'telnet') as object), server: true, wait: false } as ConsoleTarget);
      return done(tcp(p, text.slice(0, cut), text.slice(cut + 1), kind === 'telnet'));
    }
    default:
      throw new UserError(`${option} ${text}: there are stdio, null, none, file:, pty, tcp:, telnet:, unix:, chardev:`);
  }
}

/** `-chardev BACKEND,id=ID,…`: name and target. */
export function parseChardev(text: string, path: (file: string) => string): [id: string, target: ConsoleTarget] {
  const p = Properties.parse('-chardev', text, 'backend');
  const backend = p.need('backend');
  const id = p.need('id');
  const target = (): ConsoleTarget => {
    switch (backend) {
      case 'stdio':
      case 'vc':
        p.ignore('width', 'height', 'cols', 'rows');
        return { to: 'terminal' };
      case 'null':
      case 'ringbuf':
      case 'memory':
        p.ignore('size');
        return { to: 'null' };
      case 'file':
        return { to: 'file', path: path(p.need('path')), append: p.takeFlag('append') ?? false };
      case 'pty': {
        const link = p.take('path');
        return { to: 'pty', link: link === null ? null : path(link) };
      }
      case 'socket':
        return p.has('path') ? unix(p, path(p.need('path'))) : tcp(p, p.take('host') ?? '', p.need('port'), false);
      default:
        return p.fail(`there is no backend ${backend} here (there are stdio, null, file, pty, socket)`);
    }
  };
  const made = target();
  p.ignore(...LATER);
  p.end();
  return [id, made];
}

const FLAGS = (t: { server: boolean; wait: boolean }): string =>
  t.server ? `,server=on,wait=${t.wait ? 'on' : 'off'}` : '';

/** Written so that `parseTarget` reads it back, in words that QEMU has too. */
export function formatTarget(target: ConsoleTarget | null): string {
  const escaped = (path: string): string => path.replaceAll(',', ',,');
  switch (target?.to) {
    case undefined:
      return 'none';
    case 'terminal':
      return 'mon:stdio';
    case 'null':
      return 'null';
    case 'file':
      return `file:${escaped(target.path)}${target.append ? ',append=on' : ''}`;
    case 'pty':
      return target.link === null ? 'pty' : `pty:${escaped(target.link)}`;
    case 'unix':
      return `unix:${escaped(target.path)}${FLAGS(target)}`;
    case 'tcp':
      return `${target.telnet ? 'telnet' : 'tcp'}:${target.host}:${target.port}${FLAGS(target)}`;
  }
}
