/** Calls that guest code makes to the host: semihosting and the built-in PSCI. */
import { regOffset } from '../arch/registers/storage.ts';
import * as state from '../arch/state.ts';
import { CORE_CONTROL } from '../engine/layout.ts';
import { CTL, controlIndex } from './control.ts';
import type { CallOutcome, CpuView } from './cpu-view.ts';
import { HostFiles } from './host-files.ts';
import { type PowerControl, psciCall } from './psci.ts';
import { resetCore } from './reset.ts';
import { type SemihostingHost, semihostingCall } from './semihosting.ts';
import type { SystemEnds, Thread } from './thread.ts';
import { readVirtual, writeVirtual } from './virtual-memory.ts';

export class HostCalls {
  private readonly t: Thread;
  private readonly ends: SystemEnds;
  private readonly view: DataView;
  private readonly semihosting: SemihostingHost | null;
  private readonly power: PowerControl;

  constructor(thread: Thread) {
    this.t = thread;
    this.ends = thread.ends;
    this.view = new DataView(thread.i32.buffer);
    this.power = this.powerControl();
    const { config, plan, layout, memory } = thread.setup;
    const { base, size } = plan.ram;
    this.semihosting = config.semihosting
      ? {
          files: new HostFiles(memory.buffer, layout.devices + plan.files, config.semihosting.files),
          console: thread.consoles[0]!,
          commandLine: config.semihosting.commandLine,
          heap: { base: BigInt(base + (size >> 1)), limit: BigInt(base + size) },
          nanoseconds: () => BigInt(Math.floor(thread.clock.now(thread.current))),
          wallSeconds: () => thread.clock.seconds(),
          exit: (status) => this.ends.exit({ reason: 'exit', status }),
          errno: 0,
        }
      : null;
  }

  answer(core: number): CallOutcome {
    const cpu = this.cpuView(core);
    const kind = this.t.i32[(this.t.core(core) + state.HOST_CALL_KIND) >> 2];
    if (kind === state.HOST_CALL.semihosting) return semihostingCall(this.semihosting!, cpu);
    return psciCall(this.power, cpu);
  }

  /** Sets up a core that CPU_ON has asked for (5.6 of DEN 0022). */
  startCore(core: number): void {
    const control = this.t.core(core) + CORE_CONTROL;
    resetCore(this.t.i32.buffer as SharedArrayBuffer, { ...this.t.setup, cpu: this.t.cpu }, core, {
      entry: this.view.getBigUint64(control + CTL.entry, true),
      el: this.view.getUint32(control + CTL.level, true),
      x0: this.view.getBigUint64(control + CTL.context, true),
    });
    this.t.devices.gic?.resetCore(core);
    this.t.space.core.resetTlb!(this.t.core(core), this.t.setup.layout.banks(core));
    this.t.space.core.contextChanged!(this.t.core(core));
  }

  private cpuView(core: number): CpuView {
    const { view, t } = this;
    const cpu = t.core(core);
    return {
      index: core,
      el: view.getUint32(cpu + state.EL, true),
      x: (n) => view.getBigUint64(cpu + state.X + 8 * n, true),
      setX: (n, v) => view.setBigUint64(cpu + state.X + 8 * n, BigInt.asUintN(64, v), true),
      readBytes: (va, length) => {
        const bytes = readVirtual(t.space.core, t.i32.buffer as SharedArrayBuffer, cpu, va, length);
        return bytes.length === length ? bytes : null;
      },
      writeBytes: (va, bytes) => writeVirtual(t.space.core, t.i32.buffer as SharedArrayBuffer, cpu, va, bytes),
    };
  }

  private powerControl(): PowerControl {
    const { t } = this;
    const { layout, plan } = t.setup;
    const run = (core: number): number => controlIndex(layout, core, CTL.run);
    return {
      cores: layout.cores,
      affinity: (core) => this.view.getBigUint64(t.core(core) + regOffset('MPIDR_EL1'), true) & 0xff_00ff_ffffn,
      level: plan.machine.el2 ? 2 : 1,
      // From 2 on: CPU_ON has been accepted, or is about to be.
      power: (core) => (['off', 'on'] as const)[Atomics.load(t.i32, run(core))] ?? 'pending',
      turnOn: (core, entry, context, el) => {
        if (Atomics.compareExchange(t.i32, run(core), 0, 3) !== 0) return false;
        const control = t.core(core) + CORE_CONTROL;
        this.view.setBigUint64(control + CTL.entry, entry, true);
        this.view.setBigUint64(control + CTL.context, context, true);
        this.view.setUint32(control + CTL.level, el, true);
        Atomics.store(t.i32, run(core), 2);
        t.poke(core, 0);
        return true;
      },
      isMemory: (address) => address >= BigInt(plan.ram.base) && address < BigInt(plan.ram.base + plan.ram.size),
      systemOff: () => this.ends.exit({ reason: 'poweroff', status: 0 }),
      systemReset: () => this.ends.reset(),
    };
  }
}
