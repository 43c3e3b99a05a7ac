/** Barriers and CLREX (C4.1.92). */
import { fence, unlikely } from '../control.ts';
import { i32, type Sem } from '../semantics.ts';
import * as state from '../state.ts';
import { Group } from './pattern.ts';

export const group = new Group('barriers');

const OPTIONS = 'ssbb oshld oshst osh pssbb nshld nshst nsh #8 ishld ishst ish #12 ld st sy'.split(' ');

/** DSB: besides ordering, other cores have done what this core told them (TLBI, IC). */
const dsb = (s: Sem): void => {
  unlikely(s.state('i32', state.DSB_WAIT), () => s.leaveTo('dsb'));
  fence();
};
group.insn('DSB', '1101010100 0 00 011 0011 imm4:4 1 00 11111', {
  asm: (f) => (f.imm4 === 0 || f.imm4 === 4 ? OPTIONS[f.imm4]! : `dsb ${OPTIONS[f.imm4!]}`),
  run: dsb,
});
group.insn('DSB nXS', '1101010100 0 00 011 0011 imm2:2 10 0 01 11111', {
  feature: 'XS',
  asm: (f) => `dsb ${['osh', 'nsh', 'ish', 'sy'][f.imm2!]}nxs`,
  run: dsb,
});
group.insn('DMB', '1101010100 0 00 011 0011 imm4:4 1 01 11111', {
  asm: (f) => `dmb ${OPTIONS[f.imm4!]!.replace(/^p?ssbb$/, `#${f.imm4}`)}`,
  run: () => fence(),
});
// ISB: changes of context act at once here; what is left is to take messages of other cores before going on.
group.insn('ISB', '1101010100 0 00 011 0011 imm4:4 1 10 11111', {
  asm: (f) => (f.imm4 === 15 ? 'isb' : `isb #${f.imm4}`),
  run: (s) => s.fetchAnew(),
});
group.insn('SB', '1101010100 0 00 011 0011 0000 1 11 11111', {
  feature: 'SB',
  asm: 'sb',
  run: () => {},
});
group.insn('CLREX', '1101010100 0 00 011 0011 imm4:4 0 10 11111', {
  asm: (f) => (f.imm4 === 15 ? 'clrex' : `clrex #${f.imm4}`),
  run: (s) => s.setState('i32', state.EXCL_ADDR, i32(0)),
});
