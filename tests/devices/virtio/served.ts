/** A virtio device with the service behind it, on one thread: `service()` does what is asked for. */
import type { GuestMemory } from '../../../core/devices/device.ts';
import { type PlannedDevice, planVirtio, type VirtioDeviceConfig } from '../../../core/devices/virtio/config.ts';
import type { VirtioMmio } from '../../../core/devices/virtio/mmio.ts';
import { IoService } from '../../../core/system/io/service.ts';
import { type Machine, machine } from './driver.ts';

/** A service of one device that is no console. */
export function serviceOf(device: PlannedDevice, transport: VirtioMmio, memory: GuestMemory): IoService {
  return new IoService({
    ...{ devices: [device], transport: () => transport, memory },
    console: () => {
      throw new Error('no console here');
    },
    random: () => {},
  });
}

export function served(config: VirtioDeviceConfig, legacy = false): { m: Machine; service: IoService } {
  const [device] = planVirtio([config], 32);
  const m = machine(device!.shape, legacy);
  return { m, service: serviceOf(device!, m.transport, m.ram) };
}
