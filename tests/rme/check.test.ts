/** The granule protection check by itself: the cores' routine, by name and on random tables; the host's model agrees. */
import { describe, expect, it } from 'vitest';
import { GPCCR, GPI } from '../../core/arch/granules/format.ts';
import { fault, granuleChecker } from './checker.ts';
import { PAS } from './world.ts';

const ALL = [0, 1, 2, 3];
const { m, model, check, tables, on } = granuleChecker({ 'x-rme': true, RME_GPC3: true });
const X = 0x5_0000_0000n;

describe('codes', () => {
  const NAMED = { secure: 0, nonSecure: 1, root: 2, realm: 3 } as const;
  for (const [name, pas] of Object.entries(NAMED)) {
    it(`${name}: that address space alone, there is no order of privilege`, () => {
      const t = tables();
      t.block(X, GPI[name as keyof typeof NAMED]);
      on(t);
      expect(ALL.map((p) => check(X + 0x1234n, p))).toEqual(ALL.map((p) => (p === pas ? 0 : fault('fail', 0))));
    });
  }
  it('none: nobody; any: everybody', () => {
    const t = tables();
    t.block(X, GPI.none);
    on(t);
    expect(ALL.map((p) => check(X, p))).toEqual(ALL.map(() => fault('fail', 0)));
    expect(ALL.map((p) => check(X + (1n << 30n), p))).toEqual([0, 0, 0, 0]);
  });
  it('Non-secure only (NSO): for Non-secure and Root requesters; a reserved code without it', () => {
    const t = tables();
    t.block(X, GPI.nonSecureOnly);
    on(t, 1n << BigInt(GPCCR.NSO));
    expect(ALL.map((from) => check(X, PAS.nonSecure, from))).toEqual([fault('fail', 0), 0, 0, fault('fail', 0)]);
    expect(check(X, PAS.realm)).toBe(fault('fail', 0));
    on(t);
    expect(check(X, PAS.nonSecure)).toBe(fault('walk', 0));
  });
  it.each([1, 2, 3, 4, 5, 6, 7, 12, 14])('%i is reserved, in blocks and granules', (code) => {
    const t = tables();
    t.block(X, code);
    on(t);
    expect(check(X, PAS.nonSecure)).toBe(fault('walk', 0));
    t.block(X, GPI.any);
    if (code !== 1) {
      t.granule(X + 0xf000n, code);
      on(t);
      // One invalid code spoils all sixteen.
      expect(check(X, PAS.nonSecure)).toBe(fault('walk', 1));
    }
  });
});

describe('tables', () => {
  it('that are off let everything pass', () => {
    const t = tables({}, GPI.none);
    t.enable();
    m.reg('GPCCR_EL3', t.gpccr & ~(1n << 16n));
    expect(m.get('GPCCR_EL3') & (1n << 16n)).toBe(0n);
    // The routine is not called then; what the cores look at is the bit.
    m.reg('SCTLR_EL3', 0n);
    m.enter(3);
    expect('pa' in m.translate(X, 3)).toBe(true);
  });
  it.each([
    [0, 12],
    [1, 16],
    [2, 14],
  ])('PGS %i: granules of 2^%i bytes', (pgs, p) => {
    const t = tables({ pgs });
    const size = 1n << BigInt(p);
    t.granule(X + 5n * size, GPI.realm);
    t.granule(X + 6n * size, GPI.root);
    on(t);
    for (const [i, pas] of [
      [5n, PAS.realm],
      [6n, PAS.root],
    ] as const) {
      for (const at of [X + i * size, X + (i + 1n) * size - 8n]) {
        expect(check(at, pas)).toBe(0);
        expect(check(at, PAS.nonSecure)).toBe(fault('fail', 1));
      }
    }
    expect(check(X + 5n * size - 8n, PAS.nonSecure)).toBe(0);
    expect(check(X + 7n * size, PAS.nonSecure)).toBe(0);
  });
  it.each([
    [0, 30],
    [4, 34],
    [6, 36],
    [9, 39],
  ])('L0GPTSZ %i: entries of level 0 cover 2^%i bytes', (l0gptsz, s) => {
    const t = tables({ pps: 2, pgs: 1, l0gptsz });
    m.reg('GPCCR_EL3', t.gpccr);
    const second = 1n << BigInt(s);
    t.block(second, GPI.realm);
    on(t);
    expect(check(second, PAS.realm)).toBe(0);
    expect(check(second, PAS.root)).toBe(fault('fail', 0));
    expect(check(second - 8n, PAS.root)).toBe(0);
  });
  it.each([1, 2, 3])('contiguous descriptors of size %i', (size) => {
    const t = tables();
    const bytes = [0n, 1n << 21n, 1n << 25n, 1n << 29n][size]!;
    t.contiguous(X, size, GPI.realm);
    on(t);
    for (const at of [X, X + bytes - 8n]) {
      expect(check(at, PAS.realm)).toBe(0);
      expect(check(at, PAS.nonSecure)).toBe(fault('fail', 1));
    }
    if (size < 3) expect(check(X + bytes, PAS.nonSecure)).toBe(0);
  });
  it('with invalid entries fault: level 0', () => {
    for (const bad of [
      0n,
      2n,
      4n,
      0x101n | (9n << 4n),
      (1n << 63n) | 0x91n,
      3n | 0x10n,
      3n | (1n << 52n),
      3n | 0x1000n,
    ]) {
      const t = tables();
      m.write64(t.entry0(X), bad);
      on(t);
      expect([bad.toString(16), check(X, PAS.nonSecure)]).toEqual([bad.toString(16), fault('walk', 0)]);
    }
  });
  it('with invalid entries fault: level 1', () => {
    for (const bad of [1n | (9n << 4n), 1n | (9n << 4n) | (1n << 10n) | (1n << 8n), 1n | (2n << 4n) | (1n << 8n)]) {
      const t = tables();
      m.write64(t.entry1(X), bad);
      on(t);
      expect([bad.toString(16), check(X, PAS.nonSecure)]).toEqual([bad.toString(16), fault('walk', 1)]);
    }
  });
  it('beyond the protected addresses are address size faults; where nothing answers, external aborts', () => {
    const t = tables();
    on(t);
    m.reg('GPTBR_EL3', 1n << 24n);
    m.call('granulesChanged');
    expect(check(X, PAS.nonSecure)).toBe(fault('addressSize', 0));
    m.reg('GPTBR_EL3', 0x10n);
    m.call('granulesChanged');
    expect(check(X, PAS.nonSecure)).toBe(fault('externalAbort', 0));
    on(t);
    m.write64(t.entry0(X), (1n << 36n) | 3n);
    m.call('granulesChanged');
    expect(check(X, PAS.nonSecure)).toBe(fault('addressSize', 0));
    m.write64(t.entry0(X), (1n << 35n) | 3n);
    m.call('granulesChanged');
    expect(check(X, PAS.nonSecure)).toBe(fault('externalAbort', 1));
  });
  it('the base ignores its low bits below the table’s size', () => {
    const t = tables({ pps: 2 });
    t.block(X, GPI.realm);
    on(t);
    m.reg('GPTBR_EL3', (t.root >> 12n) | 1n);
    m.call('granulesChanged');
    expect(check(X, PAS.realm)).toBe(0);
    expect(check(X, PAS.root)).toBe(fault('fail', 0));
  });
});

describe('controls', () => {
  it.each([
    ['PGS 3', 3n << 14n, 0n],
    ['SH 1', 1n << 12n, 2n << 12n],
    ['PPS 7', 7n, 0n],
    ['PPS of more bits than the CPU has', 6n, 7n],
    ['Non-cacheable, not outer shareable', 0n, 15n << 8n],
  ])('%s: walk fault of level 0 for everybody', (_name, set, clear) => {
    const t = tables();
    t.enable();
    m.reg('GPCCR_EL3', (t.gpccr & ~clear) | set);
    m.call('granulesChanged');
    expect(ALL.map((p) => check(X, p))).toEqual(ALL.map(() => fault('walk', 0)));
  });
  it('Non-cacheable and outer shareable is valid', () => {
    const t = tables();
    t.enable();
    m.reg('GPCCR_EL3', (t.gpccr & ~(0xffn << 8n)) | (2n << 12n));
    m.call('granulesChanged');
    expect(check(X, PAS.root)).toBe(0);
  });
  it.each([
    ['SPAD', PAS.secure],
    ['NSPAD', PAS.nonSecure],
    ['RLPAD', PAS.realm],
  ] as const)('%s takes an address space away, before the table is looked at', (name, pas) => {
    const t = tables();
    m.write64(t.entry0(X), 0n);
    on(t, 1n << BigInt(GPCCR[name]));
    expect(check(X, pas)).toBe(fault('fail', 0));
    expect(check(1n << 40n, pas)).toBe(fault('fail', 0));
    const other = pas === PAS.realm ? PAS.secure : PAS.realm;
    expect(check(X, other)).toBe(fault('walk', 0));
    expect(check(X + (1n << 30n), other)).toBe(0);
  });
  it('above PPS: Non-secure passes, others fail; APPSAA lets all pass', () => {
    const t = tables();
    on(t);
    const high = 1n << 36n;
    expect(ALL.map((p) => check(high, p))).toEqual([fault('fail', 0), 0, fault('fail', 0), fault('fail', 0)]);
    on(t, 1n << BigInt(GPCCR.APPSAA));
    expect(ALL.map((p) => check(high, p))).toEqual([0, 0, 0, 0]);
  });
  it('FEAT_RME_GPC3: sizes, and the bypass window', () => {
    const t = tables({ pps: 9 }, GPI.none);
    on(t);
    expect(check(1n << 46n, PAS.root)).toBe(fault('fail', 0));
    expect(check(1n << 47n, PAS.nonSecure)).toBe(0);
    // 4 GB at 8 GB, every terabyte.
    m.reg('GPCBW_EL3', (2n << 37n) | 8n);
    on(t, 1n << BigInt(GPCCR.GPCBW));
    for (const at of [8n << 30n, (12n << 30n) - 8n, (1n << 40n) + (9n << 30n)]) {
      expect(ALL.map((p) => check(at, p))).toEqual([0, 0, 0, 0]);
    }
    for (const at of [(8n << 30n) - 8n, 12n << 30n, (1n << 40n) + (7n << 30n)]) {
      expect(check(at, PAS.root)).toBe(fault('fail', 0));
    }
    for (const bad of [(5n << 37n) | 8n, (2n << 37n) | (1n << 32n) | 8n, (2n << 37n) | 9n, (2n << 37n) | (1n << 12n)]) {
      // Where it is not valid nothing passes, in the window or not.
      const open = tables({ pps: 9 });
      m.reg('GPCBW_EL3', bad);
      on(open, 1n << BigInt(GPCCR.GPCBW));
      for (const at of [0n, 8n << 30n, 9n << 30n]) expect(check(at, PAS.root)).toBe(fault('walk', 0));
    }
  });
});

it('random tables: as the host’s model says', () => {
  let seed = 12345;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % n;
  };
  const codes = [0, 8, 9, 10, 11, 15, 13, 4];
  const names = { secure: 0, 'non-secure': 1, root: 2, realm: 3 };
  for (let round = 0; round < 60; round++) {
    const nso = random(2) === 1;
    const shape = { pps: random(3), pgs: random(3), l0gptsz: random(2) ? 0 : 4 };
    const t = tables(shape, codes[random(6)]!);
    for (let n = 0; n < 6; n++) {
      const pa = BigInt(random(1 << 12)) << 20n;
      if (random(4) === 0) t.block(pa, codes[random(codes.length)]!);
      else if (random(5) === 0) m.write64(t.entry1(pa), BigInt(random(1 << 11)) | 1n);
      else for (let i = 0; i < 12; i++) t.granule(pa + (BigInt(random(64)) << BigInt(t.p)), codes[random(7)]!);
    }
    const extra =
      (nso ? 1n << 19n : 0n) | (random(6) ? 0n : 1n << BigInt(5 + random(3))) | (random(5) ? 0n : 1n << 24n);
    on(t, extra);
    for (let n = 0; n < 200; n++) {
      const pa = (BigInt(random(1 << 13)) << 20n) | (BigInt(random(1 << 10)) << 12n);
      const pas = random(4);
      const from = random(4);
      const passes = check(pa, pas, from) === 0;
      const { state } = model.at(Number(pa));
      if (state in names && extra < 32n) expect(passes).toBe(names[state as keyof typeof names] === pas);
    }
  }
});
