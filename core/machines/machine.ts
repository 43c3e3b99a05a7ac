/**
 * A machine as data: what is at which physical address and how it is wired. The memory map, the devices of a running system, the
 * device tree and the monitor's views derive from it. It is plain data: it goes to every thread of the system.
 */
import type { PasSet } from '../devices/device.ts';

export interface MemoryRegion {
  /** `dram`, `flash0`, `secure-ram`, … */
  readonly name: string;
  /** `flash`: reads come from memory while the device is in read-array mode, writes always go to the device of the same name. */
  readonly kind: 'ram' | 'flash';
  /** Physical address and size in bytes, both multiples of 4096. */
  readonly base: number;
  readonly size: number;
  /** Physical address spaces in which it answers. */
  readonly pas: PasSet;
}

interface DeviceBase {
  /** Unique; also the name of the flash region that belongs to a flash. */
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly pas: PasSet;
  /** SPI numbers of its interrupt outputs (INTID − 32). */
  readonly spis: readonly number[];
}

export interface UartDescription extends DeviceBase {
  readonly kind: 'pl011';
}
export interface RtcDescription extends DeviceBase {
  readonly kind: 'pl031';
}
export interface GpioDescription extends DeviceBase {
  readonly kind: 'pl061';
  /** What the lines are wired to: the power key (input 3), or power off and reset (outputs 0 and 1). */
  readonly role: 'power-key' | 'power-control';
}
export interface FwCfgDescription extends DeviceBase {
  readonly kind: 'fw-cfg';
}
export interface FlashDescription extends DeviceBase {
  readonly kind: 'flash';
  /** The guest cannot program it. */
  readonly readOnly: boolean;
}
export interface VirtioDescription extends DeviceBase {
  readonly kind: 'virtio-mmio';
  /** Transport number, 0–31 on `virt`. */
  readonly slot: number;
}
export interface PcieDescription extends DeviceBase {
  readonly kind: 'pcie-host';
  /** `base` and `size` are the configuration space (ECAM); windows of memory and port space. */
  readonly mmio: readonly [base: number, size: number];
  readonly mmioHigh: readonly [base: number, size: number] | null;
  readonly pio: readonly [base: number, size: number];
}
export interface GicDescription extends DeviceBase {
  readonly kind: 'gicv3';
  /** `base`, `size`: the distributor. First redistributor frame; 128 KiB a core. */
  readonly redistributors: readonly [base: number, size: number];
  /** Shared peripheral interrupts. */
  readonly spiCount: number;
  /** Two security states (EL3 is there), or one. */
  readonly security: boolean;
  readonly virtualization: boolean;
}
export type DeviceDescription =
  | UartDescription
  | RtcDescription
  | GpioDescription
  | FwCfgDescription
  | FlashDescription
  | VirtioDescription
  | PcieDescription
  | GicDescription;

export interface MachineDescription {
  /** `bare`, `virt`. */
  readonly name: string;
  readonly cores: number;
  readonly memory: readonly MemoryRegion[];
  readonly devices: readonly DeviceDescription[];
  /** Exception levels that the cores have beside EL1 and EL0. */
  readonly el2: boolean;
  readonly el3: boolean;
}

/** The region with the operating system's memory. */
export function dramOf(machine: MachineDescription): MemoryRegion {
  return machine.memory.find((m) => m.name === 'dram')!;
}
