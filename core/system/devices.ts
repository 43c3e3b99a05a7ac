/** A machine's devices as one thread has them: instances over the state that all threads share, on a bus. */
import { affinityOf } from '../arch/registers/affinity.ts';
import { Bus, type Mapped } from '../devices/bus.ts';
import type { Device, InterruptLine, Pas } from '../devices/device.ts';
import { Gicv3 } from '../devices/gic/gicv3.ts';
import { lock, unlock } from '../devices/lock.ts';
import { Pl011, type SerialLine } from '../devices/pl011.ts';
import type { Layout } from '../engine/layout.ts';
import type { DeviceDescription, GicDescription } from '../machines/machine.ts';
import { GLOBAL, globalIndex } from './control.ts';
import type { MachinePlan } from './plan.ts';

export interface DeviceSetting {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  readonly layout: Layout;
  readonly plan: MachinePlan;
  /** The line of a console, by its id. */
  console(id: number): SerialLine;
  /** Sets the interrupt inputs `mask` (`LINE` bits) of a core to `bits`, and makes it look. */
  setLines(core: number, bits: number, mask: number): void;
  /** On a machine without interrupt controller: the level of a device's output, which drives the IRQ input of core 0. */
  line(level: boolean): void;
}

export class MachineDevices {
  readonly bus: Bus;
  /** By console id. */
  readonly uarts: readonly Pl011[];
  /** The interrupt controller; null: the machine has none. */
  readonly gic: Gicv3 | null = null;
  private readonly setting: DeviceSetting;
  private readonly i32: Int32Array;

  constructor(setting: DeviceSetting) {
    this.setting = setting;
    this.i32 = new Int32Array(setting.memory.buffer);
    const uarts: Pl011[] = [];
    const ranges: Mapped[] = [];
    const { machine } = setting.plan;
    // First, for the others are wired to it.
    const gic = machine.devices.find((d) => d.kind === 'gicv3');
    if (gic) {
      this.gic = this.buildGic(gic);
      const [base, size] = gic.redistributors;
      ranges.push({ ...gic, device: this.gic.distributor });
      ranges.push({ name: `${gic.name}-redistributors`, base, size, pas: gic.pas, device: this.gic.redistributors });
    }
    for (const d of machine.devices) {
      const device = this.build(d, uarts);
      if (device) ranges.push({ name: d.name, base: d.base, size: d.size, pas: d.pas, device });
    }
    this.uarts = uarts;
    this.bus = new Bus(ranges);
  }
  private build(d: DeviceDescription, uarts: Pl011[]): Device | null {
    switch (d.kind) {
      case 'pl011': {
        const id = uarts.length;
        const uart = new Pl011(this.words(d, Pl011.WORDS), this.setting.console(id), this.output(d, 0));
        uarts.push(uart);
        return uart;
      }
      default:
        return null;
    }
  }
  private buildGic(d: GicDescription): Gicv3 {
    const { plan, setLines } = this.setting;
    const { cores } = plan.machine;
    const options = {
      cores,
      affinities: Array.from({ length: cores }, (_, n) => affinityOf(n)),
      security: d.security,
      spis: d.spiCount,
    };
    return new Gicv3(this.words(d, Gicv3.words(cores, d.spiCount)), options, { setLines });
  }
  private words(d: DeviceDescription, count: number): Int32Array {
    const { memory, layout, plan } = this.setting;
    return new Int32Array(memory.buffer, layout.devices + plan.states[d.name]!, count);
  }
  /** What output `n` of a device is wired to. */
  private output(d: DeviceDescription, n: number): InterruptLine {
    const { gic, setting } = this;
    const spi = d.spis[n];
    if (gic === null || spi === undefined) return (level) => setting.line(level);
    return (level) => gic.setSpi(32 + spi, level);
  }
  /** State as at power-on; while no core runs. */
  reset(): void {
    this.gic?.reset();
    for (const { device } of this.bus.ranges) device.reset?.();
  }

  /** Reads 1, 2, 4 or 8 bytes: [low, high]; null when nothing answers. */
  read(address: number, size: number, pas: Pas): readonly [number, number] | null {
    const found = this.bus.find(address, pas);
    if (!found) return null;
    const { device, base } = found;
    const offset = address - base;
    return this.exclusively(device, () => {
      if (size < 8) return [device.read(offset, size, pas) | 0, 0] as const;
      return (
        device.readWide?.(offset, pas) ??
        ([device.read(offset, 4, pas) | 0, device.read(offset + 4, 4, pas) | 0] as const)
      );
    });
  }
  /** False when nothing answers. */
  write(address: number, low: number, high: number, size: number, pas: Pas): boolean {
    const found = this.bus.find(address, pas);
    if (!found) return false;
    const { device, base } = found;
    const offset = address - base;
    this.exclusively(device, () => {
      if (size < 8) device.write(offset, size === 4 ? low : low & ((1 << (8 * size)) - 1), size, pas);
      else if (device.writeWide) device.writeWide(offset, low, high, pas);
      else {
        device.write(offset, low, 4, pas);
        device.write(offset + 4, high, 4, pas);
      }
    });
    return true;
  }
  /** One access at a time in the whole system, unless the device has a lock of its own. */
  private exclusively<T>(device: Device, work: () => T): T {
    if (device.ownLock || this.setting.layout.cores === 1) return work();
    const at = globalIndex(GLOBAL.device);
    lock(this.i32, at);
    try {
      return work();
    } finally {
      unlock(this.i32, at);
    }
  }
}
