import { expect, it } from 'vitest';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from '../../core/arch/exceptions/fault-kinds.ts';
import * as state from '../../core/arch/state.ts';
import { CODE, World } from './world.ts';

/** word, what it is, size, sign-extended, 64-bit register, ordered; null: no valid syndrome. Rt is 7 in all of them. */
const WORDS: readonly [number, string, [number, number, number, number] | null][] = [
  [0x39000027, 'strb w7, [x1]', [0, 0, 0, 0]],
  [0x79400427, 'ldrh w7, [x1, #2]', [1, 0, 0, 0]],
  [0xb9400427, 'ldr w7, [x1, #4]', [2, 0, 0, 0]],
  [0xf9000427, 'str x7, [x1, #8]', [3, 0, 1, 0]],
  [0x39c00427, 'ldrsb w7, [x1, #1]', [0, 1, 0, 0]],
  [0x39800427, 'ldrsb x7, [x1, #1]', [0, 1, 1, 0]],
  [0x79c00427, 'ldrsh w7, [x1, #2]', [1, 1, 0, 0]],
  [0xb9800427, 'ldrsw x7, [x1, #4]', [2, 1, 1, 0]],
  [0xf85ff027, 'ldur x7, [x1, #-1]', [3, 0, 1, 0]],
  [0x38001027, 'sturb w7, [x1, #1]', [0, 0, 0, 0]],
  [0xb8401827, 'ldtr w7, [x1, #1]', [2, 0, 0, 0]],
  [0xf8626827, 'ldr x7, [x1, x2]', [3, 0, 1, 0]],
  [0xb8a27827, 'ldrsw x7, [x1, x2, lsl #2]', [2, 1, 1, 0]],
  [0x58000087, 'ldr x7, literal', [3, 0, 1, 0]],
  [0x18000087, 'ldr w7, literal', [2, 0, 0, 0]],
  [0x98000087, 'ldrsw x7, literal', [2, 1, 1, 0]],
  [0xc8dffc27, 'ldar x7, [x1]', [3, 0, 1, 1]],
  [0x089ffc27, 'stlrb w7, [x1]', [0, 0, 0, 1]],
  [0x88df7c27, 'ldlar w7, [x1]', [2, 0, 0, 1]],
  [0xb8bfc027, 'ldapr w7, [x1]', [2, 0, 0, 1]],
  [0xd9401027, 'ldapur x7, [x1, #1]', [3, 0, 1, 1]],
  [0x19001027, 'stlurb w7, [x1, #1]', [0, 0, 0, 1]],
  [0x59c01027, 'ldapursh w7, [x1, #1]', [1, 1, 0, 1]],
  [0xf8408427, 'ldr x7, [x1], #8', null],
  [0xf8408c27, 'ldr x7, [x1, #8]!', null],
  [0xa9401027, 'ldp x7, x4, [x1]', null],
  [0xc85f7c27, 'ldxr x7, [x1]', null],
  [0xc85ffc27, 'ldaxr x7, [x1]', null],
  [0xc8027c27, 'stxr w2, x7, [x1]', null],
  [0xf8220027, 'ldadd x2, x7, [x1]', null],
  [0xf8228027, 'swp x2, x7, [x1]', null],
  [0xc8a27c27, 'cas x2, x7, [x1]', null],
  [0xfd400027, 'ldr d7, [x1]', null],
  [0x3dc00027, 'ldr q7, [x1]', null],
  [0x0c407027, 'ld1 {v7.8b}, [x1]', null],
];

it('ISS of what a hypervisor emulates', () => {
  const w = new World();
  for (const [word, text, parts] of WORDS) {
    let expected = 0;
    if (parts) {
      const [size, sse, sf, ar] = parts;
      expected = (1 << 24) | (size << 22) | (sse << 21) | (7 << 16) | (sf << 15) | (ar << 14);
    }
    expect({ text, iss: w.core.space.core.dataAbortSyndrome!(word) }).toEqual({ text, iss: expected });
  }
});

it('is part of Data Aborts of stage 2, walks and cache maintenance apart', () => {
  const w = new World();
  const iss = (extra: number): number => {
    w.start({ el: 1, words: [0xf9000427] });
    w.set(state.FAULT, FAULT_KIND.dataAbort);
    w.set(state.FAULT_ISS, FSC.translation(2) | extra);
    w.call('takeFault');
    return Number(w.reg(`ESR_EL${w.get(state.EL)}`) & 0x1ffffffn);
  };
  const valid = (1 << 24) | (3 << 22) | (7 << 16) | (1 << 15);
  expect(iss(FAULT_HINT.stage2 | ISS.wnr)).toBe(valid | ISS.wnr | 6);
  expect(iss(FAULT_HINT.stage2 | ISS.s1ptw)).toBe(ISS.s1ptw | 6);
  expect(iss(FAULT_HINT.stage2 | ISS.cm | ISS.wnr)).toBe(ISS.cm | ISS.wnr | 6);
  expect(iss(0)).toBe(6);
  expect(w.core.pc).not.toBe(BigInt(CODE));
});
