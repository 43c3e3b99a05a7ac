/** The device tree node of the PCIe host bridge (bindings pci-host-ecam-generic; PCI Bus Binding to IEEE 1275). */
import { cells, EMPTY, FdtNode, strings, wide } from '../../boot/fdt.ts';
import type { PcieDescription } from '../machine.ts';

/** Space codes of the first cell of a PCI address. */
const SPACE = { io: 0x0100_0000, memory32: 0x0200_0000, memory64: 0x0300_0000 } as const;
const PINS = 4;
const LEVEL_HIGH = 4;
const ECAM_BYTES_PER_BUS = 1 << 20;

const split = (v: number): [number, number] => [Math.floor(v / 2 ** 32), v % 2 ** 32];

export function pcieNode(d: PcieDescription, gic: number): FdtNode {
  const window = (space: number, bus: number, [base, size]: readonly [number, number]): number[] => [
    space,
    ...split(bus),
    ...split(base),
    ...split(size),
  ];
  return new FdtNode(`pcie@${d.mmio[0].toString(16)}`, {
    // Pins are told apart by the low two bits of the device number, and by their own number.
    'interrupt-map-mask': cells(0x1800, 0, 0, 7),
    'interrupt-map': interruptMap(d, gic),
    '#interrupt-cells': cells(1),
    ranges: cells(
      ...window(SPACE.io, 0, d.pio),
      ...window(SPACE.memory32, d.mmio[0], d.mmio),
      ...(d.mmioHigh ? window(SPACE.memory64, d.mmioHigh[0], d.mmioHigh) : []),
    ),
    reg: wide(d.base, d.size),
    'dma-coherent': EMPTY,
    'bus-range': cells(0, d.size / ECAM_BYTES_PER_BUS - 1),
    'linux,pci-domain': cells(0),
    '#size-cells': cells(2),
    '#address-cells': cells(3),
    device_type: strings('pci'),
    compatible: strings('pci-host-ecam-generic'),
  });
}

/** Device n's pin p (from 1) is wired to the interrupt n + p − 1 of the four. */
function interruptMap(d: PcieDescription, gic: number): Uint8Array {
  const rows: number[] = [];
  for (let device = 0; device < PINS; device++) {
    for (let pin = 1; pin <= PINS; pin++) {
      rows.push(device << 11, 0, 0, pin, gic, 0, 0, 0, d.spis[(device + pin - 1) % PINS]!, LEVEL_HIGH);
    }
  }
  return cells(...rows);
}
