import { describe, expect, test } from 'vitest';
import { archLibraries } from '../../core/arch/library.ts';
import { INTERNAL } from '../../core/arch/registers/internal.ts';
import { cpuOf } from '../../core/arch/registers/reset.ts';
import { unlistedNames } from '../../core/arch/registers/storage.ts';
import { register, registers } from '../../core/arch/registers/table.ts';
import { buildCore } from '../../core/engine/build-core.ts';
import { RegisterCore } from './support.ts';

describe('the table', () => {
  test('fields lie within 64 bits and do not overlap, unless a register has two layouts', () => {
    const two = new Set(['CPTR_EL2']);
    for (const r of registers) {
      let seen = 0n;
      for (const f of r.fields ?? []) {
        const bits = ((1n << BigInt(f.width)) - 1n) << BigInt(f.lsb);
        expect([r.name, f.name, f.width > 0 && f.lsb + f.width <= 64]).toEqual([r.name, f.name, true]);
        if (!two.has(r.name)) expect([r.name, f.name, seen & bits]).toEqual([r.name, f.name, 0n]);
        seen |= bits;
      }
    }
  });
  test('encodings: direction and level of op1 fit the name', () => {
    for (const r of registers) {
      const [op0, op1] = r.encoding;
      expect(op0 === 2 || op0 === 3).toBe(true);
      if (r.alias) expect(op1 === 5 || /^CNT/.test(r.name)).toBe(true);
      const lowest = Math.min(r.readEl ?? 3, r.writeEl ?? 3);
      // op1: 3 is EL0, 4 and 5 are EL2, 6 is EL3, 7 the secure timer.
      if (op1 === 3) expect([r.name, lowest]).toEqual([r.name, 0]);
      if (op1 === 4 || op1 === 5) expect([r.name, lowest]).toEqual([r.name, 2]);
      if (op1 === 6) expect([r.name, lowest]).toEqual([r.name, 3]);
      if (op0 === 3 && op1 === 0) expect([r.name, lowest]).toEqual([r.name, 1]);
    }
  });
  test('names that EL2 redirects have both ends', () => {
    for (const r of registers) {
      if (r.vhe === undefined) continue;
      expect(register(r.vhe).encoding[1]).toBe(4);
      expect(register(r.name.replace('_EL1', '_EL12')).encoding[1]).toBe(5);
    }
  });
  test('every value that routines keep is listed, so that all threads lay the state out alike', () => {
    buildCore(archLibraries(cpuOf('max', { 'x-rme': true, lpa2: true })));
    buildCore(archLibraries(cpuOf('cortex-a72')));
    expect(unlistedNames()).toEqual([]);
    expect(new Set(INTERNAL).size).toBe(INTERNAL.length);
  });
});

/** Bits by number and range. */
const bits = (text: string): bigint =>
  text
    .split(' ')
    .filter((t) => t)
    .reduce((v, t) => {
      const [hi, lo] = t.split(':').map(Number) as [number, number | undefined];
      return v | (((1n << BigInt(hi - (lo ?? hi) + 1)) - 1n) << BigInt(lo ?? hi));
    }, 0n);

/** Bits that can be written, and those that are RES1: from the manual, for `max` and `cortex-a72`. */
const WRITES: readonly (readonly [name: string, model: string, writable: string, res1?: string])[] = [
  ['SCTLR_EL1', 'max', '57 44 36:35 33 31:30 27:26 23 21:18 16:12 10:9 6 4:0', '29 28 22 11 8 7'],
  ['SCTLR_EL1', 'cortex-a72', '26 19:18 16:14 12 9 4:0', '29 28 23 22 20 11 8 7'],
  ['SCTLR_EL2', 'max', '57 44 36:35 33 31:30 27:26 23 21:18 16:12 10 6 4:0', '29 28 22 11 5'],
  ['SCTLR_EL3', 'max', '44 36 31:30 27 21 19 13:12 6 3:0', '29 28 23 22 18 16 11 5 4'],
  ['HCR_EL2', 'max', '55:52 50:49 47:46 41:40 37:32 30 28:16 14:0', '31'],
  ['HCR_EL2', 'cortex-a72', '33:32 30 28:16 14:0', '31'],
  ['HCRX_EL2', 'max', '15:14 11:10'],
  ['SCR_EL3', 'max', '45:43 40 38 28:27 25 21:11 9:7 3:0', '10 5:4'],
  ['SCR_EL3', 'cortex-a72', '13:11 9:7 3:0', '10 5:4'],
  ['CPACR_EL1', 'max', '21:20'],
  ['CPTR_EL3', 'max', '31 10'],
  ['MDCR_EL2', 'max', '29 27:26 23 17 11:0'],
  ['VBAR_EL1', 'max', '63:11'],
  ['CONTEXTIDR_EL1', 'max', '31:0'],
  ['TTBR0_EL1', 'max', '63:0'],
  ['MAIR_EL1', 'max', '63:0'],
  ['AMAIR_EL1', 'max', ''],
  ['ACTLR_EL1', 'max', ''],
  ['AFSR0_EL1', 'max', ''],
  ['TCR_EL1', 'max', '56:55 52:36 34:22 21:7 5:0'],
  ['TCR_EL1', 'cortex-a72', '38:36 34:22 21:7 5:0'],
  ['TCR_EL3', 'max', '35 29:24 22:20 18:8 5:0', '31 23'],
  ['TCR2_EL1', 'max', '1'],
  ['VTCR_EL2', 'max', '36 30:25 22:21 19:0', '31'],
  ['VTCR_EL2', 'cortex-a72', '18:0', '31'],
  ['SPSR_EL1', 'max', '31:28 24:20 12:6 4:0'],
  ['SPSR_EL1', 'cortex-a72', '31:28 21:20 9:6 4:0'],
  ['ESR_EL1', 'max', '55:0'],
  ['ELR_EL1', 'max', '63:0'],
  ['FAR_EL1', 'max', '63:0'],
  ['HPFAR_EL2', 'max', '63 47:4'],
  ['PAR_EL1', 'max', '63:0'],
  ['CNTKCTL_EL1', 'max', '17 9:0'],
  ['CNTKCTL_EL1', 'cortex-a72', '9:0'],
  ['CNTHCTL_EL2', 'max', '17:0'],
  ['PMUSERENR_EL0', 'max', '3:0'],
  ['PMSELR_EL0', 'max', '4:0'],
  ['PMCCFILTR_EL0', 'max', '31:26 24'],
  ['MDSCR_EL1', 'max', '30:29 27:26 23:21 15:12 6 0'],
  ['DBGBCR0_EL1', 'max', '23:13 2:0', '8:5'],
  ['DBGWCR3_EL1', 'max', '28:24 20:0'],
  ['CSSELR_EL1', 'max', '3:0'],
  ['VPIDR_EL2', 'max', '31:0'],
  ['VMPIDR_EL2', 'max', '39:32 30 24:0', '31'],
  ['HSTR_EL2', 'max', ''],
  ['DISR_EL1', 'max', '31 24:0'],
  ['VSESR_EL2', 'max', '24:0'],
  ['HFGRTR_EL2', 'max', '58:57 49:0'],
  ['HFGWTR_EL2', 'max', '58:57 49:47 45:43 41 39:29 27 24:22 20:19 17:16 13:11 8:3 1:0'],
  ['HDFGRTR_EL2', 'max', '58:57 22 19:9 7:0'],
  ['HDFGWTR_EL2', 'max', '57 21:10 8:7 5:0'],
  ['HFGITR_EL2', 'max', '62 54:0'],
];

describe('reserved bits', () => {
  test.each(WRITES.map(([n, m, w, r]) => [n, m, w, r ?? ''] as const))('%s of %s', (name, model, writable, res1) => {
    const core = new RegisterCore(model);
    const read = (): string => {
      const r = core.mrs(name);
      return r.kind === 'done' ? r.value.toString(16) : r.kind;
    };
    core.msr(name, (1n << 64n) - 1n);
    expect(read()).toBe((bits(writable) | bits(res1)).toString(16));
    core.msr(name, 0n);
    expect(read()).toBe(bits(res1).toString(16));
  });
  test('registers of EL2 are RES0 at EL3 where EL2 does not exist', () => {
    const core = new RegisterCore('max', { has_el2: false });
    for (const name of ['HCR_EL2', 'TTBR0_EL2', 'TPIDR_EL2', 'VTTBR_EL2', 'ELR_EL2', 'CNTVOFF_EL2', 'SP_EL1']) {
      core.msr(name, 0x1234_5678_9abc_def0n);
      const kept = name === 'SP_EL1' ? 0x1234_5678_9abc_def0n : name === 'HCR_EL2' ? 0x80000000n : 0n;
      expect([name, core.mrs(name)]).toEqual([name, { kind: 'done', value: kept }]);
    }
    expect(core.mrs('VPIDR_EL2')).toEqual(core.mrs('MIDR_EL1'));
    expect(core.mrs('VMPIDR_EL2')).toEqual(core.mrs('MPIDR_EL1'));
  });
});

describe('reset', () => {
  test.each([
    ['SCTLR_EL3', 0x30c50838n],
    ['SCR_EL3', 0x430n],
    ['HCR_EL2', 0x80000000n],
    ['MDCR_EL2', 6n],
    ['MDCR_EL3', 0n],
    ['CPTR_EL3', 0n],
    ['CNTFRQ_EL0', 1_000_000_000n],
    ['CNTHCTL_EL2', 3n],
    ['CurrentEL', 0xcn],
    ['DAIF', 0x3c0n],
    ['SPSel', 1n],
    ['MPIDR_EL1', 0x80000000n],
    ['VPIDR_EL2', 0xf0510n],
    ['OSLSR_EL1', 0xan],
    ['PMCR_EL0', 0x41013040n],
    ['TCR_EL3', 0x80800000n],
    ['VTCR_EL2', 0x80000000n],
  ])('%s', (name, value) => {
    expect(new RegisterCore().mrs(name)).toEqual({ kind: 'done', value });
  });
  test('the core starts at the highest level there is, in its security state', () => {
    const start = (options: Record<string, boolean>): [number, number] => {
      const core = new RegisterCore('max', options);
      return [core.el, core.security];
    };
    expect(start({})).toEqual([3, 0]);
    expect(start({ 'x-rme': true })).toEqual([3, 2]);
    expect(start({ has_el3: false })).toEqual([2, 1]);
    expect(start({ has_el3: false, has_el2: false })).toEqual([1, 1]);
  });
  test('MPIDR: sixteen cores a cluster', () => {
    const core = new RegisterCore();
    for (const [n, value] of [
      [0, 0x80000000n],
      [15, 0x8000000fn],
      [16, 0x80000100n],
      [33, 0x80000201n],
    ] as const) {
      core.reset(n);
      expect(core.mrs('MPIDR_EL1')).toEqual({ kind: 'done', value });
      expect(core.mrs('VMPIDR_EL2')).toEqual({ kind: 'done', value });
    }
  });
});
