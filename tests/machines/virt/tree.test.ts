import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CpuModel, cpuModel } from '../../../core/arch/features.ts';
import { readFdt } from '../../../core/boot/fdt-read.ts';
import { planBoot } from '../../../core/boot/plan.ts';
import { virtMachine } from '../../../core/machines/virt.ts';
import { CASES, smallFirmware, smallInitrd, smallKernel, type TreeCase } from './cases.ts';
import { type Normal, normalise } from './normalise.ts';

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'qemu-trees.json'), 'utf8')) as {
  version: string;
  trees: Record<string, Normal>;
};

/** Nodes and properties of QEMU's machine that this one has not yet: the ITS. */
const LATER_NODES = ['/intc@8000000/its@8080000'];
const LATER_PROPERTIES: Readonly<Record<string, string>> = { '/pcie@10000000': 'msi-map' };
/** What follows from the cores' CCSIDR_EL1 and is checked against those below: QEMU's `max` has other caches than ours. */
const CACHE = /^[id]-cache-(sets|size|block-size)$/;

function ours(c: TreeCase): Normal {
  const file = (name: string, bytes: Uint8Array) => ({ name, bytes });
  const plan = planBoot({
    machine: virtMachine(c),
    cpuModel: c.cpuModel,
    ...(c.firmware ? { firmware: file('firmware', smallFirmware()) } : {}),
    ...(!c.firmware || c.commandLine ? { kernel: file('kernel', smallKernel()) } : {}),
    ...(c.initrd ? { initrd: file('initrd', smallInitrd()) } : {}),
    ...(c.commandLine ? { commandLine: c.commandLine } : {}),
    ...(c.topology ? { topology: c.topology } : {}),
    random: (length) => new Uint8Array(length).fill(1),
  });
  return normalise(readFdt(plan.dtb.bytes, 'tree'));
}

function comparable(tree: Normal): [path: string, properties: [string, string][]][] {
  return Object.entries(tree)
    .filter(([path]) => !LATER_NODES.includes(path))
    .map(([path, properties]) => [
      path,
      Object.entries(properties).filter(([name]) => name !== LATER_PROPERTIES[path] && !CACHE.test(name)),
    ]);
}

test('the trees were recorded from the version that is the measure', () => {
  expect(recorded.version).toMatch(/^11\.1\./);
  expect(Object.keys(recorded.trees)).toEqual(CASES.map((c) => c.name));
});

describe('the device tree is that of QEMU, in its order', () => {
  test.each(CASES.map((c) => [c.name, c] as const))('%s', (name, c) => {
    expect(comparable(ours(c))).toEqual(comparable(recorded.trees[name]!));
  });
});

test('the comparison sees a changed address and a missing node', () => {
  const tree = ours(CASES[0]!);
  const changed = { ...tree, '/pl031@9010000': { ...tree['/pl031@9010000'], reg: '<0x0 0x9011000 0x0 0x1000>' } };
  expect(comparable(changed)).not.toEqual(comparable(tree));
  const { '/pmu': _, ...missing } = tree;
  expect(comparable(missing)).not.toEqual(comparable(tree));
});

describe('caches are those of CCSIDR_EL1', () => {
  /** Sizes that the models' tables give in the text of their definition. */
  const sizes: Readonly<Record<CpuModel['name'], readonly [data: number, instructions: number]>> = {
    max: [32 << 10, 32 << 10],
    'cortex-a72': [32 << 10, 48 << 10],
  };
  test.each(Object.keys(sizes))('%s', (model) => {
    expect(cpuModel(model).name).toBe(model);
    const tree = ours({ ...CASES[0]!, cpuModel: model });
    const cpu = tree['/cpus/cpu@0']!;
    const [data, instructions] = sizes[model]!;
    expect(cpu['d-cache-size']).toBe(`<0x${data.toString(16)}>`);
    expect(cpu['i-cache-size']).toBe(`<0x${instructions.toString(16)}>`);
    const [sets, line] = [Number(cpu['d-cache-sets']!.slice(1, -1)), Number(cpu['d-cache-block-size']!.slice(1, -1))];
    expect(data % (sets * line)).toBe(0);
    expect(line).toBe(64);
  });
});
