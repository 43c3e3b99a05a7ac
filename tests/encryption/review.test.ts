/**
 * Points of the review of QEMU's RFC (March 2026) that say what the machine must do, and gaps of the RFC itself, each by name. Where
 * another test of this folder has the point in full, the one here is its shortest form.
 */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { powerOnProtection } from '../../core/arch/encryption/engine.ts';
import * as state from '../../core/arch/state.ts';
import { MEC } from '../../core/arch/translation/fields.ts';
import { layoutOf } from '../../core/engine/layout.ts';
import { LDADD, LDR, PAGE, PAS, type RmeWorld, STR, scrOf, VA } from '../rme/world.ts';
import { INFO, RAM, type TranslationMachine } from '../translation/machine.ts';
import { S1 } from '../translation/tables.ts';
import { CACHE_WORD, CODE, DATA, KERNEL, UPPER } from '../translation/world.ts';
import { IPA, type Protected, protectedMachine, realm, realmAccesses } from './machine.ts';

let p: Protected;
let m: TranslationMachine;
let w: RmeWorld;
beforeAll(() => {
  p = protectedMachine();
  m = p.m;
});
beforeEach(() => {
  w = realm(p);
});
const { as, run } = realmAccesses(() => w);
const AF = 1n << 10n;
const AMEC = 1n << 63n;

describe('patch 1, a MECID write', () => {
  it('needs no TLBI: the next access is of the new context', () => {
    as(5);
    run(STR, VA, 42n);
    as(6);
    expect(run(LDR, VA)).not.toBe(42n);
  });
  it('flushes nothing that was not made through that register', () => {
    as(5);
    run(LDR, VA);
    w.w.lower.map(VA + 0x8000n, CODE, KERNEL);
    run(LDR, VA + 0x8000n);
    as(6);
    w.enter(1);
    expect([m.cached(VA), m.cached(VA + 0x8000n)]).toEqual([false, true]);
  });
});
describe('patches 2 and 3, where the context is kept', () => {
  it('in the TLB entry: what the bus sees of an access is address and address space alone', () => {
    as(5);
    w.enter(1);
    m.fill(VA, 3);
    const bank = m.word(state.BANK);
    const entry = bank + Number((VA >> 12n) & 1023n) * 32;
    expect((m.core.view.getUint32(entry + 28, true) >> 1) & 7).toBe(MEC.va);
    expect(m.word(state.TR_PAS)).toBe(PAS.realm);
  });
});
describe('patch 5, memory for owners', () => {
  it('is one datum for each page, and follows the size of RAM', () => {
    for (const mib of [64, 512, 1024]) {
      const layout = layoutOf(1, 1, mib << 20);
      const last = layout.owners + (((layout.arena + layout.arenaBytes - 1) >>> 12) << 2);
      expect(last + 4).toBeLessThanOrEqual(layout.pairs);
      expect(layout.pairs - layout.owners).toBeLessThan(layout.pages * 16 * 4 + (1 << 17));
    }
  });
  it('no page has an owner at power-on, nor after a reset', () => {
    as(5);
    run(STR, VA, 1n);
    expect(p.engine.ownerAt(Number(PAGE))).not.toBeNull();
    powerOnProtection(m.core.memory.buffer, m.core.layout, { model: 'exact', seed: 1 });
    expect(p.engine.ownerAt(Number(PAGE))).toBeNull();
  });
});
describe('patch 6, the walk', () => {
  it('takes AMEC from the leaf alone, never from a table descriptor', () => {
    const t = w.own(2, RAM + 0xa0_0000n);
    t.map(VA, DATA, AF);
    const table = t.entry(VA, 2);
    m.write64(table, m.read64(table)! | AMEC);
    m.reg('TCR2_EL2', 0n);
    w.enter(2);
    expect('pa' in m.translate(VA, 3)).toBe(true);
    expect(m.word(state.TR_MEC)).toBe(MEC.p0);
  });
  it.each([1, 2, 3])('takes it from leaves of every level: %i', (level) => {
    const t = w.own(2, RAM + 0xa0_0000n);
    const mask = -1n << BigInt(t.shift(level));
    const at = level === 1 ? 0x80_0000_0000n >> 1n : VA;
    t.map(at & mask, DATA & mask, AF | AMEC, level);
    m.reg('TCR2_EL2', 1n << 12n);
    w.enter(2);
    expect('pa' in m.translate(at, 3)).toBe(true);
    expect(m.word(state.TR_MEC)).toBe(MEC.a0);
  });
  it('devices have no context: an access to where no RAM is stays an access to a device', () => {
    const t = w.own(2, RAM + 0xa0_0000n);
    t.map(VA, 0x0900_0000n, AF | AMEC);
    m.reg('TCR2_EL2', 1n << 12n);
    w.enter(2);
    expect(m.fill(VA, 2)).toBe(0);
    expect(m.word(state.FAULT)).toBe(0);
    expect(p.engine.ownerAt(0x0900_0000)).toBeNull();
  });
  it('output of stage 2: VMECID_P_EL2 or VMECID_A_EL2, for every kind of access of EL1 and EL0', () => {
    w.w.lower.map(VA, IPA, S1.af | S1.user | S1.nG);
    for (const el of [0, 1]) {
      w.enter(el);
      for (const info of [3, 3 | INFO.write, 3 | INFO.atomic | INFO.write, 3 | INFO.unprivileged]) {
        m.translate(VA, info);
        expect([el, info, m.word(state.TR_MEC)]).toEqual([el, info, MEC.va]);
      }
    }
  });
  it('states other than Realm are told apart first: nothing of the MECID registers matters to them', () => {
    p.powerOn('off');
    m.reg('HCR_EL2', 1n << 31n);
    w.w.lower.map(VA, DATA, KERNEL | AMEC | S1.ns);
    for (const security of [PAS.secure, PAS.nonSecure]) {
      w.in(security);
      expect('pa' in m.translate(VA, 3)).toBe(true);
      expect(m.word(state.TR_MEC)).toBe(MEC.none);
    }
  });
  it('the upper half is bit 55 of the address where the regime has two, and there alone', () => {
    const t = w.own(2, RAM + 0xa0_0000n, true);
    t.map(VA, DATA, AF);
    w.enter(2);
    m.translate(UPPER + VA, 3);
    expect(m.word(state.TR_MEC)).toBe(MEC.p1);
    m.translate(VA, 3);
    expect(m.word(state.TR_MEC)).toBe(MEC.p0);
    m.reg('HCR_EL2', 0n);
    // With TBI, bit 55 of an address of one range belongs to the tag.
    m.reg('TCR_EL2', 0x8085_3519n | (1n << 20n));
    w.enter(2);
    expect('pa' in m.translate(VA | (0xffn << 56n), 3)).toBe(true);
    expect(m.word(state.TR_MEC)).toBe(MEC.p0);
  });
  it('a mismatch is no fault: translation succeeds and the access completes', () => {
    as(5);
    run(STR, VA, 1n);
    as(6);
    for (const word of [LDR, STR, LDADD, CACHE_WORD['DC ZVA'], CACHE_WORD['DC CIVAC']]) run(word, VA);
    expect(m.word(state.FAULT)).toBe(0);
  });
});
describe('gaps of the RFC', () => {
  it('AMEC that TCR2_EL2 does not allow is a translation fault', () => {
    const t = w.own(2, RAM + 0xa0_0000n);
    t.map(VA, DATA, AF | AMEC);
    m.reg('TCR2_EL2', 0n);
    w.enter(2);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x07 });
  });
  it('SCTLR2En and TCR2En count', () => {
    m.reg('SCR_EL3', scrOf(PAS.realm) & ~(1n << 44n));
    w.enter(1);
    m.translate(VA, 3);
    expect(m.word(state.TR_MEC)).toBe(MEC.none);
    const t = w.own(2, RAM + 0xa0_0000n);
    t.map(VA, DATA, AF | AMEC);
    m.reg('SCR_EL3', scrOf(PAS.realm) & ~(1n << 43n));
    w.enter(2);
    expect(m.translate(VA, 3)).toMatchObject({ iss: 0x07 });
  });
  it('walks have MECIDs', () => {
    as(5);
    w.enter(1);
    m.reg('VMECID_P_EL2', 3n);
    p.powerOn();
    m.call('mecChanged');
    m.translate(VA, 3);
    expect(p.engine.ownerAt(Number(m.get('VTTBR_EL2') & 0xffff_ffff_f000n))).toMatchObject({ mecid: 3 });
    expect(p.engine.ownerAt(Number(w.w.lower.root))).toMatchObject({ mecid: 3 });
  });
  it('a TLB entry that a load has filled lets no store past the engine', () => {
    as(5);
    run(STR, VA, 1n);
    as(6);
    run(LDR, VA);
    w.enter(1);
    expect(m.cached(VA, 'write')).toBe(true);
    run(STR, VA, 2n);
    as(5);
    expect(run(LDR, VA)).not.toBe(2n);
    expect(p.engine.ownerAt(Number(PAGE))).toMatchObject({ mecid: 5 });
  });
  it('what a mismatch shows can’t be written to, and is nobody else’s', () => {
    as(5);
    run(STR, VA, 1n);
    run(STR, VA + 0x1000n, 1n);
    as(6);
    run(STR, VA, 7n);
    expect(run(LDR, VA + 0x1000n)).not.toBe(7n);
    expect(run(LDR, VA)).toBe(7n);
  });
  it('a partial store leaves nothing of the old text readable', () => {
    as(5);
    for (let i = 0n; i < 0x1000n; i += 8n) run(STR, VA + i, 0x5ec2e7n);
    as(6);
    run(STR, VA, 1n);
    for (let i = 8n; i < 0x1000n; i += 8n) expect(run(LDR, VA + i)).not.toBe(0x5ec2e7n);
  });
  it('Non-secure and Root stores count: delegate, undelegate, delegate finds no owner of before', () => {
    as(5);
    run(STR, VA, 0x5ec2e7n);
    for (const security of [PAS.nonSecure, PAS.root]) {
      if (security === PAS.root) w.enter(3);
      else {
        w.in(security);
        m.reg('SCTLR_EL2', 0n);
        w.enter(2);
      }
      m.core.view.setBigUint64(m.fill(PAGE, 3 | INFO.write), 1n, true);
      expect(p.engine.ownerAt(Number(PAGE))).toMatchObject({ pas: security, mecid: 0 });
      w.in(PAS.realm);
      as(5);
      expect(run(LDR, VA)).not.toBe(1n);
    }
  });
  it('key refresh takes effect on pages that nobody touches', () => {
    as(5);
    run(STR, VA, 0x5ec2e7n);
    p.engine.renewKey(5);
    expect(run(LDR, VA)).not.toBe(0x5ec2e7n);
  });
  it('granules that another realm had are read, written and added to without a fault (the open issue)', () => {
    for (let mecid = 1; mecid <= 6; mecid++) {
      as(mecid);
      run(LDR, VA);
      run(LDADD, VA, 1n);
      for (let i = 0n; i < 0x1000n; i += 64n) run(CACHE_WORD['DC ZVA'], VA + i);
      expect(run(LDADD, VA, BigInt(mecid))).toBe(0n);
      expect(run(LDR, VA)).toBe(BigInt(mecid));
    }
  });
});
