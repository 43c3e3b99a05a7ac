import { expect, test } from 'vitest';
import { Walker } from '../../core/observe/walk.ts';
import { FakeSystem } from '../support/fake-system.ts';

const TABLES = 0x40001000n;
/** TCR_EL1 with 39-bit ranges of 4 KB granules, both ways. */
const TCR = 25n | (25n << 16n) | (2n << 30n);
const TABLE = 3n;
const PAGE = 3n | (1n << 10n);

function machine(el: 1 | 2 = 1) {
  const system = new FakeSystem();
  system.probe.level = () => ({ world: 'normal', el });
  Object.assign(system.config.machine, { el2: true });
  const set = (name: string, value: bigint): void => void system.cores[0]!.system.set(name, value);
  const poke = (address: bigint, value: bigint): void => {
    new DataView(system.memory.buffer).setBigUint64(Number(address - 0x40000000n), value, true);
  };
  return {
    system,
    set,
    poke,
    explain: (address: bigint, regime = 'current') => new Walker(system, 0).explain(address, regime),
  };
}
/** Stage 1 of EL1&0: 0x1234_5000 in the lower range to 0x4000_8000, in three levels. */
function mapped() {
  const m = machine();
  m.set('SCTLR_EL1', 1n);
  m.set('TCR_EL1', TCR);
  m.set('TTBR0_EL1', TABLES);
  m.poke(TABLES, (TABLES + 0x1000n) | TABLE);
  m.poke(TABLES + 0x1000n + 8n * 0x91n, (TABLES + 0x2000n) | TABLE);
  m.poke(TABLES + 0x2000n + 8n * 0x145n, 0x40008000n | PAGE | (1n << 7n) | (1n << 53n) | (2n << 2n));
  return m;
}

test('stage 1 from the first table to the page', () => {
  const { steps, output, fault } = mapped().explain(0x12345678n);
  expect(fault).toBeNull();
  expect(steps.map((s) => [s.stage, s.level, s.meaning])).toEqual([
    [1, 1, 'table at 0x40002000'],
    [1, 2, 'table at 0x40003000'],
    [1, 3, 'page at 0x40008000'],
  ]);
  expect(output).toEqual({
    address: 0x40008678n,
    pas: 'normal',
    attributes: 'stage 1: read-only, not EL0, PXN, AttrIndx 2',
  });
});

test('a block, the upper range, and what is not mapped', () => {
  const m = mapped();
  m.set('TTBR1_EL1', TABLES + 0x3000n);
  m.poke(TABLES + 0x3000n + 8n * 0x1ffn, 0x80000000n | 1n | (1n << 10n));
  expect(m.explain(0xffffffffc0001234n).output?.address).toBe(0x80001234n);
  m.poke(TABLES + 0x3000n + 8n * 0x1ffn, 0x80000000n | 1n);
  expect(m.explain(0xffffffffc0001234n).fault).toBe('access flag fault, level 1');
  expect(m.explain(0x12346000n).fault).toBe('translation fault, level 3');
  expect(m.explain(0x7f_c000_0000n).fault).toBe('translation fault, level 1');
  expect(m.explain(0x80_0000_0000n).fault).toContain('more than 39 bits');
  m.set('TCR_EL1', TCR | (1n << 7n));
  expect(m.explain(0x12345678n).fault).toContain('TTBR0 are off');
});

test('off, an address is its own; stage 2 comes behind, for tables of stage 1 as well', () => {
  const m = machine();
  m.set('SCTLR_EL1', 0n);
  expect(m.explain(0x40008123n).output).toEqual({ address: 0x40008123n, pas: 'normal', attributes: 'stage 1 is off' });
  m.set('HCR_EL2', 1n);
  // 32 bits of IPA from level 1: one block of 1 GB to itself.
  m.set('VTCR_EL2', 32n | (1n << 6n));
  m.set('VTTBR_EL2', TABLES + 0x4000n);
  m.poke(TABLES + 0x4000n + 8n, 0x40000000n | 1n | (1n << 10n) | (3n << 6n));
  const walk = m.explain(0x40008123n);
  expect(walk.output?.address).toBe(0x40008123n);
  expect(walk.output?.attributes).toContain('stage 2: read/write');
  expect(walk.steps).toMatchObject([{ stage: 2, level: 1, meaning: 'block at 0x40000000' }]);
  expect(m.explain(0x80000000n).fault).toBe('stage 2 translation fault, level 1');
});

test('EL2 has one range and registers of its own', () => {
  const m = machine(2);
  m.set('SCTLR_EL2', 1n);
  m.set('TCR_EL2', 32n);
  m.set('TTBR0_EL2', TABLES);
  m.poke(TABLES + 8n, 0x40000000n | 1n | (1n << 10n));
  expect(m.explain(0x40008123n).output).toMatchObject({ address: 0x40008123n, pas: 'normal' });
  expect(m.explain(0x40008123n, 'EL3').output?.attributes).toBe('stage 1 is off');
});
