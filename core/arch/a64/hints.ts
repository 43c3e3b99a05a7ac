/** Hints (C4.1.91): those with an effect, and NOP for all the rest. WFIT and WFET belong here too. */
import { i32, i64 } from '../semantics.ts';
import { Group } from './pattern.ts';

export const group = new Group('hints');

const hint = (op: number): string =>
  `1101010100 0 00 011 0010 ${(op >> 3).toString(2).padStart(4, '0')} ${(op & 7).toString(2).padStart(3, '0')} 11111`;

const NAMES = new Map<number, string>([
  [0, 'nop'],
  [1, 'yield'],
  [6, 'dgh'],
  [18, 'tsb csync'],
  [20, 'csdb'],
  [22, 'clrbhb'],
  [32, 'bti'],
  [34, 'bti c'],
  [36, 'bti j'],
  [38, 'bti jc'],
  [40, 'chkfeat x16'],
]);
// Everything that is not a hint of its own elsewhere: unallocated hints are NOPs, and BTI needs no action (see `exceptions/bti.ts`).
group.insn('HINT', '1101010100 0 00 011 0010 imm4:4 imm3:3 11111', {
  asm: (f) => NAMES.get(f.imm4! * 8 + f.imm3!) ?? `hint #${f.imm4! * 8 + f.imm3!}`,
  run: () => {},
});

group.insn('WFE', hint(2), { interpretOnly: true, asm: 'wfe', run: (s) => s.leaveTo('wfe', i32(1), i64(-1)) });
group.insn('WFI', hint(3), { interpretOnly: true, asm: 'wfi', run: (s) => s.leaveTo('wfi', i32(0), i64(-1)) });
group.insn('SEV', hint(4), { interpretOnly: true, asm: 'sev', run: (s) => s.leaveTo('sev') });
group.insn('SEVL', hint(5), { interpretOnly: true, asm: 'sevl', run: (s) => s.leaveTo('sevl') });
group.insn('ESB', hint(16), {
  feature: 'RAS',
  interpretOnly: true,
  asm: 'esb',
  run: (s) => s.leaveTo('esb'),
});

// ISS of the trap: TI, RV, and the register's number in RN.
group.insn('WFET', '1101010100 0 00 011 0001 0000 000 Rd', {
  feature: 'WFxT',
  interpretOnly: true,
  imm: (f) => (f.Rd! << 5) | 7,
  asm: 'wfet <Xd>',
  run: (s) => s.leaveTo('wfe', s.imm32(), s.x('Rd')),
});
group.insn('WFIT', '1101010100 0 00 011 0001 0000 001 Rd', {
  feature: 'WFxT',
  interpretOnly: true,
  imm: (f) => (f.Rd! << 5) | 6,
  asm: 'wfit <Xd>',
  run: (s) => s.leaveTo('wfi', s.imm32(), s.x('Rd')),
});
