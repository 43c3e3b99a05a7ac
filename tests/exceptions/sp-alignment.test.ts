import { describe, expect, it } from 'vitest';
import { CODE, esrOf, MODES, svc, World } from './world.ts';

const LDR_SP = 0xf94003e0; // ldr x0, [sp]
const STP_SP = 0xa9bf07e0; // stp x0, x1, [sp, #-16]!
const LDR_X2 = 0xf9400040; // ldr x0, [x2]
const SA = 1n << 3n;
const SA0 = 1n << 4n;

describe.each(MODES)('alignment of the stack pointer, %s', (mode) => {
  const w = new World(mode);
  const cases = [
    ['EL1 with SA', 1, SA, 8n, LDR_SP, true],
    ['a pair with write-back', 1, SA, 8n, STP_SP, true],
    ['aligned to 16', 1, SA, 16n, LDR_SP, false],
    ['EL1 without SA', 1, SA0, 8n, LDR_SP, false],
    ['EL0 with SA0', 0, SA0, 8n, LDR_SP, true],
    ['EL0 without SA0', 0, SA, 8n, LDR_SP, false],
    ['another base register', 1, SA, 8n, LDR_X2, false],
  ] as const;
  it.each(cases)('%s', (_name, el, sctlr, offset, word, faults) => {
    w.start({ el, regs: { SCTLR_EL1: sctlr }, words: [word, svc(0)] });
    const sp = BigInt(CODE) + 0x4000n + offset;
    w.core.setX(31, sp);
    w.core.setX(2, sp);
    const taken = w.taken();
    expect(taken.esr >> 26n).toBe(faults ? 0x26n : 0x15n);
    if (!faults) return;
    expect(taken.esr).toBe(esrOf(0x26));
    expect(taken.elr).toBe(BigInt(CODE));
  });
});
