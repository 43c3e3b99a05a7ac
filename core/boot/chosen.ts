/**
 * What a boot adds to a device tree, the machine's own or the user's: memory, command line, initial RAM disk, PSCI, seeds. The
 * rules are QEMU's (11.1), for `-dtb` as well: its memory nodes and its PSCI node are replaced.
 */

import type { PsciConduit } from '../system/api.ts';
import { UserError } from '../system/errors.ts';
import { cells, cellsOf, FdtNode, type PropertyValue, strings } from './fdt.ts';

/** Addresses and sizes in bytes. */
export interface Range {
  readonly base: number;
  readonly size: number;
}
export interface BootFacts {
  readonly memory: Range;
  /** The kernel's command line; an empty one is not written. */
  readonly commandLine: string;
  readonly initrd: Range | null;
  readonly psci: PsciConduit;
}

/** PSCI function identifiers for calls from AArch64 (Arm DEN 0022), as version 0.1 of the binding wants them spelled out. */
const PSCI_FUNCTIONS = { migrate: 0xc4000005, cpu_on: 0xc4000003, cpu_off: 0x84000002, cpu_suspend: 0xc4000001 };

/** A number in as many cells as the tree's root has for addresses or sizes; `name` is the tree's in messages. */
function sized(value: number, count: number, name: string): PropertyValue {
  if (count === 1 && value >= 2 ** 32)
    throw new UserError(`${name}: a device tree with 32-bit sizes cannot tell of this memory`);
  const low = [Math.floor(value / 2 ** 32), value % 2 ** 32].slice(-Math.min(count, 2));
  return cells(...Array.from({ length: count - low.length }, () => 0), ...low);
}
const join = (...parts: readonly PropertyValue[]): PropertyValue => new Uint8Array(parts.flatMap((p) => [...p]));

/** `root` as changed in place; `name` is its name in messages. Throws UserError where the tree cannot take it. */
export function applyBoot(root: FdtNode, facts: BootFacts, name: string): FdtNode {
  const count = (property: string): number => cellsOf(root.properties.get(property))?.[0] ?? 0;
  const [addressCells, sizeCells] = [count('#address-cells'), count('#size-cells')];
  const valid = (n: number): boolean => n >= 1 && n <= 4;
  if (!valid(addressCells) || !valid(sizeCells)) {
    throw new UserError(`${name}: the device tree's root must have #address-cells and #size-cells of 1 to 4`);
  }
  const { base, size } = facts.memory;
  root.children = root.children.filter((c) => c.name !== 'memory' && !c.name.startsWith('memory@'));
  root.addFirst(
    new FdtNode(`memory@${base.toString(16)}`, {
      reg: join(sized(base, addressCells, name), sized(size, sizeCells, name)),
      device_type: strings('memory'),
    }),
  );
  const chosen = root.child('chosen') ?? root.addFirst(new FdtNode('chosen'));
  if (facts.commandLine !== '') chosen.set('bootargs', strings(facts.commandLine));
  if (facts.initrd) {
    chosen.set('linux,initrd-start', sized(facts.initrd.base, addressCells, name));
    chosen.set('linux,initrd-end', sized(facts.initrd.base + facts.initrd.size, addressCells, name));
  }
  if (facts.psci !== 'none') {
    root.children = root.children.filter((c) => c.name !== 'psci');
    root.addFirst(psciNode(facts.psci));
  }
  return root;
}

const psciNode = (method: 'hvc' | 'smc'): FdtNode =>
  new FdtNode('psci', {
    ...Object.fromEntries(Object.entries(PSCI_FUNCTIONS).map(([name, id]) => [name, cells(id)])),
    method: strings(method),
    compatible: strings('arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'),
  });

/** Fills every property `rng-seed` and `kaslr-seed`; `random` yields as many bytes as it is asked for. */
export function randomizeSeeds(root: FdtNode, random: (length: number) => Uint8Array): void {
  for (const [, node] of root.walk()) {
    for (const name of ['rng-seed', 'kaslr-seed']) {
      const value = node.properties.get(name);
      if (value) node.properties.set(name, random(value.length));
    }
  }
}
