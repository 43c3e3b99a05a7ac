/**
 * The device tree of the machine `virt`, derived from its description: nodes, properties and their order are those of QEMU 11.1
 * (without what the machine has not: ITS, SMMU, GED). What depends on the boot (memory, command line, initial RAM disk, PSCI,
 * seeds) comes from `core/boot/chosen.ts`.
 */

import { cells, EMPTY, FdtNode, type PropertyValue, strings, wide } from '../../boot/fdt.ts';
import { PAS, type PasSet } from '../../devices/device.ts';
import type { DeviceDescription, MachineDescription, MemoryRegion } from '../machine.ts';
import { VIRT_MAP } from '../virt.ts';
import { cpuNodes } from './cpu-nodes.ts';
import { pcieNode } from './pcie-node.ts';

/** How the cores are grouped; the product is their number. */
export interface CpuTopology {
  readonly sockets: number;
  /** In each socket; and so on. */
  readonly clusters: number;
  readonly cores: number;
  readonly threads: number;
}

export interface TreeOptions {
  /** A name of the CPU list. */
  readonly cpuModel: string;
  /** Features of the cores, as `cpuFeatures` gives them. */
  readonly features: ReadonlySet<string>;
  /** Cores are turned on through PSCI. */
  readonly psci: boolean;
  /** There are properties for seeds in /chosen; `randomizeSeeds` fills them. */
  readonly seeds: boolean;
  /** Default: all cores in one cluster. */
  readonly topology?: CpuTopology;
}

/** Cells of the interrupt controller's specifiers: type, flags (GICv3 binding). */
export const IRQ = { spi: 0, ppi: 1, edgeRising: 1, levelHigh: 4 } as const;
/** Private peripheral interrupts, as PPI numbers (INTID − 16): those of the Arm Base System Architecture. */
const PPI = { pmu: 7, maintenance: 9, cntp: 14, cntv: 11, cnthp: 10, cnthv: 12, cntps: 13 } as const;
const APB_CLOCK_HZ = 24_000_000;
/** Code of the key in Linux's input events: KEY_POWER. */
const KEY_POWER = 116;
/** GPIO lines. */
export const POWER_KEY_LINE = 3;
export const POWER_OFF_LINE = 0;
export const RESET_LINE = 1;

/** For what only the Secure world sees: Linux keeps off, firmware of that world uses it. */
const SECURE_ONLY = { 'secure-status': strings('okay'), status: strings('disabled') };
const onlySecure = (d: { readonly pas: PasSet }): boolean => (d.pas & (1 << PAS.nonSecure)) === 0;

const hex = (n: number): string => n.toString(16);
const reg = (...places: readonly { readonly base: number; readonly size: number }[]): PropertyValue =>
  wide(...places.flatMap((p) => [p.base, p.size]));

/** Handles, in the order in which QEMU gives them. */
class Handles {
  private next = 0x8000;
  readonly clock = this.take();
  readonly cpus: readonly number[];
  readonly gic: number;
  readonly gpio: number;
  readonly secureGpio: number;

  constructor(cores: number) {
    this.cpus = Array.from({ length: cores }, () => this.take()).reverse();
    this.gic = this.take();
    this.gpio = this.take();
    this.secureGpio = this.take();
  }
  private take(): number {
    return this.next++;
  }
}

/** Devices of a kind, of a machine that has the device at all. */
type Of<K extends DeviceDescription['kind']> = Extract<DeviceDescription, { kind: K }>;

export function virtTree(machine: MachineDescription, options: TreeOptions): FdtNode {
  const of = <K extends DeviceDescription['kind']>(kind: K): Of<K>[] =>
    machine.devices.filter((d): d is Of<K> => d.kind === kind);
  const handles = new Handles(machine.cores);
  const uarts = of('pl011');
  const secureUarts = uarts.filter(onlySecure);
  const secure = secureUarts[0];
  const gpios = of('pl061');
  return new FdtNode(
    '',
    {
      'interrupt-parent': cells(handles.gic),
      'dma-coherent': EMPTY,
      model: strings('linux,dummy-virt'),
      '#size-cells': cells(2),
      '#address-cells': cells(2),
      compatible: strings('linux,dummy-virt'),
    },
    [
      platformBus(handles),
      ...of('fw-cfg').map((d) =>
        node('fw-cfg', d, { 'dma-coherent': EMPTY, reg: reg(d), compatible: strings('qemu,fw-cfg-mmio') }),
      ),
      ...of('virtio-mmio').map(virtioNode),
      ...gpios.filter((d) => d.role === 'power-control').flatMap((d) => powerControl(d, handles)),
      ...gpios.filter((d) => d.role === 'power-key').flatMap((d) => powerKey(d, handles)),
      ...of('pcie-host').map((d) => pcieNode(d, handles.gic)),
      ...of('pl031').map((d) => primecell('pl031', d, handles, ['apb_pclk'])),
      ...machine.memory.filter((m) => m.kind === 'ram' && onlySecure(m)).map(secureRam),
      ...[...secureUarts, ...uarts.filter((u) => !onlySecure(u))].map((d) =>
        primecell('pl011', d, handles, ['uartclk', 'apb_pclk']),
      ),
      ...(options.features.has('PMUv3') ? [pmu()] : []),
      ...of('gicv3').map((d) => gicNode(d, handles)),
      ...flashNodes(machine.memory.filter((m) => m.kind === 'flash')),
      cpuNodes(machine.cores, options, handles.cpus),
      timer(machine, options),
      new FdtNode('apb-pclk', {
        phandle: cells(handles.clock),
        'clock-output-names': strings('clk24mhz'),
        'clock-frequency': cells(APB_CLOCK_HZ),
        '#clock-cells': cells(0),
        compatible: strings('fixed-clock'),
      }),
      aliases(uarts, secure !== undefined),
      ...(secure ? [chosen('secure-chosen', secure, options)] : []),
      chosen('chosen', uarts[0]!, options),
    ],
  );
}

const nameOf = (kind: string, d: { readonly base: number }): string => `${kind}@${hex(d.base)}`;
const pathOf = (kind: string, d: { readonly base: number }): string => `/${nameOf(kind, d)}`;
const node = (
  kind: string,
  d: { readonly base: number; readonly pas: PasSet },
  properties: Readonly<Record<string, PropertyValue>>,
): FdtNode => new FdtNode(nameOf(kind, d), { ...(onlySecure(d) ? SECURE_ONLY : {}), ...properties });

const spis = (d: DeviceDescription, flags: number): PropertyValue =>
  cells(...d.spis.flatMap((spi) => [IRQ.spi, spi, flags]));

/** One of Arm's PrimeCell peripherals (binding arm,primecell). */
function primecell(kind: string, d: DeviceDescription, handles: Handles, clocks: readonly string[]): FdtNode {
  return node(kind, d, {
    'clock-names': strings(...clocks),
    clocks: cells(...clocks.map(() => handles.clock)),
    interrupts: spis(d, IRQ.levelHigh),
    reg: reg(d),
    compatible: strings(`arm,${kind}`, 'arm,primecell'),
  });
}

function gpioNode(d: Of<'pl061'>, phandle: number, handles: Handles): FdtNode {
  return node('pl061', d, {
    phandle: cells(phandle),
    'clock-names': strings('apb_pclk'),
    clocks: cells(handles.clock),
    interrupts: spis(d, IRQ.levelHigh),
    'gpio-controller': EMPTY,
    '#gpio-cells': cells(2),
    compatible: strings('arm,pl061', 'arm,primecell'),
    reg: reg(d),
  });
}

function powerKey(d: Of<'pl061'>, handles: Handles): FdtNode[] {
  const key = new FdtNode('poweroff', {
    gpios: cells(handles.gpio, POWER_KEY_LINE, 0),
    'linux,code': cells(KEY_POWER),
    label: strings('GPIO Key Poweroff'),
  });
  return [new FdtNode('gpio-keys', { compatible: strings('gpio-keys') }, [key]), gpioNode(d, handles.gpio, handles)];
}

function powerControl(d: Of<'pl061'>, handles: Handles): FdtNode[] {
  const control = (name: string, line: number): FdtNode =>
    new FdtNode(name, { ...SECURE_ONLY, gpios: cells(handles.secureGpio, line, 0), compatible: strings(name) });
  return [
    control('gpio-restart', RESET_LINE),
    control('gpio-poweroff', POWER_OFF_LINE),
    gpioNode(d, handles.secureGpio, handles),
  ];
}

/** An empty bus, for devices that QEMU can plug in there; firmware may look for the node. */
function platformBus(handles: Handles): FdtNode {
  const [base, size] = VIRT_MAP.platformBus;
  return new FdtNode(`platform-bus@${hex(base)}`, {
    'interrupt-parent': cells(handles.gic),
    ranges: cells(0, 0, base, size),
    '#address-cells': cells(1),
    '#size-cells': cells(1),
    compatible: strings('qemu,platform', 'simple-bus'),
  });
}

const virtioNode = (d: Of<'virtio-mmio'>): FdtNode =>
  node('virtio_mmio', d, {
    'dma-coherent': EMPTY,
    interrupts: spis(d, IRQ.edgeRising),
    reg: reg(d),
    compatible: strings('virtio,mmio'),
  });

const secureRam = (m: MemoryRegion): FdtNode => node('secram', m, { reg: reg(m), device_type: strings('memory') });

const pmu = (): FdtNode =>
  new FdtNode('pmu', { interrupts: cells(IRQ.ppi, PPI.pmu, IRQ.levelHigh), compatible: strings('arm,armv8-pmuv3') });

function gicNode(d: Of<'gicv3'>, handles: Handles): FdtNode {
  // The room for redistributors, not only those that are there, as in QEMU.
  const [base, size] = VIRT_MAP.gicRedistributors;
  return new FdtNode(nameOf('intc', d), {
    phandle: cells(handles.gic),
    ...(d.virtualization ? { interrupts: cells(IRQ.ppi, PPI.maintenance, IRQ.levelHigh) } : {}),
    reg: reg(d, { base, size }),
    '#redistributor-regions': cells(1),
    compatible: strings('arm,gic-v3'),
    ranges: EMPTY,
    '#size-cells': cells(2),
    '#address-cells': cells(2),
    'interrupt-controller': EMPTY,
    '#interrupt-cells': cells(3),
  });
}

/** Banks that the same world sees are one node. */
function flashNodes(banks: readonly MemoryRegion[]): FdtNode[] {
  const flash = (kind: string, members: readonly MemoryRegion[]): FdtNode[] =>
    members.length === 0
      ? []
      : [node(kind, members[0]!, { 'bank-width': cells(4), reg: reg(...members), compatible: strings('cfi-flash') })];
  return [
    ...flash(
      'flash',
      banks.filter((b) => !onlySecure(b)),
    ),
    ...flash('secflash', banks.filter(onlySecure)),
  ];
}

function timer(machine: MachineDescription, options: TreeOptions): FdtNode {
  const lines: number[] = [PPI.cntps, PPI.cntp, PPI.cntv, PPI.cnthp];
  if (machine.el2 && options.features.has('VHE')) lines.push(PPI.cnthv);
  return new FdtNode('timer', {
    interrupts: cells(...lines.flatMap((ppi) => [IRQ.ppi, ppi, IRQ.levelHigh])),
    'always-on': EMPTY,
    compatible: strings('arm,armv8-timer', 'arm,armv7-timer'),
  });
}

function aliases(uarts: readonly Of<'pl011'>[], secure: boolean): FdtNode {
  const entries = uarts.map((d, n) => [`serial${n}`, strings(pathOf('pl011', d))] as const);
  return new FdtNode('aliases', Object.fromEntries(secure ? entries.reverse() : entries));
}

const chosen = (name: string, console: Of<'pl011'>, options: TreeOptions): FdtNode =>
  new FdtNode(name, {
    'stdout-path': strings(pathOf('pl011', console)),
    ...(options.seeds ? { 'rng-seed': new Uint8Array(32), 'kaslr-seed': new Uint8Array(8) } : {}),
  });
