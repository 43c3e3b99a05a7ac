/** The monitor: commands about a running system, in QEMU's words. */
import { type Disassemble, registersOf } from '../../cli/report.ts';
import type { Core, System } from '../../system/api.ts';
import { evaluate, MonitorError } from './expressions.ts';
import { dump, formatNumber, parseFormat } from './memory-dump.ts';
import { mappings } from './translation.ts';
import { cpus, interrupts, memoryTree } from './views.ts';

export interface MonitorHost {
  quit(): void;
  disassembler(): Promise<Disassemble | null>;
}

interface Entry {
  /** Name, and others of it. */
  readonly names: readonly string[];
  readonly usage?: string;
  readonly help: string;
  run(monitor: Monitor, rest: string, format: string | null): Promise<string> | string;
}

const NO_MACHINE = 'this machine has none';

const INFO: readonly Entry[] = [
  {
    names: ['registers'],
    usage: '[-a | N]',
    help: 'registers of the core that is chosen, of core N, of all',
    run: (m, rest) =>
      m.standing(() => {
        const list = rest === '-a' ? m.system.cores : [rest === '' ? m.core : m.coreNumber(rest)];
        return list.map((core) => [`CPU #${core.index}`, ...registersOf(core)].join('\n')).join('\n\n');
      }),
  },
  { names: ['cpus'], help: 'what each core does', run: (m) => m.standing(() => cpus(m.system, m.core.index)) },
  {
    names: ['mtree'],
    help: 'memory and devices by physical address',
    run: (m) => (m.system.machine ? memoryTree(m.system.machine.description) : NO_MACHINE),
  },
  {
    names: ['irq', 'pic'],
    help: 'interrupts that are enabled, pending or active',
    run: (m) => m.standing(() => (m.system.machine ? interrupts(m.system.machine.interrupts()) : NO_MACHINE)),
  },
  {
    names: ['mem'],
    help: "what the core's translation tables map",
    run: (m) => m.standing(() => mappings(m.system, m.core)),
  },
  {
    names: ['status'],
    help: 'whether the system runs',
    run: (m) => `VM status: ${m.system.running ? 'running' : 'paused'}`,
  },
  {
    names: ['consoles', 'chardev'],
    help: 'the consoles',
    run: (m) => m.system.consoles.map(({ name }) => name).join('\n'),
  },
];

const COMMANDS: readonly Entry[] = [
  {
    names: ['help', '?'],
    help: 'this list',
    run: () => [...COMMANDS, ...INFO.map((e) => ({ ...e, names: [`info ${e.names[0]}`] }))].map(describe).join('\n'),
  },
  {
    names: ['info', 'i'],
    usage: 'WHAT',
    help: 'shows something, see below',
    run: (m, rest, format) => {
      const [what = '', ...more] = rest.split(/\s+/);
      if (what === '') return INFO.map((e) => describe({ ...e, names: [`info ${e.names[0]}`] })).join('\n');
      const entry = INFO.find((e) => e.names.includes(what));
      if (!entry)
        throw new MonitorError(`there is no info ${what} (there are ${INFO.map((e) => e.names[0]).join(', ')})`);
      return entry.run(m, more.join(' '), format);
    },
  },
  { names: ['stop', 's'], help: 'pauses the system', run: (m) => m.system.pause().then(() => '') },
  {
    names: ['cont', 'c'],
    help: 'lets it go on',
    run: (m) => {
      m.system.resume();
      return '';
    },
  },
  { names: ['system_reset'], help: 'resets it', run: (m) => m.system.reset().then(() => '') },
  {
    names: ['system_powerdown'],
    help: 'presses the power key',
    run: (m) => {
      if (!m.system.machine) return NO_MACHINE;
      m.system.machine.pressPowerKey();
      return '';
    },
  },
  {
    names: ['quit', 'q'],
    help: 'ends the run at once',
    run: (m) => {
      m.host.quit();
      return '';
    },
  },
  {
    names: ['cpu'],
    usage: 'N',
    help: 'chooses a core',
    run: (m, rest) => {
      m.core = m.coreNumber(rest);
      return '';
    },
  },
  {
    names: ['x'],
    usage: '/FMT ADDRESS',
    help: 'memory as the core sees it: /8xw, /4i, …',
    run: (m, rest, format) => m.examine(rest, format, true),
  },
  {
    names: ['xp'],
    usage: '/FMT ADDRESS',
    help: 'physical memory',
    run: (m, rest, format) => m.examine(rest, format, false),
  },
  {
    names: ['p', 'print'],
    usage: '/FMT EXPRESSION',
    help: 'a number: $x0, $pc, $SCTLR_EL1, + - * / % & | ^ ~ << >>',
    run: (m, rest, format) =>
      m.standing(() => {
        const how = parseFormat(format ?? '', 8);
        const value = evaluate(rest, m.core);
        return format === null ? `0x${value.toString(16)}` : formatNumber(value, how);
      }),
  },
];

const describe = ({ names, usage, help }: Entry): string => `${`${names.join('|')} ${usage ?? ''}`.padEnd(26)} ${help}`;

export class Monitor {
  readonly system: System;
  readonly host: MonitorHost;
  /** The core that commands are about. */
  core: Core;

  constructor(system: System, host: MonitorHost) {
    this.system = system;
    this.host = host;
    this.core = system.cores[0]!;
  }

  /** The answer to a line, without a newline at its end; mistakes are answers, too. */
  async run(line: string): Promise<string> {
    const match = /^(\S+?)(?:\s*\/(\S*))?(?:\s+(.*))?$/s.exec(line.trim());
    if (!match) return '';
    const [, name = '', format = null, rest = ''] = match;
    try {
      const entry = COMMANDS.find((e) => e.names.includes(name));
      if (!entry) throw new MonitorError(`there is no command ${name}; help lists them`);
      return await entry.run(this, rest.trim(), format);
    } catch (error) {
      if (error instanceof MonitorError) return error.message;
      throw error;
    }
  }

  /** Does `look` while all cores stand still; guest time stands still with them. */
  async standing<T>(look: () => T): Promise<T> {
    if (!this.system.running) return look();
    await this.system.pause();
    try {
      return look();
    } finally {
      this.system.resume();
    }
  }

  coreNumber(text: string): Core {
    const core = /^\d+$/.test(text) ? this.system.cores[Number(text)] : undefined;
    if (!core) throw new MonitorError(`a core from 0 to ${this.system.cores.length - 1} is needed`);
    return core;
  }

  async examine(text: string, format: string | null, virtual: boolean): Promise<string> {
    const disassemble = await this.host.disassembler();
    return this.standing(() => {
      const via = virtual ? this.core.index : undefined;
      const read = (address: bigint, length: number): Uint8Array => this.system.readMemory(address, length, via);
      return dump(evaluate(text, this.core), parseFormat(format ?? ''), read, disassemble);
    });
  }
}
