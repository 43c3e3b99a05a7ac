/** Pointer authentication keys (D24.2). */
import { Area, trap } from '../define.ts';

export const area = new Area('pointer authentication');

const KEYS: readonly [string, number, number, number][] = [
  ['APIA', 1, 0, 7],
  ['APIB', 1, 2, 8],
  ['APDA', 2, 0, 4],
  ['APDB', 2, 2, 5],
  ['APGA', 3, 0, 6],
];
for (const [name, crm, op2, bit] of KEYS) {
  for (const [half, add] of [
    ['Lo', 0],
    ['Hi', 1],
  ] as const) {
    area.reg(`${name}Key${half}_EL1`, [3, 0, 2, crm, op2 + add], `Pointer Authentication Key ${name} (${half})`, {
      feature: 'PAuth',
      traps: [trap('HCR_EL2', 40, 2, { on: 0 }), trap('SCR_EL3', 16, 3, { on: 0 })],
      hfg: bit,
    });
  }
}
