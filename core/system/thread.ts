/** Everything that one thread needs to run cores, built over the memory that all threads share. */
import * as state from '../arch/state.ts';
import { Bus, type Mapped } from '../devices/bus.ts';
import { lock, unlock } from '../devices/lock.ts';
import { Pl011 } from '../devices/pl011.ts';
import { PEND } from '../engine/abi.ts';
import { dispatch } from '../engine/core.ts';
import { CodeSpace } from '../engine/codespace.ts';
import { type Layout, layoutOf } from '../engine/layout.ts';
import { Regions } from '../engine/regions.ts';
import { Library } from '../wasm/library.ts';
import type { SystemConfig } from './api.ts';
import { Clock } from './clock.ts';
import { ConsolePort, type HostBell } from './console.ts';
import { cpuOf } from './cpu.ts';
import { CTL, controlIndex, GLOBAL, globalIndex } from './control.ts';
import { MESSAGE, Mailbox } from './mailbox.ts';
import type { MachinePlan } from './plan.ts';
import { hostImports } from './imports.ts';

/** What a thread is told when it starts. */
export interface ThreadSetup {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  readonly core: WebAssembly.Module;
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

export class Thread {
  readonly setup: ThreadSetup & { readonly layout: Layout };
  readonly space: CodeSpace;
  readonly regions: Regions | null;
  readonly mailbox: Mailbox;
  readonly bus: Bus;
  readonly consoles: ConsolePort[];
  readonly uarts: Pl011[] = [];
  readonly clock: Clock;
  readonly i32: Int32Array;

  constructor(setup: ThreadSetup, bell: HostBell) {
    const layout = layoutOf(...setup.arrangement);
    this.setup = { ...setup, layout };
    const { memory, config, plan } = setup;
    this.i32 = new Int32Array(memory.buffer);
    const library = new Library();
    library.include(dispatch);
    const cpu = cpuOf(config);
    for (const l of cpu.libraries) library.include(l);
    this.clock = new Clock(this.i32, layout, config, setup.epoch);
    this.mailbox = new Mailbox(
      this.i32,
      layout,
      (core, kind, a, lo, hi) => this.receive(core, kind, a, lo, hi),
      (core) => this.dropAll(core),
    );
    this.consoles = plan.consoles.map((c) => new ConsolePort(memory.buffer, layout.devices + c.offset, bell));
    const ranges: Mapped[] = plan.uarts.map((u) => {
      const words = new Int32Array(memory.buffer, layout.devices + u.offset, Pl011.WORDS);
      const device = new Pl011(words, this.consoles[u.console]!, (level) => this.line(u.name, level));
      this.uarts.push(device);
      return { name: u.name, base: u.base, size: 0x1000, device };
    });
    this.bus = new Bus(ranges);
    const host = {
      mmioRead: (cpu: number, lo: number, hi: number, info: number) => this.deviceRead(cpu, lo, hi, info),
      mmioWrite: (_cpu: number, lo: number, hi: number, vLo: number, vHi: number, info: number) =>
        this.deviceWrite(lo, hi, vLo, vHi, info),
    };
    const imports = hostImports(this, library);
    this.space = new CodeSpace(memory, layout, setup.space, setup.core, library, cpu.decoder, host, imports);
    for (const core of setup.cores) this.space.attach(layout.core(core));
    this.regions = config.engine === 'interpreter' ? null : new Regions(this.space);
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

  core(n: number): number {
    return this.setup.layout.core(n);
  }
  indexOf(cpu: number): number {
    return this.i32[(cpu + state.INDEX) >> 2]!;
  }

  // Devices: one access at a time in the whole system.
  private locked<T>(work: () => T): T {
    const at = globalIndex(GLOBAL.device);
    if (this.setup.layout.cores === 1) return work();
    lock(this.i32, at);
    try {
      return work();
    } finally {
      unlock(this.i32, at);
    }
  }
  private deviceRead(cpu: number, lo: number, hi: number, info: number): number {
    const address = (lo >>> 0) + hi * 2 ** 32;
    const found = this.bus.find(address);
    const size = 1 << (info & 7);
    if (!found) {
      this.fault(cpu, info);
      return 0;
    }
    const offset = address - found.base;
    return this.locked(() => {
      if (size < 8) return found.device.read(offset, size) | 0;
      const [low, high] = found.device.readWide?.(offset) ?? [
        found.device.read(offset, 4),
        found.device.read(offset + 4, 4),
      ];
      this.i32[(cpu + state.SCRATCH_HI) >> 2] = high;
      return low | 0;
    });
  }
  private deviceWrite(lo: number, hi: number, vLo: number, vHi: number, info: number): void {
    const address = (lo >>> 0) + hi * 2 ** 32;
    const found = this.bus.find(address);
    const size = 1 << (info & 7);
    if (!found) {
      this.fault(this.current, info);
      return;
    }
    const offset = address - found.base;
    this.locked(() => {
      if (size < 8) found.device.write(offset, size === 4 ? vLo : vLo & ((1 << (8 * size)) - 1), size);
      else if (found.device.writeWide) found.device.writeWide(offset, vLo, vHi);
      else {
        found.device.write(offset, vLo, 4);
        found.device.write(offset + 4, vHi, 4);
      }
    });
  }
  /** Nothing answers at the address: a synchronous external abort, as QEMU's bus gives. */
  private fault(cpu: number, info: number): void {
    const va = new DataView(this.i32.buffer).getBigUint64(cpu + state.TR_VA, true);
    (this.space.core.externalAbort as unknown as (c: number, va: bigint, i: number) => void)(cpu, va, info);
  }
  /** An interrupt output changed. The bare machine has no interrupt controller: outputs drive the IRQ input of core 0. */
  private line(_name: string, level: boolean): void {
    this.setLine(0, state.LINE.irq, level);
  }
  setLine(core: number, line: number, level: boolean): void {
    const cpu = this.core(core);
    const at = (cpu + state.IRQ_LINES) >> 2;
    if (level) Atomics.or(this.i32, at, line);
    else Atomics.and(this.i32, at, ~line);
    this.poke(core, PEND.irq);
  }
  /** Makes a core look around: sets bits of PENDING, and wakes it if it sleeps. */
  poke(core: number, bits: number): void {
    Atomics.or(this.i32, (this.core(core) + state.PENDING) >> 2, bits);
    const wake = controlIndex(this.setup.layout, core, CTL.wake);
    Atomics.add(this.i32, wake, 1);
    Atomics.notify(this.i32, wake);
  }

  // Messages of other cores.
  private receive(core: number, kind: number, a: number, lo: number, hi: number): void {
    if (kind === MESSAGE.tlbi) {
      const arg = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
      (this.space.core.tlbiLocal as unknown as (c: number, op: number, arg: bigint) => void)(this.core(core), a, arg);
    } else if (kind === MESSAGE.code) this.space.invalidate(lo, a);
    else if (kind === MESSAGE.allCode) this.space.invalidateAll();
  }
  private dropAll(core: number): void {
    this.space.emptyTlb(core);
    this.space.invalidateAll();
  }
  broadcast(kind: number, a: number, lo: number, hi: number): void {
    if (this.setup.cores.length === this.setup.layout.cores) {
      // All cores are of this thread: the others are told at once.
      for (const core of this.setup.cores) {
        if (this.core(core) !== this.current && kind === MESSAGE.tlbi) this.receive(core, kind, a, lo, hi);
      }
      return;
    }
    this.mailbox.broadcast(this.indexOf(this.current), this.setup.cores, kind, a, lo, hi);
  }
}
