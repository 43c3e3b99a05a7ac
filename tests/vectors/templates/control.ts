/** Branches, exceptions, hints, barriers, and the system registers that any program uses. */

import { type Encoding, registerMove } from '../environment.ts';
import { extract, fromPattern, type Template } from '../template.ts';

const branch = 'branch';
const control = 'control';

/** WFE, WFI; XPACLRI, the PAC and AUT hints; CHKFEAT: they wait, or act where a feature is there. */
const actingHint = (word: number) => {
  const [crm, op2] = [extract(word, 8, 4), extract(word, 5, 3)];
  return (crm === 0 && (op2 === 2 || op2 === 3 || op2 === 7)) || crm === 1 || crm === 3 || (crm === 5 && op2 === 0);
};

const registers: [string, Encoding, 'read' | 'both'][] = [
  ['NZCV', [3, 3, 4, 2, 0], 'both'],
  ['FPSR', [3, 3, 4, 4, 1], 'both'],
  ['FPCR', [3, 3, 4, 4, 0], 'read'],
  ['DAIF', [3, 3, 4, 2, 1], 'read'],
  ['CurrentEL', [3, 0, 4, 2, 2], 'read'],
  ['SPSel', [3, 0, 4, 2, 0], 'read'],
  ['TPIDR_EL0', [3, 3, 13, 0, 2], 'both'],
  ['TPIDRRO_EL0', [3, 3, 13, 0, 3], 'both'],
  ['SP_EL0', [3, 0, 4, 1, 0], 'both'],
];

/** The pattern of MRS or MSR of one register, with any Xt. */
function move(encoding: Encoding, read: boolean): string {
  return registerMove(encoding, 0, read).toString(2).slice(0, 27) + 'ttttt';
}

export const controlTemplates: Template[] = [
  fromPattern('B/BL', branch, 'o00101 iiiiiiiiiiiiiiiiiiiiiiiiii', { branch: { immediate: 'i' } }),
  fromPattern('B.cond', branch, '01010100 iiiiiiiiiiiiiiiiiii 0 cccc', { branch: { immediate: 'i' } }),
  fromPattern('CBZ/CBNZ', branch, 's011010o iiiiiiiiiiiiiiiiiii ttttt', { branch: { immediate: 'i' } }),
  fromPattern('TBZ/TBNZ', branch, 'b011011o kkkkk iiiiiiiiiiiiii ttttt', { branch: { immediate: 'i' } }),
  ...['BR', 'BLR', 'RET'].map((name, opc) =>
    fromPattern(name, branch, `110101100${opc >> 1}${opc & 1}11111000000nnnnn00000`, {
      branch: { register: 'Rn' },
    }),
  ),
  fromPattern('SVC', control, '11010100000 iiiiiiiiiiiiiiii 00001', {
    alone: true,
    excluded: (word) => extract(word, 5, 16) === 0xffff,
  }),
  fromPattern('BRK', control, '11010100001 iiiiiiiiiiiiiiii 00000', { alone: true }),
  fromPattern('HLT', control, '11010100010 iiiiiiiiiiiiiiii 00000', {
    alone: true,
    excluded: (word) => extract(word, 5, 16) === 0xf000,
  }),
  fromPattern('UDF', control, '0000000000000000 iiiiiiiiiiiiiiii', { alone: true }),
  fromPattern('hint', control, '11010101000000110010 mmmm ooo 11111', {
    kinds: { m: ['CRm', 'bits'] },
    excluded: actingHint,
  }),
  ...['CLREX', 'DSB', 'DMB', 'ISB'].map((name, index) =>
    fromPattern(name, control, `11010101000000110011 iiii ${[2, 4, 5, 6][index].toString(2).padStart(3, '0')} 11111`),
  ),
  ...registers.map(([name, encoding]) => fromPattern(`MRS ${name}`, control, move(encoding, true))),
  ...registers
    .filter(([, , access]) => access === 'both')
    .map(([name, encoding]) => fromPattern(`MSR ${name}`, control, move(encoding, false))),
];
