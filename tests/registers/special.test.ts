import { describe, expect, test } from 'vitest';
import { register } from '../../core/arch/registers/table.ts';
import * as state from '../../core/arch/state.ts';
import { RegisterCore } from './support.ts';

for (const mode of ['interpreter', 'compiled'] as const) {
  const core = new RegisterCore('max', {}, mode);
  const world = (el: number, security = 1, regs: Record<string, bigint> = {}): void => {
    core.reset();
    core.setReg('SCR_EL3', 0x3b_0d31n | (1n << 25n) | (1n << 21n));
    for (const [name, v] of Object.entries(regs)) core.setReg(name, v);
    core.enter(el, security);
  };
  const read = (name: string): bigint => {
    const r = core.mrs(name);
    if (r.kind !== 'done') throw new Error(`${name}: ${JSON.stringify(r)}`);
    return r.value;
  };

  describe(`special registers, ${mode}`, () => {
    test('NZCV', () => {
      world(0);
      for (let f = 0n; f < 16n; f++) {
        core.msr('NZCV', (f << 28n) | 0xfff_ffffn | (1n << 40n));
        expect(BigInt(core.nzcv)).toBe(f);
        expect(read('NZCV')).toBe(f << 28n);
      }
    });
    test('DAIF, SPSel, PAN, UAO, DIT, SSBS, CurrentEL', () => {
      for (const el of [1, 2, 3]) {
        world(el, el === 3 ? 0 : 1);
        expect(read('CurrentEL')).toBe(BigInt(el << 2));
        for (const [name, bit, width, at] of [
          ['DAIF', 6n, 4n, state.DAIF],
          ['PAN', 22n, 1n, state.PAN],
          ['UAO', 23n, 1n, state.UAO],
          ['DIT', 24n, 1n, state.DIT],
          ['SSBS', 12n, 1n, state.SSBS],
        ] as const) {
          const ones = ((1n << width) - 1n) << bit;
          core.msr(name, (1n << 64n) - 1n);
          expect([name, read(name), core.field32(at)]).toEqual([name, ones, Number(ones >> bit)]);
          core.msr(name, ~ones);
          expect([name, read(name)]).toEqual([name, 0n]);
        }
      }
    });
    test('SPSel changes the stack pointer; SP_EL0 is UNDEFINED while in use', () => {
      world(1, 1, { SP_EL0: 0x1000n });
      core.setX(31, 0x2000n);
      core.msr('SPSel', 0n);
      expect(core.x(31)).toBe(0x1000n);
      expect(core.reg('SP_EL1')).toBe(0x2000n);
      expect(core.mrs('SP_EL0').kind).toBe('undefined');
      core.setX(31, 0x1800n);
      core.msr('SPSel', 1n);
      expect(core.x(31)).toBe(0x2000n);
      expect(read('SP_EL0')).toBe(0x1800n);
    });
    test('FPCR and FPSR keep what is implemented', () => {
      world(0);
      core.msr('FPCR', (1n << 64n) - 1n);
      core.msr('FPSR', (1n << 64n) - 1n);
      expect([read('FPCR'), read('FPSR')]).toEqual([0x07c8_0000n, 0x0800_009fn]);
      expect([core.field32(state.FPCR), core.field32(state.FPSR)]).toEqual([0x07c8_0000, 0x0800_009f]);
    });
    test('EL1 sees the hypervisor’s MIDR and MPIDR', () => {
      const regs = { VPIDR_EL2: 0x1234n, VMPIDR_EL2: 0x8000_0042n };
      world(1, 1, regs);
      expect([read('MIDR_EL1'), read('MPIDR_EL1')]).toEqual([0x1234n, 0x8000_0042n]);
      world(2, 1, regs);
      expect([read('MIDR_EL1'), read('MPIDR_EL1')]).toEqual([0xf0510n, 0x8000_0000n]);
      world(1, 0, { ...regs, SCR_EL3: 0x430n });
      expect([read('MIDR_EL1'), read('MPIDR_EL1')]).toEqual([0xf0510n, 0x8000_0000n]);
    });
    test('DCZID_EL0.DZP', () => {
      const at = (el: number, regs: Record<string, bigint>): bigint => {
        world(el, 1, regs);
        return read('DCZID_EL0');
      };
      const DZE = { SCTLR_EL1: 1n << 14n };
      const TDZ = 1n << 28n;
      const HOST = (1n << 34n) | (1n << 27n);
      expect(at(0, {})).toBe(0x14n);
      expect(at(0, DZE)).toBe(4n);
      expect(at(0, { ...DZE, HCR_EL2: TDZ })).toBe(0x14n);
      expect(at(0, { ...DZE, HCR_EL2: HOST })).toBe(0x14n);
      expect(at(0, { SCTLR_EL2: 1n << 14n, HCR_EL2: HOST | TDZ })).toBe(4n);
      expect(at(1, {})).toBe(4n);
      expect(at(1, { HCR_EL2: TDZ })).toBe(0x14n);
      expect(at(2, { HCR_EL2: TDZ })).toBe(4n);
    });
    test('CCSIDR_EL1 follows CSSELR_EL1', () => {
      world(1);
      const sizes = [0n, 1n, 2n, 4n].map((n) => {
        core.msr('CSSELR_EL1', n);
        const v = read('CCSIDR_EL1');
        const [sets, ways, line] = [(v >> 32n) + 1n, ((v >> 3n) & 0x1fffffn) + 1n, 16n << (v & 7n)];
        return Number(sets * ways * line) >> 10;
      });
      expect(sizes).toEqual([32, 32, 1024, 2048]);
      expect(read('CCSIDR2_EL1')).toBe(read('CCSIDR_EL1') >> 32n);
      core.msr('CSSELR_EL1', 6n);
      expect(read('CCSIDR_EL1')).toBe(0n);
    });
    test('ID registers that do not exist trap to the level they are read at', () => {
      // GMID_EL1, S3_0_C0_C0_3, S3_3_C0_C7_7.
      for (const word of [0xd5390083, 0xd5380063, 0xd53b07e3]) {
        for (const [el, to] of [
          [0, 1],
          [1, 1],
          [2, 2],
          [3, 3],
        ] as const) {
          world(el, el === 3 ? 0 : 1);
          expect([el, core.word(word)]).toMatchObject([el, { kind: 'trap', to, ec: 0x18 }]);
        }
        const old = new RegisterCore('cortex-a72', {}, mode);
        old.enter(1, 1);
        expect(old.word(word).kind).toBe('undefined');
      }
    });
    test('DISR_EL1 is VDISR_EL2 for guests, nothing where EL3 takes external aborts', () => {
      const regs = { DISR_EL1: 0x8000_0011n, VDISR_EL2: 0x8000_0022n };
      const at = (el: number, hcr: bigint, scr: bigint): bigint => {
        world(el, el === 3 ? 0 : 1, { ...regs, HCR_EL2: hcr, SCR_EL3: 0x431n | scr });
        return read('DISR_EL1');
      };
      expect(at(1, 0n, 0n)).toBe(0x8000_0011n);
      expect(at(1, 0x20n, 0n)).toBe(0x8000_0022n);
      expect(at(1, 0x20n, 8n)).toBe(0x8000_0022n);
      expect(at(1, 0n, 8n)).toBe(0n);
      expect(at(2, 0x20n, 0n)).toBe(0x8000_0011n);
      expect(at(2, 0n, 8n)).toBe(0n);
      expect(at(3, 0n, 8n)).toBe(0x8000_0011n);
      world(1, 1, { ...regs, HCR_EL2: 0x20n });
      core.msr('DISR_EL1', 0n);
      expect([core.reg('DISR_EL1'), core.reg('VDISR_EL2')]).toEqual([0x8000_0011n, 0n]);
    });
    test('ISR_EL1: physical interrupts, or virtual ones where they are the guest’s', () => {
      const { LINE } = state;
      const at = (el: number, lines: number, hcr: bigint): bigint => {
        world(el, 1, { HCR_EL2: hcr });
        core.setField32(state.IRQ_LINES, lines);
        const v = read('ISR_EL1');
        core.setField32(state.IRQ_LINES, 0);
        return v;
      };
      expect(at(1, LINE.irq, 0n)).toBe(0x80n);
      expect(at(1, LINE.fiq | LINE.serror, 0n)).toBe(0x140n);
      expect(at(1, LINE.irq | LINE.vfiq, 0x38n)).toBe(0x40n);
      expect(at(1, LINE.irq | LINE.vfiq, 0x10n)).toBe(0n);
      expect(at(1, 0, 0x38n | 0x1c0n)).toBe(0x1c0n);
      expect(at(2, LINE.irq | LINE.virq | LINE.vfiq, 0x38n)).toBe(0x80n);
    });
    test('debug: OS lock and claim tags', () => {
      world(1);
      core.msr('OSLAR_EL1', 0n);
      expect(read('OSLSR_EL1')).toBe(8n);
      core.msr('OSLAR_EL1', 1n);
      expect(read('OSLSR_EL1')).toBe(10n);
      core.msr('DBGCLAIMSET_EL1', 0x5an);
      expect([read('DBGCLAIMSET_EL1'), read('DBGCLAIMCLR_EL1')]).toEqual([0xffn, 0x5an]);
      core.msr('DBGCLAIMCLR_EL1', 0x0an);
      expect(read('DBGCLAIMCLR_EL1')).toBe(0x50n);
      expect(read('MDCCSR_EL0')).toBe(0n);
    });
    test('CPTR_EL2 has two layouts', () => {
      world(2);
      core.msr('CPTR_EL2', (1n << 64n) - 1n);
      expect(read('CPTR_EL2')).toBe(0x8000_37ffn);
      core.msr('CPTR_EL2', 0n);
      expect(read('CPTR_EL2')).toBe(0x33ffn);
      world(2, 1, { HCR_EL2: 1n << 34n });
      core.msr('CPTR_EL2', (1n << 64n) - 1n);
      expect([read('CPTR_EL2'), read('CPACR_EL1')]).toEqual([0x8030_0000n, 0x8030_0000n]);
      core.msr('CPACR_EL1', 1n << 20n);
      expect(read('CPTR_EL2')).toBe(1n << 20n);
    });
    test('CNTFRQ_EL0 is written at the highest level only', () => {
      for (const [options, highest] of [
        [{}, 3],
        [{ has_el3: false }, 2],
        [{ has_el2: false, has_el3: false }, 1],
        [{ has_el2: false }, 3],
      ] as const) {
        const c = new RegisterCore('max', options, mode);
        for (const el of [0, 1, 2, 3]) {
          if (el > highest || (el === 2 && 'has_el2' in options)) continue;
          c.enter(el, el === 3 ? 0 : 1);
          expect([el, c.msr('CNTFRQ_EL0', 5n).kind]).toEqual([el, el === highest ? 'done' : 'undefined']);
        }
        expect(c.reg('CNTFRQ_EL0')).toBe(5n);
      }
    });
    test('RNDR gives numbers and clears the flags', () => {
      world(0);
      core.nzcv = 15;
      expect(read('RNDR')).toBe(0x123456789abcdef0n);
      expect(core.nzcv).toBe(0);
      expect(read('RNDRRS')).toBe(0x123456789abcdef0n);
    });
    test('register 31: reads are dropped, zero is written', () => {
      world(1, 1, { TPIDR_EL1: 0x55n });
      const word = 0xd5000000 | ((register('TPIDR_EL1').code << 5) & 0x1fffe0) | 31;
      core.setX(31, 0x7777n);
      expect(core.word(word | 0x200000).kind).toBe('done');
      expect(core.x(31)).toBe(0x7777n);
      core.word(word);
      expect(core.reg('TPIDR_EL1')).toBe(0n);
    });
  });

  describe(`implementation defined registers, ${mode}`, () => {
    const MRS = 0xd53bf003; // S3_3_C15_C0_0
    const at = (op1: number, crn: number, read: boolean): number =>
      (0xd5180003 | (read ? 1 << 21 : 0) | (op1 << 16) | (crn << 12) | (2 << 8) | (1 << 5)) >>> 0;
    test('read as zero and ignore writes on a named CPU', () => {
      const a72 = new RegisterCore('cortex-a72', {}, mode);
      for (const crn of [11, 15]) {
        a72.enter(1, 1);
        expect(a72.word(at(1, crn, true))).toEqual({ kind: 'done', value: 0n });
        expect(a72.word(at(1, crn, false)).kind).toBe('done');
        expect(a72.word(at(4, crn, true)).kind).toBe('undefined');
        a72.enter(2, 1);
        expect(a72.word(at(4, crn, true))).toEqual({ kind: 'done', value: 0n });
        expect(a72.word(at(6, crn, true)).kind).toBe('undefined');
        a72.enter(0, 1);
        expect(a72.word(at(3, crn, true)).kind).toBe('undefined');
      }
      // SYS and SYSL: op0 = 1.
      a72.enter(1, 1);
      expect(a72.word(0xd509f043).kind).toBe('done');
      expect(a72.word(0xd529f043)).toEqual({ kind: 'done', value: 0n });
      a72.setReg('SCR_EL3', 1n);
      a72.setReg('HCR_EL2', 1n << 20n);
      expect(a72.word(at(1, 15, true))).toMatchObject({ kind: 'trap', to: 2, ec: 0x18 });
    });
    test('are UNDEFINED on max, unless trapped', () => {
      for (const el of [0, 1, 2, 3]) {
        world(el, el === 3 ? 0 : 1);
        expect(core.word(MRS).kind).toBe('undefined');
        expect(core.word(at(0, 11, false)).kind).toBe('undefined');
      }
      world(1, 1, { HCR_EL2: 1n << 20n });
      expect(core.word(at(0, 11, false))).toMatchObject({ kind: 'trap', to: 2, ec: 0x18, iss: 3288164 });
    });
  });
}
