/** Named rules of both stages, one by one; `random.test.ts` covers their combinations. */
import { beforeAll, describe, expect, it } from 'vitest';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from '../../core/arch/exceptions/fault-kinds.ts';
import { cpuFeatures } from '../../core/arch/features.ts';
import * as state from '../../core/arch/state.ts';
import { type FaultOutcome, INFO, type Outcome, RAM, TranslationMachine } from './machine.ts';
import { RW2, S1, S2, Tables as TableBuilder, type Tables } from './tables.ts';
import { DATA, KERNEL, SCTLR_ON, TCR, UPPER, USER, World } from './world.ts';

let m: TranslationMachine;
let w: World;
const VA = 0x12_3000n;
const READ = 3;
const WRITE = READ | INFO.write;
const EXEC = 2 | INFO.exec;
const UNPRIV = READ | INFO.unprivileged;

beforeAll(() => {
  m = new TranslationMachine({ features: cpuFeatures('max'), paRange: 5 });
});
const world = (): World => {
  w = new World(m);
  return w;
};
const ok = (va: bigint, info: number): Outcome => {
  const r = m.translate(va, info);
  expect(
    'pa' in r,
    JSON.stringify(r, (_k, v) => (typeof v === 'bigint' ? v.toString(16) : v)),
  ).toBe(true);
  return r as Outcome;
};
const fault = (va: bigint, info: number): FaultOutcome => {
  const r = m.translate(va, info);
  expect('iss' in r, 'no fault').toBe(true);
  return r as FaultOutcome;
};
const { permission, translation, accessFlag, addressSize } = FSC;

describe('addresses', () => {
  it('of either half walk their own table, and nothing lies between', () => {
    world();
    w.lower.map(VA, DATA, KERNEL);
    w.upper.map(UPPER + VA, DATA + 0x1000n, KERNEL);
    expect(ok(VA + 8n, READ).pa).toBe(DATA + 8n);
    expect(ok(UPPER + VA + 16n, READ).pa).toBe(DATA + 0x1010n);
    expect(fault(0x80_0000_0000n, READ)).toMatchObject({
      kind: FAULT_KIND.dataAbort,
      iss: translation(0),
      far: 0x80_0000_0000n,
    });
    expect(fault(UPPER - 8n, WRITE).iss).toBe(translation(0) | ISS.wnr);
    expect(fault(0x4000n, EXEC)).toMatchObject({ kind: FAULT_KIND.instructionAbort, iss: translation(3) });
    expect(fault(0x4000_0000_00n, READ).iss).toBe(translation(1));
  });
  it('have their top byte ignored where TBI says so, and not for fetches with TBID', () => {
    world();
    w.lower.map(VA, DATA, KERNEL & ~S1.uxn);
    const tagged = VA | (0xa5n << 56n);
    expect(fault(tagged, READ).iss).toBe(translation(0));
    m.reg('TCR_EL1', TCR.plain | TCR.tbi0);
    expect(ok(tagged, READ).pa).toBe(DATA);
    expect(ok(tagged, EXEC).pa).toBe(DATA);
    m.reg('TCR_EL1', TCR.plain | TCR.tbi0 | (1n << 51n));
    expect(ok(tagged, READ).pa).toBe(DATA);
    expect(fault(tagged, EXEC).iss).toBe(translation(0));
  });
  it('are refused by EPD, and to EL0 by E0PD', () => {
    world();
    w.lower.map(VA, DATA, USER);
    m.reg('TCR_EL1', TCR.plain | (1n << 7n));
    expect(fault(VA, READ).iss).toBe(translation(0));
    m.reg('TCR_EL1', TCR.plain | (1n << 55n));
    ok(VA, READ);
    m.enter(0);
    expect(fault(VA, READ).iss).toBe(translation(0));
    m.enter(1);
    expect(fault(VA, UNPRIV).iss).toBe(translation(0));
  });
  it('that do not fit IPS or the tables are address size faults', () => {
    world();
    m.reg('TCR_EL1', (TCR.plain & ~(7n << 32n)) | (1n << 32n));
    w.lower.map(VA, 1n << 40n, KERNEL);
    expect(fault(VA, READ).iss).toBe(addressSize(3));
    m.write64(w.lower.entry(VA, 2), (1n << 36n) | 3n);
    expect(fault(VA, READ).iss).toBe(addressSize(2));
    m.reg('TTBR0_EL1', 1n << 37n);
    expect(fault(VA, READ).iss).toBe(addressSize(0));
  });
  it('whose tables lie where nothing answers are external aborts on the walk', () => {
    world();
    m.write64(w.lower.entry(VA, 1), 0x1_0000_0000n | 3n);
    expect(fault(VA, WRITE).iss).toBe(FSC.externalAbortOnWalk(2) | ISS.wnr);
  });
  it('go through untouched when stage 1 is off, if they fit', () => {
    world();
    m.reg('SCTLR_EL1', 0n);
    m.enter(1);
    expect(ok(DATA + 4n, 2)).toMatchObject({ pa: DATA + 4n, perm: 7, pas: 1 });
    expect(fault(DATA + 2n, 2).iss).toBe(FSC.alignment);
    expect(fault(1n << 48n, 2).iss).toBe(addressSize(0));
    m.reg('TCR_EL1', TCR.plain | TCR.tbi0);
    expect(ok(DATA | (7n << 56n), 2).pa).toBe(DATA);
  });
});

describe('granules and levels', () => {
  for (const [granule, tg] of [
    [12, 0n],
    [14, 2n],
    [16, 1n],
  ] as const) {
    for (const bits of [25, 32, 36, 39, 42, 47, 48]) {
      it(`${1 << (granule - 10)} KiB, ${bits} bits`, () => {
        world();
        const t = new TableBuilder(m, granule, bits, w.upper.end);
        m.reg('TTBR0_EL1', t.root);
        m.reg('TCR_EL1', (TCR.plain & ~0xc03fn) | BigInt(64 - bits) | (tg << 14n));
        const va = ((1n << BigInt(bits)) - 1n) & ~((1n << BigInt(granule)) - 1n) & ~0x3_0000n;
        t.map(va, DATA, KERNEL);
        m.enter(1);
        const r = ok(va + 0x120n, READ);
        expect(r).toMatchObject({ pa: DATA + 0x120n, size: granule });
        // A block of the last level but one, beside it.
        const block = va ^ (1n << BigInt(t.shift(2)));
        if (block < 1n << BigInt(bits)) {
          const size = 1n << BigInt(t.shift(2));
          const base = RAM & -size;
          t.map(block & -size, base, KERNEL, 2);
          expect(ok(block, READ)).toMatchObject({ pa: base + (block & (size - 1n)), size: t.shift(2) });
        }
        m.write64(t.entry(va), 1n | KERNEL | DATA);
        expect(fault(va, READ).iss).toBe(translation(3));
      });
    }
  }
  it('a contiguous group larger than the input range is a translation fault', () => {
    world();
    const t = new TableBuilder(m, 12, 25, w.upper.end);
    m.reg('TTBR0_EL1', t.root);
    m.reg('TCR_EL1', (TCR.plain & ~63n) | 39n);
    t.map(0n, RAM, KERNEL | S1.contiguous, 2);
    t.map(0x20_0000n, DATA, KERNEL | S1.contiguous, 3);
    m.enter(1);
    ok(0x20_0000n, READ);
    ok(0n, READ);
    m.reg('TCR_EL1', (TCR.plain & ~63n) | 40n);
    expect(fault(0n, READ).iss).toBe(translation(2));
    ok(0x20_0000n, READ);
  });
});

describe('permissions', () => {
  it('by AP, UXN, PXN, for both levels', () => {
    world();
    for (let bits = 0; bits < 16; bits++) {
      const [user, readOnly, uxn, pxn] = [1, 2, 4, 8].map((b) => (bits & b) !== 0) as [
        boolean,
        boolean,
        boolean,
        boolean,
      ];
      const a =
        S1.af | (user ? S1.user : 0n) | (readOnly ? S1.readOnly : 0n) | (uxn ? S1.uxn : 0n) | (pxn ? S1.pxn : 0n);
      w.lower.map(VA, DATA, a);
      m.enter(1);
      const privileged = 1 | (readOnly ? 0 : 2) | (pxn || (user && !readOnly) ? 0 : 4);
      expect(ok(VA, READ).perm, `${bits}`).toBe(privileged);
      for (const [info, need] of [
        [READ, 1],
        [WRITE, 2],
        [EXEC, 4],
      ] as const) {
        if (privileged & need) ok(VA, info);
        else expect(fault(VA, info).iss).toBe(permission(3) | (info & INFO.write ? ISS.wnr : 0));
      }
      m.enter(0);
      const unprivileged = (user ? 1 | (readOnly ? 0 : 2) : 0) | (uxn ? 0 : 4);
      for (const [info, need] of [
        [READ, 1],
        [WRITE, 2],
        [EXEC, 4],
      ] as const) {
        if (unprivileged & need) expect(ok(VA, info).perm, `${bits} EL0`).toBe(unprivileged);
        else expect(fault(VA, info).iss).toBe(permission(3) | (info & INFO.write ? ISS.wnr : 0));
      }
    }
  });
  it('by tables above, unless HPD', () => {
    world();
    w.lower.entry(VA, 2, 1n << 62n);
    w.lower.map(VA, DATA, USER);
    expect(ok(VA, READ).perm & 3).toBe(1);
    expect(fault(VA, WRITE).iss).toBe(permission(3) | ISS.wnr);
    m.reg('TCR_EL1', TCR.plain | (1n << 41n));
    ok(VA, WRITE);
    m.reg('TCR_EL1', TCR.plain);
    const table = w.lower.entry(VA, 2);
    m.write64(table, (m.read64(table)! & ~(1n << 62n)) | (1n << 61n));
    m.enter(0);
    expect(fault(VA, READ).iss).toBe(permission(3));
  });
  it('PAN shuts the kernel out of user memory, EPAN out of executable memory too', () => {
    world();
    w.lower.map(VA, DATA, USER);
    w.lower.map(VA + 0x1000n, DATA, S1.af | S1.readOnly);
    m.enter(1, { pan: true });
    expect(fault(VA, READ).iss).toBe(permission(3));
    ok(VA, UNPRIV);
    ok(VA + 0x1000n, READ);
    m.reg('SCTLR_EL1', SCTLR_ON | (1n << 57n));
    expect(fault(VA + 0x1000n, READ).iss).toBe(permission(3));
    m.enter(1, { pan: true, uao: true });
    expect(fault(VA, UNPRIV).iss).toBe(permission(3));
  });
  it('WXN', () => {
    world();
    w.lower.map(VA, DATA, KERNEL);
    ok(VA, EXEC);
    m.reg('SCTLR_EL1', SCTLR_ON | (1n << 19n));
    m.enter(1);
    expect(fault(VA, EXEC).iss).toBe(permission(3));
    expect(ok(VA, READ).perm).toBe(3);
  });
  it('of an atomic access: WnR only when reading would be allowed', () => {
    world();
    const both = WRITE | INFO.atomic;
    w.lower.map(VA, DATA, KERNEL | S1.readOnly);
    expect(fault(VA, both).iss).toBe(permission(3) | ISS.wnr);
    w.lower.map(VA, DATA, KERNEL);
    m.enter(0);
    expect(fault(VA, both).iss).toBe(permission(3));
    expect(fault(0x7000n, both).iss).toBe(translation(3));
  });
});

describe('access flag and dirty state', () => {
  it('without HA an old page is an access flag fault', () => {
    world();
    w.lower.map(VA, DATA, KERNEL & ~S1.af);
    expect(fault(VA, READ).iss).toBe(accessFlag(3));
    expect(fault(VA, WRITE).iss).toBe(accessFlag(3) | ISS.wnr);
  });
  it('HA sets the flag, unless there is a fault', () => {
    world();
    m.reg('TCR_EL1', TCR.plain | TCR.ha);
    const at = w.lower.map(VA, DATA, (KERNEL & ~S1.af) | S1.readOnly);
    expect(fault(VA, WRITE).iss).toBe(permission(3) | ISS.wnr);
    expect(m.read64(at)! & S1.af).toBe(0n);
    ok(VA, READ);
    expect(m.read64(at)! & S1.af).toBe(S1.af);
  });
  it('HD makes a DBM page writable, and dirty with the first write', () => {
    world();
    m.reg('TCR_EL1', TCR.plain | TCR.ha | TCR.hd);
    const at = w.lower.map(VA, DATA, KERNEL | S1.readOnly | S1.dbm);
    expect(ok(VA, READ).perm & 2).toBe(0);
    expect(m.read64(at)! & S1.readOnly).toBe(S1.readOnly);
    expect(ok(VA, WRITE).perm & 2).toBe(2);
    expect(m.read64(at)! & S1.readOnly).toBe(0n);
    expect(ok(VA, READ).perm & 2).toBe(2);
  });
});

describe('memory types', () => {
  it('Device memory wants aligned accesses', () => {
    world();
    w.lower.map(VA, DATA, KERNEL | S1.device);
    expect(ok(VA + 8n, READ).device).toBe(true);
    expect(fault(VA + 4n, READ).iss).toBe(FSC.alignment);
    expect(fault(VA + 4n, WRITE).iss).toBe(FSC.alignment | ISS.wnr);
    // Before the permission is looked at, but after the access flag.
    w.lower.map(VA, DATA, (KERNEL & ~S1.af) | S1.device);
    expect(fault(VA + 4n, READ).iss).toBe(accessFlag(3));
    expect(fault(VA, READ | INFO.split).iss).toBe(accessFlag(3));
    w.lower.map(VA, DATA, KERNEL | S1.device);
    expect(fault(VA, INFO.split).iss).toBe(FSC.alignment);
  });
  it('are never in the TLB when Device', () => {
    world();
    w.lower.map(VA, DATA, KERNEL | S1.device);
    expect(m.fill(VA, READ)).not.toBe(0);
    expect(m.cached(VA)).toBe(false);
  });
});

describe('stage 2', () => {
  const ipa = DATA;
  function nested(): Tables {
    world();
    const t = w.stage2(DATA + 0x40_0000n);
    m.enter(1);
    return t;
  }
  const wide = FAULT_HINT.stage2;
  it('translates what stage 1 gives', () => {
    const t = nested();
    w.lower.map(VA, 0x1_2345_6000n, KERNEL);
    t.map(0x1_2345_6000n, DATA + 0x5000n, RW2);
    m.write64(t.entry(0x1_0000_0000n, 1), m.read64(t.entry(0x1_0000_0000n, 1))!);
    expect(ok(VA + 8n, READ)).toMatchObject({ pa: DATA + 0x5008n, perm: 7 });
  });
  it('faults with the IPA, to EL2', () => {
    const t = nested();
    w.lower.map(VA, 0x1_2345_6000n, KERNEL);
    expect(fault(VA + 0x123n, 0)).toMatchObject({ iss: translation(1) | wide, ipa: 0x1_2345_6123n, far: VA + 0x123n });
    t.map(0x1_2345_6000n, DATA, RW2 & ~S2.write);
    ok(VA, READ);
    expect(fault(VA, WRITE)).toMatchObject({ iss: permission(3) | wide | ISS.wnr });
    t.map(0x1_2345_6000n, DATA, RW2 & ~S2.af);
    expect(fault(VA, READ)).toMatchObject({ iss: accessFlag(3) | wide });
    expect(fault(VA, EXEC)).toMatchObject({ kind: FAULT_KIND.instructionAbort, iss: accessFlag(3) | wide });
  });
  it('faults on behalf of a walk say so, with the IPA of the table', () => {
    const t = nested();
    w.lower.map(VA, ipa, KERNEL);
    const table = w.lower.entry(VA) & ~0xfffn;
    // The table's page alone is taken away.
    t.map(RAM, 0n, 0n, 1);
    m.write64(t.entry(RAM, 1), 0n);
    for (let at = RAM; at < RAM + 0x200_0000n; at += 0x20_0000n) t.map(at, at, RW2, 2);
    const block = table & ~0x1f_ffffn;
    m.write64(t.entry(block, 2), 0n);
    for (let at = block; at < block + 0x20_0000n; at += 0x1000n) t.map(at, at, RW2);
    ok(VA, READ);
    m.write64(t.entry(table), 0n);
    const where = w.lower.entry(VA);
    expect(fault(VA, WRITE)).toMatchObject({ iss: translation(3) | wide | ISS.s1ptw | ISS.wnr, ipa: where, far: VA });
    // Readable, but a table that has to be written.
    t.map(table, table, RW2 & ~S2.write);
    ok(VA, READ);
    m.reg('TCR_EL1', TCR.plain | TCR.ha);
    w.lower.map(VA, ipa, KERNEL & ~S1.af);
    expect(fault(VA, READ)).toMatchObject({ iss: permission(3) | wide | ISS.s1ptw, ipa: where });
    // Device memory under HCR_EL2.PTW.
    m.reg('TCR_EL1', TCR.plain);
    w.lower.map(VA, ipa, KERNEL);
    t.map(table, table, S2.device | S2.read | S2.af);
    ok(VA, READ);
    m.reg('HCR_EL2', m.get('HCR_EL2') | 4n);
    expect(fault(VA, READ)).toMatchObject({ iss: permission(3) | wide | ISS.s1ptw });
  });
  it('execute-never for each level (XNX)', () => {
    const t = nested();
    w.lower.map(VA, 0x1_2345_6000n, S1.af | S1.user | S1.readOnly);
    for (const [xn, privileged, user] of [
      [0n, true, true],
      [S2.xnx, false, true],
      [S2.xn, false, false],
      [S2.xn | S2.xnx, true, false],
    ] as const) {
      t.map(0x1_2345_6000n, DATA, RW2 | xn);
      for (const [el, allowed] of [
        [1, privileged],
        [0, user],
      ] as const) {
        m.enter(el);
        if (allowed) ok(VA, EXEC);
        else expect(fault(VA, EXEC).iss).toBe(permission(3) | wide);
      }
    }
  });
  it('types combine: Device if either is, or as FWB forces', () => {
    const t = nested();
    for (const [s1, s2, fwb, device] of [
      [0n, 15n, false, false],
      [0n, 1n, false, true],
      [1n, 15n, false, true],
      [0n, 6n, true, false],
      [0n, 7n, true, false],
      [0n, 5n, true, false],
      [0n, 1n, true, true],
    ] as const) {
      w.lower.map(VA, 0x1_2345_6000n, KERNEL | (s1 << 2n));
      t.map(0x1_2345_6000n, DATA, S2.read | S2.write | S2.af | (s2 << 2n));
      const hcr = m.get('HCR_EL2') & ~(1n << 46n);
      m.reg('HCR_EL2', hcr | (fwb ? 1n << 46n : 0n));
      m.enter(1);
      expect(ok(VA, READ).device, `${s1} ${s2} ${fwb}`).toBe(device);
    }
  });
  it('hardware sets access flag and dirty state', () => {
    const t = nested();
    m.reg('VTCR_EL2', m.get('VTCR_EL2') | (3n << 21n));
    w.lower.map(VA, 0x1_2345_6000n, KERNEL);
    const at = t.map(0x1_2345_6000n, DATA, S2.normal | S2.read | S2.dbm);
    expect(ok(VA, READ).perm & 2).toBe(0);
    expect(m.read64(at)! & (S2.af | S2.write)).toBe(S2.af);
    expect(ok(VA, WRITE).perm & 2).toBe(2);
    expect(m.read64(at)! & S2.write).toBe(S2.write);
  });
  it('stands alone when HCR_EL2.DC replaces stage 1', () => {
    const t = nested();
    m.reg('HCR_EL2', (m.get('HCR_EL2') & ~1n) | (1n << 12n));
    m.enter(1);
    t.map(0x1_2345_6000n, DATA, RW2);
    expect(ok(0x1_2345_6004n, READ)).toMatchObject({ pa: DATA + 4n, device: false });
    expect(m.word(state.ALIGN_TEST)).toBe(0);
  });
});

describe('other regimes', () => {
  it('EL2 and EL3 have one range and no user', () => {
    for (const n of [2, 3]) {
      world();
      const t = new TableBuilder(m, 12, 39, w.upper.end);
      m.reg(`TTBR0_EL${n}`, t.root);
      m.reg(`TCR_EL${n}`, 0x8085_3519n);
      m.reg(`MAIR_EL${n}`, 0xffn);
      m.reg(`SCTLR_EL${n}`, SCTLR_ON);
      t.map(VA, DATA, S1.af | (n === 3 ? S1.ns : 0n));
      t.map(VA + 0x1000n, DATA, S1.af | S1.uxn | S1.readOnly);
      m.enter(n);
      expect(ok(VA, READ)).toMatchObject({ pa: DATA, perm: 7, pas: 1, global: true });
      expect(fault(VA + 0x1000n, EXEC).iss).toBe(permission(3));
      expect(fault(VA + 0x1000n, WRITE).iss).toBe(permission(3) | ISS.wnr);
      expect(fault(UPPER, READ).iss).toBe(translation(0));
      if (n === 3) {
        expect(ok(VA + 0x1000n, READ).pas).toBe(0);
        m.reg('SCR_EL3', m.get('SCR_EL3') | (1n << 9n));
        m.enter(3);
        expect(fault(VA, EXEC).iss).toBe(permission(3));
      }
    }
  });
  it('EL2&0 is EL2 with E2H, and EL0 with TGE', () => {
    world();
    m.reg('HCR_EL2', (1n << 31n) | (1n << 34n) | (1n << 27n));
    for (const name of ['TCR', 'MAIR', 'TTBR0', 'TTBR1', 'SCTLR']) m.reg(`${name}_EL2`, m.get(`${name}_EL1`));
    m.reg('SCTLR_EL1', 0n);
    w.lower.map(VA, DATA, USER);
    m.enter(0);
    expect(ok(VA, WRITE).pa).toBe(DATA);
    m.enter(2, { pan: true });
    expect(fault(VA, READ).iss).toBe(permission(3));
    ok(VA, UNPRIV);
  });
  it('Secure state reaches Non-secure memory by NS and NSTable', () => {
    world();
    m.reg('SCR_EL3', 0n);
    w.lower.map(VA, DATA, KERNEL);
    w.lower.map(VA + 0x1000n, DATA, KERNEL | S1.ns);
    m.enter(1);
    expect(ok(VA, READ)).toMatchObject({ pas: 0, global: true });
    expect(ok(VA + 0x1000n, READ).pas).toBe(1);
    const table = w.lower.entry(VA, 2);
    m.write64(table, m.read64(table)! | (1n << 63n));
    expect(ok(VA, READ)).toMatchObject({ pas: 1, global: false });
  });
});
