/** Random numbers (D24.2, FEAT_RNG). */
import { Area, trap } from '../define.ts';

export const area = new Area('random numbers');

for (const [name, op2] of [
  ['RNDR', 0],
  ['RNDRRS', 1],
] as const) {
  area.reg(name, [3, 3, 2, 4, op2], 'Random Number', {
    feature: 'RNG',
    el: 0,
    writeEl: null,
    traps: [trap('SCR_EL3', 40, 3, { from: [0, 1, 2, 3] })],
    read: 'random',
  });
}
