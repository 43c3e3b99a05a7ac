/** A system on the terminal: from its start to the exit status of the command. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { startGdbServer } from '../debug/gdb/server.ts';
import type { System, SystemExit } from '../system/api.ts';
import { fileReason, UserError } from '../system/errors.ts';
import { KEY_HELP, type KeyCommand, KeyFilter } from './keys.ts';
import type { GdbAddress } from './options.ts';
import { type Disassemble, describeCore } from './report.ts';
import { parseSteps, type RawStep, Script, Tail } from './script.ts';
import { flushed, type Io, Output, readKeys } from './terminal.ts';

/** Exit statuses of the command besides the guest's own. */
export const STATUS = { failed: 1, usage: 2, missed: 3, interrupted: 130, terminated: 143, brokenPipe: 141 } as const;

/** Console lines that are shown when an expectation was missed. */
const TAIL_LINES = 40;

export interface SessionOptions {
  readonly steps: readonly RawStep[];
  /** Seconds of host time after which the run is given up. */
  readonly timeout?: number;
  /** The same limit when the system itself keeps it, in guest time. */
  readonly guestTimeout?: number;
  /** Absolute paths. */
  readonly statsFile?: string;
  readonly traceFile?: string | null;
  readonly gdb?: GdbAddress;
  /** Waits for the debugger. */
  readonly startPaused?: boolean;
  disassembler(): Promise<Disassemble | null>;
}

export class Session {
  private readonly system: System;
  private readonly io: Io;
  private readonly options: SessionOptions;
  private readonly script: Script;
  private readonly tail = new Tail();
  private readonly output: Output;
  private readonly names: ReadonlyMap<number, string>;
  private readonly cleanups: (() => void)[] = [];
  private finish: (status: number) => void = () => {};
  private done = false;

  constructor(system: System, io: Io, options: SessionOptions) {
    this.system = system;
    this.io = io;
    this.options = options;
    this.names = new Map(system.consoles.map(({ id, name }) => [id, name]));
    const steps = parseSteps(options.steps, [...this.names.values()]);
    this.script = new Script(steps, (console, bytes) => this.type(console, bytes));
    this.output = new Output(io.stdout, (held) => {
      for (const { id } of system.consoles) system.holdConsole(id, held);
    });
  }

  /** Runs to the end; yields the exit status of the command. */
  async run(): Promise<number> {
    const ended = new Promise<number>((resolve) => {
      this.finish = (status) => {
        this.done = true;
        resolve(status);
      };
    });
    try {
      this.listen();
      this.openTrace();
      // What is sent before anything is expected is there when the guest looks first.
      this.script.advance();
      await this.start();
      if (!this.done) this.readInput();
      if (!this.done) this.watchTime();
      const status = await ended;
      this.writeStats();
      return status;
    } finally {
      for (const cleanup of this.cleanups.reverse()) cleanup();
      await this.system.stop();
      await flushed(this.io.stdout);
    }
  }

  private type(console: string | null, bytes: Uint8Array): void {
    const target = this.system.consoles.find(({ name }) => name === console) ?? this.system.consoles[0];
    if (target) this.system.consoleInput(target.id, bytes);
  }

  private listen(): void {
    this.cleanups.push(
      this.system.on('console', (id, bytes) => this.shown(id, bytes)),
      this.system.on('exit', (exit) => void this.ended(exit)),
    );
    const onBroken = (error: NodeJS.ErrnoException): void => {
      if (!this.done) this.finish(error.code === 'EPIPE' ? STATUS.brokenPipe : STATUS.failed);
    };
    this.io.stdout.on('error', onBroken);
    for (const [signal, status] of [
      ['SIGINT', STATUS.interrupted],
      ['SIGTERM', STATUS.terminated],
    ] as const) {
      const onSignal = (): void => this.finish(status);
      process.once(signal, onSignal);
      this.cleanups.push(() => process.off(signal, onSignal));
    }
  }

  private async start(): Promise<void> {
    const { gdb, startPaused } = this.options;
    // A debugger may come as soon as there is a server: the threads have to be there by then.
    await this.system.start(startPaused || gdb !== undefined);
    if (!gdb || this.done) return;
    const server = await startGdbServer(this.system, gdb.port, gdb.host);
    this.cleanups.push(() => server.close());
    if (gdb.port === 0) this.say(`gdb server on ${gdb.host}:${server.port}`);
    if (!startPaused) this.system.resume();
  }

  private openTrace(): void {
    const { traceFile } = this.options;
    if (traceFile === undefined) return;
    let write = (text: string): void => void this.io.stderr.write(text);
    if (traceFile !== null) {
      try {
        const fd = openSync(traceFile, 'w');
        write = (text) => void writeSync(fd, text);
        this.cleanups.push(() => closeSync(fd));
      } catch (error) {
        throw new UserError(`cannot write the trace to ${traceFile}: ${fileReason(error)}`);
      }
    }
    this.cleanups.push(this.system.on('trace', write));
  }

  private readInput(): void {
    const { io } = this;
    const keys = new KeyFilter(
      (bytes) => this.type(null, bytes),
      (command) => this.command(command),
    );
    // Piped input goes through whole: a script may send what it likes.
    const take = (bytes: Uint8Array): void => (io.stdin.isTTY ? keys.feed(bytes) : this.type(null, bytes));
    this.cleanups.push(readKeys(io.stdin, take));
  }

  private command(command: KeyCommand): void {
    if (command === 'quit') this.finish(0);
    else this.io.stderr.write(`\r\n${KEY_HELP.join('\r\n')}\r\n`);
  }

  private watchTime(): void {
    const { timeout } = this.options;
    if (timeout === undefined) return;
    const timer = setTimeout(() => this.missed(`${timeout} s have passed`), timeout * 1000);
    this.cleanups.push(() => clearTimeout(timer));
  }

  private shown(id: number, bytes: Uint8Array): void {
    if (this.done) return;
    this.output.write(bytes);
    this.tail.append(bytes);
    this.script.feed(this.names.get(id) ?? '', bytes);
    if (this.script.succeeded) this.finish(0);
  }

  private async ended(exit: SystemExit): Promise<void> {
    if (this.done) return;
    // However slow the reader is, what the guest showed is shown.
    for (const { id } of this.system.consoles) this.system.holdConsole(id, false);
    if (exit.reason === 'wild') await this.reportWild(exit);
    else if (exit.reason === 'failed') this.reportFailure(exit.message ?? 'unknown');
    if (this.done) return;
    if (exit.reason === 'limit') this.missed(`${this.options.guestTimeout} s of guest time have passed`);
    else if (this.script.pending) this.missed(`the guest ended with status ${exit.status}`);
    else this.finish(exit.status);
  }

  private reportFailure(message: string): void {
    const [first = '', ...rest] = message.split('\n');
    this.say(`internal error: ${first.replace(/^((internal error|Error): )+/, '')}`);
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
    const wanted = pending ? `, and /${pending.pattern.source}/ did not come` : '';
    const lines = this.tail.lines(TAIL_LINES);
    this.say(`${why}${wanted}${lines.length > 0 ? '; the last console lines:' : '; nothing was shown'}`);
    for (const line of lines) this.io.stderr.write(`${line}\n`);
    this.finish(STATUS.missed);
  }

  private writeStats(): void {
    const { statsFile } = this.options;
    if (statsFile === undefined) return;
    try {
      writeFileSync(statsFile, `${JSON.stringify(this.system.stats())}\n`);
    } catch (error) {
      throw new UserError(`cannot write ${statsFile}: ${fileReason(error)}`);
    }
  }

  private say(line: string): void {
    this.io.stderr.write(`trireme: ${line}\n`);
  }
}
