/** Data processing, register (C4.1.95): arithmetic, logic, shifts, multiply, divide, conditional, one-source, CRC32. */

import { choose, select } from '../control.ts';
import { LogicFlags, RawFlags, selectFlags, unpackFlags } from '../flags.ts';
import { I32, I64, i32, i64, op, type Sem, type Val } from '../semantics.ts';
import { adds, subs } from './dp-immediate.ts';
import { type Fields, Group } from './pattern.ts';

export const group = new Group('data processing (register)');

/** ShiftReg with the amount as a value: 0 LSL, 1 LSR, 2 ASR, 3 ROR. */
function shift(v: Val, kind: number, amount: Val): Val {
  const n = v.ty === I64 ? amount.zext64() : amount;
  switch (kind) {
    case 0:
      return v.shl(n);
    case 1:
      return v.shrU(n);
    case 2:
      return v.shrS(n);
    default:
      return v.rotr(n);
  }
}
const shiftedRm = (s: Sem, f: Fields): Val => {
  // An unshifted operand is by far the most common; it is a shape of its own through `zero`.
  const m = s.r(f.sf!, 'Rm');
  return shift(m, f.shift!, s.immByte(0));
};
const amount = (f: Fields): number | null => (f.sf === 0 && f.imm6! > 31 ? null : f.imm6!);

const logic: readonly [string, string, (a: Val, b: Val) => Val, boolean][] = [
  ['AND', '00', (a, b) => a.and(b), false],
  ['ORR', '01', (a, b) => a.or(b), false],
  ['EOR', '10', (a, b) => a.xor(b), false],
  ['ANDS', '11', (a, b) => a.and(b), true],
];
const inverted: Record<string, string> = { AND: 'BIC', ORR: 'ORN', EOR: 'EON', ANDS: 'BICS' };
for (const [name, opc, fn, setFlags] of logic) {
  const define = (label: string, tail: string, rm: (s: Sem, f: Fields) => Val): void => {
    const asm = `${label.toLowerCase()} <Rd>, <Rn>, <Rm>{, <shift> #<imm6>}`;
    for (const neg of [0, 1]) {
      const title = neg ? inverted[name]! : name;
      group.insn(`${title} (shifted register)`, `sf ${opc} 01010 ${tail.replace('N', String(neg))} Rn Rd:w`, {
        ...(tail.includes('imm6') ? { imm: amount } : {}),
        asm: asm.replace(label.toLowerCase(), title.toLowerCase()),
        run: (s, f) => {
          const m = rm(s, f);
          const res = fn(s.r(f.sf!, 'Rn'), neg ? m.not() : m);
          s.setR(f.sf!, 'Rd', res);
          if (setFlags) s.setFlags(new LogicFlags(res));
        },
      });
    }
  };
  define(name, '00 N Rm 000000', (s, f) => s.r(f.sf!, 'Rm'));
  define(name, 'shift:2 N Rm imm6:6', shiftedRm);
}

const arith: readonly [string, string, string, (s: Sem, sf: number, a: Val, b: Val) => void][] = [
  ['ADD', '00', 'w', (s, sf, a, b) => s.setR(sf, 'Rd', a.add(b))],
  ['ADDS', '01', 'w', adds],
  ['SUB', '10', 'w', (s, sf, a, b) => s.setR(sf, 'Rd', a.sub(b))],
  ['SUBS', '11', 'w', subs],
];
for (const [name, opc, , run] of arith) {
  const low = name.toLowerCase();
  group.insn(`${name} (shifted register)`, `sf ${opc} 01011 00 0 Rm 000000 Rn Rd:w`, {
    asm: `${low} <Rd>, <Rn>, <Rm>`,
    run: (s, f) => run(s, f.sf!, s.r(f.sf!, 'Rn'), s.r(f.sf!, 'Rm')),
  });
  group.insn(`${name} (shifted register)`, `sf ${opc} 01011 shift:2 0 Rm imm6:6 Rn Rd:w`, {
    where: (f) => f.shift !== 3,
    imm: amount,
    asm: `${low} <Rd>, <Rn>, <Rm>{, <shift> #<imm6>}`,
    run: (s, f) => run(s, f.sf!, s.r(f.sf!, 'Rn'), shiftedRm(s, f)),
  });
  const rd = name.endsWith('S') ? 'Rd:w' : 'Rd:s';
  group.insn(`${name} (extended register)`, `sf ${opc} 01011 00 1 Rm option:3 imm3:3 Rn:s ${rd}`, {
    imm: (f) => (f.imm3! > 4 ? null : f.imm3!),
    asm: `${low} <Rd${rd.endsWith('s') ? '|SP' : ''}>, <Rn|SP>, <Rm-ext>{, <extend>{ #<imm3>}}`,
    run: (s, f) => run(s, f.sf!, s.r(f.sf!, 'Rn'), shift(extend(s, f.sf!, f.option!), 0, s.immByte(0))),
  });
}

/** ExtendReg without the shift: UXTB UXTH UXTW UXTX SXTB SXTH SXTW SXTX. */
export function extend(s: Sem, sf: number, option: number): Val {
  const m = s.r(sf, 'Rm');
  switch (option) {
    case 0:
      return m.and(0xff);
    case 1:
      return m.and(0xffff);
    case 2:
      return sf ? m.and(0xffffffffn) : m;
    case 4:
      return m.sext(8);
    case 5:
      return m.sext(16);
    case 6:
      return m.sext(32);
    default:
      return m;
  }
}

// ADC, SBC: a + b + carry.
for (const [name, opc, invert, setFlags] of [
  ['ADC', '00', false, false],
  ['ADCS', '01', false, true],
  ['SBC', '10', true, false],
  ['SBCS', '11', true, true],
] as const) {
  group.insn(name, `sf ${opc} 11010000 Rm 000000 Rn Rd:w`, {
    asm: `${name.toLowerCase()} <Rd>, <Rn>, <Rm>`,
    run: (s, f) => {
      const a = s.r(f.sf!, 'Rn');
      const m = s.r(f.sf!, 'Rm');
      const b = invert ? m.not() : m;
      const c = s.flags().c();
      const sum = a.add(b);
      const res = sum.add(f.sf ? c.zext64() : c);
      s.setR(f.sf!, 'Rd', res);
      if (setFlags) {
        const n = res.sext64();
        s.setFlags(new RawFlags(n, n, sum.ltU(a).or(res.ltU(sum)), a.xor(res).and(b.xor(res)).sext64()));
      }
    },
  });
}

// Conditional select.
for (const [name, op1, o2, alter] of [
  ['CSEL', '0', '00', (v: Val) => v],
  ['CSINC', '0', '01', (v: Val) => v.add(1)],
  ['CSINV', '1', '00', (v: Val) => v.not()],
  ['CSNEG', '1', '01', (v: Val) => v.neg()],
] as const) {
  group.insn(name, `sf ${op1} 0 11010100 Rm cond:4 ${o2} Rn Rd:w`, {
    asm: `${name.toLowerCase()} <Rd>, <Rn>, <Rm>, <cond>`,
    run: (s, f) => s.setR(f.sf!, 'Rd', select(s.cond(f.cond!), s.r(f.sf!, 'Rn'), alter(s.r(f.sf!, 'Rm')))),
  });
}

// Conditional compare: the immediate packs the operand in byte 0 and NZCV (in its place, bits [31:28]) above.
for (const [name, o, minus] of [
  ['CCMN', '0', false],
  ['CCMP', '1', true],
] as const) {
  const compare = (s: Sem, f: Fields, b: Val): void => {
    const a = s.r(f.sf!, 'Rn');
    const res = minus ? a.sub(b) : a.add(b);
    const n = res.sext64();
    const c = minus ? a.geU(b) : res.ltU(a);
    const v = (minus ? a.xor(b) : b.xor(res)).and(a.xor(res)).sext64();
    s.setFlags(selectFlags(s.cond(f.cond!), new RawFlags(n, n, c, v), unpackFlags(s.imm32().and(0xf0000000 | 0))));
  };
  const low = name.toLowerCase();
  group.insn(`${name} (register)`, `sf ${o} 1 11010010 Rm cond:4 00 Rn 0 immnzcv:4`, {
    imm: (f) => f.immnzcv! * 2 ** 28,
    asm: `${low} <Rn>, <Rm>, #<immnzcv>, <cond>`,
    run: (s, f) => compare(s, f, s.r(f.sf!, 'Rm')),
  });
  group.insn(`${name} (immediate)`, `sf ${o} 1 11010010 imm5:5 cond:4 10 Rn 0 immnzcv:4`, {
    imm: (f) => f.immnzcv! * 2 ** 28 + f.imm5!,
    asm: `${low} <Rn>, #<imm5>, #<immnzcv>, <cond>`,
    run: (s, f) => compare(s, f, f.sf ? s.immByte(0).zext64() : s.immByte(0)),
  });
}

// Two sources.
group.insn('UDIV', 'sf 0011010110 Rm 000010 Rn Rd:w', {
  asm: 'udiv <Rd>, <Rn>, <Rm>',
  run: (s, f) => s.setR(f.sf!, 'Rd', divide(s, f, false)),
});
group.insn('SDIV', 'sf 0011010110 Rm 000011 Rn Rd:w', {
  asm: 'sdiv <Rd>, <Rn>, <Rm>',
  run: (s, f) => s.setR(f.sf!, 'Rd', divide(s, f, true)),
});
/** Division by zero yields zero; the one overflow (minimum / −1) yields the minimum: −x does both that case and ÷ −1. */
function divide(s: Sem, f: Fields, signedDiv: boolean): Val {
  const n = s.r(f.sf!, 'Rn');
  const m = s.r(f.sf!, 'Rm');
  const ty = f.sf ? I64 : I32;
  const zero = f.sf ? i64(0) : i32(0);
  return choose(
    m.eq(0),
    ty,
    () => zero,
    () =>
      signedDiv
        ? choose(
            m.eq(-1),
            ty,
            () => n.neg(),
            () => n.divS(m),
          )
        : n.divU(m),
  );
}
for (const [name, kind] of [
  ['LSLV', 0],
  ['LSRV', 1],
  ['ASRV', 2],
  ['RORV', 3],
] as const) {
  group.insn(name, `sf 0011010110 Rm 0010 ${kind.toString(2).padStart(2, '0')} Rn Rd:w`, {
    asm: `${name.toLowerCase()} <Rd>, <Rn>, <Rm>`,
    run: (s, f) => s.setR(f.sf!, 'Rd', shift(s.r(f.sf!, 'Rn'), kind, s.r(f.sf!, 'Rm'))),
  });
}

// Three sources.
group.insn('MADD', 'sf 00 11011 000 Rm 0 Ra Rn Rd:w', {
  asm: 'madd <Rd>, <Rn>, <Rm>, <Ra>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Ra').add(s.r(f.sf!, 'Rn').mul(s.r(f.sf!, 'Rm')))),
});
group.insn('MSUB', 'sf 00 11011 000 Rm 1 Ra Rn Rd:w', {
  asm: 'msub <Rd>, <Rn>, <Rm>, <Ra>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Ra').sub(s.r(f.sf!, 'Rn').mul(s.r(f.sf!, 'Rm')))),
});
for (const [name, u, o0] of [
  ['SMADDL', '0', 0],
  ['SMSUBL', '0', 1],
  ['UMADDL', '1', 0],
  ['UMSUBL', '1', 1],
] as const) {
  const wide = (v: Val): Val => (u === '1' ? v.zext64() : v.sext64());
  group.insn(name, `1 00 11011 ${u}01 Rm ${o0} Ra Rn Rd:w`, {
    asm: `${name.toLowerCase()} <Xd>, <Wn>, <Wm>, <Xa>`,
    run: (s) => {
      const p = wide(s.w('Rn')).mul(wide(s.w('Rm')));
      s.setX('Rd', o0 ? s.x('Ra').sub(p) : s.x('Ra').add(p));
    },
  });
}
group.insn('SMULH', '1 00 11011 010 Rm 0 imma:5 Rn Rd:w', {
  asm: 'smulh <Xd>, <Xn>, <Xm>',
  run: (s) => {
    const a = s.x('Rn');
    const b = s.x('Rm');
    s.setX('Rd', mulHigh(a, b).sub(a.shrS(63).and(b)).sub(b.shrS(63).and(a)));
  },
});
group.insn('UMULH', '1 00 11011 110 Rm 0 imma:5 Rn Rd:w', {
  asm: 'umulh <Xd>, <Xn>, <Xm>',
  run: (s) => s.setX('Rd', mulHigh(s.x('Rn'), s.x('Rm'))),
});
/** High half of the unsigned 128-bit product. */
export function mulHigh(a: Val, b: Val): Val {
  const low = 0xffffffffn;
  const [al, ah, bl, bh] = [a.and(low), a.shrU(32), b.and(low), b.shrU(32)];
  const mid = ah.mul(bl).add(al.mul(bl).shrU(32));
  const mid2 = al.mul(bh).add(mid.and(low));
  return ah.mul(bh).add(mid.shrU(32)).add(mid2.shrU(32));
}

// One source.
group.insn('RBIT', 'sf 101101011000000 000000 Rn Rd:w', {
  asm: 'rbit <Rd>, <Rn>',
  run: (s, f) => s.setR(f.sf!, 'Rd', bytesReversed(bitsReversedInBytes(s.r(f.sf!, 'Rn')))),
});
group.insn('REV16', 'sf 101101011000000 000001 Rn Rd:w', {
  asm: 'rev16 <Rd>, <Rn>',
  run: (s, f) => s.setR(f.sf!, 'Rd', swapWithin(s.r(f.sf!, 'Rn'), 8)),
});
group.insn('REV', '0 101101011000000 000010 Rn Rd:w', {
  asm: 'rev <Wd>, <Wn>',
  run: (s) => s.setW('Rd', bytesReversed(s.w('Rn'))),
});
group.insn('REV32', '1 101101011000000 000010 Rn Rd:w', {
  asm: 'rev32 <Xd>, <Xn>',
  run: (s) => s.setX('Rd', swapWithin(swapWithin(s.x('Rn'), 8), 16)),
});
group.insn('REV', '1 101101011000000 000011 Rn Rd:w', {
  asm: 'rev <Xd>, <Xn>',
  run: (s) => s.setX('Rd', bytesReversed(s.x('Rn'))),
});
group.insn('CLZ', 'sf 101101011000000 000100 Rn Rd:w', {
  asm: 'clz <Rd>, <Rn>',
  run: (s, f) => s.setR(f.sf!, 'Rd', s.r(f.sf!, 'Rn').clz()),
});
group.insn('CLS', 'sf 101101011000000 000101 Rn Rd:w', {
  asm: 'cls <Rd>, <Rn>',
  run: (s, f) => {
    const n = s.r(f.sf!, 'Rn');
    // Bits that equal their upper neighbour, counted from the top: leading zeros of x ^ (x << 1), at most width − 1.
    s.setR(f.sf!, 'Rd', n.xor(n.shl(1)).or(1).clz());
  },
});
const patterns: Record<number, bigint> = {
  1: 0x5555555555555555n,
  2: 0x3333333333333333n,
  4: 0x0f0f0f0f0f0f0f0fn,
  8: 0x00ff00ff00ff00ffn,
  16: 0x0000ffff0000ffffn,
};
/** Swaps neighbouring fields of `n` bits. */
function swapWithin(v: Val, n: number): Val {
  const m = patterns[n]!;
  return v.shrU(n).and(m).or(v.and(m).shl(n));
}
export function bitsReversedInBytes(v: Val): Val {
  return swapWithin(swapWithin(swapWithin(v, 1), 2), 4);
}
/** Byte order reversed across the whole value. */
export function bytesReversed(v: Val): Val {
  const h = swapWithin(v, 8);
  return v.ty === I64 ? swapWithin(h, 16).rotl(32) : h.rotl(16);
}

// CRC32 and CRC32C, reflected polynomials, a byte at a time through the core module's tables.
for (const [c, poly] of [
  ['0', 'crc32'],
  ['1', 'crc32c'],
] as const) {
  for (let sz = 0; sz < 4; sz++) {
    const name = `${poly.toUpperCase()}${'BHWX'[sz]}`;
    group.insn(name, `${sz === 3 ? 1 : 0} 0011010110 Rm 010 ${c} ${sz.toString(2).padStart(2, '0')} Rn Rd:w`, {
      feature: 'CRC32',
      asm: `${name.toLowerCase()} <Wd>, <Wn>, <${sz === 3 ? 'X' : 'W'}m>`,
      run: (s) => {
        const data = sz === 3 ? s.x('Rm') : s.w('Rm').zext64();
        s.setW('Rd', s.helper(poly, s.w('Rn'), data, i32(8 << sz)));
      },
    });
  }
}

export { op };
