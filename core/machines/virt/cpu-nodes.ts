/** The device tree's nodes of the cores: affinities, caches, topology. */
import { cpuModel } from '../../arch/features.ts';
import { cells, FdtNode, type PropertyValue, strings } from '../../boot/fdt.ts';
import type { CpuTopology, TreeOptions } from './tree.ts';

/** `compatible` of a core by model; QEMU's `max` calls itself a Cortex-A57 there. */
const COMPATIBLE: Readonly<Record<string, string>> = { max: 'arm,cortex-a57' };
/** Cores in a cluster, as far as affinities go: a GICv3 can send an interrupt to 16 at once. */
const CLUSTER = 16;

/** Affinity fields 2 to 0 of core `n`'s MPIDR_EL1. */
export const affinityOf = (n: number): number => (Math.floor(n / CLUSTER) << 8) | (n % CLUSTER);

export function cpuNodes(cores: number, options: TreeOptions, handles: readonly number[]): FdtNode {
  const compatible = COMPATIBLE[options.cpuModel] ?? `arm,${options.cpuModel}`;
  const caches = cacheProperties(options);
  const cpus = Array.from(
    { length: cores },
    (_, n) =>
      new FdtNode(`cpu@${n}`, {
        // QEMU names no second level of caches, and says so with a handle that cannot be.
        'next-level-cache': cells(0),
        ...caches,
        phandle: cells(handles[n]!),
        reg: cells(affinityOf(n)),
        ...(options.psci && cores > 1 ? { 'enable-method': strings('psci') } : {}),
        compatible: strings(compatible),
        device_type: strings('cpu'),
      }),
  );
  return new FdtNode('cpus', { '#size-cells': cells(0), '#address-cells': cells(1) }, [
    cpuMap(handles, options.topology ?? { sockets: 1, clusters: 1, cores, threads: 1 }),
    ...cpus,
  ]);
}

/** The topology binding: sockets, clusters, cores; threads only where there are several. */
function cpuMap(handles: readonly number[], topology: CpuTopology): FdtNode {
  const { sockets, clusters, cores, threads } = topology;
  let next = 0;
  const group = (kind: string, count: number, make: (name: string) => FdtNode): FdtNode[] =>
    Array.from({ length: count }, (_, n) => make(`${kind}${n}`));
  const leaf = (name: string): FdtNode => new FdtNode(name, { cpu: cells(handles[next++]!) });
  const core = (name: string): FdtNode =>
    threads > 1 ? new FdtNode(name, {}, group('thread', threads, leaf)) : leaf(name);
  const cluster = (name: string): FdtNode => new FdtNode(name, {}, group('core', cores, core));
  const socket = (name: string): FdtNode => new FdtNode(name, {}, group('cluster', clusters, cluster));
  return new FdtNode('cpu-map', {}, group('socket', sockets, socket));
}

/** The first level, from CCSIDR_EL1 (D24.2.27: two layouts): data selected by CSSELR_EL1 0, instructions by 1. */
function cacheProperties(options: TreeOptions): Record<string, PropertyValue> {
  const { ccsidr } = cpuModel(options.cpuModel);
  const properties: Record<string, PropertyValue> = {};
  for (const [letter, index] of [
    ['i', 1],
    ['d', 0],
  ] as const) {
    const value = ccsidr[index]!;
    const field = (low: number, bits: number): number => Number((value >> BigInt(low)) & ((1n << BigInt(bits)) - 1n));
    const line = 16 << field(0, 3);
    const [ways, sets] = options.features.has('CCIDX') ? [field(3, 21), field(32, 24)] : [field(3, 10), field(13, 15)];
    properties[`${letter}-cache-sets`] = cells(sets + 1);
    properties[`${letter}-cache-size`] = cells((sets + 1) * (ways + 1) * line);
    properties[`${letter}-cache-block-size`] = cells(line);
  }
  return properties;
}
