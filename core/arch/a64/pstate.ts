/** MSR (immediate): fields of PSTATE (C4.1.93). CFINV, XAFLAG and AXFLAG are with the flag instructions. */
import { unlikely } from '../control.ts';
import { HCR, MDSCR } from '../exceptions/fields.ts';
import { regOffset } from '../registers/storage.ts';
import type { Sem } from '../semantics.ts';
import * as state from '../state.ts';
import { Group } from './pattern.ts';

export const group = new Group('pstate');

const bits = (op1: number, op2: number, crm: string): string =>
  `1101010100 0 00 ${op1.toString(2).padStart(3, '0')} 0100 ${crm} ${op2.toString(2).padStart(3, '0')} 11111`;

/** Fields of one bit whose change alters the translation context, or the stack pointer. */
for (const [name, op1, op2, routine, feature] of [
  ['UAO', 0, 3, 'msrUao', 'UAO'],
  ['PAN', 0, 4, 'msrPan', 'PAN'],
  ['SPSel', 0, 5, 'msrSpsel', undefined],
] as const) {
  group.insn(`MSR ${name}`, bits(op1, op2, 'imm4:4'), {
    ...(feature ? { feature } : {}),
    interpretOnly: true,
    imm: (f) => f.imm4!,
    asm: (f) => `msr ${name.toLowerCase()}, #${f.imm4}`,
    run: (s) => s.leaveTo(routine, s.imm32().and(1)),
  });
}
/** Fields that nothing else depends on, open to EL0. */
for (const [name, op1, op2, offset, feature] of [
  ['SSBS', 3, 1, state.SSBS, 'SSBS'],
  ['DIT', 3, 2, state.DIT, 'DIT'],
] as const) {
  group.insn(`MSR ${name}`, bits(op1, op2, 'imm4:4'), {
    feature,
    imm: (f) => f.imm4!,
    asm: (f) => `msr ${name.toLowerCase()}, #${f.imm4}`,
    run: (s) => s.setState('i32', offset, s.imm32().and(1)),
  });
}

/** EL0 is let through to DAIF only by SCTLR_EL1.UMA (AArch64.CheckDAIFAccess): a rare case, left to the routine. */
const el0Leaves = (s: Sem, routine: string): void => {
  unlikely(s.mode(state.MODE_FIELD.el).eqz(), () => s.leaveTo(routine, s.imm32()));
};
// Masking more makes nothing deliverable: when something pending is masked now, the run loop finds out.
group.insn('MSR DAIFSet', bits(3, 6, 'imm4:4'), {
  imm: (f) => f.imm4!,
  asm: (f) => `msr daifset, #0x${f.imm4!.toString(16)}`,
  run: (s) => {
    el0Leaves(s, 'msrDaifSet');
    unlikely(s.state('i32', state.PENDING), () => s.leaveTo('msrDaifSet', s.imm32()));
    s.setState('i32', state.DAIF, s.state('i32', state.DAIF).or(s.imm32()));
  },
});
// Masking less matters only when a line is up, or debug exceptions may be due.
group.insn('MSR DAIFClr', bits(3, 7, 'imm4:4'), {
  imm: (f) => f.imm4!,
  asm: (f) => `msr daifclr, #0x${f.imm4!.toString(16)}`,
  run: (s) => {
    el0Leaves(s, 'msrDaifClr');
    const virtual = (1 << HCR.VI) | (1 << HCR.VF) | (1 << HCR.VSE);
    const due = s
      .state('i32', state.IRQ_LINES)
      .or(s.state('i32', regOffset('HCR_EL2')).and(virtual))
      .or(s.state('i32', regOffset('MDSCR_EL1')).and((1 << MDSCR.SS) | (1 << MDSCR.MDE)));
    unlikely(due, () => s.leaveTo('msrDaifClr', s.imm32()));
    s.setState('i32', state.DAIF, s.state('i32', state.DAIF).and(s.imm32().not()));
  },
});
