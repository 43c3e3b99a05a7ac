/** TLB maintenance: a stale entry may serve until it is invalidated, and must not afterwards; what is not named stays. */
import { beforeAll, describe, expect, it } from 'vitest';
import { cpuFeatures } from '../../core/arch/features.ts';
import * as state from '../../core/arch/state.ts';
import { BY_ASID } from '../../core/arch/translation/fields.ts';
import { INFO, TranslationMachine } from './machine.ts';
import { S1, type Tables } from './tables.ts';
import { DATA, KERNEL, TCR, TLBI_WORD, UPPER, USER, World } from './world.ts';

let m: TranslationMachine;
let w: World;
const READ = 3;
const WRITE = 3 | INFO.write;
const asid = (n: number): void => m.reg('TTBR0_EL1', w.lower.root | (BigInt(n) << 48n));
/** Enters an access into the TLB, at a level. */
function touch(va: bigint, el = 1, info = READ): void {
  m.enter(el);
  expect(m.fill(va, info), `access to ${va.toString(16)}`).not.toBe(0);
}
function holds(va: bigint, el = 1, kind: 'read' | 'write' | 'exec' = 'read'): boolean {
  m.enter(el);
  return m.cached(va, kind);
}
const page = (va: bigint, id = 0n): bigint => ((va >> 12n) & 0xfff_ffff_ffffn) | (id << 48n);
const tables = (va: bigint): Tables => (va >> 63n ? w.upper : w.lower);
const map = (va: bigint, attributes = KERNEL, level = 3): void => {
  const t = tables(va);
  const base = va & (-1n << BigInt(t.shift(level)));
  t.map(base, DATA & (-1n << BigInt(t.shift(level))), attributes, level);
};

beforeAll(() => {
  m = new TranslationMachine({ features: cpuFeatures('max'), paRange: 5 });
});
const fresh = (): void => {
  w = new World(m);
};

describe('entries', () => {
  it('serve their page alone, in the bank of their level', () => {
    fresh();
    map(0x1000n, USER);
    touch(0x1008n, 0);
    expect(holds(0x1ff8n, 0)).toBe(true);
    expect(holds(0x2000n, 0)).toBe(false);
    expect(holds(0x1000n, 1)).toBe(false);
    // Unprivileged accesses of EL1 are EL0's.
    m.enter(1);
    expect(m.cached(0x1000n, 'read', true)).toBe(true);
  });
  it('outlive a change of the table, until TLBI', () => {
    fresh();
    map(0x5000n);
    touch(0x5000n);
    m.write64(w.lower.entry(0x5000n), 0n);
    expect(holds(0x5000n)).toBe(true);
    w.exec(TLBI_WORD.VAE1, 1, page(0x5000n, 1n));
    expect(holds(0x5000n)).toBe(false);
    m.enter(1);
    expect(m.fill(0x5000n, READ)).toBe(0);
  });
  it('of one ASID wait for its return', () => {
    fresh();
    map(0x1000n, USER);
    touch(0x1000n, 0);
    asid(2);
    expect(holds(0x1000n, 0)).toBe(false);
    asid(1);
    expect(holds(0x1000n, 0)).toBe(true);
  });
  it('of a kernel that are global serve every ASID and both values of PAN', () => {
    fresh();
    map(UPPER + 0x3000n);
    touch(UPPER + 0x3000n);
    asid(2);
    expect(holds(UPPER + 0x3000n)).toBe(true);
    m.enter(1, { pan: true });
    expect(m.cached(UPPER + 0x3000n)).toBe(true);
  });
  it('of a kernel that are not global go when the ASID changes', () => {
    fresh();
    map(UPPER + 0x3000n);
    map(UPPER + 0x4000n, KERNEL | S1.nG);
    touch(UPPER + 0x3000n);
    touch(UPPER + 0x4000n);
    asid(2);
    expect(holds(UPPER + 0x3000n)).toBe(true);
    expect(holds(UPPER + 0x4000n)).toBe(false);
    asid(1);
    m.enter(1);
    expect(m.cached(UPPER + 0x4000n)).toBe(false);
  });
  it('for user memory go when PAN changes', () => {
    fresh();
    map(0x1000n, USER);
    touch(0x1000n, 1);
    expect(holds(0x1000n, 1)).toBe(true);
    m.enter(1, { pan: true });
    expect(m.cached(0x1000n)).toBe(false);
    expect(m.fill(0x1000n, READ)).toBe(0);
  });
  it('many of which are not global move to banks by ASID', () => {
    fresh();
    expect(m.word(BY_ASID)).toBe(0);
    for (let i = 0n; i < 40n; i++) {
      map(0x10_0000n + i * 0x1000n, KERNEL | S1.nG);
      touch(0x10_0000n + i * 0x1000n);
    }
    expect(m.word(BY_ASID)).toBe(1);
    touch(0x10_0000n);
    asid(2);
    expect(holds(0x10_0000n)).toBe(false);
    asid(1);
    expect(holds(0x10_0000n)).toBe(true);
  });
  it('survive 200 other ASIDs, or are gone without a trace', () => {
    fresh();
    map(0x1000n, USER);
    touch(0x1000n, 0);
    for (let n = 2; n < 200; n++) {
      asid(n);
      w.lower.map(0x1000n, DATA + BigInt(n) * 0x1000n, USER);
      touch(0x1000n, 0);
      const host = m.fill(0x1000n, READ);
      expect(host).toBe(m.host(DATA + BigInt(n) * 0x1000n));
    }
    // The bank of ASID 1 was recycled: the table is walked anew.
    asid(1);
    m.enter(0);
    expect(m.cached(0x1000n)).toBe(false);
  });
});

describe('tables remembered', () => {
  const other = 0x7000n;
  const replaced = (): void => {
    fresh();
    map(0x5000n);
    map(other);
    touch(0x5000n);
    // Another table takes the place of the last one.
    const at = w.lower.entry(0x5000n, 2);
    const table = m.read64(at)! & 0xffff_ffff_f000n;
    const copy = DATA + 0x80_0000n;
    for (let i = 0n; i < 512n; i++) m.write64(copy + 8n * i, m.read64(table + 8n * i)!);
    m.write64(copy + 8n * 7n, (DATA + 0x9000n) | KERNEL | 3n);
    m.write64(at, copy | 3n);
  };
  const target = (): bigint => (m.translate(other, READ, { stale: true }) as { pa: bigint }).pa;
  it('serve until TLBI', () => {
    replaced();
    m.enter(1);
    expect(target()).toBe(DATA);
    w.exec(TLBI_WORD.VALE1, 1, page(0x5000n, 1n));
    expect(target()).toBe(DATA);
    w.exec(TLBI_WORD.VAE1, 1, page(0x5000n, 1n));
    expect(target()).toBe(DATA + 0x9000n);
  });
  it('belong to their ASID, and to their regime', () => {
    replaced();
    asid(2);
    m.enter(1);
    expect(target()).toBe(DATA + 0x9000n);
    asid(1);
    m.enter(1);
    expect(target()).toBe(DATA);
    m.enter(0);
    expect((m.translate(0x5000n, READ, { stale: true }) as { iss: number }).iss).toBe(0xf);
  });
  it('are gone when their count overflows', () => {
    replaced();
    m.enter(1);
    for (let i = 0; i < 65535; i++) m.call('forgetTables');
    expect(target()).toBe(DATA + 0x9000n);
    for (let i = 0; i < 3; i++) m.call('forgetTables');
    expect(target()).toBe(DATA + 0x9000n);
  });
});

describe('TLBI', () => {
  for (const [name, word] of Object.entries(TLBI_WORD)) {
    it(`${name} is undefined below its level`, () => {
      fresh();
      const level = (word >> 16) & 7 ? (((word >> 16) & 7) === 4 ? 2 : 3) : 1;
      for (const el of [0, 1, 2, 3]) {
        const r = w.exec(word, el, 0n);
        if (el >= level) expect(r.exception, `EL${el}`).toBe(0);
        else expect(r.esr >> 26n, `EL${el}`).toBe(0n);
      }
    });
  }
  it('VAE1 takes global entries of any ASID, others of its own', () => {
    fresh();
    map(0x1000n, USER);
    touch(0x1000n, 0);
    w.exec(TLBI_WORD.VAE1, 1, page(0x1000n, 9n));
    expect(holds(0x1000n, 0)).toBe(true);
    map(0x2000n, USER & ~S1.nG);
    touch(0x2000n, 0);
    w.exec(TLBI_WORD.VAE1, 1, page(0x2000n, 9n));
    expect(holds(0x2000n, 0)).toBe(false);
    expect(holds(0x1000n, 0)).toBe(true);
    w.exec(TLBI_WORD.VAE1, 1, page(0x1000n, 1n));
    expect(holds(0x1000n, 0)).toBe(false);
  });
  it('VAAE1 takes every ASID', () => {
    fresh();
    map(0x1000n, USER);
    touch(0x1000n, 0);
    asid(2);
    touch(0x1000n, 0);
    w.exec(TLBI_WORD.VAAE1, 1, page(0x1000n));
    expect(holds(0x1000n, 0)).toBe(false);
    asid(1);
    expect(holds(0x1000n, 0)).toBe(false);
  });
  it('ASIDE1 takes its ASID, and leaves the kernel', () => {
    fresh();
    map(0x1000n, USER);
    map(UPPER + 0x3000n);
    touch(0x1000n, 0);
    touch(UPPER + 0x3000n);
    w.exec(TLBI_WORD.ASIDE1, 1, 2n << 48n);
    expect(holds(0x1000n, 0)).toBe(true);
    w.exec(TLBI_WORD.ASIDE1, 1, 1n << 48n);
    expect(holds(0x1000n, 0)).toBe(false);
    expect(holds(UPPER + 0x3000n)).toBe(true);
  });
  it('by address takes tagged addresses with it', () => {
    fresh();
    m.reg('TCR_EL1', TCR.plain | TCR.as16 | TCR.tbi0);
    map(0x1000n, USER);
    const tagged = 0xab00_0000_0000_1000n;
    touch(tagged, 0);
    expect(holds(tagged, 0)).toBe(true);
    w.exec(TLBI_WORD.VAE1, 1, page(0x1000n, 1n));
    expect(holds(tagged, 0)).toBe(false);
  });
  it('by address takes all of a block', () => {
    fresh();
    for (const [base, level] of [
      [0x4000_0000n * 4n, 1],
      [0x20_0000n, 2],
    ] as const) {
      map(base, USER, level);
      const inside = [0n, 0x7000n, 0x12_3000n, 0x1f_f000n, ...(level === 1 ? [0x123_4000n, 0x1ff_f000n] : [])];
      for (const at of inside) touch(base + at, 0);
      w.exec(TLBI_WORD.VALE1, 1, page(base + 0x5000n, 1n));
      for (const at of inside) expect(holds(base + at, 0), (base + at).toString(16)).toBe(false);
    }
  });
  it('by address leaves other pages', () => {
    fresh();
    for (let i = 0n; i < 64n; i++) map(0x1000n + i * 0x1000n, USER);
    for (let i = 0n; i < 64n; i++) touch(0x1000n + i * 0x1000n, 0);
    w.exec(TLBI_WORD.VAE1, 1, page(0x8000n, 1n));
    for (let i = 0n; i < 64n; i++) {
      const va = 0x1000n + i * 0x1000n;
      expect(holds(va, 0), va.toString(16)).toBe(va !== 0x8000n);
    }
  });
  it('by range takes the range', () => {
    fresh();
    for (let i = 0n; i < 64n; i++) map(0x1000n + i * 0x1000n, USER);
    for (let i = 0n; i < 64n; i++) touch(0x1000n + i * 0x1000n, 0);
    // 4 KiB, SCALE 0, NUM 3: eight pages from 0x8000.
    w.exec(TLBI_WORD.RVAE1, 1, (1n << 48n) | (1n << 46n) | (3n << 39n) | 8n);
    for (let i = 0n; i < 64n; i++) {
      const va = 0x1000n + i * 0x1000n;
      expect(holds(va, 0), va.toString(16)).toBe(va < 0x8000n || va >= 0x1_0000n);
    }
  });
  it('by a range larger than a bank takes all of it', () => {
    fresh();
    for (let i = 0n; i < 64n; i++) map(UPPER + i * 0x1000n);
    for (let i = 0n; i < 64n; i++) touch(UPPER + i * 0x1000n);
    // SCALE 2, NUM 1: 2 << 11 pages from the start of the upper half.
    const base = (UPPER >> 12n) & 0x1f_ffff_ffffn;
    w.exec(TLBI_WORD.RVAAE1, 1, (1n << 46n) | (2n << 44n) | (1n << 39n) | base);
    for (let i = 0n; i < 64n; i++) expect(holds(UPPER + i * 0x1000n)).toBe(false);
  });
  it('VMALLE1 takes the VMID, ALLE1 all of them', () => {
    fresh();
    map(0x1000n, USER);
    w.stage2(DATA + 0x40_0000n);
    const vttbr = m.get('VTTBR_EL2') & 0xffff_ffff_ffffn;
    const vmid = (n: bigint): void => m.reg('VTTBR_EL2', vttbr | (n << 48n));
    const entered = (): boolean[] =>
      [3n, 4n].map((n) => {
        vmid(n);
        return holds(0x1000n, 0);
      });
    const both = (): void => {
      for (const n of [3n, 4n]) {
        vmid(n);
        touch(0x1000n, 0);
      }
    };
    both();
    expect(entered()).toEqual([true, true]);
    vmid(4n);
    w.exec(TLBI_WORD.VMALLE1, 1);
    expect(entered()).toEqual([true, false]);
    both();
    vmid(3n);
    w.exec(TLBI_WORD.VMALLS12E1, 2);
    expect(entered()).toEqual([false, true]);
    both();
    w.exec(TLBI_WORD.ALLE2, 2);
    w.exec(TLBI_WORD.ALLE3, 3);
    expect(entered()).toEqual([true, true]);
    w.exec(TLBI_WORD.ALLE1, 2);
    expect(entered()).toEqual([false, false]);
  });
  it('at EL2 names its own regime', () => {
    fresh();
    map(0x1000n, USER);
    touch(0x1000n, 0);
    m.enter(2);
    expect(m.fill(DATA, WRITE)).not.toBe(0);
    expect(holds(DATA, 2, 'write')).toBe(true);
    w.exec(TLBI_WORD.VAE2, 2, page(DATA));
    expect(holds(DATA, 2)).toBe(false);
    expect(holds(0x1000n, 0)).toBe(true);
    touch(DATA, 2);
    w.exec(TLBI_WORD.ALLE2, 2);
    expect(holds(DATA, 2)).toBe(false);
    expect(holds(0x1000n, 0)).toBe(true);
  });
  it('of EL1 under E2H and TGE names the host', () => {
    fresh();
    const host = (1n << 31n) | (1n << 34n) | (1n << 27n);
    map(0x1000n, USER);
    touch(0x1000n, 0);
    m.reg('HCR_EL2', host);
    touch(DATA, 2);
    w.exec(TLBI_WORD.VMALLE1, 2);
    expect(holds(DATA, 2)).toBe(false);
    m.reg('HCR_EL2', 1n << 31n);
    expect(holds(0x1000n, 0)).toBe(true);
  });
  it('traps to EL2 by TTLB, and by the fine-grained trap', () => {
    fresh();
    m.reg('HCR_EL2', (1n << 31n) | (1n << 25n));
    expect(w.exec(TLBI_WORD.VAE1, 1, 0n)).toMatchObject({
      exception: 2,
      esr: (0x18n << 26n) | (1n << 25n) | 0x12200en,
    });
    m.reg('HCR_EL2', 1n << 31n);
    m.reg('HFGITR_EL2', 1n << 43n);
    expect(w.exec(TLBI_WORD.VAE1, 1, 0n).exception).toBe(0);
    m.reg('SCR_EL3', m.get('SCR_EL3') | (1n << 27n));
    expect(w.exec(TLBI_WORD.VAE1, 1, 0n).exception).toBe(2);
    expect(w.exec(TLBI_WORD.VALE1, 1, 0n).exception).toBe(0);
    m.reg('HFGITR_EL2', 0n);
    m.reg('HCR_EL2', (1n << 31n) | (1n << 54n));
    expect(w.exec(TLBI_WORD.VAE1, 1, 0n).exception).toBe(0);
    expect(w.exec(TLBI_WORD.VAE1IS, 1, 0n).exception).toBe(2);
  });
  it('reaches other cores by its scope, and by HCR_EL2.FB', () => {
    const sent: number[][] = [];
    const other = new TranslationMachine({
      features: cpuFeatures('max'),
      paRange: 5,
      host: { broadcastTlbi: (...a: number[]) => sent.push(a) },
    });
    const world = new World(other);
    world.exec(TLBI_WORD.VAE1IS, 1, page(0x1000n, 1n));
    expect(sent.length).toBe(0);
    other.setWord(state.PEERS, 1);
    world.exec(TLBI_WORD.VAE1, 1, page(0x1000n, 1n));
    expect(sent.length).toBe(0);
    world.exec(TLBI_WORD.VAE1IS, 1, page(0x1000n, 1n));
    expect(sent.length).toBe(1);
    other.reg('HCR_EL2', (1n << 31n) | (1n << 9n));
    world.exec(TLBI_WORD.VAE1, 1, page(0x1000n, 1n));
    expect(sent.length).toBe(2);
    // The same operation, done there, takes the entry.
    world.lower.map(0x1000n, DATA, USER);
    other.enter(0);
    expect(other.fill(0x1000n, READ)).not.toBe(0);
    expect(other.cached(0x1000n)).toBe(true);
    const [, op, lo, hi] = sent[1]!;
    other.call('tlbiLocal', op!, BigInt.asIntN(64, (BigInt(hi! >>> 0) << 32n) | BigInt(lo! >>> 0)));
    expect(other.cached(0x1000n)).toBe(false);
  });
});
