/**
 * Damaged input: files are mutated by a generator with a fixed seed, a fixed number of times. Whatever comes in, what comes out is a
 * plan or a UserError of one line, soon, and without much memory.
 */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readFdt } from '../../core/boot/fdt-read.ts';
import { writeFdt } from '../../core/boot/fdt-write.ts';
import { type BootOptions, planBoot } from '../../core/boot/plan.ts';
import { virtTree } from '../../core/machines/virt/tree.ts';
import { virtMachine } from '../../core/machines/virt.ts';
import { UserError } from '../../core/system/errors.ts';
import { buildElf, code } from '../support/elf-builder.ts';

const MIB = 1 << 20;
const machine = virtMachine({ cores: 2, memoryBytes: 64 * MIB });

/** xorshift32. */
function generator(seed: number): (below: number) => number {
  let x = seed;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0x10000];

/** Changes bytes or words, cuts off, doubles a part; near the start more often, where headers are. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let out = bytes.slice();
  for (let n = 1 + random(4); n > 0 && out.length > 4; n--) {
    const where = random(2) ? random(Math.min(out.length, 128)) : random(out.length);
    switch (random(5)) {
      case 0:
        out[where] = random(256);
        break;
      case 1:
        out[where]! ^= 1 << random(8);
        break;
      case 2: {
        const at = Math.min(where & ~3, out.length - 4);
        new DataView(out.buffer).setUint32(at, INTERESTING[random(INTERESTING.length)]!, random(2) === 1);
        break;
      }
      case 3:
        out = out.slice(0, where);
        break;
      default: {
        const piece = out.slice(where, where + random(64));
        out = new Uint8Array([...out.slice(0, where), ...piece, ...out.slice(where)]);
      }
    }
  }
  return out;
}

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
const tree = virtTree(machine, {
  cpuModel: 'max',
  features: new Set(['PMUv3']),
  psci: true,
  seeds: true,
});
const good = image();

const KINDS: readonly (readonly [name: string, file: Uint8Array, use: (bytes: Uint8Array) => Partial<BootOptions>])[] =
  [
    ['Image', good, (bytes) => ({ kernel: { name: 'f', bytes } })],
    ['gzip', gzipSync(good), (bytes) => ({ kernel: { name: 'f', bytes } })],
    ['zboot with gzip', zboot(gzipSync(good), 'gzip'), (bytes) => ({ kernel: { name: 'f', bytes } })],
    ['zboot with zstd', zboot(zstdCompressSync(good), 'zstd'), (bytes) => ({ kernel: { name: 'f', bytes } })],
    [
      'ELF',
      buildElf({ segments: [{ address: 0x40001000, bytes: code(0xd503201f), memoryBytes: 4096 }] }),
      (bytes) => ({ kernel: { name: 'f', bytes } }),
    ],
    ['device tree', writeFdt(tree), (bytes) => ({ kernel: { name: 'k', bytes: good }, dtb: { name: 'f', bytes } })],
  ];
const ROUNDS = 1500;
/** Bound on what the process may hold beyond what it held before, while parsing files of a few KiB. */
const MEMORY_BOUND = 200 * MIB;

describe('mutated files give a plan or one line', () => {
  test.each(KINDS)('%s', (_, file, use) => {
    const random = generator(0x5eed);
    const before = process.memoryUsage.rss();
    let [plans, refusals] = [0, 0];
    for (let n = 0; n < ROUNDS; n++) {
      const bytes = mutate(file, random);
      try {
        planBoot({ machine, cpuModel: 'max', ...use(bytes) });
        plans++;
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`round ${n}`, { cause: error });
        expect(error.message).toMatch(/^[^\n]{1,300}$/);
        refusals++;
      }
    }
    // Both happen, or the mutations would test nothing.
    expect(plans).toBeGreaterThan(0);
    expect(refusals).toBeGreaterThan(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(MEMORY_BOUND);
  });
});

test('a mutated tree that is read can be written and read again', () => {
  const random = generator(0xfd7);
  const blob = writeFdt(tree);
  let read = 0;
  for (let n = 0; n < ROUNDS; n++) {
    try {
      const root = readFdt(mutate(blob, random), 'f');
      const again = readFdt(writeFdt(root), 'f');
      expect([...again.walk()].length).toBe([...root.walk()].length);
      read++;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  expect(read).toBeGreaterThan(10);
});
