/** Memory copy and set beyond what the vectors reach: many pages, interruptions, enables and traps. */
import { describe, expect, it } from 'vitest';
import { archLibraries } from '../../core/arch/library.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import { bit, esrOf, SCR, type Start, svc, World } from '../exceptions/world.ts';
import { BareCore, EXIT } from '../support/bare-core.ts';
import { Random } from '../vectors/random.ts';

type Op = 'set' | 'cpy' | 'cpyf';
/** The three instructions, with X0 as destination, X1 as source (or value), X2 as size. */
function words(op: Op): number[] {
  const base = op === 'set' ? 0x19c10440 : op === 'cpy' ? 0x1d010440 : 0x19010440;
  return [0, 1, 2].map((stage) => (base | (stage << (op === 'set' ? 14 : 22))) >>> 0);
}
const B_SELF = 0x14000000;

const SCTLR_MSCEN = bit(33);
const HCRX_MSCEN = bit(11);
const HCRX_MCE2 = bit(10);
const HXEN = bit(38);
const NS = SCR.NS | SCR.HCE;

describe('memory copy and set', () => {
  for (const mode of ['interpreter', 'compiled', 'normal'] as const) {
    it(`over many pages, interrupted often, ${mode}`, () => {
      const core = new BareCore({ mode, libraries: archLibraries() });
      // Enabled by HCRX_EL2.MSCEn, which SCR_EL3.HXEn lets count.
      core.view.setBigUint64(core.cpu + regOffset('SCR_EL3'), 0x401n | HXEN, true);
      core.view.setBigUint64(core.cpu + regOffset('HCRX_EL2'), HCRX_MSCEN, true);
      const random = new Random(7);
      const at = 0x47200000;
      const area = 64 << 10;
      const code = 0x47010000;
      for (let round = 0; round < 120; round++) {
        const op = random.pick(['set', 'cpy', 'cpyf'] as const);
        const size = random.below(random.oneIn(2) ? 30_000 : 5000);
        const to = random.below(area - size);
        let from = random.below(area - size);
        if (op === 'cpyf' && from < to && from + size > to) from = to;
        const bytes = new Uint8Array(area);
        for (let i = 0; i < area; i++) bytes[i] = random.next();
        core.u8.set(bytes, core.host(at));
        if (op === 'set') bytes.fill(from & 255, to, to + size);
        else bytes.copyWithin(to, from, from + size);
        core.place(code, [...words(op), B_SELF]);
        core.setX(0, BigInt(at + to));
        core.setX(1, op === 'set' ? BigInt(from) : BigInt(at + from));
        core.setX(2, BigInt(size));
        core.nzcv = 15;
        core.pc = BigInt(code);
        // A slice of one or two instructions: chunks count as one each.
        let slices = 0;
        while (core.pc !== BigInt(code + 12)) {
          expect(core.run(random.below(2))).toBe(EXIT.pending);
          expect(slices++).toBeLessThan(100);
        }
        expect(core.x(2)).toBe(0n);
        expect(core.nzcv).toBe(0);
        const got = core.u8.slice(core.host(at), core.host(at) + area);
        expect(Buffer.compare(got, bytes), `${op} of ${size} from ${from} to ${to}`).toBe(0);
      }
    });
  }

  /** Runs a copy of no bytes, then SVC; or with flags set a middle that does not fit. */
  const outcome = (start: Start, wrong = false): [number, bigint] => {
    const w = new World('normal');
    const code = wrong ? [words('cpy')[1]!] : words('cpy');
    w.start({ ...start, words: [...code, svc(0)], nzcv: wrong ? 2 : 0 });
    for (const [n, v] of [0x47200000n, 0x47300000n, wrong ? -16n : 0n].entries()) w.core.setX(n, v);
    const { level, esr } = w.taken();
    return [level, esr];
  };
  const undefined_ = esrOf(0);
  const done = esrOf(0x15);

  it('are enabled for EL0 by SCTLR_EL1, below EL2 by HCRX_EL2', () => {
    expect(outcome({ el: 1, regs: { SCR_EL3: NS } })).toEqual([1, undefined_]);
    expect(outcome({ el: 1, regs: { SCR_EL3: NS | HXEN } })).toEqual([1, undefined_]);
    expect(outcome({ el: 1, regs: { SCR_EL3: NS | HXEN, HCRX_EL2: HCRX_MSCEN } })).toEqual([1, done]);
    expect(outcome({ el: 1, regs: { SCR_EL3: NS, HCRX_EL2: HCRX_MSCEN } })).toEqual([1, undefined_]);
    // Secure state without S-EL2 has no EL2 that could say anything.
    expect(outcome({ el: 1, security: 0, regs: { SCR_EL3: 0n } })).toEqual([1, done]);
    expect(outcome({ el: 0, security: 0, regs: { SCR_EL3: 0n } })).toEqual([1, undefined_]);
    expect(outcome({ el: 0, security: 0, regs: { SCR_EL3: 0n, SCTLR_EL1: SCTLR_MSCEN } })).toEqual([1, done]);
    const host = { HCR_EL2: bit(34) | bit(27), SCR_EL3: NS };
    expect(outcome({ el: 0, regs: { ...host } })).toEqual([2, undefined_]);
    expect(outcome({ el: 0, regs: { ...host, SCTLR_EL2: SCTLR_MSCEN } })).toEqual([2, done]);
    expect(outcome({ el: 2, regs: { SCR_EL3: NS } })).toEqual([2, done]);
    expect(outcome({ el: 3 })).toEqual([3, done]);
  });
  it('made for the other option raise an exception, at EL1 to EL2 when HCRX_EL2.MCE2 says so', () => {
    // WrongOption, OptionA, and the registers.
    const mismatch = esrOf(0x27, (1 << 17) | (1 << 16) | (0 << 10) | (1 << 5) | 2);
    const regs = { SCR_EL3: NS | HXEN, HCRX_EL2: HCRX_MSCEN };
    expect(outcome({ el: 1, regs }, true)).toEqual([1, mismatch]);
    expect(outcome({ el: 1, regs: { ...regs, HCRX_EL2: HCRX_MSCEN | HCRX_MCE2 } }, true)).toEqual([2, mismatch]);
    expect(outcome({ el: 2, regs }, true)).toEqual([2, mismatch]);
    const el0 = { ...regs, HCRX_EL2: HCRX_MSCEN | HCRX_MCE2, SCTLR_EL1: SCTLR_MSCEN };
    expect(outcome({ el: 0, regs: el0 }, true)).toEqual([1, mismatch]);
  });
});
