/** The order in which firmware is to try disks, in the words of fw_cfg's file `bootorder`. */
import { transportsOf } from '../devices/virtio/config.ts';
import type { Launch } from './launch.ts';
import type { MachineDescription } from './machine.ts';

/**
 * Paths of the disks that have a place in the order, first to last, as QEMU writes those of virtio-mmio's: the transport with its address
 * in sixteen digits, and its only disk. EDK2 and U-Boot compare them with their own.
 */
export function bootOrder({ virtio }: Launch, machine: MachineDescription): string[] {
  const transports = machine.devices.filter((d) => d.kind === 'virtio-mmio');
  const slots = transportsOf(virtio, transports.length);
  return virtio
    .flatMap((d, n) => (d.device === 'block' && d.bootIndex !== null ? [{ place: d.bootIndex, slot: slots[n] }] : []))
    .sort((a, b) => a.place - b.place)
    .map(({ slot }) => {
      const { base } = transports.find((t) => t.slot === slot)!;
      return `/virtio-mmio@${base.toString(16).padStart(16, '0')}/disk@0,0`;
    });
}
