/** A running system, seen from the host's thread: memory, threads, life cycle, events. */
import { extname, join } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { powerOnProtection } from '../arch/encryption/engine.ts';
import * as state from '../arch/state.ts';
import { writeArchTables } from '../arch/tables.ts';
import { PEND } from '../engine/abi.ts';
import { buildCore, MEMORY_TYPE } from '../engine/build-core.ts';
import { type Layout, layoutOf } from '../engine/layout.ts';
import { showRegion, writeMemoryMap } from '../engine/memory-map.ts';
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
import { PAUSED } from './clock.ts';
import { ConsoleHost, ConsolePort } from './console.ts';
import { CTL, controlIndex } from './control.ts';
import { CoreAccess } from './core-access.ts';
import { cpuOf, type SystemCpu } from './cpu.ts';
import { MachineDevices } from './devices.ts';
import { Emitter } from './emitter.ts';
import { UserError } from './errors.ts';
import { IoThread } from './io/thread.ts';
import { CoreLines } from './lines.ts';
import { type MachinePlan, planOf, threadsOf } from './plan.ts';
import { protectionModel } from './protection.ts';
import { resetCore } from './reset.ts';
import type { Command } from './runner.ts';
import type { ThreadSetup } from './thread.ts';
import { TraceReader } from './trace.ts';
import { traceNames } from './trace-names.ts';

import { traceRoutines } from './tracing.ts';
import { readVirtual, writeVirtual } from './virtual-memory.ts';
import type { FromWorker } from './worker.ts';

/** The thread's module, as a source or as it was built. */
const WORKER = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);

interface ThreadHandle {
  readonly worker: Worker;
  readonly commands: MessagePort;
  readonly cores: readonly number[];
  paused: boolean;
  stats: Record<string, number>;
}

/** How long the power key is held, in milliseconds. */
const POWER_KEY_MS = 100;

class RunningSystem implements System {
  readonly config: SystemConfig;
  readonly cores: readonly Core[];
  readonly consoles: readonly ConsoleInfo[];
  readonly machine: MachineView | null = null;
  private readonly events = new Emitter<SystemEvents>();
  private readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  private readonly layout: Layout;
  private readonly plan: MachinePlan;
  private readonly devices: MachineDevices;
  private io: IoThread | null = null;
  private readonly cpu: SystemCpu;
  private readonly module: WebAssembly.Module;
  private readonly i32: Int32Array;
  private readonly view: DataView;
  private readonly hosts: ConsoleHost[];
  private readonly traceReaders: TraceReader[];
  private readonly breakpoints = new Set<bigint>();
  private watchpoints: Watchpoint[] = [];
  private threads: ThreadHandle[] = [];
  private local: Record<string, (...args: never[]) => unknown> | null = null;
  private readonly hostNames: readonly string[];
  private exited: SystemExit | null = null;
  private quitting: Promise<void> | null = null;
  private ranMs = 0;
  private resumeAt = 0;
  private haltedAt = 0;
  private isRunning = false;
  /** A core has stopped, and the others are told to. */
  private stopping = false;
  private waiters: (() => void)[] = [];

  constructor(config: SystemConfig) {
    this.config = config;
    this.plan = planOf(config);
    const { cores } = config.machine;
    try {
      this.layout = layoutOf(cores, threadsOf(config), this.plan.arenaBytes);
    } catch (e) {
      if (e instanceof RangeError)
        throw new UserError(`${this.plan.ram.size / 2 ** 20} MiB of memory are too many: ${e.message}`);
      throw e;
    }
    this.memory = new WebAssembly.Memory({ initial: this.layout.pages, maximum: MEMORY_TYPE.max, shared: true });
    this.i32 = new Int32Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.cpu = cpuOf(config);
    const core = buildCore(this.cpu.libraries, config.trace && ((l) => traceRoutines(l, config.trace!.choices)));
    this.hostNames = core.library.hostNames();
    this.module = new WebAssembly.Module(core.bytes);
    this.cores = Array.from(
      { length: cores },
      (_, n) => new CoreAccess(this.memory.buffer, this.layout, n, () => this.contextChanged(n)),
    );
    this.consoles = this.plan.consoles.map(({ id, name }) => ({ id, name, ...config.consoles?.[id] }));
    this.hosts = this.plan.consoles.map(
      (c) =>
        new ConsoleHost(
          this.memory.buffer,
          this.layout.devices + c.offset,
          {
            output: (bytes, tags) => this.events.emit('console', c.id, bytes, tags),
            inputReady: () => this.command({ c: 'input', console: c.id }),
          },
          config.deterministic,
        ),
    );
    this.devices = this.buildDevices();
    this.traceReaders = this.plan.traces.map(
      (offset) => new TraceReader(this.memory.buffer, this.layout.devices + offset, traceNames),
    );
    this.load();
  }
  /** The devices as this thread has them: to reset them, and for what comes from the machine's outside. */
  private buildDevices(): MachineDevices {
    const { memory, layout, plan } = this;
    const lines = new CoreLines(this.i32, layout);
    const bell = { ring: () => this.service(), makeRoom: () => this.service() };
    const consoles = plan.consoles.map((c) => new ConsolePort(memory.buffer, layout.devices + c.offset, bell));
    return new MachineDevices({
      memory,
      layout,
      plan,
      fwCfg: [],
      console: (id) => consoles[id]!,
      setLines: (core, bits, mask) => lines.set(core, bits, mask),
      line: () => {},
      showFlash: (index, shown) => {
        const region = plan.regions[index]!;
        showRegion(this.view, index, { ...region, host: layout.arena + region.host }, shown);
      },
      seconds: () => 0,
      powerOff: () => {},
      reset: () => {},
    });
  }
  /** Presses the machine's power key for a moment; false: it has none. */
  powerDown(): boolean {
    if (!this.devices.pressPowerKey(true)) return false;
    setTimeout(() => this.devices.pressPowerKey(false), POWER_KEY_MS).unref();
    return true;
  }
  on<E extends keyof SystemEvents>(event: E, listener: (...args: SystemEvents[E]) => void): () => void {
    return this.events.on(event, listener);
  }
  get running(): boolean {
    return this.isRunning;
  }

  /** Memory as at power-on: zeros, the images, the constant tables, the map of regions, all cores in reset. */
  private load(): void {
    const u8 = new Uint8Array(this.memory.buffer);
    writeArchTables(u8);
    const model = protectionModel(this.config, this.cpu.cpu.features);
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
    this.devices.reset(this.config.skipsEl3 ?? false);
    for (const image of this.config.images) {
      const size = Math.max(image.memoryBytes ?? 0, image.bytes.length);
      const window = this.window(image.address, size);
      if (!window) {
        throw new UserError(`the image at 0x${image.address.toString(16)} (${size} bytes) does not fit into memory`);
      }
      window.set(image.bytes);
    }
    for (const core of this.cores) {
      const on = core.index === 0 || this.config.psci === 'none';
      resetCore(this.memory.buffer, { layout: this.layout, config: this.config, cpu: this.cpu.cpu }, core.index, {
        entry: this.config.entry,
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
      for (const name of this.hostNames) env[name] = () => 0;
      const instance = new WebAssembly.Instance(this.module, { env } as WebAssembly.Imports);
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
    if (this.plan.virtio.length > 0 && !this.config.deterministic) {
      const setup = { memory: this.memory, arrangement, plan: this.plan };
      this.io = await IoThread.start(setup, { bell: () => this.service(), failed: (e) => this.fail(e) });
    }
    this.threads = await Promise.all(groups.map((cores, space) => this.spawn(cores, space, epoch)));
    if (!paused) this.resume();
  }
  /** Arguments of `layoutOf`. */
  private get arrangement(): [cores: number, spaces: number, arenaBytes: number] {
    return [this.layout.cores, threadsOf(this.config), this.plan.arenaBytes];
  }
  private spawn(cores: readonly number[], space: number, epoch: number): Promise<ThreadHandle> {
    const { port1, port2 } = new MessageChannel();
    const setup: ThreadSetup = {
      memory: this.memory,
      core: this.module,
      arrangement: this.arrangement,
      config: { ...this.config, images: [] },
      plan: this.plan,
      cores,
      space,
      epoch,
    };
    const worker = new Worker(WORKER, {
      workerData: { setup, commands: port2 },
      transferList: [port2],
      stdout: false,
      stderr: false,
    });
    const handle: ThreadHandle = { worker, commands: port1, cores, paused: true, stats: {} };
    return new Promise((resolve, reject) => {
      worker.on('message', (m: FromWorker) => {
        if (m.r === 'ready') resolve(handle);
        else this.told(handle, m);
      });
      worker.on('error', (e: Error) => {
        reject(e);
        this.fail(e);
      });
    });
  }
  private fail(e: Error): void {
    this.end({ reason: 'failed', status: 1, message: `internal error: ${e.stack ?? e.message}` });
  }

  private told(t: ThreadHandle, m: FromWorker): void {
    switch (m.r) {
      case 'bell':
        this.service();
        return;
      case 'stats':
        t.stats = m.stats;
        return;
      case 'exit':
        this.end(m.exit);
        return;
      case 'reset':
        void this.reset();
        return;
      case 'paused':
        t.paused = true;
        this.allPaused();
        return;
      case 'stopped':
        t.paused = true;
        // The first core that stops is what is told of; others that stop before all stand add nothing.
        if (this.stopping) return;
        this.stopping = true;
        void this.pauseOthers().then(() => {
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
  }
  private allPaused(): void {
    if (!this.threads.every((t) => t.paused)) return;
    const list = this.waiters;
    this.waiters = [];
    for (const w of list) w();
  }
  private halted(): void {
    if (!this.isRunning) return;
    this.haltedAt = performance.now();
    this.ranMs += this.haltedAt - this.resumeAt;
    this.isRunning = false;
  }
  /** Sends a command to every thread, and makes their cores look. */
  private command(c: Command, to: readonly ThreadHandle[] = this.threads): void {
    for (const t of to) {
      t.commands.postMessage(c);
      Atomics.store(this.i32, controlIndex(this.layout, t.cores[0]!, CTL.attention), 1);
      for (const core of t.cores) {
        Atomics.or(this.i32, (this.layout.core(core) + state.PENDING) >> 2, PEND.stop);
        const wake = controlIndex(this.layout, core, CTL.wake);
        Atomics.add(this.i32, wake, 1);
        Atomics.notify(this.i32, wake);
      }
    }
  }
  private pauseOthers(): Promise<void> {
    const busy = this.threads.filter((t) => !t.paused);
    if (busy.length === 0) return Promise.resolve();
    const done = new Promise<void>((resolve) => this.waiters.push(resolve));
    this.command({ c: 'pause' }, busy);
    return done;
  }
  async pause(): Promise<void> {
    if (!this.isRunning) return;
    await this.pauseOthers();
    if (!this.isRunning) return;
    this.halted();
    this.events.emit('stopped', { core: 0, reason: { kind: 'pause' } });
  }
  resume(actions?: readonly CoreAction[]): void {
    if (this.isRunning || this.exited) return;
    this.isRunning = true;
    this.resumeAt = performance.now();
    // Guest time stands still while the system does.
    new Float64Array(this.memory.buffer)[PAUSED >> 3]! += (this.resumeAt - this.haltedAt) * 1e6;
    for (const t of this.threads) t.paused = false;
    this.command({ c: 'run', actions: actions ?? null });
    this.events.emit('resumed');
  }
  async reset(): Promise<void> {
    const wasRunning = this.isRunning;
    await this.pauseOthers();
    this.halted();
    await this.io?.rest();
    this.clearMemory();
    this.load();
    this.io?.resume();
    this.command({ c: 'forget' });
    this.events.emit('reset');
    if (wasRunning) this.resume();
  }
  /** Zeros all memory. Parts that hold nothing are left alone: the host need not find pages for them. */
  private clearMemory(): void {
    const { arena } = this.layout;
    const part = Buffer.alloc(1 << 16);
    for (let at = arena; at < arena + this.plan.arenaBytes; at += part.length) {
      const bytes = Buffer.from(this.memory.buffer, at, Math.min(part.length, arena + this.plan.arenaBytes - at));
      if (!bytes.equals(part.subarray(0, bytes.length))) bytes.fill(0);
    }
  }
  async stop(): Promise<void> {
    if (!this.exited) this.end({ reason: 'stopped', status: 0 });
    await this.quit();
  }
  private quit(): Promise<void> {
    this.quitting ??= this.endThreads();
    return this.quitting;
  }
  private async endThreads(): Promise<void> {
    const ending = this.threads.map((t) => new Promise<void>((resolve) => t.worker.once('exit', () => resolve())));
    this.command({ c: 'quit' });
    ending.push(this.io?.end() ?? Promise.resolve());
    const late = new Promise<void>((resolve) => setTimeout(resolve, 2000).unref());
    await Promise.race([Promise.all(ending), late]);
    await Promise.all(this.threads.map((t) => t.worker.terminate()));
  }
  private end(exit: SystemExit): void {
    if (this.exited) return;
    this.exited = exit;
    this.halted();
    this.service();
    void this.quit().then(() => {
      this.service();
      for (const h of this.hosts) h.drain();
      this.events.emit('exit', exit);
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
    const at = Number(address);
    const region = this.plan.regions.find((r) => at >= r.base && at < r.base + r.size);
    if (!region) return new Uint8Array(0);
    return this.window(at, Math.min(length, region.base + region.size - at))!.slice();
  }
  /** The bytes of a range of physical addresses, or null where it is not inside one region of memory. */
  private window(address: number, length: number): Uint8Array<SharedArrayBuffer> | null {
    for (const r of this.plan.regions) {
      if (address < r.base || address + length > r.base + r.size) continue;
      return new Uint8Array(this.memory.buffer, this.layout.arena + r.host + (address - r.base), length);
    }
    return null;
  }
  writeMemory(address: bigint, bytes: Uint8Array, via?: number): boolean {
    let done: boolean;
    if (via !== undefined) {
      done = writeVirtual(this.here, this.memory.buffer, this.layout.core(via), address, bytes);
    } else {
      const window = this.window(Number(address), bytes.length);
      window?.set(bytes);
      done = window !== null;
    }
    // What was decoded there before is stale, as after any change of code.
    if (done) this.command({ c: 'forget' });
    return done;
  }
  addBreakpoint(address: bigint): void {
    this.breakpoints.add(address);
    this.command({ c: 'breakpoints', addresses: [...this.breakpoints] });
  }
  removeBreakpoint(address: bigint): void {
    this.breakpoints.delete(address);
    this.command({ c: 'breakpoints', addresses: [...this.breakpoints] });
  }
  addWatchpoint(watchpoint: Watchpoint): void {
    this.watchpoints.push(watchpoint);
    this.command({ c: 'watchpoints', list: this.watchpoints });
  }
  removeWatchpoint({ address, length, access }: Watchpoint): void {
    this.watchpoints = this.watchpoints.filter(
      (w) => w.address !== address || w.length !== length || w.access !== access,
    );
    this.command({ c: 'watchpoints', list: this.watchpoints });
  }

  stats(): SystemStats {
    const ran = (n: number): number => {
      const cpu = this.layout.core(n);
      return Number(this.view.getBigInt64(cpu + state.GRANTED, true)) - this.i32[(cpu + state.BUDGET) >> 2]!;
    };
    const perCore = this.cores.map((c) => ({ instructions: ran(c.index) }));
    const engine: Record<string, number> = {};
    for (const t of this.threads) for (const [k, v] of Object.entries(t.stats)) engine[k] = (engine[k] ?? 0) + v;
    const ms = this.ranMs + (this.isRunning ? performance.now() - this.resumeAt : 0);
    const instructions = perCore.reduce((sum, c) => sum + c.instructions, 0);
    return {
      instructions,
      seconds: ms / 1000,
      guestSeconds: this.config.deterministic ? Math.max(...perCore.map((c) => c.instructions)) / 1e9 : ms / 1000,
      perCore,
      engine,
    };
  }
}

export async function createSystem(config: SystemConfig): Promise<System> {
  const { cores } = config.machine;
  if (!Number.isInteger(cores) || cores < 1 || cores > 32) {
    throw new UserError(`${cores} cores: give 1 to 32`);
  }
  return new RunningSystem(config);
}
export type { ExitReason };
