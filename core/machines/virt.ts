/**
 * The machine `virt`: what QEMU's machine of that name (11.1) has at which address and on which interrupt, so that images built for
 * it run unchanged. Checked against its device tree (`tests/machines/virt-tree.test.ts`) and its `info mtree`.
 */
import { EVERY_PAS, type PasSet, SECURE_SIDE } from '../devices/device.ts';
import { UserError } from '../system/errors.ts';
import type { DeviceDescription, MachineDescription, MemoryRegion } from './machine.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export interface VirtOptions {
  /** 1–123, as many redistributors as there is room for. */
  readonly cores: number;
  /** Bytes of memory, a multiple of 4096, up to 255 GiB. */
  readonly memoryBytes: number;
  /** The cores have EL3; secure flash, memory, UART and GPIO are there. */
  readonly secure?: boolean;
  /** The cores have EL2. */
  readonly virtualization?: boolean;
  /**
   * PL011s: 1; 2, the second of which is the Secure one with `secure` (which therefore has 2 at least), else a second console; up
   * to 4 with two that QEMU has not, at addresses and interrupts that it leaves free.
   */
  readonly uarts?: 1 | 2 | 3 | 4;
  /** Whether the guest cannot program the first and the second flash; it can when this is not given. */
  readonly readOnlyFlash?: readonly [boolean, boolean];
}

/** Where things are: [base, size]. */
export const VIRT_MAP = {
  flash0: [0x0000_0000, 64 * MIB],
  flash1: [0x0400_0000, 64 * MIB],
  gicDistributor: [0x0800_0000, 64 * KIB],
  gicIts: [0x0808_0000, 128 * KIB],
  gicRedistributors: [0x080a_0000, 0xf6_0000],
  uart0: [0x0900_0000, 4 * KIB],
  rtc: [0x0901_0000, 4 * KIB],
  fwCfg: [0x0902_0000, 24],
  gpio: [0x0903_0000, 4 * KIB],
  uart1: [0x0904_0000, 4 * KIB],
  secureGpio: [0x090b_0000, 4 * KIB],
  uart2: [0x0910_0000, 4 * KIB],
  uart3: [0x0911_0000, 4 * KIB],
  virtio: [0x0a00_0000, 0x200],
  platformBus: [0x0c00_0000, 32 * MIB],
  secureRam: [0x0e00_0000, 16 * MIB],
  pcieMmio: [0x1000_0000, 0x2eff_0000],
  pciePio: [0x3eff_0000, 64 * KIB],
  dram: [GIB, 255 * GIB],
  pcieEcam: [0x40_1000_0000, 256 * MIB],
  pcieMmioHigh: [512 * GIB, 512 * GIB],
} as const satisfies Record<string, readonly [number, number]>;

export const VIRTIO_SLOTS = 32;
const SPI_COUNT = 256;
const REDISTRIBUTOR_BYTES = 128 * KIB;

const MAX_CORES = Math.floor(VIRT_MAP.gicRedistributors[1] / REDISTRIBUTOR_BYTES);

/** Shared peripheral interrupts, as SPI numbers; PCIe has four from its first, virtio one for each slot. */
const SPI = { secureGpio: 0, uart0: 1, rtc: 2, pcie: 3, gpio: 7, uart1: 8, uart2: 10, uart3: 11, virtio: 16 } as const;

/** Where a device is. */
const at = (place: keyof typeof VIRT_MAP): { base: number; size: number } => ({
  base: VIRT_MAP[place][0],
  size: VIRT_MAP[place][1],
});

/** Describes the machine; throws UserError for options that it cannot have. */
export function virtMachine(options: VirtOptions): MachineDescription {
  const { cores, memoryBytes, secure = false, virtualization = false } = options;
  if (!Number.isInteger(cores) || cores < 1 || cores > MAX_CORES) {
    throw new UserError(`the machine virt has 1 to ${MAX_CORES} cores, not ${cores}`);
  }
  if (!(memoryBytes > 0 && memoryBytes % 4096 === 0 && memoryBytes <= VIRT_MAP.dram[1])) {
    throw new UserError(
      `the machine virt has memory in multiples of 4096 bytes, up to 255 GiB, not ${memoryBytes} bytes`,
    );
  }
  return {
    name: 'virt',
    cores,
    memory: memory(memoryBytes, secure),
    devices: [
      ...flashes(secure, options.readOnlyFlash ?? [false, false]),
      ...devices(cores, secure, virtualization, Math.max(options.uarts ?? 1, secure ? 2 : 1)),
    ],
    el2: virtualization,
    el3: secure,
  };
}

function memory(memoryBytes: number, secure: boolean): MemoryRegion[] {
  const regions: MemoryRegion[] = [
    ...FLASHES.map((name, n) => ({ name, kind: 'flash', ...at(name), pas: flashPas(secure)[n]! }) as const),
    { name: 'dram', kind: 'ram', base: VIRT_MAP.dram[0], size: memoryBytes, pas: EVERY_PAS },
  ];
  if (secure) regions.push({ name: 'secure-ram', kind: 'ram', ...at('secureRam'), pas: SECURE_SIDE });
  return regions;
}

// The first flash holds Secure firmware when there is a Secure world, and only that world sees it.
const flashPas = (secure: boolean): readonly [PasSet, PasSet] => [secure ? SECURE_SIDE : EVERY_PAS, EVERY_PAS];
const FLASHES = ['flash0', 'flash1'] as const;

const flashes = (secure: boolean, readOnly: readonly [boolean, boolean]): DeviceDescription[] =>
  FLASHES.map((name, n) => ({
    kind: 'flash',
    name,
    ...at(name),
    pas: flashPas(secure)[n]!,
    spis: [],
    readOnly: readOnly[n]!,
  }));

function devices(cores: number, secure: boolean, virtualization: boolean, uarts: number): DeviceDescription[] {
  const everywhere = { pas: EVERY_PAS };
  const list: DeviceDescription[] = [
    {
      kind: 'gicv3',
      name: 'gic',
      ...at('gicDistributor'),
      ...everywhere,
      spis: [],
      redistributors: [VIRT_MAP.gicRedistributors[0], cores * REDISTRIBUTOR_BYTES],
      spiCount: SPI_COUNT,
      security: secure,
      virtualization,
    },
  ];
  for (const name of (['uart0', 'uart1', 'uart2', 'uart3'] as const).slice(0, uarts)) {
    const pas = secure && name === 'uart1' ? SECURE_SIDE : EVERY_PAS;
    list.push({ kind: 'pl011', name, ...at(name), pas, spis: [SPI[name]] });
  }
  list.push(
    { kind: 'pl031', name: 'rtc', ...at('rtc'), ...everywhere, spis: [SPI.rtc] },
    { kind: 'fw-cfg', name: 'fw-cfg', ...at('fwCfg'), ...everywhere, spis: [] },
    { kind: 'pl061', name: 'gpio', role: 'power-key', ...at('gpio'), ...everywhere, spis: [SPI.gpio] },
  );
  if (secure) {
    const spis = [SPI.secureGpio];
    list.push({
      kind: 'pl061',
      name: 'secure-gpio',
      role: 'power-control',
      ...at('secureGpio'),
      pas: SECURE_SIDE,
      spis,
    });
  }
  for (let slot = 0; slot < VIRTIO_SLOTS; slot++) {
    const [first, size] = VIRT_MAP.virtio;
    const place = { base: first + slot * size, size, spis: [SPI.virtio + slot] };
    list.push({ kind: 'virtio-mmio', name: `virtio${slot}`, slot, ...place, ...everywhere });
  }
  list.push({
    kind: 'pcie-host',
    name: 'pcie',
    ...at('pcieEcam'),
    ...everywhere,
    spis: [0, 1, 2, 3].map((pin) => SPI.pcie + pin),
    mmio: VIRT_MAP.pcieMmio,
    mmioHigh: VIRT_MAP.pcieMmioHigh,
    pio: VIRT_MAP.pciePio,
  });
  return list;
}
