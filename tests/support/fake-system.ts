/** A system without an engine, for tests of its faces. */
import { type BareSystemOptions, bareSystem } from '../../core/machines/bare.ts';
import type {
  ConsoleInfo,
  Core,
  CoreAction,
  MachineView,
  System,
  SystemConfig,
  SystemEvents,
  SystemExit,
  SystemStats,
  Watchpoint,
} from '../../core/system/api.ts';
import { consoleTag, WORLDS, type World } from '../../core/system/console-tag.ts';
import { Emitter } from '../../core/system/emitter.ts';
import type { SystemProbe, WorldCounts } from '../../core/system/probe.ts';

export class FakeCore implements Core {
  readonly index: number;
  on = true;
  waiting = false;
  world: World = 'normal';
  sp = 0x40008000n;
  pc = 0x40000000n;
  pstate = 0x3c5n;
  fpcr = 0;
  fpsr = 0;
  readonly general = new BigUint64Array(31);
  readonly vectors = Array.from({ length: 32 }, (_, n) => new Uint8Array(16).fill(n));
  readonly system = new Map<string, bigint>([
    ['SCTLR_EL1', 0x30d00800n],
    ['VBAR_EL1', 0x40000800n],
    ['CURRENTEL', 4n],
  ]);
  constructor(index: number) {
    this.index = index;
  }
  x(n: number): bigint {
    return this.general[n]!;
  }
  setX(n: number, value: bigint): void {
    this.general[n] = value;
  }
  v(n: number): Uint8Array {
    return this.vectors[n]!;
  }
  setV(n: number, bytes: Uint8Array): void {
    this.vectors[n]!.set(bytes);
  }
  sysreg(name: string): bigint | null {
    return this.system.get(name) ?? null;
  }
  setSysreg(name: string, value: bigint): boolean {
    if (name === 'CURRENTEL' || !this.system.has(name)) return false;
    this.system.set(name, value);
    return true;
  }
  sysregNames(): readonly string[] {
    return [...this.system.keys()];
  }
}

const NEVER = { entries: 0, exits: 0, instructions: 0 };
/** Sees nothing. */
class NoProbe implements SystemProbe {
  readonly granules = null;
  readonly protection = null;
  readonly regions = [];
  readonly dropped = 0;
  now(): number {
    return 5e8;
  }
  level(): { world: World; el: number } {
    return { world: 'normal', el: 1 };
  }
  counts(): Record<World, WorldCounts> {
    return { secure: NEVER, normal: NEVER, root: NEVER, realm: NEVER };
  }
  watch(): () => void {
    return () => {};
  }
  service(): void {}
}

const BASE = 0x40000000n;
const COUNTER = 0x40000800n;

/**
 * "Code" is 64 words from 0x40000000 on, run in a circle: every word counts X0 up, the word at +0x40 also adds 1 to the byte at
 * 0x40000800.
 */
export class FakeSystem implements System {
  readonly config: SystemConfig;
  readonly cores: FakeCore[];
  consoles: ConsoleInfo[] = [{ id: 0, name: 'uart0' }];
  machine: MachineView | null = null;
  readonly memory = new Uint8Array(0x10000);
  readonly breakpoints = new Set<bigint>();
  readonly watchpoints: Watchpoint[] = [];
  readonly typed: string[] = [];
  readonly held: boolean[] = [];
  resets = 0;
  stops = 0;
  startedPaused: boolean | undefined;
  running = false;
  readonly probe: SystemProbe = new NoProbe();
  /** Called when the system starts: plays the guest's part. */
  onStart: (system: FakeSystem) => void = () => {};
  onInput: (system: FakeSystem, text: string) => void = () => {};
  private readonly events = new Emitter<SystemEvents>();
  private actions: readonly CoreAction[] = [];
  private exited = false;

  constructor(config: Partial<BareSystemOptions> | SystemConfig = {}) {
    const described = bareSystem({
      ...{ cores: 1, memoryBytes: 0x10000, cpuModel: 'max', engine: 'normal', deterministic: false, startEl: 1 },
      ...{ images: [], entry: BASE, semihosting: null, psci: 'hvc' },
      ...config,
    } as BareSystemOptions);
    this.config = 'machine' in config ? config : described;
    this.cores = Array.from({ length: this.config.machine.cores }, (_, n) => new FakeCore(n));
  }
  on<E extends keyof SystemEvents>(event: E, listener: (...args: SystemEvents[E]) => void): () => void {
    return this.events.on(event, listener);
  }
  show(text: string, console = 0, world: World = 'normal'): void {
    const bytes = new TextEncoder().encode(text);
    const tag = consoleTag(WORLDS.indexOf(world), 0);
    this.events.emit('console', console, bytes, new Uint8Array(bytes.length).fill(tag));
  }
  trace(text: string): void {
    this.events.emit('trace', text);
  }
  exit(exit: Partial<SystemExit> = {}): void {
    if (this.exited) return;
    this.exited = true;
    this.running = false;
    this.events.emit('exit', { reason: 'exit', status: 0, ...exit });
  }

  async start(paused?: boolean): Promise<void> {
    this.startedPaused = paused;
    if (!paused) this.resume();
    queueMicrotask(() => this.onStart(this));
  }
  async pause(): Promise<void> {
    if (!this.running) return;
    this.running = false;
    this.events.emit('stopped', { core: 0, reason: { kind: 'pause' } });
  }
  resume(actions?: readonly CoreAction[]): void {
    this.actions = actions ?? this.cores.map(() => 'run');
    this.running = true;
    setImmediate(() => this.tick(true));
  }
  private tick(first = false): void {
    for (const core of this.cores) {
      if (this.running && this.actions[core.index] !== 'halt') this.step(core, first);
    }
    if (this.running) setImmediate(() => this.tick());
  }
  private step(core: FakeCore, first: boolean): void {
    if (!first && this.breakpoints.has(core.pc)) {
      this.stopAt(core.index, { kind: 'breakpoint' });
      return;
    }
    const store = core.pc === BASE + 0x40n;
    core.setX(0, core.x(0) + 1n);
    core.pc = core.pc + 4n === BASE + 0x100n ? BASE : core.pc + 4n;
    if (store) this.memory[0x800]!++;
    const hit = store && this.watchpoints.find((w) => w.address <= COUNTER && w.address + BigInt(w.length) > COUNTER);
    if (hit) this.stopAt(core.index, { kind: 'watchpoint', watchpoint: hit, address: COUNTER });
    else if (this.actions[core.index] === 'step') this.stopAt(core.index, { kind: 'step' });
  }
  private stopAt(core: number, reason: SystemEvents['stopped'][0]['reason']): void {
    this.running = false;
    this.events.emit('stopped', { core, reason });
  }
  async reset(): Promise<void> {
    this.resets++;
    for (const core of this.cores) core.pc = BASE;
    this.events.emit('reset');
  }
  async stop(): Promise<void> {
    this.stops++;
    this.running = false;
    this.exit({ reason: 'stopped' });
  }
  consoleInput(_id: number, bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    this.typed.push(text);
    this.onInput(this, text);
  }
  holdConsole(_id: number, held: boolean): void {
    this.held.push(held);
  }
  readMemory(address: bigint, length: number, via?: number): Uint8Array {
    // Virtual addresses have an alias of the memory at 0xffff000000000000.
    const at = Number((via === undefined ? address : address & 0xffff_ffffn) - BASE);
    if (at < 0 || at >= this.memory.length) return new Uint8Array(0);
    return this.memory.slice(at, at + length);
  }
  writeMemory(address: bigint, bytes: Uint8Array, via?: number): boolean {
    if (this.readMemory(address, bytes.length, via).length < bytes.length) return false;
    this.memory.set(bytes, Number((address & 0xffff_ffffn) - BASE));
    return true;
  }
  addBreakpoint(address: bigint): void {
    this.breakpoints.add(address);
  }
  removeBreakpoint(address: bigint): void {
    this.breakpoints.delete(address);
  }
  addWatchpoint(watchpoint: Watchpoint): void {
    this.watchpoints.push(watchpoint);
  }
  removeWatchpoint(watchpoint: Watchpoint): void {
    this.watchpoints.splice(this.watchpoints.indexOf(watchpoint), 1);
  }
  stats(): SystemStats {
    const none = { entries: 0, exits: 0, instructions: 0 };
    const worlds = { normal: { ...none, instructions: 42 }, secure: none, realm: none, root: none };
    const perCore = [{ instructions: 42, worlds }];
    return { instructions: 42, seconds: 0.5, guestSeconds: 0.5, perCore, encryption: null, engine: {} };
  }
}
