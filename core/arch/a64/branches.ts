/** Branches (C4.1.94): direct, conditional, compare, test, register. */
import { Group, signed } from './pattern.ts';

export const group = new Group('branches');

group.insn('B', '0 00101 imm26:26', {
  flow: 'jump',
  target: (f) => ({ offset: signed(f.imm26!, 26) * 4 }),
  asm: 'b <target>',
  run: (s) => s.jump(),
});
group.insn('BL', '1 00101 imm26:26', {
  flow: 'call',
  target: (f) => ({ offset: signed(f.imm26!, 26) * 4 }),
  asm: 'bl <target>',
  run: (s) => {
    s.setXReg(30, s.pc().add(4));
    s.jump();
  },
});
group.insn('B.cond', '01010100 imm19:19 0 cond:4', {
  flow: 'branch',
  target: (f) => ({ offset: signed(f.imm19!, 19) * 4 }),
  asm: 'b.<cond> <target>',
  run: (s, f) => s.jumpIf(s.cond(f.cond!)),
});
group.insn('BC.cond', '01010100 imm19:19 1 cond:4', {
  flow: 'branch',
  feature: 'HBC',
  target: (f) => ({ offset: signed(f.imm19!, 19) * 4 }),
  asm: 'bc.<cond> <target>',
  run: (s, f) => s.jumpIf(s.cond(f.cond!)),
});
group.insn('CBZ', 'sf 011010 0 imm19:19 Rt', {
  flow: 'branch',
  target: (f) => ({ offset: signed(f.imm19!, 19) * 4 }),
  asm: 'cbz <Rt>, <target>',
  run: (s, f) => s.jumpIf(s.r(f.sf!, 'Rt').eqz()),
});
group.insn('CBNZ', 'sf 011010 1 imm19:19 Rt', {
  flow: 'branch',
  target: (f) => ({ offset: signed(f.imm19!, 19) * 4 }),
  asm: 'cbnz <Rt>, <target>',
  run: (s, f) => s.jumpIf(s.r(f.sf!, 'Rt').ne(0)),
});
for (const [name, bit] of [
  ['TBZ', 0],
  ['TBNZ', 1],
] as const) {
  group.insn(name, `immb5 011011 ${bit} immb40:5 imm14:14 Rt`, {
    flow: 'branch',
    target: (f) => ({ offset: signed(f.imm14!, 14) * 4, aux: (f.immb5! << 5) | f.immb40! }),
    asm: `${name.toLowerCase()} <Rt-tb>, #<tbit>, <target>`,
    run: (s) => {
      const b = s.x('Rt').shrU(s.immByte(6).zext64()).lo32().and(1);
      s.jumpIf(bit ? b : b.eqz());
    },
  });
}
group.insn('BR', '1101011 0000 11111 000000 Rn 00000', {
  flow: 'indirect',
  asm: 'br <Xn>',
  run: (s) => s.jumpTo(s.x('Rn'), 'jump'),
});
group.insn('BLR', '1101011 0001 11111 000000 Rn 00000', {
  flow: 'indirectCall',
  asm: 'blr <Xn>',
  run: (s) => {
    const to = s.x('Rn');
    s.setXReg(30, s.pc().add(4));
    s.jumpTo(to, 'call');
  },
});
group.insn('RET', '1101011 0010 11111 000000 Rn 00000', {
  flow: 'return',
  asm: 'ret <Xn>',
  run: (s) => s.jumpTo(s.x('Rn'), 'return'),
});
