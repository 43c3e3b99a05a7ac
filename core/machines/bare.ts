/** The bare machine: RAM, and a PL011 where QEMU's `virt` has its first. There is no interrupt controller. */
import { EVERY_PAS } from '../devices/device.ts';
import type { SystemConfig } from '../system/api.ts';
import type { MachineDescription } from './machine.ts';

export interface BareOptions {
  readonly cores: number;
  readonly memoryBytes: number;
  /** Physical address of RAM; default 0x40000000. */
  readonly ramBase?: number;
  /** Exception level in which programs start: the cores have the levels up to it, as QEMU's `virt` without firmware. */
  readonly startEl: 1 | 2 | 3;
}

export function bareMachine(options: BareOptions): MachineDescription {
  return {
    name: 'bare',
    cores: options.cores,
    memory: [
      {
        name: 'dram',
        kind: 'ram',
        base: options.ramBase ?? 0x40000000,
        size: options.memoryBytes,
        pas: EVERY_PAS,
      },
    ],
    devices: [{ kind: 'pl011', name: 'uart0', base: 0x09000000, size: 0x1000, pas: EVERY_PAS, spis: [1] }],
    el2: options.startEl >= 2,
    el3: options.startEl >= 3,
  };
}

/** A system of a bare machine. */
export type BareSystemOptions = Omit<BareOptions, 'startEl'> & Omit<SystemConfig, 'machine'>;

export function bareSystem({ cores, memoryBytes, ramBase, ...config }: BareSystemOptions): SystemConfig {
  return { ...config, machine: bareMachine({ cores, memoryBytes, ramBase, startEl: config.startEl }) };
}
