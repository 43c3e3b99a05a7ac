import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadElf } from '../../core/boot/elf.ts';
import { UserError } from '../../core/system/errors.ts';
import { buildElf, code, type ElfOptions } from '../support/elf-builder.ts';

const RAM = { base: 0x40000000, size: 1 << 20 };
const NOP = 0xd503201f;
const good: ElfOptions = { segments: [{ address: 0x40001000, bytes: code(NOP, NOP), memoryBytes: 100 }] };
const load = (file: Uint8Array) => loadElf(file, 'prog.elf', RAM);
const patched = (options: ElfOptions, patch: (view: DataView) => void): Uint8Array => {
  const file = buildElf(options);
  patch(new DataView(file.buffer));
  return file;
};

describe('a good file', () => {
  test('its segments are images at their physical addresses', () => {
    const { images, entry, end } = load(buildElf(good));
    expect(images).toEqual([{ address: 0x40001000, bytes: code(NOP, NOP), memoryBytes: 100 }]);
    expect(entry).toBe(0x40001000n);
    expect(end).toBe(0x40001064);
  });
  test('an entry given as a virtual address is translated', () => {
    const file = buildElf({
      entry: 0x80000004,
      segments: [{ address: 0x40002000, virtual: 0x80000000, bytes: code(NOP, NOP) }],
    });
    expect(load(file).entry).toBe(0x40002004n);
  });
  test('a position-independent one linked at 0 is moved into RAM', () => {
    const segments = [{ address: 0, bytes: code(NOP) }];
    expect(loadElf(buildElf({ type: 3, segments }), 'p', { base: 0x40000000, size: 1 << 24 })).toMatchObject({
      entry: 0x40200000n,
      images: [{ address: 0x40200000 }],
    });
  });
  test('the benchmark programs load', () => {
    const folder = join(import.meta.dirname, '../../bench/programs/elf');
    for (const name of readdirSync(folder)) {
      const { entry } = loadElf(readFileSync(join(folder, name)), name, { base: 0x40000000, size: 512 << 20 });
      expect(entry).toBe(0x40200000n);
    }
  });
});

test.each<[string, Uint8Array]>([
  ['prog.elf: not an ELF file', new TextEncoder().encode('#!/bin/sh\necho hello\n')],
  ['prog.elf: not an ELF file', new Uint8Array(0)],
  ['prog.elf: truncated ELF file: the header is incomplete', buildElf(good).slice(0, 40)],
  ['prog.elf: not an AArch64 ELF file: it is 32-bit', patched(good, (v) => v.setUint8(4, 1))],
  ['prog.elf: not a little-endian ELF file', patched(good, (v) => v.setUint8(5, 2))],
  ['prog.elf: not an AArch64 ELF file: it is for x86-64', buildElf({ ...good, machine: 62 })],
  ['prog.elf: not an AArch64 ELF file: it is for machine 4711', buildElf({ ...good, machine: 4711 })],
  ['prog.elf: cannot be loaded: a relocatable object, not a linked program', buildElf({ ...good, type: 1 })],
  ['prog.elf: unknown ELF version', patched(good, (v) => v.setUint32(20, 2, true))],
  ['prog.elf: nothing to load: it has no program headers', buildElf({ segments: [] })],
  [
    'prog.elf: nothing to load: it has no PT_LOAD segment',
    buildElf({ segments: [{ type: 4, address: 0x40000000, bytes: code(NOP) }] }),
  ],
  ['prog.elf: truncated ELF file: program headers are missing', patched(good, (v) => v.setBigUint64(32, 1000n, true))],
  [
    'prog.elf: truncated ELF file: program headers are missing',
    patched(good, (v) => v.setBigUint64(32, 2n ** 64n - 1n, true)),
  ],
  ['prog.elf: damaged ELF file: program headers of 8 bytes', patched(good, (v) => v.setUint16(54, 8, true))],
  ['prog.elf: truncated ELF file: the contents of segment 0 are missing', buildElf(good).slice(0, -4)],
  [
    'prog.elf: damaged ELF file: segment 0 is larger in the file than in memory',
    buildElf({ segments: [{ address: 0x40000000, bytes: code(NOP, NOP), memoryBytes: 4 }] }),
  ],
  [
    'prog.elf: too large for memory: a segment at 0x40001000 to 0x40201003 ends outside of RAM (0x40000000 to 0x400fffff)',
    buildElf({ segments: [{ address: 0x40001000, bytes: code(NOP), memoryBytes: 0x200004 }] }),
  ],
  [
    'prog.elf: a segment at 0x80000 to 0x80003 is outside of RAM (0x40000000 to 0x400fffff)',
    buildElf({ segments: [{ address: 0x80000, bytes: code(NOP) }] }),
  ],
  [
    'prog.elf: dynamically linked: a bare machine needs a static program',
    buildElf({ segments: [...good.segments, { type: 3, address: 0x40001000, bytes: code(NOP) }] }),
  ],
  ['prog.elf: the entry point 0x40001002 is not a multiple of 4', buildElf({ ...good, entry: 0x40001002 })],
  ['prog.elf: the entry point 0x40005000 is in no segment', buildElf({ ...good, entry: 0x40005000 })],
])('%s', (message, file) => {
  expect(() => load(file)).toThrow(UserError);
  expect(() => load(file)).toThrow(message);
});
