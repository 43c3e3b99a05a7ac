/** Everything that one thread needs to run cores, built over the memory that all threads share. */
import { MemoryProtection } from '../arch/encryption/engine.ts';
import { GPCCR } from '../arch/granules/format.ts';
import { PMU_INTID, type PmuOutput, pmuOutput } from '../arch/registers/pmu-lines.ts';
import type { Cpu } from '../arch/registers/reset.ts';
import { regOffset } from '../arch/registers/storage.ts';
import { nextStreamEvent, ticksAt, timerOutputs } from '../arch/registers/timer-lines.ts';
import { TIMERS } from '../arch/registers/timers.ts';
import * as state from '../arch/state.ts';
import type { Pas } from '../devices/device.ts';
import type { GicCpuInterface } from '../devices/gic/gicv3.ts';
import { whileWaiting } from '../devices/lock.ts';
import { PEND } from '../engine/abi.ts';
import { INFO } from '../engine/access.ts';
import { coreLibrary } from '../engine/build-core.ts';
import { CodeSpace } from '../engine/codespace.ts';
import { type Layout, layoutOf } from '../engine/layout.ts';
import { showRegion } from '../engine/memory-map.ts';
import { Regions } from '../engine/regions.ts';
import type { FirmwareFact, SystemConfig, SystemExit, Watchpoint } from './api.ts';
import { Clock } from './clock.ts';
import { ConsolePort, type HostBell } from './console.ts';
import { consoleTag, WORLDS } from './console-tag.ts';
import { CTL, controlIndex } from './control.ts';
import { MachineDevices } from './devices.ts';
import { engineCpuOf } from './engine-cpu.ts';
import { HostMemory } from './host-memory.ts';
import { hostImports } from './imports.ts';
import { IoService } from './io/service.ts';
import { CoreLines } from './lines.ts';
import { LOST, Mailbox, MESSAGE } from './mailbox.ts';
import type { MachinePlan } from './plan.ts';
import type { Modules } from './prebuilt.ts';
import { coreNeighbours, protectedRegions, protectionModel } from './protection.ts';
import { ENTROPY_STREAM, randomFiller, randomSource } from './random.ts';
import { ThreadTracing } from './thread-tracing.ts';
import { TraceWriter } from './trace.ts';
import { traceRoutines } from './tracing.ts';
import { RequesterWatch } from './watch-requests.ts';
import { WatchWriter } from './watch-ring.ts';
import { Watching } from './watching.ts';
import { Watchpoints } from './watchpoints.ts';

/** What a thread is told when it starts. */
export interface ThreadSetup {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  readonly modules: Modules;
  /** Arguments of `layoutOf`. */
  readonly arrangement: readonly [cores: number, spaces: number, arenaBytes: number];
  readonly config: SystemConfig;
  readonly plan: MachinePlan;
  /** Cores that this thread runs, and the number of its code space. */
  readonly cores: readonly number[];
  readonly space: number;
  /** Host time (`performance.timeOrigin + performance.now()`, milliseconds) at which guest time began. */
  readonly epoch: number;
}

export interface SystemEnds {
  exit(exit: SystemExit): void;
  reset(): void;
  /** Firmware did what tells whether it fits the machine. */
  firmware(fact: FirmwareFact): void;
}

/** What drives the IRQ input of a core (`CTL.sources`). */
const SOURCE = { devices: 1, timers: 2 } as const;
const GPC_ON = 1n << BigInt(GPCCR.GPC);
const TICKS_PER_NS = regOffset('ticks a nanosecond');
const PMU_ENABLES = regOffset('PMINTENSET_EL1');
const NO_PMU_OUTPUT: PmuOutput = { asserted: false, remaining: null };

/** Nanoseconds by which a turn may end behind a timer that was programmed in it: turns are not measured out better. */
const LATE = 20e3;
/** Bytes that IC IVAU names (CTR_EL0.IminLine). */
export const CODE_LINE = 64;

export class Thread {
  readonly setup: ThreadSetup & { readonly layout: Layout };
  readonly space: CodeSpace;
  readonly regions: Regions | null;
  readonly mailbox: Mailbox;
  readonly devices: MachineDevices;
  /** The interrupt controller as this thread's cores see it; null: the machine has none. */
  gic: GicCpuInterface | null = null;
  readonly consoles: ConsolePort[];
  readonly clock: Clock;
  /** Null: nothing is traced. */
  readonly tracing: ThreadTracing | null;
  /** What this thread notes for observers. */
  readonly watching: Watching;
  readonly watchWriter: WatchWriter;
  /** The memory protection engine; null: no encryption. */
  readonly protection: MemoryProtection | null;
  readonly i32: Int32Array;
  readonly cpu: Cpu;
  private readonly view: DataView;
  private readonly lines: CoreLines;

  /** How the guest ends or resets the system; called by devices and PSCI. */
  readonly ends: SystemEnds;

  constructor(setup: ThreadSetup, bell: HostBell, ends: SystemEnds) {
    this.ends = ends;
    const layout = layoutOf(...setup.arrangement);
    this.setup = { ...setup, layout };
    const { memory, config, plan } = setup;
    this.i32 = new Int32Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.lines = new CoreLines(this.i32, layout);
    const cpu = engineCpuOf(config);
    this.cpu = cpu.cpu;
    const library = coreLibrary(cpu.libraries);
    if (config.trace) traceRoutines(library, config.trace.choices);
    this.watchWriter = new WatchWriter(memory.buffer, layout.devices, plan.watches[setup.space]!, bell);
    const physical = new HostMemory(memory.buffer, layout, plan);
    this.watching = new Watching({
      memory: memory.buffer,
      layout,
      writer: this.watchWriter,
      now: (core) => this.clock.now(core),
      read: (address, length) => physical.read(address, length),
      ownerWord: (address) => this.protection?.ownerWord(address) ?? 0,
    });
    const requests = new RequesterWatch({
      memory: memory.buffer,
      writer: this.watchWriter,
      now: () => this.clock.now(layout.core(0)),
      ownerWord: (address) => this.protection?.ownerWord(address) ?? 0,
    });
    this.clock = new Clock(this.i32, layout, config, setup.epoch);
    this.mailbox = new Mailbox(
      this.i32,
      layout,
      (core, kind, a, lo, hi) => this.receive(core, kind, a, lo, hi),
      (core, what) => this.dropAll(core, what),
    );
    whileWaiting(() => this.mailbox.serve(setup.cores));
    this.consoles = plan.consoles.map(
      (c) => new ConsolePort(memory.buffer, layout.devices + c.offset, bell, config.deterministic, () => this.writer()),
    );
    this.devices = new MachineDevices({
      memory,
      layout,
      plan,
      fwCfg: config.fwCfg ?? [],
      protection: () => this.protection,
      refused: (address, writes) => requests.refused(address, writes),
      console: (id) => this.consoles[id]!,
      setLines: (core, bits, mask) => this.lines.set(core, bits, mask),
      line: (level) => this.source(0, SOURCE.devices, level),
      showFlash: (index, shown) => this.showFlash(index, shown),
      seconds: () => this.clock.seconds(),
      rearmClock: () => this.poke(0, PEND.stop),
      powerOff: () => {
        this.ends.exit({ reason: 'poweroff', status: 0 });
        this.end();
      },
      reset: () => {
        this.ends.reset();
        this.end();
      },
    });
    this.gic = this.devices.gic;
    for (const core of setup.cores) {
      this.i32[(this.core(core) + state.GIC_VIRTUAL) >> 2] = this.gic?.virtualWords(core) ?? 0;
    }
    this.io = config.deterministic && plan.virtio.length > 0 ? this.ioService() : null;
    const host = {
      mmioRead: (cpu: number, lo: number, hi: number, info: number) => this.deviceRead(cpu, lo, hi, info),
      mmioWrite: (_cpu: number, lo: number, hi: number, vLo: number, vHi: number, info: number) =>
        this.deviceWrite(lo, hi, vLo, vHi, info),
    };
    const imports = hostImports(this, library);
    const { space, modules } = setup;
    this.space = new CodeSpace(
      memory,
      layout,
      space,
      modules.core,
      library,
      cpu.decoder,
      host,
      imports,
      modules.handlers,
    );
    for (const core of setup.cores) this.space.attach(layout.core(core));
    this.protection =
      protectionModel(config, this.cpu.features) === 'off'
        ? null
        : new MemoryProtection(
            memory.buffer,
            layout,
            protectedRegions(plan, layout),
            coreNeighbours({
              layout,
              own: setup.cores,
              mailbox: this.mailbox,
              routines: () => this.space.core,
              forgetCode: (page) => this.space.invalidate(page, 4096),
            }),
          );
    if (this.protection) {
      this.protection.onTransfer = (transfer) => {
        const { address, core, from, to, overwritten, who } = transfer;
        if (core === null) requests.tookOver(transfer);
        else if (!overwritten) this.watching.mismatch(core, address, from, to, who);
      };
    }
    this.space.onWatch = (_cpu, va, bytes, kind) => this.watchpoints.access(va, bytes, kind);
    if (layout.parallel) this.space.around = (work) => this.mailbox.aside(setup.cores, work);
    this.tracing = config.trace
      ? new ThreadTracing({
          choices: config.trace.choices,
          writer: new TraceWriter(memory.buffer, layout.devices + plan.traces[setup.space]!, bell),
          memory: memory.buffer,
          space: this.space,
          ran: (core) => this.clock.ran(core),
        })
      : null;
    this.regions = this.space.allFar || config.engine === 'interpreter' ? null : new Regions(this.space);
    if (this.regions) {
      const regions = this.regions;
      regions.eager = config.engine === 'compiled';
      this.space.onHot = (rec) => regions.hot(rec);
      if (regions.eager) this.space.onDecoded = (rec) => regions.compileNow(rec);
      regions.modeOf = () => this.i32[(this.current + state.MODE) >> 2]!;
    }
  }

  /** State address of the core that is running or ran last. */
  current = 0;

  /** The tag of what the core that runs writes to consoles. */
  private writer(): number {
    return consoleTag(this.i32[(this.current + state.SECURITY) >> 2]!, this.indexOf(this.current));
  }
  core(n: number): number {
    return this.setup.layout.core(n);
  }
  indexOf(cpu: number): number {
    return this.i32[(cpu + state.INDEX) >> 2]!;
  }

  private deviceRead(cpu: number, lo: number, hi: number, info: number): number {
    const address = (lo >>> 0) + hi * 2 ** 32;
    const value = this.devices.read(address, 1 << (info & 7), this.pasOf(cpu));
    if (!value) {
      this.fault(cpu, info);
      return 0;
    }
    this.i32[(cpu + state.SCRATCH_HI) >> 2] = value[1];
    this.tracing?.device(cpu, address, value[0], value[1], info);
    return value[0];
  }
  private deviceWrite(lo: number, hi: number, vLo: number, vHi: number, info: number): void {
    const cpu = this.current;
    const address = (lo >>> 0) + hi * 2 ** 32;
    this.tracing?.device(cpu, address, vLo, vHi, info | INFO.write);
    if (!this.devices.write(address, vLo, vHi, 1 << (info & 7), this.pasOf(cpu))) this.fault(cpu, info);
  }
  /** Physical address space of the access that translation saw last. */
  private pasOf(cpu: number): Pas {
    return this.i32[(cpu + state.TR_PAS) >> 2]! as Pas;
  }
  /** Deterministic: virtio devices are served on this thread, where turns end. */
  readonly io: IoService | null;
  private ioService(): IoService {
    return new IoService({
      devices: this.setup.plan.virtio,
      transport: (slot) => this.devices.transports[slot]!,
      memory: this.devices.requesters,
      console: (id) => this.consoles[id]!,
      random: randomFiller(randomSource(this.setup.config, ENTROPY_STREAM)),
    });
  }
  /** A flash leaves read-array mode, or comes back to it. */
  private showFlash(index: number, shown: boolean): void {
    const { plan, layout } = this.setup;
    const region = plan.regions[index]!;
    showRegion(this.view, index, { ...region, host: layout.arena + region.host }, shown);
    if (shown) return;
    // Reads have to come to the device: no TLB may know the pages.
    this.dropTlb(this.indexOf(this.current));
    this.broadcast(MESSAGE.allTlb, 0, 0, 0);
  }
  /** Nothing answers at the address: a synchronous external abort, as QEMU's bus gives. */
  private fault(cpu: number, info: number): void {
    const va = new DataView(this.i32.buffer).getBigUint64(cpu + state.TR_VA, true);
    (this.space.core.externalAbort as unknown as (c: number, va: bigint, i: number) => void)(cpu, va, info);
  }
  /** What drives the IRQ input of a core of a machine without interrupt controller. */
  private source(core: number, bit: number, level: boolean): void {
    const at = controlIndex(this.setup.layout, core, CTL.sources);
    const before = level ? Atomics.or(this.i32, at, bit) : Atomics.and(this.i32, at, ~bit);
    const after = level ? before | bit : before & ~bit;
    if ((before !== 0) !== (after !== 0)) this.lines.set(core, after ? state.LINE.irq : 0, state.LINE.irq);
  }
  /** Makes a core look around: sets bits of PENDING, and wakes it if it sleeps. */
  poke(core: number, bits: number): void {
    this.lines.poke(core, bits);
  }
  /** The system ends, or is reset: the cores of this thread stop at once. */
  ended = false;
  private end(): void {
    this.ended = true;
    Atomics.or(this.i32, (this.current + state.PENDING) >> 2, PEND.stop);
  }

  /** A context reads another's page, and the protection engine's model shows it something else. */
  mismatch(cpu: number, page: number, want: number, who: number): void {
    const protection = this.protection!;
    const address = protection.addressOf(page);
    this.watching.mismatch(this.indexOf(cpu), address, protection.ownerWord(address), want >>> 0, who);
  }
  /** This core leaves EL3 for a world for the first time since the machine's start. */
  worldBegins(cpu: number, world: number): void {
    const register = (name: string): bigint => this.view.getBigUint64(cpu + regOffset(name), true);
    this.ends.firmware({
      ...{ kind: 'world-begins', core: this.indexOf(cpu), world: WORLDS[world]!, scr: register('SCR_EL3') },
      x1: this.view.getBigUint64(cpu + state.X + 8, true),
      granuleChecks: (register('GPCCR_EL3') & GPC_ON) !== 0n,
    });
  }
  /** RMM says how its start went. */
  rmmStarted(cpu: number, status: bigint): void {
    this.ends.firmware({ kind: 'rmm-started', core: this.indexOf(cpu), status: Number(BigInt.asIntN(32, status)) });
  }

  // Time.
  /** The virtual count as a core sees it. */
  ticks(cpu: number): bigint {
    const offset = this.view.getBigUint64(cpu + regOffset('CNTVOFF_EL2'), true);
    return BigInt.asUintN(64, ticksAt(this.view, cpu, this.clock.now(cpu)) - offset);
  }
  get nsPerTick(): number {
    return 1e9 / this.cpu.model.counterHz;
  }
  /** Guest time at which a timer of the core that was looked at last fires. */
  private dueAt = Number.POSITIVE_INFINITY;
  /**
   * Guest time in nanoseconds, for a guest that asks. Slices are planned by how fast instructions ran, and those that ask are slow: a
   * guest that polls would see its timer's condition met long before the interrupt. So the core leaves soon once one is due.
   */
  timeAsked(cpu: number): number {
    const now = this.clock.now(cpu);
    if (now >= this.dueAt && !this.setup.config.deterministic) {
      this.dueAt = Number.POSITIVE_INFINITY;
      Atomics.or(this.i32, (cpu + state.PENDING) >> 2, PEND.stop);
    }
    return now;
  }
  /** Sets the timer inputs of a core; yields nanoseconds to the next change (infinity: none). */
  updateTimers(core: number): number {
    const cpu = this.core(core);
    const now = this.clock.now(cpu);
    const scale = this.view.getFloat64(cpu + TICKS_PER_NS, true);
    const { asserted, deadline } = timerOutputs(this.view, cpu, Math.trunc(now * scale));
    const due = Math.max(0, Math.ceil(deadline / scale) - now);
    this.dueAt = now + due;
    const { gic } = this;
    if (!gic) {
      this.source(core, SOURCE.timers, asserted !== 0);
      return due;
    }
    for (let n = 0; n < TIMERS.length; n++) gic.setPpi(core, TIMERS[n]!.intid, (asserted & (1 << n)) !== 0);
    return Math.min(due, this.updatePmu(core, cpu));
  }
  /** Nanoseconds that an instruction takes: as measured, or one by definition in the deterministic mode. */
  nsPerInstruction = 1;
  /** Sets a core's PMU input; yields nanoseconds until a counter may overflow. */
  private updatePmu(core: number, cpu: number): number {
    const interrupts = this.view.getUint32(cpu + PMU_ENABLES, true) !== 0;
    if (interrupts) this.space.core.pmuSync!(cpu);
    const { asserted, remaining } = interrupts ? pmuOutput(this.view, cpu) : NO_PMU_OUTPUT;
    this.gic!.setPpi(core, PMU_INTID, asserted);
    // A counter that has overflowed tells nothing new by going on, and a core that waits counts nothing.
    const waits = this.i32[controlIndex(this.setup.layout, core, CTL.waits)] !== 0;
    return remaining === null || asserted || waits ? Number.POSITIVE_INFINITY : remaining * this.nsPerInstruction;
  }
  /** WFE and WFET also end at the next event of an event stream (D12.2.6): the wait's limit becomes that, if it is earlier. */
  limitByStream(cpu: number): void {
    const { view } = this;
    const now = ticksAt(view, cpu, this.clock.now(cpu));
    const next = nextStreamEvent(view, cpu, now);
    if (next === null) return;
    const event = BigInt.asUintN(64, next - view.getBigUint64(cpu + regOffset('CNTVOFF_EL2'), true));
    if (event < view.getBigUint64(cpu + state.WAIT_DEADLINE, true)) {
      view.setBigUint64(cpu + state.WAIT_DEADLINE, event, true);
    }
  }
  /** A timer was programmed in the turn that runs. */
  timersMoved = false;
  /** Threaded: guest time in nanoseconds at which the turn that runs ends by itself, about. */
  turnEnds = 0;
  /** A timer or the PMU was programmed: lines change now, and the running core leaves if its turn is too long now. */
  timersChanged(): void {
    this.timersMoved = true;
    if (this.gic) {
      const due = this.updateTimers(this.indexOf(this.current));
      const { deterministic } = this.setup.config;
      if (!deterministic && this.clock.now(this.current) + due + LATE >= this.turnEnds) return;
    }
    Atomics.or(this.i32, (this.current + state.PENDING) >> 2, PEND.stop);
  }
  stats(): Record<string, number> {
    const regions = this.regions?.stats ?? {};
    return { ...this.space.stats, ...regions };
  }

  /** Watchpoints of a debugger. */
  readonly watchpoints = new Watchpoints();
  setWatchpoints(list: readonly Watchpoint[]): void {
    this.watchpoints.set(list);
    for (const core of this.setup.cores) {
      this.i32[(this.core(core) + state.HOST_WATCH) >> 2] = list.length ? 1 : 0;
      // Pages that are watched have to keep out of the TLB.
      this.dropTlb(core);
    }
  }

  // Messages of other cores.
  private receive(core: number, kind: number, a: number, lo: number, hi: number): void {
    if (kind === MESSAGE.tlbi) {
      const arg = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
      (this.space.core.tlbiLocal as unknown as (c: number, op: number, arg: bigint) => void)(this.core(core), a, arg);
    } else if (kind === MESSAGE.code) this.space.codeChanged(lo, a);
    else if (kind === MESSAGE.page) {
      this.space.core.dropHostPage!(this.core(core), a);
      this.space.invalidate(a, 4096);
    } else if (kind === MESSAGE.allCode) this.space.allCodeChanged();
    else if (kind === MESSAGE.allTlb) this.dropTlb(core);
  }
  private dropTlb(core: number): void {
    this.space.core.resetTlb!(this.core(core), this.setup.layout.banks(core));
    this.space.core.selectBanks!(this.core(core));
  }
  private dropAll(core: number, what: number): void {
    if (what & LOST.translations) this.dropTlb(core);
    if (what & LOST.code) this.space.allCodeChanged();
  }
  /** All cores are of this thread. */
  private get alone(): boolean {
    return this.setup.cores.length === this.setup.layout.cores;
  }
  /** Tells all other cores that a line of code has changed (host address); the running core's next DSB waits until they know. */
  broadcastCode(at: number): void {
    if (this.alone) return;
    this.mailbox.announceCode(this.setup.cores, at, CODE_LINE);
    this.i32[(this.current + state.DSB_WAIT) >> 2] = 1;
  }
  /** Tells all other cores; the running core's next DSB waits until they have done it. */
  broadcast(kind: number, a: number, lo: number, hi: number): void {
    if (this.alone) {
      // The others are told at once.
      for (const core of this.setup.cores) {
        if (this.core(core) !== this.current && (kind === MESSAGE.tlbi || kind === MESSAGE.allTlb)) {
          this.receive(core, kind, a, lo, hi);
        }
      }
      return;
    }
    const awaited = this.mailbox.announce(this.setup.cores, kind, a, lo, hi);
    this.i32[(this.current + state.DSB_WAIT) >> 2] = awaited ? 1 : 0;
  }
}
