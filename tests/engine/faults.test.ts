import { describe, expect, it } from 'vitest';
import { Code } from './asm.ts';
import { CODE, DATA, INVALID, Machine, MODES, NO_EXEC, NORMAL, READ_ONLY, type Result } from './machine.ts';

const machines = MODES.map((mode) => new Machine(mode));
let place = CODE;

interface Setup {
  readonly x?: Readonly<Record<number, number | bigint>>;
  readonly memory?: (m: Machine) => void;
  readonly pages?: (page: number) => bigint;
}

/** Runs it twice in each mode and wants the same end; `look` gets the machine after each run. */
function everywhere(
  build: (a: Code) => void,
  setup: Setup,
  look?: (m: Machine, r: Result) => void,
): Result & { base: number } {
  const base = place;
  place += 0x2000;
  let first: Result | null = null;
  for (const m of machines) {
    const a = new Code();
    build(a);
    m.place(base, a);
    for (const round of [1, 2, 3]) {
      m.mapPages(setup.pages);
      m.bytes(DATA, 0x10000).fill(0);
      m.start(base);
      setup.memory?.(m);
      for (const [n, v] of Object.entries(setup.x ?? {})) m.core.setX(Number(n), BigInt(v));
      const r = m.finish();
      first ??= r;
      expect({ mode: m.mode, round, ...r }).toEqual({ mode: m.mode, round, ...first });
      look?.(m, r);
      if (round === 2) m.warm(base, a.words.length);
    }
  }
  return { ...first!, base };
}
const hole =
  (...pages: number[]) =>
  (page: number): bigint =>
    pages.includes(page) ? INVALID() : NORMAL(page);
const readOnly =
  (...pages: number[]) =>
  (page: number): bigint =>
    pages.includes(page) ? READ_ONLY(page) : NORMAL(page);
/** ESR of a data abort from the same level: DFSC, WnR. */
const abort = (dfsc: number, write: boolean): bigint =>
  BigInt(((0x25 << 26) | (1 << 25) | (write ? 64 : 0) | dfsc) >>> 0);
const TRANSLATION = 7;
const PERMISSION = 15;

describe('faults inside loops leave exact state', () => {
  it('a load walks into a hole', () => {
    const r = everywhere(
      (a) => {
        a.label('loop')
          .addImm(3, 3, 5)
          .alu('subs', 4, 3, 5)
          .ldrPost(6, 1, 16)
          .add(7, 7, 6)
          .addImm(2, 2, -1)
          .cbnz(2, 'loop')
          .semihost();
      },
      { x: { 1: DATA, 2: 100_000, 5: 900 }, pages: hole(DATA + 0x3000) },
    );
    expect([r.esr, r.far, r.elr]).toEqual([abort(TRANSLATION, false), BigInt(DATA + 0x3000), BigInt(r.base + 8)]);
    const times = 0x300;
    expect(r.x[1]).toBe(BigInt(DATA + 0x3000));
    expect(r.x[2]).toBe(BigInt(100_000 - times));
    expect(r.x[3]).toBe(BigInt(5 * (times + 1)));
    // Flags of 3845 - 900: C alone.
    expect(r.spsr >> 28n).toBe(2n);
  });

  it('a store with pre-index walks into a page that is read-only', () => {
    const r = everywhere(
      (a) => a.label('loop').stpPre(2, 3, 1, 16).ccmpImm(2, 3, 5, 14).addImm(2, 2, 1).b('loop'),
      { x: { 1: DATA, 2: 0, 3: 77 }, pages: readOnly(DATA + 0x2000) },
      (m) => expect(m.read64(DATA + 0x2000)).toBe(0n),
    );
    expect([r.esr, r.far]).toEqual([abort(PERMISSION, true), BigInt(DATA + 0x2000)]);
    expect(r.x[1]).toBe(BigInt(DATA + 0x1ff0));
    expect(r.x[2]).toBe(0x1ffn);
  });

  it('a store that crosses into a hole, or a read-only page, writes nothing', () => {
    for (const [pages, dfsc] of [
      [hole(DATA + 0x1000), TRANSLATION],
      [readOnly(DATA + 0x1000), PERMISSION],
    ] as const) {
      for (const emit of [
        (a: Code) => a.stur(2, 1, 0),
        (a: Code) => a.stpPost(2, 3, 1, 16),
        (a: Code) => a.sturQ(0, 1, 0),
        (a: Code) => a.strPost(2, 1, 24),
      ]) {
        for (const before of [1, 3, 5]) {
          const r = everywhere(
            (a) => {
              // Harmless at first, so that the loop gets hot; the last round is at the edge.
              a.movImm(9, 150)
                .mov(8, 1)
                .movImm(1, DATA + 0x100);
              a.label('loop').subs(31, 9, 10).bCond(1, 'go').mov(1, 8).label('go').mov(12, 1);
              emit(a);
              a.mov(1, 12).addImm(9, 9, -1).cbnz(9, 'loop').semihost();
            },
            { x: { 1: DATA + 0x1000 - before, 2: -1, 3: -1, 10: 1 }, pages },
            (m) => {
              expect(m.bytes(DATA + 0xff0, 16).every((b) => b === 0)).toBe(true);
              expect(m.bytes(DATA + 0x1000, 32).every((b) => b === 0)).toBe(true);
            },
          );
          expect([r.esr, r.far]).toEqual([abort(dfsc, true), BigInt(DATA + 0x1000)]);
          expect(r.x[1]).toBe(BigInt(DATA + 0x1000 - before));
          expect(r.x[9]).toBe(1n);
        }
      }
    }
  });

  it('LDP with write-back whose second half faults changes no register', () => {
    for (const emit of [(a: Code) => a.ldpPost(2, 3, 1, 16), (a: Code) => a.ldpPre(2, 1 + 3, 1, 0)]) {
      const r = everywhere(
        (a) => {
          a.label('loop');
          emit(a);
          a.addImm(5, 5, 1)
            .addImm(1, 1, emit.toString().includes('Pre') ? 16 : 0)
            .b('loop');
        },
        { x: { 1: DATA + 8, 2: 5, 3: 6 }, pages: hole(DATA + 0x1000) },
      );
      expect([r.esr, r.far]).toEqual([abort(TRANSLATION, false), BigInt(DATA + 0x1000)]);
      expect(r.x[1]).toBe(BigInt(DATA + 0xff8));
      expect(r.x[5]).toBe(0xffn);
    }
  });

  it('vector registers and those that other blocks wrote are complete at a fault', () => {
    const r = everywhere(
      (a) => {
        a.label('loop')
          .ldrQ(1, 1)
          .word(0x4ee18400 | (1 << 16))
          .tbz(2, 0, 'even')
          .addImm(4, 4, 1)
          .b('next');
        // ADD V0.2D, V0.2D, V1.2D above.
        a.label('even').addImm(5, 5, 3).label('next').addImm(1, 1, 16).addImm(2, 2, 1).b('loop');
      },
      {
        x: { 1: DATA, 2: 0 },
        pages: hole(DATA + 0x2000),
        memory: (m) => m.bytes(DATA, 0x2000).forEach((_, i, b) => void (b[i] = i & 7 ? 0 : (i >> 4) & 0x7f)),
      },
    );
    expect([r.x[2], r.x[4], r.x[5]]).toEqual([0x200n, 0x100n, 0x300n]);
    expect(r.v.slice(0, 4)).toBe('007f');
  });

  it('a page loses its permission between two iterations', () => {
    const r = everywhere(
      (a) => {
        // X8: descriptor's address, X9: new descriptor, X10: page number for TLBI.
        a.label('loop').str(2, 1).ldr(4, 1).addImm(2, 2, 1).cmpImm(2, 500).bCond(1, 'loop');
        a.str(9, 8).barrier('dsb sy').tlbiVaae1is(10).barrier('dsb sy').barrier('isb').ldr(5, 1).b('loop');
      },
      {
        x: {
          1: DATA + 0x1008,
          8: machines[0]!.descriptorOf(DATA + 0x1000),
          9: READ_ONLY(DATA + 0x1000),
          10: (DATA + 0x1000) / 4096,
        },
      },
      (m) => expect(m.read64(DATA + 0x1008)).toBe(499n),
    );
    expect([r.esr, r.far]).toEqual([abort(PERMISSION, true), BigInt(DATA + 0x1008)]);
    expect([r.x[2], r.x[5]]).toEqual([500n, 499n]);
  });

  it('a page is mapped elsewhere between two iterations', () => {
    const r = everywhere(
      (a) => {
        a.label('loop').ldr(4, 1).add(5, 5, 4).addImm(2, 2, -1).cbnz(2, 'loop').cbnz(3, 'end');
        a.str(9, 8)
          .barrier('dsb sy')
          .tlbiVaae1is(10)
          .barrier('dsb sy')
          .barrier('isb')
          .movImm(2, 100)
          .movImm(3, 1)
          .b('loop');
        a.label('end').semihost();
      },
      {
        x: {
          1: DATA + 0x1008,
          2: 300,
          8: machines[0]!.descriptorOf(DATA + 0x1000),
          9: NORMAL(DATA + 0x5000),
          10: (DATA + 0x1000) / 4096,
        },
        memory: (m) => {
          m.write64(DATA + 0x1008, 1n);
          m.write64(DATA + 0x5008, 1000n);
        },
      },
    );
    expect(r.x[5]).toBe(300n + 100_000n);
  });

  it('a function loses permission to execute while it is called in a loop', () => {
    const r = everywhere(
      (a) => {
        a.label('loop').blr(1).addImm(2, 2, 1).cmpImm(2, 200).bCond(1, 'loop');
        a.str(9, 8).barrier('dsb sy').tlbiVaae1is(10).barrier('dsb sy').barrier('isb').b('loop');
      },
      {
        x: {
          1: DATA + 0x7000,
          8: machines[0]!.descriptorOf(DATA + 0x7000),
          9: NO_EXEC(DATA + 0x7000),
          10: (DATA + 0x7000) / 4096,
        },
        memory: (m) => m.place(DATA + 0x7000, new Code().addImm(3, 3, 2).ret()),
      },
    );
    expect(r.esr).toBe(BigInt((0x21 << 26) | (1 << 25) | PERMISSION) & 0xffffffffn);
    expect([r.far, r.elr]).toEqual([BigInt(DATA + 0x7000), BigInt(DATA + 0x7000)]);
    expect([r.x[2], r.x[3]]).toEqual([200n, 400n]);
  });

  it('code falls through into a page that is not there', () => {
    const r = everywhere((a) => a.movImm(1, DATA + 0x5ff8).br(1), {
      pages: hole(DATA + 0x6000),
      memory: (m) => m.place(DATA + 0x5ff8, new Code().addImm(3, 3, 2).addImm(3, 3, 5)),
    });
    expect([r.far, r.elr, r.x[3]]).toEqual([BigInt(DATA + 0x6000), BigInt(DATA + 0x6000), 7n]);
  });

  it('compiles in the modes that compile', () => {
    for (const m of machines) {
      if (m.core.regions) expect(m.core.regions.stats.regions).toBeGreaterThan(50);
      else expect(m.mode).toBe('interpreter');
    }
  });
});
