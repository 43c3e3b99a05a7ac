/** The granule protection check: sizes of tables in every combination, what is cached of them, and CPUs that have less. */
import { describe, expect, it } from 'vitest';
import { GPCCR, GPI, PGS_BITS } from '../../core/arch/granules/format.ts';
import { TLBI } from '../../core/arch/translation/tlbi.ts';
import { RegisterCore } from '../registers/support.ts';
import { RAM, RAM_BYTES } from '../translation/machine.ts';
import { fault, granuleChecker } from './checker.ts';
import { CACHED, GPC_ON, GranuleTables } from './tables.ts';
import { PAS } from './world.ts';

const { m, check, tables, on } = granuleChecker({ 'x-rme': true, RME_GPC3: true });
const ALL = [0, 1, 2, 3];
const X = 0x5_0000_0000n;

const SHAPES = [0, 1, 2].flatMap((pgs) => [0, 4, 6, 9].map((l0gptsz) => [pgs, l0gptsz] as const));
describe.each(SHAPES)('PGS %i with L0GPTSZ %i', (pgs, l0gptsz) => {
  const p = BigInt(PGS_BITS[pgs]!);
  const s = BigInt(30 + l0gptsz);
  /** Level 1 begins where RAM does, whatever its size; level 0 lies where no entry is that is asked for. */
  const level1 = RAM;
  const level0 = RAM + BigInt(RAM_BYTES) - 0x10_0000n;
  const region = 1n << s;
  /** Offsets into the region: granules at its begin, and as far as the memory goes that level 1 has. */
  const reach = 1n << (p + 4n + 17n) < region ? 1n << (p + 4n + 17n) : region;
  const far = reach / 2n + 9n * (1n << p);
  function set(): void {
    m.reg('GPCCR_EL3', 0n);
    m.call('granulesChanged');
    for (let at = 0n; at < 64n; at += 8n) m.write64(level0 + at, BigInt(1 | (GPI.any << 4)));
    m.write64(level0 + 8n, level1 | 3n);
    const nine = (GPI.nonSecure * 0x1111_1111).toString(16);
    for (const offset of [0n, far]) m.write64(entryOf(offset), BigInt(`0x${nine}${nine}`));
    m.reg('GPTBR_EL3', level0 >> 12n);
    // 44 bits: up to 2^14 entries of level 0.
    m.reg('GPCCR_EL3', CACHED | GPC_ON | 4n | (BigInt(pgs) << 14n) | (BigInt(l0gptsz) << 20n));
    m.call('granulesChanged');
  }
  const entryOf = (offset: bigint): bigint => level1 + (offset >> (p + 4n)) * 8n;
  const nibble = (offset: bigint, gpi: number): void => {
    const shift = ((offset >> p) & 15n) * 4n;
    const at = entryOf(offset);
    m.write64(at, (m.read64(at)! & ~(15n << shift)) | (BigInt(gpi) << shift));
  };
  it('granules', () => {
    for (const offset of [0n, 1n << p, 15n << p, far]) {
      set();
      nibble(offset, GPI.realm);
      m.call('granulesChanged');
      const at = region + offset;
      const last = at + (1n << p) - 8n;
      expect([check(at, PAS.realm), check(last, PAS.realm), check(last, PAS.nonSecure)]).toEqual([
        0,
        0,
        fault('fail', 1),
      ]);
      const next = offset >> p === 15n ? at - 8n : last + 8n;
      expect([check(next, PAS.realm), check(next, PAS.nonSecure)]).toEqual([fault('fail', 1), 0]);
    }
    // The regions before and behind are blocks.
    expect([check(region - 8n, PAS.root), check(2n * region, PAS.root)]).toEqual([0, 0]);
  });
  it.each([1, 2, 3])('contiguous descriptor of size %i', (size) => {
    set();
    m.write64(entryOf(far), BigInt(1 | (GPI.realm << 4) | (size << 8)));
    m.call('granulesChanged');
    const at = region + far;
    expect([check(at, PAS.realm), check(at, PAS.nonSecure)]).toEqual([0, fault('fail', 1)]);
  });
  it('the table of level 1 is as aligned as it is large', () => {
    set();
    const half = 1n << (s - p - 2n);
    // Tables are 4 KiB at least, and their addresses have no bits for less.
    if (half >= 0x1000n) {
      m.write64(level0 + 8n, level1 | half | 3n);
      m.call('granulesChanged');
      expect(check(region, PAS.nonSecure)).toBe(fault('walk', 0));
    }
    m.write64(level0 + 8n, (level1 + 2n * half) | 3n);
    m.call('granulesChanged');
    const there = 2n * half < BigInt(RAM_BYTES);
    expect(check(region, PAS.nonSecure)).not.toBe(fault('walk', 0));
    expect(check(region, PAS.nonSecure) === fault('externalAbort', 1)).toBe(!there);
  });
});

it('fewer protected addresses than an entry of level 0 covers: one entry', () => {
  for (const l0gptsz of [4, 6, 9]) {
    const t = tables({ pps: 0, pgs: 1, l0gptsz });
    t.block(0n, GPI.realm);
    on(t);
    expect([check(X & 0xffff_ffffn, PAS.realm), check(0xffff_fff8n, PAS.root)]).toEqual([0, fault('fail', 0)]);
    expect([check(1n << 32n, PAS.nonSecure), check(1n << 32n, PAS.realm)]).toEqual([0, fault('fail', 0)]);
  }
});

describe('cacheability and shareability of the table', () => {
  const controls = (irgn: bigint, orgn: bigint, sh: bigint): number => {
    const t = tables();
    t.enable();
    m.reg('GPCCR_EL3', (t.gpccr & ~(0xffn << 8n)) | (irgn << 8n) | (orgn << 10n) | (sh << 12n));
    m.call('granulesChanged');
    return check(X, PAS.root);
  };
  it('only what is Non-cacheable inside and outside has to be outer shareable', () => {
    for (const irgn of [0n, 1n, 2n, 3n]) {
      for (const orgn of [0n, 1n, 2n, 3n]) {
        for (const sh of [0n, 1n, 2n, 3n]) {
          const bad = sh === 1n || (irgn === 0n && orgn === 0n && sh !== 2n);
          expect([irgn, orgn, sh, controls(irgn, orgn, sh)]).toEqual([irgn, orgn, sh, bad ? fault('walk', 0) : 0]);
        }
      }
    }
  });
});

describe('what is cached of the table', () => {
  it('serves no address space that is switched off', () => {
    const t = tables();
    on(t, 1n << BigInt(GPCCR.RLPAD));
    expect(ALL.map((pas) => check(X, pas))).toEqual([0, 0, 0, fault('fail', 0)]);
    expect(check(X, PAS.realm)).toBe(fault('fail', 0));
  });
  // Five pieces of 64 KiB beside each other.
  const pieces = [0n, 1n, 2n, 3n, 4n].map((n) => X + (n << 16n));
  const no = fault('fail', 1);
  it.each([
    ['a range', 'forgetGranuleRange', [pieces[1]!, pieces[3]! + 0xffffn], [0, no, no, no, 0]],
    // SIZE 2: 64 KiB; 3: 2 MiB.
    ['TLBI by range', 'tlbiLocal', [TLBI.granuleRange, (pieces[2]! >> 12n) | (2n << 44n)], [0, 0, no, 0, 0]],
    ['TLBI of a large range', 'tlbiLocal', [TLBI.granuleRange, (X >> 12n) | (3n << 44n)], [no, no, no, no, no]],
    ['TLBI of all', 'tlbiLocal', [TLBI.granules, 0n], [no, no, no, no, no]],
  ] as const)('holds until it is invalidated, and no longer: %s', (_what, routine, operands, after) => {
    const t = tables();
    for (const at of pieces) t.granule(at, GPI.realm);
    on(t);
    // The model, which caches nothing, would not agree.
    const seen = (): number[] => pieces.map((at) => m.call('granuleCheck', at, PAS.realm | (PAS.realm << 2)));
    expect(seen()).toEqual([0, 0, 0, 0, 0]);
    for (const at of pieces) t.granule(at, GPI.root);
    expect(seen()).toEqual([0, 0, 0, 0, 0]);
    m.call(routine, ...operands);
    expect(seen()).toEqual(after);
  });
  it('goes when the controls change other than by MSR, as on a reset', () => {
    const t = tables();
    const other = new GranuleTables(m, t.end, {}, GPI.none);
    on(t);
    expect(check(X, PAS.realm)).toBe(0);
    m.reg('GPTBR_EL3', other.root >> 12n);
    expect(check(X, PAS.realm)).toBe(fault('fail', 0));
  });
});

describe('CPUs that have less', () => {
  const bits = (...names: (keyof typeof GPCCR)[]): bigint => names.reduce((v, n) => v | (1n << BigInt(GPCCR[n])), 0n);
  const GPC2 = bits('RLPAD', 'NSPAD', 'SPAD', 'NSO', 'APPSAA');
  const GPC3 = bits('PPS3', 'GPCBW');
  it.each([
    ['FEAT_RME', { RME: true }, 0n],
    ['FEAT_RME_GPC2', { 'x-rme': true }, GPC2],
    ['FEAT_RME_GPC3', { 'x-rme': true, RME_GPC3: true }, GPC2 | GPC3],
  ] as const)('%s: bits of GPCCR_EL3', (_name, options, has) => {
    const core = new RegisterCore('max', options);
    core.enter(3, 2);
    core.msr('GPCCR_EL3', (1n << 64n) - 1n);
    expect(core.reg('GPCCR_EL3') & (GPC2 | GPC3)).toBe(has);
  });
  it('a size of addresses that the CPU has not, or that only FEAT_RME_GPC3 has, is reserved', () => {
    const small = granuleChecker({ 'x-rme': true }, 2);
    for (const pps of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const t = small.tables({ pps: Math.min(pps, 6) });
      t.enable();
      small.m.reg('GPCCR_EL3', (t.gpccr & ~7n) | BigInt(pps));
      small.m.call('granulesChanged');
      expect([pps, small.check(0n, PAS.root)]).toEqual([pps, pps <= 2 ? 0 : fault('walk', 0)]);
    }
  });
  it('without Secure state its code is reserved', () => {
    const one = granuleChecker({ 'x-rme': true, SEL2: false });
    const t = one.tables();
    t.block(X, GPI.secure);
    one.on(t);
    expect(ALL.map((pas) => one.check(X, pas))).toEqual(ALL.map(() => fault('walk', 0)));
  });
  it('sizes of granules that no stage of translation has are reserved', () => {
    const one = granuleChecker({ 'x-rme': true, TGran16: false });
    for (const pgs of [0, 1, 2]) {
      one.on(one.tables({ pgs }));
      expect([pgs, one.check(X, PAS.root)]).toEqual([pgs, pgs === 2 ? fault('walk', 0) : 0]);
    }
  });
});
