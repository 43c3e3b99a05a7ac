/** Requesters other than cores (DMA): what granule protection and the memory protection engine leave them. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryProtection, powerOnProtection } from '../../core/arch/encryption/engine.ts';
import { GPI } from '../../core/arch/granules/format.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import { layoutOf } from '../../core/engine/layout.ts';
import { bareSystem } from '../../core/machines/bare.ts';
import { RequesterMemory } from '../../core/system/guest-memory.ts';
import { planOf } from '../../core/system/plan.ts';
import { GranuleTables } from './tables.ts';

const RAM = 0x40000000;
const MIB = 1 << 20;
const P = RAM + 0x10_0000;
const config = bareSystem({
  cores: 1,
  memoryBytes: 8 * MIB,
  cpuModel: 'max',
  features: { 'x-rme': true },
  mec: { enabled: true },
  engine: 'interpreter',
  deterministic: true,
  startEl: 3,
  images: [],
  entry: BigInt(RAM),
  semihosting: null,
  psci: 'none',
});

describe.each(['off', 'exact'] as const)('model %s', (model) => {
  const plan = planOf(config);
  const layout = layoutOf(1, 1, plan.arenaBytes);
  const memory: WebAssembly.Memory<SharedArrayBuffer> = new WebAssembly.Memory({
    initial: layout.pages,
    maximum: 65536,
    shared: true,
  });
  const view = new DataView(memory.buffer);
  const host = (pa: number): number => layout.arena + pa - RAM;
  const reg = (name: string, v: bigint): void => view.setBigUint64(layout.core(0) + regOffset(name), v, true);
  let dma: RequesterMemory;
  let engine: MemoryProtection | null;
  let tables: GranuleTables;
  beforeEach(() => {
    powerOnProtection(memory.buffer, layout, { model, seed: 3 });
    new Uint8Array(memory.buffer).fill(0, layout.arena, layout.arena + plan.arenaBytes);
    reg('GPCCR_EL3', 0n);
    tables = new GranuleTables(
      {
        write64: (pa, v) => view.setBigUint64(host(Number(pa)), v, true),
        read64: (pa) => view.getBigUint64(host(Number(pa)), true),
        reg,
      },
      BigInt(RAM + 0x40_0000),
    );
    const nobody = {
      own: [],
      spaceOf: () => 0,
      drop: () => {},
      forgetCode: () => {},
      ask: () => false,
      dropAll: () => {},
    };
    engine =
      model === 'off'
        ? null
        : new MemoryProtection(memory.buffer, layout, [{ base: RAM, size: 8 * MIB, host: layout.arena }], nobody);
    dma = new RequesterMemory(memory, layout, plan, 1, () => engine);
  });
  const bytes = (n: number, v = 0x5a): Uint8Array => new Uint8Array(n).fill(v);

  it('without a granule protection table they have all of it', () => {
    expect(dma.write(P, bytes(100))).toBe(true);
    expect(dma.read(P, 100)).toEqual(bytes(100));
    expect(dma.view(P, 100) === null).toBe(model !== 'off');
  });
  it.each([
    ['none', GPI.none, false],
    ['Secure', GPI.secure, false],
    ['Non-secure', GPI.nonSecure, true],
    ['Root', GPI.root, false],
    ['Realm', GPI.realm, false],
    ['any', GPI.any, true],
  ] as const)('a granule of %s', (_name, gpi, allowed) => {
    tables.granule(BigInt(P), gpi);
    tables.enable();
    expect(dma.read(P + 8, 8) !== null).toBe(allowed);
    expect(dma.write(P + 8, bytes(8))).toBe(allowed);
    expect(dma.view(P, 8)).toBeNull();
    // Only what was allowed got there.
    const there = new Uint8Array(memory.buffer).slice(host(P) + 8, host(P) + 16);
    expect(there.every((b) => b === (allowed ? 0x5a : 0))).toBe(true);
  });
  it('all or nothing: a range that touches a foreign granule is neither read nor written', () => {
    tables.granule(BigInt(P + 0x2000), GPI.realm);
    tables.enable();
    expect(dma.read(P, 0x2000)).not.toBeNull();
    expect(dma.read(P, 0x2001)).toBeNull();
    expect(dma.write(P + 0x1000, bytes(0x1001))).toBe(false);
    expect(dma.read(P + 0x1000, 0x1000)).toEqual(bytes(0x1000, 0));
    expect(dma.write(P + 0x1000, bytes(0x1000))).toBe(true);
  });
  it('a table that is not valid gives nothing', () => {
    tables.enable();
    reg('GPCCR_EL3', tables.gpccr | (3n << 14n));
    expect(dma.read(P, 8)).toBeNull();
  });
  it('a change of the table holds at once', () => {
    tables.granule(BigInt(P), GPI.nonSecure);
    tables.enable();
    expect(dma.read(P, 8)).not.toBeNull();
    tables.granule(BigInt(P), GPI.realm);
    expect(dma.read(P, 8)).toBeNull();
  });
  it('a table for more addresses than the CPU has is not valid', () => {
    tables.enable();
    expect(dma.read(P, 8)).not.toBeNull();
    // 52 bits, where the CPU has 48.
    reg('GPCCR_EL3', (tables.gpccr & ~7n) | 6n);
    expect(dma.read(P, 8)).toBeNull();
  });
  it.runIf(model === 'exact')('a table is read as Root memory: where Realm has written it, it is noise', () => {
    tables.enable();
    engine!.claim(null, host(Number(tables.root)), engine!.owner(2, 0));
    expect(dma.read(P, 8)).not.toBeNull();
    const page = new Uint8Array(memory.buffer).slice(host(Number(tables.root)), host(Number(tables.root)) + 4096);
    engine!.claim(null, host(Number(tables.root)), engine!.owner(3, 7));
    new Uint8Array(memory.buffer).set(page, host(Number(tables.root)));
    expect(dma.read(P, 8)).toBeNull();
  });
  it.runIf(model === 'exact')('of another context’s page they read what is in DRAM', () => {
    // Realm writes; the requester sees its cipher text, and the same each time.
    engine!.claim(null, host(P), engine!.owner(3, 7));
    view.setBigUint64(host(P), 0x1122334455667788n, true);
    const noise = dma.read(P, 16)!;
    expect(new DataView(noise.buffer).getBigUint64(0, true)).not.toBe(0x1122334455667788n);
    expect(dma.read(P, 16)).toEqual(noise);
    // It writes a block: the others come back whole.
    engine!.claim(null, host(P), engine!.owner(3, 7));
    view.setBigUint64(host(P) + 32, 99n, true);
    expect(dma.write(P, bytes(16))).toBe(true);
    engine!.claim(null, host(P), engine!.owner(3, 7));
    expect(view.getBigUint64(host(P) + 32, true)).toBe(99n);
    expect(view.getBigUint64(host(P), true)).not.toBe(0x5a5a5a5a5a5a5a5an);
  });
});
