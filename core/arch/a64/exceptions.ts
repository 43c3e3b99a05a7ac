/** Exception generation and return (C4.1.87, C4.1.94): SVC, HVC, SMC, BRK, HLT, DCPS, ERET. */
import type { Sem } from '../semantics.ts';
import { Group } from './pattern.ts';

export const group = new Group('exceptions');

const call = (name: string, bits: string, routine: string): void =>
  group.insn(name, bits, {
    interpretOnly: true,
    imm: (f) => f.imm16!,
    asm: (f) => `${name.toLowerCase()} #0x${f.imm16!.toString(16)}`,
    run: (s) => s.leaveTo(routine, s.imm32()),
  });
call('SVC', '11010100 000 imm16:16 000 01', 'svc');
call('HVC', '11010100 000 imm16:16 000 10', 'hvc');
call('SMC', '11010100 000 imm16:16 000 11', 'smc');
call('BRK', '11010100 001 imm16:16 000 00', 'brk');
// HLT: a semihosting call with 0xf000; otherwise UNDEFINED, for halting debug is never allowed.
group.insn('HLT', '11010100 010 imm16:16 000 00', {
  interpretOnly: true,
  imm: (f) => (f.imm16 === 0xf000 ? f.imm16 : null),
  asm: (f) => `hlt #0x${f.imm16!.toString(16)}`,
  run: (s) => s.leaveTo('semihost'),
});
// DCPS1 to DCPS3 and DRPS are for Debug state: UNDEFINED outside of it, as unallocated words are.
group.insn('ERET', '1101011 0100 11111 0000 00 11111 00000', {
  interpretOnly: true,
  flow: 'indirect',
  asm: 'eret',
  run: (s: Sem) => s.leaveTo('eret'),
});
// UDF is permanently undefined, so it needs no pattern.
