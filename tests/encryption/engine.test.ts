/** The memory protection engine: what contexts read of each other's memory, and what stays whole. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GENERATIONS, P_CORES, PROTECTION } from '../../core/arch/encryption/layout.ts';
import * as state from '../../core/arch/state.ts';
import { LDADD, PAGE, PAS, type RmeWorld, VA } from '../rme/world.ts';
import { INFO, RAM, type TranslationMachine } from '../translation/machine.ts';
import { S1 } from '../translation/tables.ts';
import { CACHE_WORD, KERNEL, TLBI_WORD } from '../translation/world.ts';
import { IPA, type Protected, protectedMachine, realm, realmAccesses } from './machine.ts';

for (const mode of ['interpreter', 'compiled'] as const) {
  describe(mode, () => suite(mode));
}

function suite(mode: 'interpreter' | 'compiled'): void {
  let p: Protected;
  let m: TranslationMachine;
  let w: RmeWorld;
  beforeAll(() => {
    p = protectedMachine(mode);
    m = p.m;
  });
  beforeEach(() => {
    w = realm(p);
    m.core.u8.fill(0, m.host(PAGE)!, m.host(PAGE)! + 0x2000);
  });
  const { as, tablesAs, run, load, store } = realmAccesses(() => w);
  /** What an access without translation reads: EL2 of a security state (Realm: MECID_P0_EL2), or EL3. */
  const flat = (security: number, info = 3, at = PAGE): bigint => {
    if (security === PAS.root) w.enter(3);
    else {
      w.in(security);
      w.enter(2);
    }
    const host = m.fill(at, info);
    expect(host).not.toBe(0);
    return m.core.view.getBigUint64(host, true);
  };
  const TEXT = 0x1122_3344_5566_7788n;
  const fill = (from = VA, n = 0x1000n): void => {
    for (let i = 0n; i < n; i += 8n) store(from + i, TEXT + i);
  };
  const page = (): bigint[] => Array.from({ length: 512 }, (_, i) => load(VA + BigInt(8 * i)));
  const text = (): bigint[] => Array.from({ length: 512 }, (_, i) => TEXT + BigInt(8 * i));
  /** 16-byte blocks of the page that differ from the text. */
  const spoilt = (): number[] =>
    page()
      .flatMap((v, i) => (v !== TEXT + BigInt(8 * i) ? [i >> 1] : []))
      .filter((b, i, all) => all.indexOf(b) === i);

  it('the first context to touch a page has it as it is; the loader’s bytes are plain to it', () => {
    m.write64(PAGE, TEXT);
    as(5);
    expect(load(VA)).toBe(TEXT);
    expect(p.engine.ownerAt(Number(PAGE))).toEqual({ pas: PAS.realm, mecid: 5, generation: 0 });
  });
  it('another context reads something else: never a fault, stable, different at each address', () => {
    as(5);
    for (let i = 0n; i < 0x40n; i += 8n) store(VA + i, TEXT);
    as(6);
    const seen = [0n, 16n, 32n].map((i) => load(VA + i));
    expect(new Set([...seen, TEXT]).size).toBe(4);
    expect([0n, 16n, 32n].map((i) => load(VA + i))).toEqual(seen);
    as(5);
    expect(load(VA)).toBe(TEXT);
    as(6);
    expect([0n, 16n, 32n].map((i) => load(VA + i))).toEqual(seen);
    as(7);
    expect(load(VA)).not.toBe(seen[0]);
  });
  it('the same bytes on another page look different', () => {
    as(5);
    store(VA, TEXT);
    store(VA + 0x1000n, TEXT);
    as(6);
    expect(load(VA)).not.toBe(load(VA + 0x1000n));
  });
  it('the right context finds its data whole after foreign reads', () => {
    as(5);
    fill();
    for (const other of [6, 7, 6]) {
      as(other);
      page();
    }
    as(5);
    expect(page()).toEqual(text());
  });
  it('a foreign write spoils only its own block of 16 bytes, and is itself read back', () => {
    as(5);
    fill();
    as(6);
    store(VA + 0x108n, 42n);
    expect(load(VA + 0x108n)).toBe(42n);
    as(5);
    expect(spoilt()).toEqual([0x10]);
    store(VA + 0x100n, 1n);
    store(VA + 0x108n, 2n);
    as(6);
    expect(load(VA + 0x108n)).not.toBe(42n);
  });
  it('atomics read and write as the context that they are of', () => {
    as(5);
    fill();
    as(6);
    const before = load(VA + 0x20n);
    // LDADD X1, X1, [X0]: what was there comes back.
    expect(run(LDADD, VA + 0x20n, 3n)).toBe(before);
    as(5);
    expect(spoilt()).toEqual([2]);
  });
  it('walks read tables as their context: those of another are noise', () => {
    tablesAs(5);
    expect('pa' in m.translate(VA, 3)).toBe(true);
    tablesAs(6);
    const r = m.translate(VA, 3);
    expect('pa' in r && r.pa === PAGE).toBe(false);
    tablesAs(5);
    expect(m.translate(VA, 3)).toMatchObject({ pa: PAGE });
  });
  it('a table that was remembered is not used in another context', () => {
    tablesAs(5);
    w.enter(1);
    m.fill(VA, 3);
    tablesAs(6);
    w.enter(1);
    const r = m.translate(VA + 0x1000n, 3, { stale: true });
    expect('pa' in r && r.pa === PAGE).toBe(false);
  });
  it('a table that was remembered is its context’s again after others have looked at it', () => {
    tablesAs(5);
    w.enter(1);
    m.fill(VA, 3);
    const table = Number(w.w.lower.entry(VA, 3) & ~0xfffn);
    p.engine.request(table, 8, false, () => {});
    expect(p.engine.ownerAt(table)).toMatchObject({ pas: PAS.nonSecure });
    expect(m.translate(VA + 0x1000n, 3, { stale: true })).toMatchObject({ pa: PAGE + 0x1000n });
    expect(p.engine.ownerAt(table)).toMatchObject({ pas: PAS.realm, mecid: 5 });
  });
  it('fetches execute what their context reads, and code of another context is forgotten', () => {
    // EL2 of Realm state without translation: MECID_P0_EL2.
    const code = PAGE + 0x1000n;
    m.reg('SCTLR_EL2', 0n);
    const execute = (): bigint => {
      w.enter(2);
      m.core.setX(1, 0n);
      m.core.pc = code;
      m.setWord(state.FAULT, 0);
      m.core.run(20);
      return m.core.x(1);
    };
    m.core.place(Number(code), [0xd2800541, 0xd45e0000]); // MOV X1, #42; HLT
    expect(execute()).toBe(42n);
    m.reg('MECID_P0_EL2', 9n);
    m.call('mecChanged');
    expect(execute()).not.toBe(42n);
    m.reg('MECID_P0_EL2', 0n);
    m.call('mecChanged');
    expect(execute()).toBe(42n);
  });
  it('Non-secure memory is not encrypted; Realm pages look like noise from there, and its writes like noise from Realm', () => {
    as(5);
    fill();
    const cipher = flat(PAS.nonSecure);
    expect(cipher).not.toBe(TEXT);
    expect(m.core.view.getBigUint64(m.host(PAGE)!, true)).toBe(cipher);
    expect(p.engine.ownerAt(Number(PAGE))).toEqual({ pas: PAS.nonSecure, mecid: 0, generation: 0 });
    m.core.view.setBigUint64(m.fill(PAGE, 3 | INFO.write), 7n, true);
    w.in(PAS.realm);
    expect(spoilt()).toEqual([0]);
  });
  it('Secure and Root memory have keys of their own', () => {
    as(5);
    store(VA, TEXT);
    const seen = [PAS.secure, PAS.nonSecure, PAS.root, PAS.realm].map((security) => flat(security));
    expect(new Set([...seen, TEXT]).size).toBe(5);
    expect([PAS.secure, PAS.nonSecure, PAS.root, PAS.realm].map((security) => flat(security))).toEqual(seen);
    w.in(PAS.realm);
    expect(load(VA)).toBe(TEXT);
  });

  describe('overwriting', () => {
    const zva = (at: bigint): void => void run(CACHE_WORD['DC ZVA'], at);
    it('a whole page by DC ZVA costs no cipher pass', () => {
      as(5);
      fill();
      as(6);
      const before = p.engine.counts;
      for (let i = 0n; i < 0x1000n; i += 64n) zva(VA + i);
      expect(p.engine.ownerAt(Number(PAGE))).toMatchObject({ mecid: 6 });
      expect(p.engine.counts).toEqual({ converted: before.converted, wiped: before.wiped + 1 });
      // Nobody else has anything of the page: the host is not asked.
      expect(p.calls).toEqual({ claims: 0, wipes: 0 });
      expect(page().every((v) => v === 0n)).toBe(true);
      as(5);
      expect(page().every((v) => v !== 0n)).toBe(true);
    });
    it('the host is asked when there is code in the page', () => {
      as(5);
      fill();
      as(6);
      const code = m.core.layout.recordMap(0) + 4 * (m.host(PAGE)! >>> 12);
      m.core.view.setUint32(code, 64, true);
      zva(VA);
      m.core.view.setUint32(code, 0, true);
      expect(p.calls.wipes).toBe(1);
      expect(load(VA)).toBe(0n);
    });
    describe('with another core', () => {
      const other = (): number => m.core.layout.nobody;
      const set = (at: number, v: number): void => m.core.view.setUint32(at, v, true);
      const host = (): number => m.host(PAGE)!;
      const pageWord = (map: number): number => map + 4 * (host() >>> 12);
      const mapped = (): number => m.core.layout.devices;
      const records = (): number => mapped() + 0x10_0000;
      const has: Readonly<Record<string, () => number>> = {
        'is accessing it': () => other() + state.IN_FLIGHT,
        'is accessing it as the second of two': () => other() + state.IN_FLIGHT + 8,
        'is overwriting it': () => other() + state.WIPE_PAGE,
        'has it in its TLB': () => pageWord(mapped()),
        'has run code of it': () => pageWord(records()),
      };
      const wipesAfter = (at: number | null): number => {
        as(5);
        fill();
        as(6);
        const before = p.calls.wipes;
        set(PROTECTION + P_CORES, 2);
        set(other() + state.MAPPED, mapped());
        set(other() + state.REC_MAP, records());
        if (at !== null) set(at, host());
        zva(VA);
        if (at !== null) set(at, 0);
        expect(load(VA)).toBe(0n);
        return p.calls.wipes - before;
      };
      it('that has nothing of the page it is not', () => {
        expect(wipesAfter(null)).toBe(0);
      });
      for (const [what, at] of Object.entries(has)) {
        it(`that ${what} it is`, () => {
          expect(wipesAfter(at())).toBe(1);
        });
      }
    });
    it('a part of it: what is left is converted when it is read', () => {
      as(5);
      fill();
      as(6);
      const noise = page();
      as(5);
      expect(page()).toEqual(text());
      as(6);
      zva(VA + 0x40n);
      zva(VA + 0x100n);
      const now = page();
      const lines = [1, 4];
      expect(now).toEqual(noise.map((v, i) => (lines.includes(i >> 3) ? 0n : v)));
      as(5);
      expect(spoilt()).toEqual([4, 5, 6, 7, 16, 17, 18, 19]);
    });
    it('two pages in turn', () => {
      as(5);
      fill(VA, 0x2000n);
      as(6);
      for (let i = 0n; i < 0x400n; i += 64n) {
        zva(VA + i);
        zva(VA + 0x1000n + i);
      }
      for (const base of [VA, VA + 0x1000n]) {
        for (let i = 0n; i < 0x400n; i += 8n) expect(load(base + i)).toBe(0n);
        expect(load(base + 0x400n)).not.toBe(0n);
      }
      as(5);
      for (const [base, add] of [
        [VA, 0n],
        [VA + 0x1000n, 0x1000n],
      ] as const) {
        for (let i = 0x400n; i < 0x1000n; i += 64n) expect(load(base + i)).toBe(TEXT + i + add);
      }
    });
    it('a third context in the middle of it', () => {
      as(5);
      fill();
      as(6);
      zva(VA);
      as(7);
      page();
      as(5);
      expect(spoilt()).toEqual([0, 1, 2, 3]);
      as(6);
      expect(load(VA)).toBe(0n);
    });
    it('each line is of the context that overwrites it', () => {
      as(5);
      fill();
      as(6);
      zva(VA);
      as(7);
      zva(VA + 0x40n);
      expect(load(VA + 0x40n)).toBe(0n);
      expect(load(VA)).not.toBe(0n);
      as(6);
      expect(load(VA)).toBe(0n);
      expect(load(VA + 0x40n)).not.toBe(0n);
    });
    it('is not continued in another regime, where the address is another page', () => {
      as(5);
      fill();
      as(6);
      zva(VA);
      const other = PAGE + 0x8000n;
      w.own(2, RAM + 0xa0_0000n).map(VA, other, S1.af);
      m.write64(other + 0x40n, TEXT);
      expect(w.exec(CACHE_WORD['DC ZVA'], 2, VA + 0x40n).exception).toBe(0);
      expect(m.read64(other + 0x40n)).toBe(0n);
      as(5);
      expect(spoilt()).toEqual([0, 1, 2, 3]);
    });
    it('observers see a page in the middle of it as any context would find it', () => {
      as(5);
      fill();
      as(6);
      zva(VA + 0x40n);
      const host = m.host(PAGE)!;
      for (const mecid of [6, 5, 7]) {
        const expected = p.engine.pageAs(Number(PAGE), PAS.realm, mecid)!;
        as(mecid);
        page();
        expect(m.core.u8.slice(host, host + 4096)).toEqual(expected);
        as(5);
        fill();
        as(6);
        zva(VA + 0x40n);
      }
    });
    it('is not continued through a translation that was taken away', () => {
      as(5);
      fill();
      as(6);
      zva(VA);
      w.w.lower.map(VA, IPA + 0x1000n, KERNEL | S1.readOnly);
      expect(w.exec(TLBI_WORD.VMALLE1, 1).exception).toBe(0);
      expect(w.exec(CACHE_WORD['DC ZVA'], 1, VA + 0x40n)).toMatchObject({ exception: 1, iss: 0x4f });
    });
  });

  it('after a key refresh old data is noise, new data is not', () => {
    as(5);
    fill();
    p.engine.renewKey(6);
    expect(page()).toEqual(text());
    const host = m.host(PAGE)!;
    const before = m.core.u8.slice(host, host + 4096);
    p.engine.renewKey(5);
    expect(load(VA)).not.toBe(TEXT);
    const after = m.core.u8.slice(host, host + 4096);
    for (let i = 0; i < 4096; i += 16) expect(after.slice(i, i + 16)).not.toEqual(before.slice(i, i + 16));
    expect(p.engine.ownerAt(Number(PAGE))).toMatchObject({ mecid: 5, generation: 1 });
    fill();
    expect(page()).toEqual(text());
  });
  it('a new key of MECID 0 is Realm’s alone', () => {
    p.engine.renewKey(0);
    for (const security of [PAS.secure, PAS.nonSecure, PAS.root, PAS.realm]) {
      flat(security);
      const generation = security === PAS.realm ? 1 : 0;
      expect(p.engine.ownerAt(Number(PAGE))).toEqual({ pas: security, mecid: 0, generation });
    }
  });
  it('keys are new ones even when their numbers come round', () => {
    as(5);
    fill();
    const dram = p.engine.pageAs(Number(PAGE), PAS.nonSecure, 0)!;
    for (let n = 0; n < GENERATIONS; n++) p.engine.renewKey(5);
    expect(page().filter((v, i) => v === TEXT + BigInt(8 * i))).toEqual([]);
    fill();
    expect(p.engine.ownerAt(Number(PAGE))).toMatchObject({ mecid: 5, generation: 0 });
    expect(page()).toEqual(text());
    expect(p.engine.pageAs(Number(PAGE), PAS.nonSecure, 0)).not.toEqual(dram);
  });
  it.each([0xc40001b6n, 0xc4000407n])('the call %# of RMM to EL3 renews a key', (id) => {
    w = realm(p);
    const el2 = (x0: bigint, x1: bigint, security: number): void => {
      w.in(security);
      m.reg('SCTLR_EL2', 0n);
      m.core.setX(1, x1);
      w.exec(0xd4000003, 2, x0);
    };
    const generation = (mecid: number): number => (p.engine.owner(PAS.realm, mecid) >>> 18) - 1;
    el2(id, (0x123n << 32n) | 1n, PAS.realm);
    expect([generation(0x123), generation(0)]).toEqual([1, 0]);
    el2(id, 0x123n << 32n, PAS.realm);
    expect(generation(0x123)).toBe(2);
    // Not from other worlds, and no other call.
    el2(id + 1n, 0x123n << 32n, PAS.realm);
    expect(generation(0x123)).toBe(2);
    p.powerOn();
    el2(id, 0x123n << 32n, PAS.nonSecure);
    expect(generation(0x123)).toBe(0);
  });
  it('observers see any page as any context would, and change nothing', () => {
    as(5);
    fill();
    const host = m.host(PAGE)!;
    const bytes = m.core.u8.slice(host, host + 4096);
    const own = p.engine.pageAs(Number(PAGE), PAS.realm, 5)!;
    expect(own).toEqual(bytes);
    const theirs = p.engine.pageAs(Number(PAGE), PAS.realm, 6)!;
    const plain = p.engine.pageAs(Number(PAGE), PAS.nonSecure, 0)!;
    expect(theirs).not.toEqual(own);
    expect(m.core.u8.slice(host, host + 4096)).toEqual(bytes);
    expect(p.engine.ownerAt(Number(PAGE))).toMatchObject({ mecid: 5 });
    as(6);
    page();
    expect(m.core.u8.slice(host, host + 4096)).toEqual(theirs);
    expect(p.engine.pageAs(Number(PAGE), PAS.nonSecure, 0)).toEqual(plain);
  });
  it('a requester (DMA) reads what is in DRAM, and writes it', () => {
    as(5);
    fill();
    const host = m.host(PAGE)!;
    const dram = p.engine.pageAs(Number(PAGE), PAS.nonSecure, 0)!;
    p.engine.request(Number(PAGE), 16, false, () => {});
    expect(m.core.u8.slice(host, host + 4096)).toEqual(dram);
    p.engine.request(Number(PAGE), 16, true, () => m.core.u8.fill(0xaa, host, host + 16));
    as(5);
    expect(spoilt()).toEqual([0]);
    const before = p.engine.counts.converted;
    p.engine.request(Number(PAGE), 4096, true, () => {});
    expect(p.engine.counts.converted).toBe(before);
  });
  it('a requester that writes a part first leaves the rest as it was', () => {
    as(5);
    fill();
    const host = m.host(PAGE)!;
    const dram = p.engine.pageAs(Number(PAGE), PAS.nonSecure, 0)!;
    p.engine.request(Number(PAGE) + 32, 16, true, () => m.core.u8.fill(0xaa, host + 32, host + 48));
    const seen = m.core.u8.slice(host, host + 4096);
    dram.fill(0xaa, 32, 48);
    expect(seen).toEqual(dram);
    as(5);
    expect(spoilt()).toEqual([2]);
  });
  it('cache maintenance reads nothing: the page stays its owner’s', () => {
    as(5);
    fill();
    as(6);
    run(CACHE_WORD['DC CIVAC'], VA);
    expect(p.engine.ownerAt(Number(PAGE))).toMatchObject({ mecid: 5 });
    expect(load(VA)).not.toBe(TEXT);
  });
  it('where contexts do not change nothing is asked of the engine', () => {
    as(5);
    fill();
    p.calls.claims = 0;
    page();
    fill();
    w.exec(TLBI_WORD.VMALLE1, 1);
    page();
    expect(p.calls).toEqual({ claims: 0, wipes: 0 });
  });
}
