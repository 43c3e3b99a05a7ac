/** A machine's devices as one thread has them: instances over the state that all threads share, on a bus. */
import type { MemoryProtection } from '../arch/encryption/engine.ts';
import { affinityOf } from '../arch/registers/affinity.ts';
import type { FwCfgItem } from '../boot/fw-cfg-items.ts';
import { Bus, type Mapped } from '../devices/bus.ts';
import { type Device, type GuestMemory, type InterruptLine, PAS, type Pas } from '../devices/device.ts';
import { Flash } from '../devices/flash.ts';
import { FwCfg } from '../devices/fw-cfg.ts';
import { Gicv3 } from '../devices/gic/gicv3.ts';
import { lock, unlock } from '../devices/lock.ts';
import { PcieConfiguration, PcieWindow } from '../devices/pcie-host.ts';
import { Pl011, type SerialLine } from '../devices/pl011.ts';
import { Pl031 } from '../devices/pl031.ts';
import { Pl061 } from '../devices/pl061.ts';
import { VirtioMmio } from '../devices/virtio/mmio.ts';
import type { Layout } from '../engine/layout.ts';
import type {
  DeviceDescription,
  FlashDescription,
  GicDescription,
  GpioDescription,
  PcieDescription,
} from '../machines/machine.ts';
import { GLOBAL, globalIndex } from './control.ts';
import { RequesterMemory } from './guest-memory.ts';
import { ringIo } from './io/control.ts';
import type { MachinePlan } from './plan.ts';

/** What the devices of a machine need of the system around them. */
export interface DeviceSetting {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  readonly layout: Layout;
  readonly plan: MachinePlan;
  readonly fwCfg: readonly FwCfgItem[];
  /** The memory protection engine of this thread. */
  protection(): MemoryProtection | null;
  /** Granule protection refuses a requester's access to the page at a physical address. */
  refused?(address: number, writes: boolean): void;
  /** The line of a serial port's console, by its id. */
  console(id: number): SerialLine;
  /** Sets the interrupt inputs `mask` (`LINE` bits) of a core to `bits`, and makes it look. */
  setLines(core: number, bits: number, mask: number): void;
  /** On a machine without interrupt controller: the level of a device's output, which drives the IRQ input of core 0. */
  line(level: boolean): void;
  /** Reads of region `index` of the plan come from memory, or go to the flash. */
  showFlash(index: number, shown: boolean): void;
  /** Seconds since 1970. */
  seconds(): number;
  /** The real time clock waits for another moment than before. */
  rearmClock?(): void;
  powerOff(): void;
  reset(): void;
}

/** Lines of the GPIOs (QEMU's virt: power key; gpio-pwr behind the Secure one). */
const POWER_KEY_LINE = 3;
const POWER_OFF_LINE = 0;
const RESET_LINE = 1;

/** 32-bit words of shared state that a device needs. */
export function stateWords(device: DeviceDescription, cores: number): number {
  switch (device.kind) {
    case 'pl011':
      return Pl011.WORDS;
    case 'pl031':
      return Pl031.WORDS;
    case 'pl061':
      return Pl061.WORDS;
    case 'flash':
      return Flash.WORDS;
    case 'fw-cfg':
      return FwCfg.WORDS;
    case 'virtio-mmio':
      return VirtioMmio.WORDS;
    case 'pcie-host':
      return PcieConfiguration.WORDS;
    case 'gicv3':
      return Gicv3.words(cores, device.spiCount);
  }
}

export class MachineDevices {
  readonly bus: Bus;
  /** By console id. */
  readonly uarts: readonly Pl011[];
  /** By slot. */
  readonly transports: readonly VirtioMmio[];
  /** The interrupt controller; null: the machine has none. */
  readonly gic: Gicv3 | null = null;
  readonly clock: Pl031 | null = null;
  /** Memory as requesters see it: they are Non-secure. */
  readonly requesters: GuestMemory;
  private readonly powerKey: Pl061 | null = null;
  private readonly setting: DeviceSetting;
  private readonly i32: Int32Array;

  constructor(setting: DeviceSetting) {
    this.setting = setting;
    this.i32 = new Int32Array(setting.memory.buffer);
    this.requesters = new RequesterMemory(
      setting.memory,
      setting.layout,
      setting.plan,
      PAS.nonSecure,
      setting.protection,
      setting.refused,
    );
    const uarts: Pl011[] = [];
    const transports: VirtioMmio[] = [];
    const ranges: Mapped[] = [];
    const { devices } = setting.plan.machine;
    // First, for the others are wired to it.
    const gic = devices.find((d) => d.kind === 'gicv3');
    if (gic) this.gic = this.buildGic(gic);
    for (const d of devices) {
      const map = (device: Device, base = d.base, size = d.size, part = ''): void => {
        ranges.push({ name: `${d.name}${part}`, base, size, pas: d.pas, device });
      };
      switch (d.kind) {
        case 'gicv3':
          map(this.gic!.distributor);
          map(this.gic!.redistributors, ...d.redistributors, '-redistributors');
          break;
        case 'pl011': {
          const uart = new Pl011(this.words(d), this.setting.console(uarts.length), this.output(d, 0));
          uarts.push(uart);
          map(uart);
          break;
        }
        case 'pl031': {
          const source = { seconds: () => setting.seconds(), rearm: () => setting.rearmClock?.() };
          this.clock = new Pl031(this.words(d), source, this.output(d, 0));
          map(this.clock);
          break;
        }
        case 'pl061': {
          const gpio = this.buildGpio(d);
          if (d.role === 'power-key') this.powerKey = gpio;
          map(gpio);
          break;
        }
        case 'fw-cfg':
          map(new FwCfg(this.words(d), setting.fwCfg, this.requesters));
          break;
        case 'flash':
          map(this.buildFlash(d));
          break;
        case 'virtio-mmio': {
          const { virtio, virtioLegacy: legacy } = setting.plan;
          const shape = virtio.find((v) => v.slot === d.slot)?.shape ?? null;
          const io = new Int32Array(setting.memory.buffer, setting.layout.devices + setting.plan.io);
          const transport = new VirtioMmio(this.words(d), shape, () => ringIo(io), this.output(d, 0), legacy);
          transports[d.slot] = transport;
          map(transport);
          break;
        }
        case 'pcie-host':
          map(new PcieConfiguration(this.words(d)));
          for (const [part, [base, size]] of windowsOf(d)) map(new PcieWindow(), base, size, part);
      }
    }
    this.uarts = uarts;
    this.transports = transports;
    this.bus = new Bus(ranges);
  }
  private buildGic(d: GicDescription): Gicv3 {
    const { plan, setLines } = this.setting;
    const { cores } = plan.machine;
    const options = {
      cores,
      affinities: Array.from({ length: cores }, (_, n) => affinityOf(n)),
      security: d.security,
      virtualization: d.virtualization,
      spis: d.spiCount,
    };
    return new Gicv3(this.words(d), options, { setLines });
  }
  private buildGpio(d: GpioDescription): Pl061 {
    return new Pl061(this.words(d), this.output(d, 0), (line, level) => {
      if (d.role !== 'power-control' || !level) return;
      if (line === POWER_OFF_LINE) this.setting.powerOff();
      if (line === RESET_LINE) this.setting.reset();
    });
  }
  private buildFlash(d: FlashDescription): Flash {
    const { memory, layout, plan, showFlash } = this.setting;
    const index = plan.regions.findIndex((r) => r.name === d.name);
    const bytes = new Uint8Array(memory.buffer, layout.arena + plan.regions[index]!.host, d.size);
    return new Flash(this.words(d), bytes, (arrayMode) => showFlash(index, arrayMode), d.readOnly);
  }
  private words(d: DeviceDescription): Int32Array {
    const { memory, layout, plan } = this.setting;
    return new Int32Array(memory.buffer, layout.devices + plan.states[d.name]!, stateWords(d, plan.machine.cores));
  }
  /** What output `n` of a device is wired to. */
  private output(d: DeviceDescription, n: number): InterruptLine {
    const { gic, setting } = this;
    const spi = d.spis[n];
    if (gic === null || spi === undefined) return (level) => setting.line(level);
    return (level) => gic.setSpi(32 + spi, level);
  }
  /**
   * State as at power-on; while no core runs. `skipsEl3`: what starts is not Secure firmware, so the interrupt controller is as that
   * would leave it.
   */
  reset(skipsEl3: boolean): void {
    this.gic?.reset(skipsEl3);
    for (const { device } of this.bus.ranges) device.reset?.();
  }
  /** The power key is pressed, or let go; false: the machine has none. */
  pressPowerKey(down: boolean): boolean {
    const { powerKey } = this;
    if (powerKey) this.exclusively(powerKey, () => powerKey.input(POWER_KEY_LINE, down));
    return powerKey !== null;
  }
  /** Raises the real time clock's interrupt if it is due; yields seconds until it will be (infinity: never). */
  checkClock(): number {
    const { clock } = this;
    if (clock === null || clock.due === null) return Number.POSITIVE_INFINITY;
    this.exclusively(clock, () => clock.check());
    return clock.due ?? Number.POSITIVE_INFINITY;
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
    if (device.ownLock) return work();
    const at = globalIndex(GLOBAL.device);
    lock(this.i32, at);
    try {
      return work();
    } finally {
      unlock(this.i32, at);
    }
  }
}

function windowsOf(d: PcieDescription): [string, readonly [number, number]][] {
  const windows: [string, readonly [number, number]][] = [
    ['-mmio', d.mmio],
    ['-pio', d.pio],
  ];
  if (d.mmioHigh) windows.push(['-mmio-high', d.mmioHigh]);
  return windows;
}
