import { describe, expect, it } from 'vitest';
import { Code } from './asm.ts';
import { CODE, MODES, machine, type Result } from './machine.ts';

/** Each program has pages of its own: one that is rewritten often would not be compiled any more. */
let place = CODE;

/**
 * Runs it three times in each mode (the third time all of it is compiled, at least where that is allowed) and wants the same end
 * everywhere.
 */
function everywhere(build: (a: Code) => void): Result & { readonly base: number } {
  const base = place;
  place += 0x8000;
  let first: Result | null = null;
  for (const mode of MODES) {
    const m = machine(mode);
    const a = new Code();
    build(a);
    m.place(base, a);
    const before = m.core.regions?.stats.regions ?? 0;
    for (const round of [1, 2, 3]) {
      m.start(base);
      const r = m.finish();
      first ??= r;
      expect({ mode, round, ...r }).toEqual({ mode, round, ...first });
      if (round === 2) m.warm(base, a.words.length);
    }
    if (m.core.regions) expect(m.core.regions.stats.regions).toBeGreaterThan(before);
  }
  return { ...first!, base };
}
/** The first instruction of the next page, in words from CODE. */
const PAGE = 1024;

describe('control flow is the same in all modes', () => {
  it('nested loops', () => {
    const r = everywhere((a) => {
      a.movImm(1, 50).label('outer').movImm(2, 30).label('inner').addImm(0, 0, 3).addImm(2, 2, -1).cbnz(2, 'inner');
      a.eor(0, 0, 1).addImm(1, 1, -1).cbnz(1, 'outer').mov(5, 0).semihost();
    });
    let x = 0;
    for (let i = 50; i > 0; i--) x = (x + 90) ^ i;
    expect(r.x[5]).toBe(BigInt(x));
    expect(r.executed).toBe(1 + 50 * (1 + 90 + 3) + 2);
  });

  it('a jump into the middle of a loop, and loops with two entries', () => {
    everywhere((a) => {
      a.movImm(1, 500).movImm(3, 7).b('middle');
      a.label('top').addImm(0, 0, 1).alu('madd', 3, 3, 1);
      a.label('middle').eor(0, 0, 3).addImm(1, 1, -1).cbz(1, 'end').tbz(1, 0, 'other').b('top');
      a.label('other').addImm(3, 3, 5).tbz(3, 1, 'middle').b('top');
      a.label('end').semihost();
    });
  });

  it('two loops that share their tails', () => {
    everywhere((a) => {
      a.movImm(1, 300);
      a.label('a').addImm(0, 0, 1).tbnz(0, 2, 'tail');
      a.label('b').addImm(0, 0, 3).tbnz(0, 3, 'a');
      a.label('tail').addImm(1, 1, -1).cbz(1, 'end').tbnz(1, 0, 'b').b('a');
      a.label('end').semihost();
    });
  });

  it('flags that live across blocks and out of the region', () => {
    const r = everywhere((a) => {
      a.movImm(1, 200).movImm(2, 100);
      a.label('loop')
        .subs(31, 1, 2)
        .bCond(8, 'above')
        .readFlags(4)
        .alu('adcs', 5, 5, 4)
        .bCond(2, 'carry')
        .addImm(6, 6, 1);
      a.label('carry').readFlags(7).add(8, 8, 7).addImm(1, 1, -1).cbnz(1, 'loop').b('end');
      a.label('above').alu('adcs', 9, 9, 1).addImm(1, 1, -1).cbnz(1, 'loop');
      a.label('end').readFlags(10).cmpImm(1, 1).semihost();
    });
    expect(r.nzcv).toBe(8);
  });

  it('calls that return elsewhere (as longjmp does)', () => {
    const r = everywhere((a) => {
      // X2: where to come out. Every third call does not return to its caller.
      a.movImm(1, 600).adr(2, 'out');
      a.label('loop').addImm(1, 1, -1).cbz(1, 'end').bl('f').addImm(3, 3, 1).b('loop');
      a.label('out').addImm(4, 4, 1).b('loop');
      a.label('f').mov(20, 30).bl('g').mov(30, 20).ret();
      a.label('g').addImm(5, 5, 1).addImm(6, 6, 1).cmpImm(6, 3).bCond(1, 'back').movImm(6, 0).ret(2);
      a.label('back').ret();
      a.label('end').semihost();
    });
    expect(r.x.slice(3, 6)).toEqual([400n, 199n, 599n]);
  });

  it('a return to a return, calls of oneself', () => {
    const r = everywhere((a) => {
      // Recursion: f(n) = n ? f(n-1) + n : 0, with the stack.
      a.movImm(0, 90).bl('f').mov(7, 0).semihost();
      a.label('f').cbz(0, 'zero').stpPre(0, 30, 31, -16).addImm(0, 0, -1).bl('f').ldpPost(1, 30, 31, 16).add(0, 0, 1);
      a.label('zero').ret();
    });
    expect(r.x[7]).toBe(4095n);
    expect(r.sp).toBe(0x47300000n);
  });

  it('the link register is changed in a function that was followed into', () => {
    const r = everywhere((a) => {
      a.movImm(1, 300).label('loop').bl('f').addImm(2, 2, 1).label('behind').addImm(3, 3, 1);
      a.addImm(1, 1, -1).cbnz(1, 'loop').b('end');
      a.label('f').tbz(1, 0, 'plain').addImm(30, 30, 4).label('plain').ret();
      a.label('end').semihost();
    });
    expect(r.x.slice(2, 4)).toEqual([150n, 300n]);
  });

  it('a jump table, first with few targets, later with others', () => {
    const cases = 12;
    everywhere((a) => {
      a.movImm(1, 2000).adr(10, 'case0');
      // The early iterations see only the first three cases.
      a.label('loop').addImm(1, 1, -1).cbz(1, 'end').movImm(12, 3).cmpImm(1, 1000).bCond(2, 'few').movImm(12, cases);
      a.label('few').alu('udiv', 3, 1, 12).alu('madd', 4, 3, 12).alu('sub', 4, 1, 4).lsl(4, 4, 4).add(4, 4, 10).br(4);
      for (let n = 0; n < cases; n++) a.label(`case${n}`).addImm(5, 5, n).eor(6, 6, 5).addImm(7, 7, 1).b('loop');
      a.label('end').semihost();
    });
  });

  it('indirect calls of many functions', () => {
    everywhere((a) => {
      a.movImm(1, 1500).adr(10, 'f0');
      a.label('loop')
        .addImm(1, 1, -1)
        .cbz(1, 'end')
        .andImmLow(3, 1, 3)
        .lsl(3, 3, 4)
        .add(3, 3, 10)
        .blr(3)
        .eor(6, 6, 5)
        .b('loop');
      for (let n = 0; n < 8; n++)
        a.label(`f${n}`)
          .addImm(5, 5, n + 1)
          .alu('madd', 7, 5, 1)
          .add(5, 5, 7)
          .ret();
      a.label('end').semihost();
    });
  });

  it('code runs across the end of a page, in a loop', () => {
    everywhere((a) => {
      a.b('start').padTo(PAGE - 3);
      a.label('start').movImm(1, 500).label('loop').addImm(0, 0, 1).addImm(2, 2, 2).addImm(3, 3, 3).eor(0, 0, 2);
      a.addImm(1, 1, -1).cbnz(1, 'loop').semihost();
    });
  });

  for (const last of ['b', 'b.cond taken', 'b.cond not taken', 'cbnz', 'bl', 'ret', 'br', 'blr'] as const) {
    it(`the last instruction of a page is ${last}`, () => {
      everywhere((a) => {
        a.movImm(1, 300).adr(9, 'far').b('last').label('near').addImm(4, 4, 1).b('far');
        a.padTo(PAGE - 2).label('last');
        if (last === 'ret') a.mov(30, 9).ret();
        else a.cmpImm(1, 4000);
        if (last === 'b') a.b('far');
        else if (last === 'b.cond taken') a.bCond(3, 'far');
        else if (last === 'b.cond not taken') a.bCond(2, 'near');
        else if (last === 'cbnz') a.cbnz(1, 'far');
        else if (last === 'bl') a.bl('far');
        else if (last === 'br') a.br(9);
        else if (last === 'blr') a.blr(9);
        if (a.words.length !== PAGE) throw new Error('not at the end');
        a.addImm(0, 0, 1).addImm(2, 2, 1).label('far').add(3, 3, 30).addImm(1, 1, -1).cbnz(1, 'last').semihost();
      });
    });
  }

  it('branches far away and back', () => {
    everywhere((a) => {
      a.movImm(1, 300).label('loop').addImm(1, 1, -1).cbz(1, 'end').bl('far').addImm(2, 2, 1).b('loop');
      a.label('end')
        .semihost()
        .padTo(3 * PAGE + 17)
        .label('far')
        .addImm(3, 3, 1)
        .tbz(1, 1, 'back')
        .addImm(4, 4, 1)
        .label('back')
        .ret();
    });
  });

  it('a misaligned branch target faults with PC at the target', () => {
    for (const offset of [1, 2, 3]) {
      const r = everywhere((a) => {
        a.movImm(1, 200).adr(2, 'there').label('loop').addImm(1, 1, -1).cbnz(1, 'there').addImm(2, 2, offset);
        a.label('there').cbz(1, 'go').b('loop').label('go').br(2);
      });
      const there = BigInt(r.base + 4 * 5);
      expect(r.esr >> 26n).toBe(0x22n);
      expect([r.elr, r.far]).toEqual([there + BigInt(offset), there + BigInt(offset)]);
    }
  });

  it('compiles in the modes that compile', () => {
    expect(machine('interpreter').core.regions).toBeNull();
    for (const mode of ['compiled', 'normal'] as const) {
      const { stats } = machine(mode).core.regions!;
      expect(stats.regions).toBeGreaterThan(20);
      expect(stats.instructions).toBeGreaterThan(100);
    }
  });
});
