/** One run: a system from its start until a face closes it, with what is kept of it after its end. */
import type { System, SystemExit } from '../system/api.ts';
import type { CoreStatus, RunState, RunStatus, RunSummary } from './api.ts';
import { type RunConsole, RunConsoles } from './consoles.ts';
import { HostError } from './errors.ts';
import { Exposure } from './exposure.ts';
import type { Stamp } from './history.ts';
import { type Control, type HostRun, mecOf, type RunListener } from './host-run.ts';
import type { AnyLaunch } from './launch.ts';
import { NO_REVISIONS, type Observation } from './observation.ts';
import { Timeline } from './timeline.ts';
import { toHex } from './values.ts';

export interface RunOptions {
  readonly id: string;
  readonly name: string;
  readonly preset: string | null;
  readonly launch: AnyLaunch;
  /** Watches the system from its start on. */
  readonly observe?: (system: System) => Observation;
  /** What somebody should know who reads the host's log. */
  readonly say: (line: string) => void;
  /** Lines about a guest that runs wild. */
  readonly describe: (system: System, exit: SystemExit) => Promise<readonly string[]>;
}

export class Run implements HostRun {
  readonly id: string;
  readonly options: RunOptions;
  readonly consoles: RunConsoles;
  readonly timeline = new Timeline();
  observation: Observation | null = null;
  private system: System | null;
  private readonly listener: RunListener;
  private readonly startedAt = Date.now();
  private state: RunState = 'starting';
  private exit: SystemExit | null = null;
  private stop: RunSummary['stop'] = null;
  private report: readonly string[] = [];
  private breakpoints: readonly bigint[] = [];
  private stamp: Stamp = { host: 0, guest: 0 };
  private previous: { at: number; cores: readonly number[] } | null = null;
  private lastStatus: RunStatus | null = null;
  private exposure: Exposure | null = null;

  constructor(system: System, options: RunOptions, listener: RunListener) {
    this.id = options.id;
    this.system = system;
    this.options = options;
    this.listener = listener;
    this.consoles = new RunConsoles(
      system.consoles,
      (console) => listener.output(this, console.id),
      (console, line) => this.timeline.add(console, line),
    );
    const names = new Map(system.consoles.map(({ id, name }) => [id, name]));
    system.on('console', (id, bytes, tags) => {
      this.consoles.append(id, bytes, tags, this.now());
      this.exposure?.write(names.get(id)!, bytes);
    });
    system.on('stopped', ({ core, reason }) => this.become('paused', { kind: reason.kind, core }));
    system.on('resumed', () => this.become('running'));
    system.on('reset', () => listener.changed(this));
    system.on('exit', (exit) => void this.ended(exit));
    this.observation = options.observe?.(system) ?? null;
  }

  async start(paused: boolean): Promise<void> {
    const sources = new Map(this.live().consoles.map(({ id, name }) => [name, id]));
    this.exposure = await Exposure.open(this.options.launch, [...sources.keys()], {
      input: (console, bytes) => {
        if (!this.hasEnded) this.system?.consoleInput(sources.get(console)!, bytes);
      },
      failed: (message) => this.options.say(message),
    });
    if (this.exposure.places().length > 0) this.listener.changed(this);
    await this.exposure.awaited();
    await this.live().start(paused);
    if (paused && this.state === 'starting') this.become('paused', { kind: 'pause', core: 0 });
  }

  private now(): Stamp {
    const stats = this.system?.stats();
    if (stats) this.stamp = { host: stats.seconds, guest: stats.guestSeconds };
    return this.stamp;
  }

  private become(state: RunState, stop: RunSummary['stop'] = null): void {
    if (this.state === 'ended') return;
    this.state = state;
    this.stop = stop;
    this.listener.changed(this);
  }

  private async ended(exit: SystemExit): Promise<void> {
    this.now();
    this.exit = exit;
    if (exit.reason === 'wild' && this.system) this.report = await this.options.describe(this.system, exit);
    this.become('ended');
    await this.exposure?.close();
  }

  /** The system, to be read; throws when it is gone. */
  inspect(): System {
    if (!this.system) throw new HostError('state', 'the memory of this run was given up; its consoles are kept');
    return this.system;
  }
  /** The system of a run that has not ended. */
  live(): System {
    if (this.state === 'ended') throw new HostError('state', 'this run has ended');
    return this.inspect();
  }
  /** The system while its cores stand still. */
  still(): System {
    if (this.state === 'running' || this.state === 'starting') {
      throw new HostError('state', 'pause the machine first: registers are read while the cores stand still');
    }
    return this.inspect();
  }

  async control(action: Control): Promise<void> {
    const system = this.live();
    switch (action) {
      case 'pause':
        return system.pause();
      case 'resume':
        return system.resume();
      case 'reset':
        return system.reset();
      case 'powerOff':
        if (!system.machine) return system.stop();
        system.machine.pressPowerKey();
        // A guest that stands still cannot see the key.
        if (!system.running) system.resume();
        return;
      case 'forceOff':
        return system.stop();
    }
  }

  type(console: RunConsole, bytes: Uint8Array): void {
    this.live().consoleInput(console.source, bytes);
  }

  step(core: number): void {
    const system = this.still();
    if (this.state === 'ended') throw new HostError('state', 'this run has ended');
    if (!system.cores[core]) throw new HostError('missing', `there is no core ${core}`);
    system.resume(system.cores.map((c) => (c.index === core ? 'step' : 'halt')));
  }

  setBreakpoints(addresses: readonly bigint[]): void {
    const system = this.live();
    for (const a of this.breakpoints) if (!addresses.includes(a)) system.removeBreakpoint(a);
    for (const a of addresses) if (!this.breakpoints.includes(a)) system.addBreakpoint(a);
    this.breakpoints = [...new Set(addresses)];
    this.listener.changed(this);
  }

  /** Ends the threads; the memory goes with it, the consoles stay. */
  async giveUp(): Promise<void> {
    const { system } = this;
    this.lastStatus = this.status();
    await system?.stop();
    await this.exposure?.close();
    this.observation?.close?.();
    this.observation = null;
    this.system = null;
  }

  get hasEnded(): boolean {
    return this.state === 'ended';
  }
  get hasSystem(): boolean {
    return this.system !== null;
  }

  summary(): RunSummary {
    const { exit, system, options } = this;
    return {
      ...{ id: this.id, name: options.name, preset: options.preset, on: 'trireme', launch: options.launch },
      ...{ state: this.state, startedAt: this.startedAt, stop: this.stop, report: this.report },
      exit: exit && { reason: exit.reason, status: exit.status, message: exit.message?.split('\n')[0] ?? null },
      cores: options.launch.cores,
      consoles: this.consoles.summaries(),
      notices: this.observation?.notices?.() ?? [],
      places: this.exposure?.places() ?? [],
      powerKey: system?.machine != null,
      breakpoints: this.breakpoints.map(toHex),
      inspectable: system !== null,
      mec: mecOf(options.launch),
    };
  }

  /** Samples the system: cheap, and allowed while it runs. */
  status(): RunStatus {
    const { system } = this;
    if (!system) return this.lastStatus ?? this.blank();
    const stats = system.stats();
    const at = stats.seconds;
    const counts = stats.perCore.map((c) => c.instructions);
    const past = this.previous ?? { at: 0, cores: counts.map(() => 0) };
    // A status that comes right behind another keeps the rate of that one.
    const elapsed = at - past.at;
    const cores: CoreStatus[] = system.cores.map((core, n) => ({
      index: n,
      on: core.on,
      waiting: core.waiting,
      ...system.probe.level(n),
      pc: toHex(core.pc),
      mips: elapsed > 0 && this.state === 'running' ? Math.max(0, (counts[n]! - past.cores[n]!) / elapsed / 1e6) : 0,
    }));
    if (elapsed > 0.1) this.previous = { at, cores: counts };
    return {
      run: this.id,
      guestSeconds: stats.guestSeconds,
      hostSeconds: stats.seconds,
      instructions: stats.instructions,
      cores,
      consoles: this.consoles.summaries(),
      revisions: this.observation?.revisions() ?? NO_REVISIONS,
      lost: this.observation?.lost?.() ?? 0,
      engine: stats.engine,
    };
  }

  private blank(): RunStatus {
    return {
      ...{ run: this.id, guestSeconds: this.stamp.guest, hostSeconds: this.stamp.host, instructions: 0, cores: [] },
      ...{ consoles: this.consoles.summaries(), revisions: NO_REVISIONS, lost: 0, engine: {} },
    };
  }
}
