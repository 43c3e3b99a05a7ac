/** A run on an installed QEMU: its serial ports are consoles as any, its inside is not seen. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { System } from '../../system/api.ts';
import type { ConsolePlace, RunState, RunStatus, RunSummary } from '../api.ts';
import { type RunConsole, RunConsoles } from '../consoles.ts';
import { HostError } from '../errors.ts';
import type { Stamp } from '../history.ts';
import { type Control, type HostRun, mecOf, type RunListener } from '../host-run.ts';
import { type AnyLaunch, isBare } from '../launch.ts';
import { NO_REVISIONS } from '../observation.ts';
import { Timeline } from '../timeline.ts';
import { connected, QemuControl } from './control.ts';
import { type QemuCommand, type QemuProgram, qemuCommand } from './program.ts';

export interface QemuRunOptions {
  readonly id: string;
  readonly name: string;
  readonly preset: string | null;
  readonly launch: AnyLaunch;
  readonly program: QemuProgram;
}

/** How long QEMU may take to make its sockets, in milliseconds. */
const PATIENCE = 10_000;
const POLL = 20;
/** Of what QEMU says on its own terminal. */
const LONGEST_COMPLAINT = 4000;

export class QemuRun implements HostRun {
  readonly id: string;
  readonly consoles: RunConsoles;
  readonly timeline = new Timeline();
  readonly observation = null;
  readonly hasSystem = false;
  private readonly options: QemuRunOptions;
  private readonly listener: RunListener;
  private readonly folder = mkdtempSync(join(tmpdir(), 'trireme-qemu-'));
  private readonly command: QemuCommand;
  private readonly startedAt = Date.now();
  private readonly sockets: Socket[] = [];
  private child: ChildProcess | null = null;
  private control_: QemuControl | null = null;
  private state: RunState = 'starting';
  private exit: RunSummary['exit'] = null;
  private complaint = '';
  /** Milliseconds that it was not paused, until `since`; null: it stands still. */
  private ran = 0;
  private since: number | null = null;
  private ended: Promise<void> = Promise.resolve();

  constructor(options: QemuRunOptions, listener: RunListener) {
    this.id = options.id;
    this.options = options;
    this.listener = listener;
    this.command = qemuCommand(options.launch, this.folder);
    this.consoles = new RunConsoles(
      this.command.consoles.map(({ name }, id) => ({ id, name })),
      (console) => listener.output(this, console.id),
      (console, line) => this.timeline.add(console, line),
    );
  }

  async start(paused: boolean): Promise<void> {
    const { path } = this.options.program;
    const args = [...this.command.args, ...(paused ? ['-S'] : [])];
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', (status, signal) => {
        this.becomeEnded(status ?? 1, signal);
        resolve();
      });
    });
    child.once('error', (error) => {
      this.complaint = error.message;
    });
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.complaint = (this.complaint + text).slice(0, LONGEST_COMPLAINT);
      });
    }
    // It makes its sockets one by one, and waits at each.
    for (const [n, { socket }] of this.command.consoles.entries())
      this.attach(n, await this.reach(() => connected(socket)));
    this.control_ = await this.reach(() =>
      QemuControl.open(this.command.control, (event, data) => this.told(event, data)),
    );
    this.become(paused ? 'paused' : 'running');
  }
  /** Tries until it is there, or QEMU is not. */
  private async reach<T>(attempt: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      try {
        return await attempt();
      } catch {
        if (this.hasEnded) throw new HostError('user', `QEMU does not start: ${this.firstComplaint()}`);
        if (Date.now() > deadline) throw new HostError('user', 'QEMU started, but does not answer');
        await new Promise((resolve) => setTimeout(resolve, POLL));
      }
    }
  }
  private firstComplaint(): string {
    const lines = this.complaint.split('\n').filter((l) => l.trim() !== '' && !/: (?:info|warning): /.test(l));
    const line = lines[0] ?? 'it says nothing';
    return line.replace(/^\S*qemu-system-aarch64\S*: /, '').slice(0, 300);
  }
  private attach(source: number, socket: Socket): void {
    this.sockets[source] = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.consoles.append(source, bytes, new Uint8Array(bytes.length), this.now());
    });
  }

  private told(event: string, data: Readonly<Record<string, unknown>>): void {
    if (event === 'STOP') this.become('paused');
    else if (event === 'RESUME') this.become('running');
    else if (event === 'SHUTDOWN') {
      const reason = data.guest === true ? 'poweroff' : 'stopped';
      this.exit = { reason, status: 0, message: null };
    }
  }
  private become(state: RunState): void {
    if (this.state === 'ended') return;
    this.state = state;
    if (state === 'running') this.since ??= Date.now();
    else if (this.since !== null) {
      this.ran += Date.now() - this.since;
      this.since = null;
    }
    this.listener.changed(this);
  }
  private becomeEnded(status: number, signal: string | null): void {
    const failed = status !== 0 || signal !== null;
    const message = failed ? this.firstComplaint() : null;
    if (!this.exit || failed) this.exit = { reason: failed ? 'failed' : 'exit', status, message };
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.exit = { reason: 'stopped', status: 0, message: null };
    this.become('ended');
    this.control_?.close();
    for (const socket of this.sockets) socket?.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** QEMU's guest time is not told: the host's stands for both. */
  private now(): Stamp {
    const ran = this.ran + (this.since === null ? 0 : Date.now() - this.since);
    return { host: ran / 1000, guest: ran / 1000 };
  }

  private get powerKey(): boolean {
    return !isBare(this.options.launch);
  }
  async control(action: Control): Promise<void> {
    if (this.hasEnded) throw new HostError('state', 'this run has ended');
    const command = {
      pause: 'stop',
      resume: 'cont',
      reset: 'system_reset',
      // A program on the bare machine knows no key.
      powerOff: this.powerKey ? 'system_powerdown' : 'quit',
      forceOff: 'quit',
    };
    if (!this.control_) throw new HostError('state', 'QEMU is still starting');
    // A guest that stands still cannot see the key.
    if (action === 'powerOff' && this.powerKey && this.state === 'paused') await this.control_.execute('cont');
    await this.control_.execute(command[action]).catch((error: Error) => {
      if (command[action] !== 'quit') throw new HostError('user', error.message);
    });
  }
  type(console: RunConsole, bytes: Uint8Array): void {
    if (this.hasEnded) throw new HostError('state', 'this run has ended');
    this.sockets[console.source]?.write(bytes);
  }
  step(): void {
    this.inspect();
  }
  setBreakpoints(): void {
    this.inspect();
  }
  inspect(): System {
    throw new HostError('unavailable', 'this machine runs on QEMU: its registers and memory are not seen from here');
  }
  still(): System {
    return this.inspect();
  }

  get hasEnded(): boolean {
    return this.state === 'ended';
  }
  async giveUp(): Promise<void> {
    if (this.child && !this.hasEnded) this.child.kill('SIGKILL');
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  summary(): RunSummary {
    const { id, options, state, startedAt, exit } = this;
    return {
      ...{ id, name: options.name, preset: options.preset, on: 'qemu', launch: options.launch, state, startedAt, exit },
      ...{
        stop: null,
        report: [],
        notices: [],
        cores: options.launch.cores,
        consoles: this.consoles.summaries(),
        powerKey: this.powerKey,
      },
      ...{ breakpoints: [], inspectable: false, mec: mecOf(options.launch), places: [] satisfies ConsolePlace[] },
    };
  }
  status(): RunStatus {
    const { host, guest } = this.now();
    return {
      ...{ run: this.id, guestSeconds: guest, hostSeconds: host, instructions: 0, cores: [] },
      ...{ consoles: this.consoles.summaries(), revisions: NO_REVISIONS, lost: 0, engine: {} },
    };
  }
}
