/** Files that a user gives: kernels in each format, programs, device trees. What comes of one is a plan, or a UserError of one line. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { loadElf } from '../../core/boot/elf.ts';
import { readFdt } from '../../core/boot/fdt-read.ts';
import { writeFdt } from '../../core/boot/fdt-write.ts';
import { type BootOptions, planBoot } from '../../core/boot/plan.ts';
import { virtTree } from '../../core/machines/virt/tree.ts';
import { virtMachine } from '../../core/machines/virt.ts';
import { UserError } from '../../core/system/errors.ts';
import { buildElf, code } from '../support/elf-builder.ts';
import { mutate, type Target } from './target.ts';

const MIB = 1 << 20;
const machine = virtMachine({ cores: 2, memoryBytes: 64 * MIB });
const tree = virtTree(machine, { cpuModel: 'max', features: new Set(['PMUv3']), psci: true, seeds: true });

function image(): Uint8Array {
  const bytes = new Uint8Array(600).fill(0x1f);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, 0n, true);
  view.setBigUint64(16, 0x20000n, true);
  view.setUint32(56, 0x644d5241, true);
  return bytes;
}
function zboot(payload: Uint8Array, method: string): Uint8Array {
  const bytes = new Uint8Array(128 + payload.length);
  bytes.set([0x4d, 0x5a, 0, 0, 0x7a, 0x69, 0x6d, 0x67]);
  new DataView(bytes.buffer).setUint32(8, 128, true);
  new DataView(bytes.buffer).setUint32(12, payload.length, true);
  bytes.set(new TextEncoder().encode(method), 24);
  bytes.set(payload, 128);
  return bytes;
}
const good = image();
const NOP = 0xd503201f;
const program = buildElf({
  segments: [
    { address: 0x40001000, bytes: code(NOP, NOP), memoryBytes: 4096 },
    { address: 0x40080000, bytes: code(NOP, NOP, NOP) },
  ],
});

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
/** Whether it was taken; throws if it was neither that nor refused in one line. */
function taken(use: () => void): boolean {
  try {
    use();
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    check(/^[^\n]{1,300}$/.test(error.message), `not one line: ${error.message}`);
    return false;
  }
}

const file = (name: string, content: Uint8Array, use: (bytes: Uint8Array) => void): Target => ({
  name,
  memory: 128,
  open: (random) => ({ round: () => taken(() => use(mutate(content, random))) }),
});
const boot = (name: string, content: Uint8Array, options: (bytes: Uint8Array) => Partial<BootOptions>): Target =>
  file(name, content, (bytes) => void planBoot({ machine, cpuModel: 'max', ...options(bytes) }));
const kernel = (name: string, content: Uint8Array): Target =>
  boot(name, content, (bytes) => ({ kernel: { name: 'f', bytes } }));

export const FILES: readonly Target[] = [
  kernel('Image', good),
  kernel('gzip', gzipSync(good)),
  kernel('zboot-gzip', zboot(gzipSync(good), 'gzip')),
  kernel('zboot-zstd', zboot(zstdCompressSync(good), 'zstd')),
  kernel('ELF', program),
  file('bare-ELF', program, (bytes) => {
    const ram = { base: 0x40000000, size: MIB };
    for (const { address, bytes: content, memoryBytes } of loadElf(bytes, 'prog.elf', ram).images) {
      const inside = address >= ram.base && address + memoryBytes! <= ram.base + ram.size;
      check(inside && content.length <= memoryBytes!, 'a segment outside of memory');
    }
  }),
  boot('device-tree', writeFdt(tree), (bytes) => ({ kernel: { name: 'k', bytes: good }, dtb: { name: 'f', bytes } })),
  // What is read can be written and read again.
  file('device-tree-again', writeFdt(tree), (bytes) => {
    const root = readFdt(bytes, 'f');
    const nodes = (of: typeof root): number => [...of.walk()].length;
    check(nodes(readFdt(writeFdt(root), 'f')) === nodes(root), 'not the same nodes');
  }),
];
