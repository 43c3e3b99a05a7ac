/** Options of every command that runs something, each once: about this run, not about what is launched. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ConsoleTarget } from '../machines/launch.ts';
import { UserError } from '../system/errors.ts';
import { type GdbAddress, parseGdb, parseSeconds, parseTrace, type TraceOption } from './options.ts';
import { userPath } from './paths.ts';
import { parseTarget } from './qemu/target.ts';
import type { RawStep } from './script.ts';

export interface HostOptions {
  readonly steps: RawStep[];
  /** Seconds: of guest time in the deterministic mode, else of the host's. */
  timeout?: number;
  trace?: TraceOption;
  /** Absolute paths. */
  stats?: string;
  pidFile?: string;
  dumpDtb?: string;
  gdb?: GdbAddress;
  startPaused: boolean;
  /** Goes on after the guest's power-off until the user quits. */
  stay: boolean;
  /** Consoles, by name, that are to be had elsewhere too. */
  readonly exposed: { console: string; target: ConsoleTarget }[];
}

export const hostDefaults = (): HostOptions => ({ steps: [], startPaused: false, stay: false, exposed: [] });

interface HostOption {
  readonly name: string;
  /** Null: takes none. */
  readonly argument: string | null;
  readonly help: string;
  readonly set: (host: HostOptions, text: string) => void;
}

const step =
  (kind: RawStep['kind']): HostOption['set'] =>
  (host, text) =>
    void host.steps.push({ kind, text });

/** `NAME=WHERE`, in the words of `-serial`. */
function expose(host: HostOptions, text: string): void {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('NAME=WHERE is needed, for instance uart0=tcp:5000.');
  const chardev = (): never => {
    throw new UserError(`--console ${text}: say where to itself`);
  };
  const target = parseTarget('--console', text.slice(equals + 1), userPath, chardev);
  if (target && target.to !== 'terminal') host.exposed.push({ console: text.slice(0, equals), target });
}

export const hostOptions: readonly HostOption[] = [
  {
    name: 'expect',
    argument: 'regex',
    help: '[CONSOLE:]REGEX has to be shown next; may be repeated, in order with --send',
    set: step('expect'),
  },
  { name: 'send', argument: 'text', help: '[CONSOLE:]TEXT with C escapes is typed then', set: step('send') },
  {
    name: 'timeout',
    argument: 'seconds',
    help: 'give up after so long (guest time if deterministic)',
    set: (host, text) => (host.timeout = parseSeconds(text)),
  },
  {
    name: 'trace',
    argument: 'list[:file]',
    help: 'trace exceptions,smc,sysreg,mmio,tlbi,blocks',
    set: (host, text) => {
      const { choices, file } = parseTrace(text);
      host.trace = { choices, file: file === null ? null : userPath(file) };
    },
  },
  {
    name: 'stats',
    argument: 'file',
    help: 'write instructions, seconds and more there as JSON',
    set: (host, text) => (host.stats = userPath(text)),
  },
  {
    name: 'gdb',
    argument: '[host:]port',
    help: 'gdb server there',
    set: (host, text) => (host.gdb = parseGdb(text)),
  },
  {
    name: 'console',
    argument: 'name=where',
    help: 'have a console elsewhere too: tcp:PORT, telnet:PORT, pty, file:PATH; may be repeated',
    set: expose,
  },
];

/** The options on a command; what is said goes to `host`. */
export function addHostOptions(command: Command, host: HostOptions): void {
  for (const { name, argument, help, set } of hostOptions) {
    const option = new Option(argument === null ? `--${name}` : `--${name} <${argument}>`, help);
    command.addOption(
      option.argParser((text: string) => {
        set(host, text);
        return text;
      }),
    );
  }
}
