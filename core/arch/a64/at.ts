/** Address translation instructions (C5.4): AT. */
import { i32 } from '../semantics.ts';
import { type AddressTranslate, packAt } from '../translation/address-translate.ts';
import { Group } from './pattern.ts';

export const group = new Group('address translation');

const bin = (v: number, width: number): string => v.toString(2).padStart(width, '0');

function insn(
  name: string,
  op1: number,
  crm: number,
  op2: number,
  what: AddressTranslate,
  feature: readonly string[] = [],
): void {
  const iss = (1 << 20) | (op2 << 17) | (op1 << 14) | (7 << 10) | (crm << 1);
  group.insn(`AT ${name}`, `1101010100 0 01 ${bin(op1, 3)} 0111 ${bin(crm, 4)} ${bin(op2, 3)} Rt`, {
    feature,
    interpretOnly: true,
    imm: (f) => iss | (f.Rt! << 5),
    asm: `at ${name.toLowerCase()}, <Xt>`,
    run: (s) => s.leaveTo('addressTranslate', i32(packAt(what)), s.imm32(), s.x('Rt')),
  });
}
const R = { write: false } as const;
const W = { write: true } as const;

insn('S1E1R', 0, 8, 0, { el: 1, level: 1, ...R, fgt: 12 });
insn('S1E1W', 0, 8, 1, { el: 1, level: 1, ...W, fgt: 13 });
insn('S1E0R', 0, 8, 2, { el: 0, level: 1, ...R, fgt: 14 });
insn('S1E0W', 0, 8, 3, { el: 0, level: 1, ...W, fgt: 15 });
insn('S1E1RP', 0, 9, 0, { el: 1, level: 1, ...R, pan: true, fgt: 16 }, ['PAN2']);
insn('S1E1WP', 0, 9, 1, { el: 1, level: 1, ...W, pan: true, fgt: 17 }, ['PAN2']);
insn('S1E1A', 0, 9, 2, { el: 1, level: 1, ...R, any: true, fgt: 62 }, ['ATS1A']);
insn('S1E2R', 4, 8, 0, { el: 2, level: 2, ...R }, ['EL2']);
insn('S1E2W', 4, 8, 1, { el: 2, level: 2, ...W }, ['EL2']);
insn('S1E2A', 4, 9, 2, { el: 2, level: 2, ...R, any: true }, ['EL2', 'ATS1A']);
insn('S12E1R', 4, 8, 4, { el: 1, level: 2, ...R, both: true }, ['EL2']);
insn('S12E1W', 4, 8, 5, { el: 1, level: 2, ...W, both: true }, ['EL2']);
insn('S12E0R', 4, 8, 6, { el: 0, level: 2, ...R, both: true }, ['EL2']);
insn('S12E0W', 4, 8, 7, { el: 0, level: 2, ...W, both: true }, ['EL2']);
insn('S1E3R', 6, 8, 0, { el: 3, level: 3, ...R }, ['EL3']);
insn('S1E3W', 6, 8, 1, { el: 3, level: 3, ...W }, ['EL3']);
insn('S1E3A', 6, 9, 2, { el: 3, level: 3, ...R, any: true }, ['EL3', 'ATS1A']);
