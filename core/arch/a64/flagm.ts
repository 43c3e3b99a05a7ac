/** Flag manipulation (FEAT_FlagM, FEAT_FlagM2) and common short sequences (FEAT_CSSC). */
import { select } from '../control.ts';
import { RawFlags, unpackFlags } from '../flags.ts';
import { i32, type Sem, type Val } from '../semantics.ts';
import { type Fields, Group, signed } from './pattern.ts';

export const group = new Group('flags and short sequences');

const pstate = (op2: string): string => `1101010100 0 00 000 0100 0000 ${op2} 11111`;
/** A word whose sign is an i32 0/1, as N and V are kept. */
const signOf = (bit: Val): Val => bit.zext64().neg();

group.insn('CFINV', pstate('000'), {
  feature: 'FlagM',
  asm: 'cfinv',
  run: (s) => {
    const f = s.flags();
    s.setFlags(new RawFlags(f.n(), f.z(), f.c().xor(1), f.v()));
  },
});
// From the encoding of a floating-point comparison to the alternative one, and back.
group.insn('AXFLAG', pstate('010'), {
  feature: 'FlagM2',
  asm: 'axflag',
  run: (s) => {
    const f = s.flags();
    const overflow = f.v().shrU(63).lo32();
    const zero = f.z().eqz().or(overflow);
    const none = i32(0).zext64();
    s.setFlags(new RawFlags(none, zero.xor(1).zext64(), f.c().and(overflow.xor(1)), none));
  },
});
group.insn('XAFLAG', pstate('001'), {
  feature: 'FlagM2',
  asm: 'xaflag',
  run: (s) => {
    const f = s.flags();
    const [zero, carry] = [f.z().eqz(), f.c()];
    const [notZero, notCarry] = [zero.xor(1), carry.xor(1)];
    s.setFlags(
      new RawFlags(
        signOf(notCarry.and(notZero)),
        zero.and(carry).xor(1).zext64(),
        carry.or(zero),
        signOf(notCarry.and(zero)),
      ),
    );
  },
});
// The flags named by the mask come from bits [3:0] of the rotated register.
group.insn('RMIF', '1 0 1 11010000 imm6:6 00001 Rn 0 mask:4', {
  feature: 'FlagM',
  imm: (f) => f.imm6!,
  asm: 'rmif <Xn>, #<imm6>, #<mask>',
  run: (s, f) => {
    const old = s.flags();
    const fresh = unpackFlags(s.x('Rn').rotr(s.immByte(0).zext64()).lo32().shl(28));
    const pick = (bit: number, a: Val, b: Val): Val => (f.mask! & bit ? a : b);
    s.setFlags(
      new RawFlags(
        pick(8, fresh.n(), old.n()),
        pick(4, fresh.z(), old.z()),
        pick(2, fresh.c(), old.c()),
        pick(1, fresh.v(), old.v()),
      ),
    );
  },
});
for (const [name, sz, bits] of [
  ['SETF8', '0', 8],
  ['SETF16', '1', 16],
] as const) {
  group.insn(name, `0 0 1 11010000 000000 ${sz} 0010 Rn 0 1101`, {
    feature: 'FlagM',
    asm: `${name.toLowerCase()} <Wn>`,
    run: (s) => {
      const n = s.w('Rn');
      const low = n.sext(bits).sext64();
      // Overflow: the bit above the sign differs from it.
      const v = n.xor(n.shrU(1)).shl(32 - bits);
      s.setFlags(new RawFlags(low, low, s.flags().c(), v.sext64()));
    },
  });
}

// CSSC: one source.
for (const [name, opcode, fn] of [
  ['CTZ', '000110', (v: Val) => v.ctz()],
  ['CNT', '000111', (v: Val) => v.popcnt()],
  ['ABS', '001000', (v: Val) => select(v.ltS(0), v.neg(), v)],
] as const) {
  group.insn(name, `sf 101101011000000 ${opcode} Rn Rd:w`, {
    feature: 'CSSC',
    asm: `${name.toLowerCase()} <Rd>, <Rn>`,
    run: (s, f) => s.setR(f.sf!, 'Rd', fn(s.r(f.sf!, 'Rn'))),
  });
}
// CSSC: the greater or lesser of two.
for (const [name, code, isSigned, takesFirst] of [
  ['SMAX', '00', true, (a: Val, b: Val) => a.gtS(b)],
  ['UMAX', '01', false, (a: Val, b: Val) => a.gtU(b)],
  ['SMIN', '10', true, (a: Val, b: Val) => a.ltS(b)],
  ['UMIN', '11', false, (a: Val, b: Val) => a.ltU(b)],
] as const) {
  const low = name.toLowerCase();
  const put = (s: Sem, f: Fields, b: Val): void => {
    const a = s.r(f.sf!, 'Rn');
    s.setR(f.sf!, 'Rd', select(takesFirst(a, b), a, b));
  };
  group.insn(`${name} (register)`, `sf 0 0 11010110 Rm 0110 ${code} Rn Rd:w`, {
    feature: 'CSSC',
    asm: `${low} <Rd>, <Rn>, <Rm>`,
    run: (s, f) => put(s, f, s.r(f.sf!, 'Rm')),
  });
  group.insn(`${name} (immediate)`, `sf 00 100011 1 00 ${code} imm8:8 Rn Rd:w`, {
    feature: 'CSSC',
    imm: (f) => (isSigned ? signed(f.imm8!, 8) : f.imm8!),
    asm: `${low} <Rd>, <Rn>, #<imm>`,
    run: (s, f) => put(s, f, f.sf ? s.imm() : s.imm32()),
  });
}
