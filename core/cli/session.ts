/** A system on the terminal: from its start to the exit status of the command. */
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { ConsoleSet } from '../consoles/console-set.ts';
import { KeyFilter } from '../consoles/keys.ts';
import { LineEditor } from '../consoles/line-editor.ts';
import { Monitor } from '../consoles/monitor/monitor.ts';
import { Multiplexer } from '../consoles/multiplexer.ts';
import { startGdbServer } from '../debug/gdb/server.ts';
import type { ConsoleTarget } from '../machines/launch.ts';
import { checkFirmware } from '../observe/observer.ts';
import type { System, SystemExit } from '../system/api.ts';
import { fileReason, UserError } from '../system/errors.ts';
import type { HostOptions } from './host-options.ts';
import { Outlets } from './outlets.ts';
import { type Disassemble, describeCore } from './report.ts';
import { parseSteps, Script, Tail } from './script.ts';
import { flushed, type Io, Output, readKeys } from './terminal.ts';

/** Exit statuses of the command besides the guest's own. */
export const STATUS = {
  failed: 1,
  usage: 2,
  missed: 3,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
  brokenPipe: 141,
} as const;

/** Console lines that are shown when an expectation was missed. */
const TAIL_LINES = 40;
/** Lines of a terminal that does not say how many it has. */
const ROWS = 24;

export interface SessionOptions {
  readonly host: HostOptions;
  /** `host.timeout` is kept by the system itself, in guest time. */
  readonly guestTime: boolean;
  /** Where consoles go, by name; those that are not named here are on the terminal. Null: nowhere. */
  readonly targets?: ReadonlyMap<string, ConsoleTarget | null>;
  /** Where the monitor is to be had, besides the terminal that consoles are on. */
  readonly monitors?: readonly ConsoleTarget[];
  /** A reset ends the run. */
  readonly endAtReset?: boolean;
  disassembler(): Promise<Disassemble | null>;
}

export class Session {
  private readonly system: System;
  private readonly io: Io;
  private readonly options: SessionOptions;
  private readonly script: Script;
  private readonly tail = new Tail();
  private readonly output: Output;
  private readonly consoles: ConsoleSet;
  private readonly outlets: Outlets;
  private readonly multiplexer: Multiplexer;
  private readonly cleanups: (() => void | Promise<void>)[] = [];
  private finish: (status: number) => void = () => {};
  private done = false;
  /** Something of ours went wrong, which was said. */
  private failed = false;

  constructor(system: System, io: Io, options: SessionOptions) {
    this.system = system;
    this.io = io;
    this.options = options;
    this.consoles = new ConsoleSet(system);
    const steps = parseSteps(options.host.steps, this.consoles.names).map((step) => ({
      ...step,
      console: step.console && this.consoles.find(step.console)!.name,
    }));
    this.script = new Script(steps, (console, bytes) => this.send(console, bytes));
    const shown = this.consoles.list.filter(({ source }) => {
      const name = system.consoles.find(({ id }) => id === source)!.name;
      const target = options.targets?.get(name);
      return target === undefined || target?.to === 'terminal';
    });
    this.output = new Output(io.stdout, (held) => {
      for (const { source, world } of shown) if (world === null) system.holdConsole(source, held);
    });
    this.multiplexer = this.multiplex(shown);
    this.outlets = new Outlets(this.consoles, {
      say: (line) => this.say(line),
      monitor: (write) => this.monitorOn(write),
    });
  }

  private multiplex(shown: ConsoleSet['list']): Multiplexer {
    const { io } = this;
    const screen = {
      write: (data: Uint8Array | string) => this.output.write(data),
      say: (text: string) => void io.stderr.write(text),
      rows: () => io.stdout.rows ?? ROWS,
    };
    const alone = shown.length === 0 && this.options.monitors?.some(({ to }) => to === 'terminal');
    const monitor = io.stdin.isTTY || alone ? this.monitorOn((text) => this.output.write(text)) : null;
    const multiplexer = new Multiplexer(shown, screen, monitor, () => this.finish(0));
    // A pipe gets everything; on a terminal consoles do not mix.
    if (alone) multiplexer.startWithMonitor();
    else if (io.stdout.isTTY && io.stdin.isTTY) multiplexer.startWithFirst();
    return multiplexer;
  }
  private monitorOn(write: (text: string) => void): LineEditor {
    const host = { quit: () => this.finish(0), disassembler: () => this.options.disassembler() };
    const monitor = new Monitor(this.system, host);
    return new LineEditor(write, (line) => monitor.run(line));
  }

  /** Runs to the end; yields the exit status of the command. */
  async run(): Promise<number> {
    const ended = new Promise<number>((resolve) => {
      this.finish = (status) => {
        this.done = true;
        resolve(status);
      };
    });
    let status: number;
    try {
      this.listen();
      this.openTrace();
      this.writePid();
      await this.openOutlets(ended);
      // What is sent before anything is expected is there when the guest looks first.
      this.script.advance();
      if (!this.done) await this.start();
      if (!this.done) this.readInput();
      if (!this.done) this.watchTime();
      status = await ended;
      await this.writeStats();
    } finally {
      // First, while somebody listens: at its end a system says what it could not keep.
      await this.system.stop();
      this.multiplexer.flush();
      for (const cleanup of this.cleanups.reverse()) await cleanup();
      await flushed(this.io.stdout);
    }
    return this.failed ? STATUS.failed : status;
  }

  /** What a script types: without a name, into the first console. */
  private send(name: string | null, bytes: Uint8Array): void {
    const target = name === null ? this.consoles.list[0] : this.consoles.find(name);
    target?.type(bytes);
  }

  private listen(): void {
    for (const console of this.consoles.list) {
      console.on((bytes) => this.shown(console.name, console.world === null, bytes));
    }
    this.cleanups.push(
      this.consoles.attach(this.system),
      this.system.on('exit', (exit) => void this.ended(exit)),
      checkFirmware(this.system, ({ message }) => this.say(message)),
      this.system.on('reset', () => {
        if (this.options.endAtReset && !this.done) this.finish(0);
      }),
    );
    const onBroken = (error: NodeJS.ErrnoException): void => {
      if (!this.done) this.finish(error.code === 'EPIPE' ? STATUS.brokenPipe : STATUS.failed);
    };
    this.io.stdout.on('error', onBroken);
    for (const [signal, status] of [
      ['SIGINT', STATUS.interrupted],
      ['SIGTERM', STATUS.terminated],
      // The terminal is gone: what the guest wrote to flash is to be kept all the same.
      ['SIGHUP', STATUS.hungUp],
    ] as const) {
      const onSignal = (): void => this.finish(status);
      process.once(signal, onSignal);
      this.cleanups.push(() => void process.off(signal, onSignal));
    }
  }

  private async openOutlets(ended: Promise<number>): Promise<void> {
    this.cleanups.push(() => this.outlets.close());
    const { targets, monitors = [], host } = this.options;
    for (const [name, target] of targets ?? []) if (target) await this.outlets.open(name, target);
    for (const { console, target } of host.exposed) await this.outlets.open(console, target);
    for (const target of monitors) await this.outlets.openMonitor(target);
    await Promise.race([this.outlets.awaited(), ended]);
  }

  private async start(): Promise<void> {
    const { gdb, startPaused } = this.options.host;
    // A debugger may come as soon as there is a server: the threads have to be there by then.
    await this.system.start(startPaused || gdb !== undefined);
    if (!gdb || this.done) return;
    const server = await startGdbServer(this.system, gdb.port, gdb.host);
    this.cleanups.push(() => server.close());
    if (gdb.port === 0) this.say(`gdb server on ${gdb.host}:${server.port}`);
    if (!startPaused) this.system.resume();
  }

  private openTrace(): void {
    const { trace } = this.options.host;
    if (!trace) return;
    const { file } = trace;
    let write = (text: string): void => void this.io.stderr.write(text);
    if (file !== null) {
      try {
        const fd = openSync(file, 'w');
        write = (text) => void writeSync(fd, text);
        this.cleanups.push(() => closeSync(fd));
      } catch (error) {
        throw new UserError(`cannot write the trace to ${file}: ${fileReason(error)}`);
      }
    }
    this.cleanups.push(this.system.on('trace', write));
  }

  private writePid(): void {
    const { pidFile } = this.options.host;
    if (pidFile === undefined) return;
    this.writeFile(pidFile, `${process.pid}\n`);
    this.cleanups.push(() => rmSync(pidFile, { force: true }));
  }

  private readInput(): void {
    const { io, multiplexer } = this;
    const keys = new KeyFilter(
      (bytes) => multiplexer.type(bytes),
      (command) => multiplexer.command(command),
    );
    // Piped input goes through whole: a script may send what it likes.
    const take = (bytes: Uint8Array): void => (io.stdin.isTTY ? keys.feed(bytes) : multiplexer.type(bytes));
    this.cleanups.push(readKeys(io.stdin, take));
  }

  private watchTime(): void {
    const { timeout } = this.options.host;
    if (timeout === undefined || this.options.guestTime) return;
    const timer = setTimeout(() => this.missed(`${timeout} s have passed`), timeout * 1000);
    this.cleanups.push(() => clearTimeout(timer));
  }

  private shown(name: string, whole: boolean, bytes: Uint8Array): void {
    if (this.done) return;
    if (whole) this.tail.append(bytes);
    this.script.feed(name, bytes, whole);
    if (this.script.succeeded) this.finish(0);
  }

  private async ended(exit: SystemExit): Promise<void> {
    if (exit.reason === 'failed') this.reportFailure(exit.message ?? 'unknown');
    if (this.done) return;
    // However slow the reader is, what the guest showed is shown.
    for (const { id } of this.system.consoles) this.system.holdConsole(id, false);
    if (exit.reason === 'wild') await this.reportWild(exit);
    if (this.done) return;
    if (exit.reason === 'limit') this.missed(`${this.options.host.timeout} s of guest time have passed`);
    else if (this.script.pending) this.missed(`the guest ended with status ${exit.status}`);
    else if (this.options.host.stay && exit.reason === 'poweroff')
      this.say('the guest has powered off (Ctrl+A x quits)');
    else this.finish(exit.status);
  }

  private reportFailure(message: string): void {
    this.failed = true;
    const [first = '', ...rest] = message.split('\n');
    this.say(first.replace(/^internal error: ((internal error|Error): )+/, 'internal error: '));
    // Where it happened is for us, not for users.
    if (process.env.TRIREME_DEBUG) this.io.stderr.write(`${rest.join('\n')}\n`);
  }

  private async reportWild(exit: SystemExit): Promise<void> {
    const disassemble = await this.options.disassembler();
    this.say(`the guest runs wild: ${exit.message ?? 'it can only fault for ever'}`);
    const lines = describeCore(this.system, exit.core ?? 0, disassemble, exit.origin);
    this.io.stderr.write(`${lines.join('\n')}\n`);
  }

  /** The script cannot be fulfilled, or time is up. */
  private missed(why: string): void {
    if (this.done) return;
    const { pending } = this.script;
    const on = pending?.console ? ` on ${pending.console}` : '';
    const wanted = pending ? `, and /${pending.pattern.source}/ did not come${on}` : '';
    const lines = this.tail.lines(TAIL_LINES);
    this.say(`${why}${wanted}${lines.length > 0 ? '; the last console lines:' : '; nothing was shown'}`);
    for (const line of lines) this.io.stderr.write(`${line}\n`);
    this.finish(STATUS.missed);
  }

  private async writeStats(): Promise<void> {
    const { stats } = this.options.host;
    if (stats === undefined) return;
    // Engines tell what they counted when they stop.
    await this.system.pause();
    this.writeFile(stats, `${JSON.stringify(this.system.stats())}\n`);
  }
  private writeFile(file: string, text: string): void {
    try {
      writeFileSync(file, text);
    } catch (error) {
      throw new UserError(`cannot write ${file}: ${fileReason(error)}`);
    }
  }

  private say(line: string): void {
    this.io.stderr.write(`trireme: ${line}\n`);
  }
}
