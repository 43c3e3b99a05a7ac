/** A machine's devices as the main thread has them: to reset them, and for what comes from the machine's outside. */
import type { Layout } from '../engine/layout.ts';
import { showRegion } from '../engine/memory-map.ts';
import type { InterruptState, MachineView } from './api.ts';
import { ConsolePort } from './console.ts';
import { MachineDevices } from './devices.ts';
import { CoreLines } from './lines.ts';
import type { MachinePlan } from './plan.ts';

/** How long the power key is held, in milliseconds in which the guest runs. */
const POWER_KEY_MS = 100;

export class HostMachine {
  private readonly plan: MachinePlan;
  private readonly devices: MachineDevices;
  /** The power key is down; the timer is null while the guest stands still. */
  private keyDown = false;
  private keyTimer: NodeJS.Timeout | null = null;

  /** `service`: hands on what consoles show. */
  constructor(memory: WebAssembly.Memory<SharedArrayBuffer>, layout: Layout, plan: MachinePlan, service: () => void) {
    this.plan = plan;
    const lines = new CoreLines(new Int32Array(memory.buffer), layout);
    const view = new DataView(memory.buffer);
    const bell = { ring: service, makeRoom: service };
    const consoles = plan.consoles.map((c) => new ConsolePort(memory.buffer, layout.devices + c.offset, bell));
    this.devices = new MachineDevices({
      memory,
      layout,
      plan,
      fwCfg: [],
      // No device does DMA on this thread.
      protection: () => null,
      console: (id) => consoles[id]!,
      setLines: (core, bits, mask) => lines.set(core, bits, mask),
      line: () => {},
      showFlash: (index, shown) => {
        const region = plan.regions[index]!;
        showRegion(view, index, { ...region, host: layout.arena + region.host }, shown);
      },
      seconds: () => 0,
      powerOff: () => {},
      reset: () => {},
    });
  }
  /** State as at power-on; while no core runs. */
  reset(skipsEl3: boolean): void {
    this.devices.reset(skipsEl3);
  }
  /** Null: the machine has neither interrupt controller nor power key. */
  view(running: () => boolean): MachineView | null {
    const { gic } = this.devices;
    if (!gic) return null;
    return {
      description: this.plan.machine,
      pressPowerKey: () => {
        this.keyDown = this.devices.pressPowerKey(true);
        if (this.keyDown && running()) this.resumed();
      },
      interrupts: (): readonly InterruptState[] => gic.interrupts(),
    };
  }
  /** The guest runs: keys that are down go up in time. */
  resumed(): void {
    if (!this.keyDown) return;
    this.halted();
    this.keyTimer = setTimeout(() => {
      this.keyDown = false;
      this.devices.pressPowerKey(false);
    }, POWER_KEY_MS).unref();
  }
  halted(): void {
    if (this.keyTimer) clearTimeout(this.keyTimer);
    this.keyTimer = null;
  }
}
