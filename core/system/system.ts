/** A running system, seen from the host's thread: memory, threads, life cycle, events. */
import { powerOnProtection } from '../arch/encryption/engine.ts';
import type { Cpu } from '../arch/registers/reset.ts';
import * as state from '../arch/state.ts';
import { writeArchTables } from '../arch/tables.ts';
import { MEMORY_TYPE } from '../engine/abi.ts';
import type { Layout } from '../engine/layout.ts';
import { writeMemoryMap } from '../engine/memory-map.ts';
import type {
  ConsoleInfo,
  Core,
  CoreAction,
  ExitReason,
  MachineView,
  System,
  SystemConfig,
  SystemEvents,
  SystemExit,
  SystemStats,
  Watchpoint,
} from './api.ts';
import { BEGAN, PAUSED, roundTime } from './clock.ts';
import { ConsoleHost } from './console.ts';
import { CTL, controlIndex } from './control.ts';
import { CoreAccess } from './core-access.ts';
import { CoreThreads, type ThreadNews } from './core-threads.ts';
import { cpuOf } from './cpu.ts';
import { Crew } from './crew.ts';
import { Emitter } from './emitter.ts';
import { UserError } from './errors.ts';
import { FlashFile } from './flash-file.ts';
import { HostMachine } from './host-machine.ts';
import { HostMemory } from './host-memory.ts';
import { IoThread } from './io/thread.ts';
import { modulesOf } from './modules.ts';
import { layoutFor, type MachinePlan, planOf, threadsOf } from './plan.ts';
import type { Modules } from './prebuilt.ts';
import { HostProbe } from './probe.ts';
import { protectionModel } from './protection.ts';
import { resetCore } from './reset.ts';
import { TraceReader } from './trace.ts';
import { traceNames } from './trace-names.ts';
import { readVirtual, writeVirtual } from './virtual-memory.ts';

/** What follows from a configuration, and threads for it. */
interface Parts {
  readonly config: SystemConfig;
  readonly cpu: Cpu;
  readonly plan: MachinePlan;
  readonly layout: Layout;
  readonly modules: Modules;
  readonly crew: Crew;
}

class RunningSystem implements System {
  readonly config: SystemConfig;
  readonly cores: readonly Core[];
  readonly consoles: readonly ConsoleInfo[];
  readonly machine: MachineView | null;
  readonly probe: HostProbe;
  private readonly events = new Emitter<SystemEvents>();
  private readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  private readonly layout: Layout;
  private readonly plan: MachinePlan;
  private readonly host: HostMachine;
  private readonly physical: HostMemory;
  private readonly flashFiles: readonly FlashFile[];
  private readonly threads: CoreThreads;
  private io: IoThread | null = null;
  private readonly cpu: Cpu;
  private readonly modules: Modules;
  private readonly i32: Int32Array;
  private readonly view: DataView;
  private readonly hosts: ConsoleHost[];
  private readonly traceReaders: TraceReader[];
  private readonly breakpoints = new Set<bigint>();
  private watchpoints: Watchpoint[] = [];
  private local: Record<string, (...args: never[]) => unknown> | null = null;
  private exited: SystemExit | null = null;
  private quitting: Promise<void> | null = null;
  private ranMs = 0;
  private resumeAt = 0;
  private haltedAt = 0;
  private isRunning = false;
  /** A core has stopped, and the others are told to. */
  private stopping = false;

  constructor({ config, cpu, plan, layout, modules, crew }: Parts) {
    this.config = config;
    this.cpu = cpu;
    this.plan = plan;
    this.layout = layout;
    this.modules = modules;
    this.memory = new WebAssembly.Memory({ initial: this.layout.pages, maximum: MEMORY_TYPE.max, shared: true });
    this.i32 = new Int32Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.cores = Array.from(
      { length: config.machine.cores },
      (_, n) => new CoreAccess(this.memory.buffer, this.layout, n, () => this.contextChanged(n)),
    );
    this.consoles = this.plan.consoles.map(({ offset: _, ...info }) => info);
    this.hosts = this.plan.consoles.map(
      (c) =>
        new ConsoleHost(
          this.memory.buffer,
          this.layout.devices + c.offset,
          {
            output: (bytes, tags) => this.events.emit('console', c.id, bytes, tags),
            inputReady: () => this.inputReady(c.id),
            drained: () => this.io?.ring(),
          },
          config.deterministic,
        ),
    );
    this.host = new HostMachine(this.memory, this.layout, this.plan, () => this.service());
    this.machine = this.host.view(() => this.isRunning);
    this.physical = new HostMemory(this.memory.buffer, this.layout, this.plan);
    this.flashFiles = (config.flashFiles ?? []).map((f) => new FlashFile(f, this.physical.region(f.flash)));
    this.threads = new CoreThreads(this.memory.buffer, this.layout, crew, {
      told: (news) => this.told(news),
      failed: (e) => this.fail(e),
    });
    this.traceReaders = this.plan.traces.map(
      (offset) => new TraceReader(this.memory.buffer, this.layout.devices + offset, traceNames),
    );
    this.probe = new HostProbe(this.memory, this.layout, this.plan, this.cpu.features.has('RME'), () =>
      this.guestSeconds(),
    );
    this.load(false);
  }
  on<E extends keyof SystemEvents>(event: E, listener: (...args: SystemEvents[E]) => void): () => void {
    return this.events.on(event, listener);
  }
  get running(): boolean {
    return this.isRunning;
  }

  /** Memory as at power-on: zeros, the images, the constant tables, the map of regions, all cores in reset. */
  private load(again: boolean): void {
    const u8 = new Uint8Array(this.memory.buffer);
    writeArchTables(u8);
    const model = protectionModel(this.config, this.cpu.features);
    const { deterministic, seed } = this.config;
    powerOnProtection(this.memory.buffer, this.layout, { model, ...(deterministic ? { seed: seed ?? 1 } : {}) });
    writeMemoryMap(
      this.view,
      this.plan.regions.map((r) => ({
        ...r,
        host: this.layout.arena + r.host,
        encrypted: model !== 'off' && r.name === 'dram',
      })),
    );
    this.host.reset(this.config.skipsEl3 ?? false);
    this.physical.load(this.config.images, again);
    for (const core of this.cores) {
      const on = core.index === 0 || this.config.psci === 'none';
      resetCore(this.memory.buffer, { layout: this.layout, config: this.config, cpu: this.cpu }, core.index, {
        entry: this.config.entries?.find((e) => e.core === core.index)?.entry ?? this.config.entry,
        el: this.config.startEl,
        x0: 0n,
      });
      Atomics.store(this.i32, controlIndex(this.layout, core.index, CTL.run), on ? 1 : 0);
      this.call('resetTlb', this.layout.core(core.index), this.layout.banks(core.index));
      this.contextChanged(core.index);
    }
  }
  private call(name: string, ...args: number[]): void {
    (this.here[name] as unknown as (...args: number[]) => void)(...args);
  }
  /** An instance of the core module on this thread, for looking and for what derives from registers. */
  private get here(): Record<string, (...args: never[]) => unknown> {
    if (!this.local) {
      const env: Record<string, unknown> = { memory: this.memory };
      env.table = new WebAssembly.Table({ element: 'anyfunc', initial: 65536 });
      for (const { name, kind } of WebAssembly.Module.imports(this.modules.core))
        if (kind === 'function') env[name] = () => 0;
      const instance = new WebAssembly.Instance(this.modules.core, { env } as WebAssembly.Imports);
      this.local = instance.exports as Record<string, (...args: never[]) => unknown>;
    }
    return this.local;
  }
  private contextChanged(core: number): void {
    this.call('contextChanged', this.layout.core(core));
  }

  async start(paused = false): Promise<void> {
    const all = this.cores.map((c) => c.index);
    const groups = this.config.deterministic ? [all] : all.map((n) => [n]);
    this.haltedAt = performance.now();
    const epoch = performance.timeOrigin + this.haltedAt;
    const arrangement = this.arrangement;
    const config = { ...this.config, images: [] };
    const { memory, plan, modules } = this;
    const io = this.plan.virtio.length > 0 && !this.config.deterministic ? this.startIo(arrangement, epoch) : null;
    await this.threads.start(groups, { memory, modules, arrangement, config, plan, epoch });
    this.io = await io;
    if (!paused) this.resume();
  }
  private startIo(arrangement: readonly [number, number, number], epoch: number): Promise<IoThread> {
    const { deterministic, seed } = this.config;
    const config = { deterministic, ...(seed === undefined ? {} : { seed }) };
    const setup = { memory: this.memory, arrangement, plan: this.plan, config, epoch };
    return IoThread.start(setup, { bell: () => this.service(), failed: (e) => this.fail(e) });
  }
  /** Arguments of `layoutOf`. */
  private get arrangement(): [cores: number, spaces: number, arenaBytes: number] {
    return [this.layout.cores, threadsOf(this.config), this.plan.arenaBytes];
  }
  private fail(e: Error): void {
    this.end({ reason: 'failed', status: 1, message: `internal error: ${e.stack ?? e.message}` });
  }

  private told(m: ThreadNews): void {
    switch (m.r) {
      case 'bell':
        this.service();
        return;
      case 'exit':
        this.end(m.exit);
        return;
      case 'reset':
        void this.reset();
        return;
      case 'firmware':
        this.events.emit('firmware', m.fact);
        return;
      case 'stopped':
        // The first core that stops is what is told of; others that stop before all stand add nothing.
        if (this.stopping) return;
        this.stopping = true;
        void this.standStill().then(() => {
          this.stopping = false;
          if (!this.isRunning) return;
          this.halted();
          this.events.emit('stopped', { core: m.core, reason: m.reason });
        });
    }
  }
  /** Hands on what the guest showed and what was traced. */
  private service(): void {
    for (const h of this.hosts) h.service();
    for (const t of this.traceReaders) {
      const text = t.read();
      if (text) this.events.emit('trace', text);
    }
    this.probe.service();
  }
  /** Something was typed: the cores' threads bring it to UARTs, the I/O thread to virtio consoles. */
  private inputReady(id: number): void {
    this.threads.command({ c: 'input', console: id });
    this.io?.ring();
  }
  private halted(): void {
    if (!this.isRunning) return;
    this.haltedAt = performance.now();
    this.ranMs += this.haltedAt - this.resumeAt;
    this.isRunning = false;
    this.host.halted();
  }
  /** Resolves when all cores stand still, and guest memory and files are left alone. */
  private async standStill(): Promise<void> {
    await this.threads.pause();
    await this.io?.rest();
  }
  async pause(): Promise<void> {
    if (!this.isRunning) return;
    await this.standStill();
    if (!this.isRunning) return;
    this.halted();
    this.events.emit('stopped', { core: 0, reason: { kind: 'pause' } });
  }
  resume(actions?: readonly CoreAction[]): void {
    if (this.isRunning || this.exited) return;
    this.isRunning = true;
    this.resumeAt = performance.now();
    // Guest time stands still while the system does.
    const times = new Float64Array(this.memory.buffer);
    times[PAUSED >> 3]! += (this.resumeAt - this.haltedAt) * 1e6;
    times[BEGAN >> 3] ||= Date.now() / 1000;
    this.io?.resume();
    this.threads.run({ c: 'run', actions: actions ?? null });
    this.host.resumed();
    this.events.emit('resumed');
  }
  async reset(): Promise<void> {
    const wasRunning = this.isRunning;
    await this.standStill();
    this.halted();
    this.physical.clear();
    this.load(true);
    this.threads.command({ c: 'forget' });
    this.events.emit('reset');
    if (wasRunning) this.resume();
  }
  async stop(): Promise<void> {
    if (!this.exited) this.end({ reason: 'stopped', status: 0 });
    await this.quit();
  }
  private quit(): Promise<void> {
    this.quitting ??= this.threads.quit(this.io?.end() ?? Promise.resolve());
    return this.quitting;
  }
  private end(exit: SystemExit): void {
    if (this.exited) return;
    this.exited = exit;
    this.halted();
    this.service();
    void this.quit().then(() => {
      this.service();
      for (const h of this.hosts) h.drain();
      const unsaved = this.flashFiles.map((file) => file.save()).find((message) => message !== null);
      this.events.emit('exit', unsaved ? { reason: 'failed', status: 1, message: unsaved } : exit);
    });
  }

  consoleInput(id: number, bytes: Uint8Array): void {
    this.hosts[id]?.type(bytes);
  }
  holdConsole(id: number, held: boolean): void {
    this.hosts[id]?.hold(held);
  }

  readMemory(address: bigint, length: number, via?: number): Uint8Array {
    if (via !== undefined) {
      return readVirtual(this.here, this.memory.buffer, this.layout.core(via), address, length);
    }
    return this.physical.read(Number(address), length);
  }
  writeMemory(address: bigint, bytes: Uint8Array, via?: number): boolean {
    const done =
      via === undefined
        ? this.physical.write(Number(address), bytes)
        : writeVirtual(this.here, this.memory.buffer, this.layout.core(via), address, bytes);
    // What was decoded there before is stale, as after any change of code.
    if (done) this.threads.command({ c: 'forget' });
    return done;
  }
  addBreakpoint(address: bigint): void {
    this.breakpoints.add(address);
    this.threads.command({ c: 'breakpoints', addresses: [...this.breakpoints] });
  }
  removeBreakpoint(address: bigint): void {
    this.breakpoints.delete(address);
    this.threads.command({ c: 'breakpoints', addresses: [...this.breakpoints] });
  }
  addWatchpoint(watchpoint: Watchpoint): void {
    this.watchpoints.push(watchpoint);
    this.threads.command({ c: 'watchpoints', list: this.watchpoints });
  }
  removeWatchpoint({ address, length, access }: Watchpoint): void {
    this.watchpoints = this.watchpoints.filter(
      (w) => w.address !== address || w.length !== length || w.access !== access,
    );
    this.threads.command({ c: 'watchpoints', list: this.watchpoints });
  }

  /** Host time in which the system ran, in seconds. */
  private seconds(): number {
    return (this.ranMs + (this.isRunning ? performance.now() - this.resumeAt : 0)) / 1000;
  }
  private guestSeconds(): number {
    if (!this.config.deterministic) return this.seconds();
    // A turn's instructions count before its round is over.
    return Math.max(roundTime(this.memory.buffer), ...this.cores.map((c) => this.ran(c.index))) / 1e9;
  }
  /** Instructions of a core since the start. */
  private ran(core: number): number {
    const cpu = this.layout.core(core);
    return Number(this.view.getBigInt64(cpu + state.GRANTED, true)) - this.i32[(cpu + state.BUDGET) >> 2]!;
  }
  stats(): SystemStats {
    const perCore = this.cores.map((c) => ({ instructions: this.ran(c.index), worlds: this.probe.counts(c.index) }));
    const instructions = perCore.reduce((sum, c) => sum + c.instructions, 0);
    return {
      instructions,
      seconds: this.seconds(),
      guestSeconds: this.guestSeconds(),
      perCore,
      encryption: this.probe.protection?.counts ?? null,
      engine: this.threads.stats(),
    };
  }
}

/** `crew`: threads that were started for it. */
export async function createSystem(config: SystemConfig, crew?: Crew): Promise<System> {
  const { cores } = config.machine;
  if (!Number.isInteger(cores) || cores < 1 || cores > 32) {
    throw new UserError(`${cores} cores: give 1 to 32`);
  }
  const threads = crew ?? new Crew(1);
  try {
    const cpu = cpuOf(config);
    const plan = planOf(config);
    const layout = layoutFor(config, plan);
    const modules = await modulesOf(config, cpu, layout.parallel);
    return new RunningSystem({ config, cpu, plan, layout, modules, crew: threads });
  } catch (e) {
    await threads.dismiss();
    throw e;
  }
}
export type { ExitReason };
