import { describe, expect, it } from 'vitest';
import { HOT } from '../../core/engine/abi.ts';
import { Code } from './asm.ts';
import { CODE, DATA, Machine, MODES, NORMAL, type Result } from './machine.ts';

/** Enough of them that what they call gets hot. */
const CALLS = HOT + 20;

const machines = MODES.map((mode) => new Machine(mode));
/** MOVZ X0, #n. */
const movz = (n: number): number => (0xd2800000 | (n << 5)) >>> 0;

/** The function that is rewritten: MOVZ X0, #n; RET. Each case has a page of its own, in DATA. */
let page = DATA;
function everywhere(
  build: (a: Code) => void,
  prepare: (m: Machine, f: number) => void,
  x: Readonly<Record<number, number>> = {},
): Result {
  const f = page;
  page += 0x1000;
  const base = CODE + (page - DATA);
  let first: Result | null = null;
  for (const m of machines) {
    m.mapPages();
    m.core.place(f, [movz(1), 0xd65f03c0]);
    const a = new Code();
    build(a);
    m.place(base, a);
    m.start(base);
    m.core.setX(1, BigInt(f));
    for (const [n, v] of Object.entries(x)) m.core.setX(Number(n), BigInt(v));
    prepare(m, f);
    const r = m.finish();
    first ??= r;
    expect({ mode: m.mode, ...r }).toEqual({ mode: m.mode, ...first });
  }
  return first!;
}
/** X2 = MOVZ X0, #X3; the word goes to [X4]. */
const write = (a: Code): Code => a.movImm(2, movz(0)).lsl(5, 3, 5).add(2, 2, 5).str(2, 4, 4);
const nothing = (): void => {};

describe('self-modifying code', () => {
  it('a function that gets hot is rewritten, now and then', () => {
    const r = everywhere((a) => {
      a.mov(4, 1).movImm(3, 1).label('loop');
      write(a).codeChanged(4).movImm(6, 150);
      a.label('calls').blr(1).add(7, 7, 0).addImm(6, 6, -1).cbnz(6, 'calls');
      a.addImm(3, 3, 1).cmpImm(3, 21).bCond(1, 'loop').semihost();
    }, nothing);
    expect(r.x[7]).toBe(150n * 210n);
  });

  it('at every call', () => {
    const r = everywhere((a) => {
      a.mov(4, 1).movImm(3, 1).label('loop');
      write(a).codeChanged(4).blr(1).add(7, 7, 0).addImm(3, 3, 1).cmpImm(3, 501).bCond(1, 'loop').semihost();
    }, nothing);
    expect(r.x[7]).toBe(BigInt((500 * 501) / 2));
  });

  it('before maintenance the old code may run, after it only the new', () => {
    const seen = new Set<bigint>();
    for (const m of machines) {
      m.mapPages();
      const f = DATA + 0x3ff000;
      m.core.place(f, [movz(1), 0xd65f03c0]);
      const a = new Code().mov(4, 1).movImm(6, 100).label('warm').blr(1).addImm(6, 6, -1).cbnz(6, 'warm').movImm(3, 2);
      write(a).barrier('dsb sy').barrier('isb').blr(1).mov(8, 0).codeChanged(4).blr(1).mov(9, 0).semihost();
      const base = CODE + 0x3e0000;
      m.place(base, a);
      m.start(base);
      m.core.setX(1, BigInt(f));
      const r = m.finish();
      seen.add(r.x[8]!);
      expect(r.x[9]).toBe(2n);
    }
    for (const value of seen) expect([1n, 2n]).toContain(value);
  });

  it('written through another address of the page', () => {
    const r = everywhere(
      (a) => {
        a.movImm(3, 1).label('loop');
        // DC CVAU by the address that was written, IC IVAU by the one that is executed.
        write(a).dcCvau(4).barrier('dsb sy').icIvau(1).barrier('dsb sy').barrier('isb').movImm(6, 100);
        a.label('calls').blr(1).add(7, 7, 0).addImm(6, 6, -1).cbnz(6, 'calls');
        a.addImm(3, 3, 1).cmpImm(3, 6).bCond(1, 'loop').semihost();
      },
      (m, f) => {
        const alias = DATA + 0x3f0000;
        m.mapPages((p) => NORMAL(p === alias ? f : p));
        m.core.setX(4, BigInt(alias));
      },
    );
    expect(r.x[7]).toBe(1500n);
  });

  it.each(['IC IALLU', 'IC IALLUIS'])('all at once by %s', (which) => {
    const r = everywhere((a) => {
      a.mov(4, 1).movImm(3, 1).label('loop');
      write(a).dcCvau(4).barrier('dsb sy');
      if (which === 'IC IALLU') a.icIallu();
      else a.icIalluis();
      a.barrier('dsb sy')
        .barrier('isb')
        .movImm(6, 100)
        .label('calls')
        .blr(1)
        .add(7, 7, 0)
        .addImm(6, 6, -1)
        .cbnz(6, 'calls');
      a.addImm(3, 3, 1).cmpImm(3, 6).bCond(1, 'loop').semihost();
    }, nothing);
    expect(r.x[7]).toBe(1500n);
  });

  it('a loop that rewrites itself', () => {
    const r = everywhere((a) => {
      a.adr(4, 'patched').movImm(3, 1).label('loop');
      write(a)
        .codeChanged(4)
        .label('patched')
        .movImm(0, 0)
        .add(7, 7, 0)
        .addImm(3, 3, 1)
        .cmpImm(3, 300)
        .bCond(1, 'loop')
        .semihost();
    }, nothing);
    expect(r.x[7]).toBe(BigInt((299 * 300) / 2));
  });

  it('the very next instructions', () => {
    const r = everywhere((a) => {
      a.movImm(3, 9).adr(4, 'next');
      write(a).codeChanged(4).label('next').movImm(0, 5).mov(7, 0).semihost();
    }, nothing);
    expect(r.x[7]).toBe(9n);
  });

  it('a branch becomes another instruction, and back', () => {
    // At f: B +8 or NOP, in turns; then ADD X7, #1; ADD X8, #1; RET.
    const r = everywhere(
      (a) => {
        a.movImm(3, 0)
          .movImm(10, 0x14000002)
          .movImm(11, 0xd503201f)
          .label('loop')
          .tbz(3, 0, 'branch')
          .str(11, 1, 4)
          .b('go');
        a.label('branch').str(10, 1, 4).label('go').codeChanged(1).movImm(6, CALLS);
        a.label('calls')
          .blr(1)
          .addImm(6, 6, -1)
          .cbnz(6, 'calls')
          .addImm(3, 3, 1)
          .cmpImm(3, 12)
          .bCond(1, 'loop')
          .semihost();
      },
      (m, f) => m.core.place(f, [0x14000002, 0x910004e7, 0x91000508, 0xd65f03c0]),
    );
    expect([r.x[7], r.x[8]]).toEqual([BigInt(6 * CALLS), BigInt(12 * CALLS)]);
  });

  it('data beside code changes nothing', () => {
    const r = everywhere((a) => {
      a.movImm(6, CALLS).label('loop').strAt(6, 1, 0x800).blr(1).ldrAt(2, 1, 0x800).add(7, 7, 0).add(7, 7, 2);
      a.addImm(6, 6, -1).cbnz(6, 'loop').semihost();
    }, nothing);
    expect(r.x[7]).toBe(BigInt(CALLS + (CALLS * (CALLS + 1)) / 2));
  });

  it('was compiled, and dropped', () => {
    for (const m of machines) {
      if (!m.core.regions) continue;
      expect(m.core.regions.stats.regions).toBeGreaterThan(5);
      expect(m.core.regions.stats.dropped).toBeGreaterThan(3);
    }
  });
});
