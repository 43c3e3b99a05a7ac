import { describe, expect, test } from 'vitest';
import { writableMask } from '../../core/arch/registers/masks.ts';
import { register } from '../../core/arch/registers/table.ts';
import type { Outcome } from './support.ts';
import { RegisterCore } from './support.ts';

/** Outcome in short: `ok`, `-` for UNDEFINED, or the level that a trap goes to. */
const short = (o: Outcome): string => (o.kind === 'done' ? 'ok' : o.kind === 'undefined' ? '-' : String(o.to));

const NS = 1;
/** A Non-secure world below EL3 in which nothing is trapped, as firmware leaves it. */
function openWorld(core: RegisterCore): void {
  core.reset();
  const set = (name: string, v: bigint): void => core.setReg(name, v);
  // NS, HCE, ST, APK, API, FIEN, EnSCXT, FGTEn, ECVEn, HXEn, TCR2En, SCTLR2En, PIEn.
  set('SCR_EL3', 0x3840_1a23_0d31n | (1n << 8n));
  // RW, APK, API, FIEN, EnSCXT.
  set('HCR_EL2', (1n << 31n) | (3n << 40n) | (1n << 47n) | (1n << 53n));
  set('HCRX_EL2', 0xc000n);
  set('CNTHCTL_EL2', 3n);
  set('HFGRTR_EL2', 3n << 57n);
  set('HFGWTR_EL2', 3n << 57n);
}

/** Reads and writes from EL0 to EL3 with nothing trapped and EL0's enables clear. From the manual's accessibility sections. */
const MATRIX = `
  SCTLR_EL1        - ok ok ok   - ok ok ok
  SCTLR_EL12       - -  -  -    - -  -  -
  SCTLR_EL2        - -  ok ok   - -  ok ok
  SCTLR_EL3        - -  -  ok   - -  -  ok
  ACTLR_EL1        - ok ok ok   - ok ok ok
  CPACR_EL1        - ok ok ok   - ok ok ok
  TTBR0_EL1        - ok ok ok   - ok ok ok
  TTBR1_EL2        - -  ok ok   - -  ok ok
  TCR_EL1          - ok ok ok   - ok ok ok
  TCR2_EL1         - ok ok ok   - ok ok ok
  PIR_EL1          - ok ok ok   - ok ok ok
  MAIR_EL1         - ok ok ok   - ok ok ok
  VBAR_EL1         - ok ok ok   - ok ok ok
  VBAR_EL3         - -  -  ok   - -  -  ok
  HCR_EL2          - -  ok ok   - -  ok ok
  SCR_EL3          - -  -  ok   - -  -  ok
  VTTBR_EL2        - -  ok ok   - -  ok ok
  VSTTBR_EL2       - -  -  -    - -  -  -
  SP_EL0           - ok ok ok   - ok ok ok
  SP_EL1           - -  ok ok   - -  ok ok
  SP_EL2           - -  -  ok   - -  -  ok
  SPSR_EL1         - ok ok ok   - ok ok ok
  ELR_EL2          - -  ok ok   - -  ok ok
  CurrentEL        - ok ok ok   x x  x  x
  SPSel            - ok ok ok   - ok ok ok
  PAN              - ok ok ok   - ok ok ok
  DAIF             1 ok ok ok   1 ok ok ok
  NZCV             ok ok ok ok  ok ok ok ok
  DIT              ok ok ok ok  ok ok ok ok
  FPCR             ok ok ok ok  ok ok ok ok
  TPIDR_EL0        ok ok ok ok  ok ok ok ok
  TPIDRRO_EL0      ok ok ok ok  -  ok ok ok
  TPIDR_EL1        - ok ok ok   - ok ok ok
  TPIDR_EL2        - -  ok ok   - -  ok ok
  SCXTNUM_EL0      ok ok ok ok  ok ok ok ok
  CONTEXTIDR_EL1   - ok ok ok   - ok ok ok
  MIDR_EL1         1 ok ok ok   x x  x  x
  ID_AA64PFR0_EL1  1 ok ok ok   x x  x  x
  CLIDR_EL1        1 ok ok ok   x x  x  x
  CSSELR_EL1       - ok ok ok   - ok ok ok
  CTR_EL0          1 ok ok ok   x x  x  x
  DCZID_EL0        ok ok ok ok  x x  x  x
  ISR_EL1          - ok ok ok   x x  x  x
  APIAKeyLo_EL1    - ok ok ok   - ok ok ok
  RNDR             ok ok ok ok  x x  x  x
  CNTFRQ_EL0       1 ok ok ok   - -  -  ok
  CNTPCT_EL0       1 ok ok ok   x x  x  x
  CNTVCT_EL0       1 ok ok ok   x x  x  x
  CNTP_CTL_EL0     1 ok ok ok   1 ok ok ok
  CNTV_CVAL_EL0    1 ok ok ok   1 ok ok ok
  CNTP_CTL_EL02    - -  -  -    - -  -  -
  CNTHP_CTL_EL2    - -  ok ok   - -  ok ok
  CNTHPS_CTL_EL2   - -  -  -    - -  -  -
  CNTPS_CTL_EL1    - -  -  ok   - -  -  ok
  CNTVOFF_EL2      - -  ok ok   - -  ok ok
  CNTKCTL_EL1      - ok ok ok   - ok ok ok
  PMCR_EL0         1 ok ok ok   1 ok ok ok
  PMCCNTR_EL0      1 ok ok ok   1 ok ok ok
  PMUSERENR_EL0    ok ok ok ok  - ok ok ok
  PMSWINC_EL0      x x  x  x    1 ok ok ok
  PMINTENSET_EL1   - ok ok ok   - ok ok ok
  MDSCR_EL1        - ok ok ok   - ok ok ok
  OSLAR_EL1        x x  x  x    - ok ok ok
  DBGBCR5_EL1      - ok ok ok   - ok ok ok
  ERRIDR_EL1       - ok ok ok   x x  x  x
  ERXPFGCTL_EL1    - ok ok ok   - ok ok ok
  DISR_EL1         - ok ok ok   - ok ok ok
  VDISR_EL2        - -  ok ok   - -  ok ok
  LORC_EL1         - ok ok ok   - ok ok ok`
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));

describe('who may', () => {
  for (const mode of ['interpreter', 'compiled'] as const) {
    const core = new RegisterCore('max', {}, mode);
    test.each(MATRIX)(`%s (${mode})`, (name, ...want) => {
      const got: string[] = [];
      for (const access of ['mrs', 'msr'] as const) {
        for (const el of [0, 1, 2, 3]) {
          const known = access === 'mrs' ? register(name!).readEl : register(name!).writeEl;
          openWorld(core);
          core.enter(el, el === 3 ? 0 : NS);
          const o = access === 'mrs' ? core.mrs(name!) : core.msr(name!, 0n);
          // A direction that does not exist is unallocated.
          got.push(known === null ? (o.kind === 'undefined' ? 'x' : '?') : short(o));
        }
      }
      expect(got).toEqual(want);
    });
  }
});

/** control, bit (`!`: when clear), from level, register, access: where it goes. */
const TRAPS = `
  HCR_EL2 26 1 SCTLR_EL1 w 2
  HCR_EL2 26 1 SCTLR_EL1 r ok
  HCR_EL2 26 1 TTBR0_EL1 w 2
  HCR_EL2 26 1 CONTEXTIDR_EL1 w 2
  HCR_EL2 26 1 VBAR_EL1 w ok
  HCR_EL2 26 1 ELR_EL1 w ok
  HCR_EL2 30 1 MAIR_EL1 r 2
  HCR_EL2 30 1 ESR_EL1 r 2
  HCR_EL2 30 1 ESR_EL1 w ok
  HCR_EL2 30 2 ESR_EL1 r ok
  HCR_EL2 16 1 REVIDR_EL1 r 2
  HCR_EL2 16 1 AIDR_EL1 r 2
  HCR_EL2 17 1 CTR_EL0 r 2
  HCR_EL2 17 1 CCSIDR_EL1 r 2
  HCR_EL2 17 1 CSSELR_EL1 w 2
  HCR_EL2 18 1 ID_AA64MMFR2_EL1 r 2
  HCR_EL2 18 1 ID_RES_C0_C7_7 r 2
  HCR_EL2 18 1 MVFR0_EL1 r 2
  HCR_EL2 18 1 MIDR_EL1 r ok
  HCR_EL2 18 2 ID_AA64PFR0_EL1 r ok
  HCR_EL2 49 1 CLIDR_EL1 r 2
  HCR_EL2 49 1 CTR_EL0 r ok
  HCR_EL2 21 1 ACTLR_EL1 w 2
  HCR_EL2 35 1 LORC_EL1 r 2
  HCR_EL2 36 1 ERRSELR_EL1 w 2
  HCR_EL2 36 1 DISR_EL1 r ok
  HCR_EL2 !40 1 APDBKeyHi_EL1 w 2
  HCR_EL2 !41 1 APDBKeyHi_EL1 w ok
  HCR_EL2 !47 1 ERXPFGF_EL1 r 2
  HCR_EL2 !53 1 SCXTNUM_EL1 r 2
  HCR_EL2 !53 0 SCXTNUM_EL0 r 2
  HCRX_EL2 !14 1 TCR2_EL1 w 2
  HCRX_EL2 !15 1 SCTLR2_EL1 r 2
  CPTR_EL2 31 1 CPACR_EL1 r 2
  CPTR_EL3 31 1 CPACR_EL1 r 3
  CPTR_EL3 31 2 CPTR_EL2 w 3
  CPTR_EL3 31 3 CPTR_EL2 w ok
  HFGRTR_EL2 29 1 SCTLR_EL1 r 2
  HFGRTR_EL2 29 1 SCTLR_EL1 w ok
  HFGWTR_EL2 29 1 SCTLR_EL1 w 2
  HFGWTR_EL2 33 1 TPIDR_EL1 w 2
  HFGWTR_EL2 35 0 TPIDR_EL0 w 2
  HFGRTR_EL2 25 1 MIDR_EL1 r 2
  HFGRTR_EL2 !58 1 PIR_EL1 r 2
  HFGWTR_EL2 !57 1 PIRE0_EL1 w 2
  HDFGRTR_EL2 4 1 MDSCR_EL1 r 2
  HDFGWTR_EL2 2 1 DBGWCR0_EL1 w 2
  HDFGRTR_EL2 15 1 PMCCNTR_EL0 r 2
  HDFGWTR_EL2 8 1 OSLAR_EL1 w 2
  SCR_EL3 14 1 LORID_EL1 r 3
  SCR_EL3 15 2 ERXFR_EL1 r 3
  SCR_EL3 !16 2 APGAKeyLo_EL1 w 3
  SCR_EL3 !21 1 ERXPFGCDN_EL1 w 3
  SCR_EL3 !25 0 SCXTNUM_EL0 r 3
  SCR_EL3 !27 2 HFGRTR_EL2 r 3
  SCR_EL3 !28 2 CNTPOFF_EL2 w 3
  SCR_EL3 !38 2 HCRX_EL2 w 3
  SCR_EL3 !38 1 TCR2_EL1 w 2
  SCR_EL3 !43 1 TCR2_EL1 r 3
  SCR_EL3 !43 2 TCR2_EL2 r 3
  SCR_EL3 !44 2 SCTLR2_EL2 w 3
  SCR_EL3 !45 1 PIR_EL1 r 3
  SCR_EL3 40 0 RNDR r 3
  SCR_EL3 40 3 RNDRRS r 3
  CNTHCTL_EL2 !0 1 CNTPCT_EL0 r 2
  CNTHCTL_EL2 !1 1 CNTP_CVAL_EL0 w 2
  CNTHCTL_EL2 13 1 CNTV_CTL_EL0 r 2
  CNTHCTL_EL2 14 1 CNTVCTSS_EL0 r 2
  MDCR_EL2 6 1 PMCNTENSET_EL0 w 2
  MDCR_EL2 5 1 PMCR_EL0 r 2
  MDCR_EL2 5 1 PMCCNTR_EL0 r ok
  MDCR_EL2 9 1 DBGBVR2_EL1 w 2
  MDCR_EL2 8 1 MDSCR_EL1 r 2
  MDCR_EL2 10 1 OSLSR_EL1 r 2
  MDCR_EL2 11 1 MDRAR_EL1 r 2
  MDCR_EL2 27 1 MDCCINT_EL1 r 2
  MDCR_EL3 6 2 PMCCFILTR_EL0 r 3
  MDCR_EL3 9 2 MDCR_EL2 r 3
  MDCR_EL3 10 1 OSDLR_EL1 w 3`
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/) as [string, string, string, string, string, string]);

describe('traps', () => {
  const core = new RegisterCore();
  test.each(TRAPS)('%s %s from EL%s: %s %s', (control, bit, el, name, access, want) => {
    openWorld(core);
    const mask = 1n << BigInt(bit.replace('!', ''));
    const old = core.reg(control);
    core.setReg(control, bit.startsWith('!') ? old & ~mask : old | mask);
    core.enter(Number(el), el === '3' ? 0 : NS);
    const o = access === 'r' ? core.mrs(name) : core.msr(name, 0n);
    expect(short(o)).toBe(want);
    if (o.kind !== 'trap') return;
    const [op0, op1, crn, crm, op2] = register(name).encoding;
    const iss =
      (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (3 << 5) | (crm << 1) | (access === 'r' ? 1 : 0);
    expect([o.ec, o.iss]).toEqual([0x18, iss]);
  });
  test('of EL2 do not act in Secure state without Secure EL2, those of EL3 do', () => {
    openWorld(core);
    core.setReg('SCR_EL3', core.reg('SCR_EL3') & ~1n);
    core.setReg('HCR_EL2', core.reg('HCR_EL2') | (1n << 26n));
    core.enter(1, 0);
    expect(short(core.msr('SCTLR_EL1', 0n))).toBe('ok');
    core.setReg('SCR_EL3', core.reg('SCR_EL3') | (1n << 18n));
    expect(short(core.msr('SCTLR_EL1', 0n))).toBe('2');
    core.setReg('CPTR_EL3', 1n << 31n);
    expect(short(core.mrs('CPACR_EL1'))).toBe('3');
  });
  test('fine-grained ones need SCR_EL3.FGTEn', () => {
    openWorld(core);
    core.setReg('HFGRTR_EL2', core.reg('HFGRTR_EL2') | (1n << 29n));
    core.setReg('SCR_EL3', core.reg('SCR_EL3') & ~(1n << 27n));
    core.enter(1, NS);
    expect(short(core.mrs('SCTLR_EL1'))).toBe('ok');
  });
  test('EL0 of the host is not the guest of anybody', () => {
    openWorld(core);
    core.setReg('HCR_EL2', core.reg('HCR_EL2') | (1n << 34n) | (1n << 27n) | (1n << 17n));
    core.setReg('HFGRTR_EL2', core.reg('HFGRTR_EL2') | (1n << 35n));
    core.enter(0, NS);
    expect(short(core.mrs('TPIDR_EL0'))).toBe('ok');
    expect(short(core.mrs('CTR_EL0'))).toBe('2');
    core.setReg('SCTLR_EL2', 1n << 15n);
    expect(short(core.mrs('CTR_EL0'))).toBe('ok');
  });
  test('TGE takes what would go to EL1', () => {
    openWorld(core);
    core.setReg('HCR_EL2', core.reg('HCR_EL2') | (1n << 27n));
    core.enter(0, NS);
    for (const name of ['CNTVCT_EL0', 'MIDR_EL1', 'PMCR_EL0', 'DAIF']) expect(short(core.mrs(name))).toBe('2');
  });
  test('without FEAT_IDST, ID registers are UNDEFINED at EL0', () => {
    const old = new RegisterCore('cortex-a72');
    old.enter(0, 1);
    expect(short(old.mrs('MIDR_EL1'))).toBe('-');
    expect(short(old.mrs('CTR_EL0'))).toBe('1');
  });
});

describe('names of EL1 at EL2 with E2H', () => {
  const core = new RegisterCore();
  const PAIRS: readonly (readonly [string, string])[] = [
    ['SCTLR', 'SCTLR'],
    ['CPACR', 'CPTR'],
    ['TTBR0', 'TTBR0'],
    ['TCR', 'TCR'],
    ['TCR2', 'TCR2'],
    ['MAIR', 'MAIR'],
    ['VBAR', 'VBAR'],
    ['ESR', 'ESR'],
    ['FAR', 'FAR'],
    ['ELR', 'ELR'],
    ['SPSR', 'SPSR'],
    ['CONTEXTIDR', 'CONTEXTIDR'],
    ['CNTKCTL', 'CNTHCTL'],
    ['SCXTNUM', 'SCXTNUM'],
  ];
  test.each(PAIRS)('%s_EL1 is %s_EL2, and has its own name', (one, two) => {
    openWorld(core);
    core.setReg('HCR_EL2', core.reg('HCR_EL2') | (1n << 34n));
    core.setReg(`${one}_EL1`, 0x100000n);
    core.setReg(`${two}_EL2`, 0x200000n);
    core.enter(2, NS);
    expect(core.mrs(`${one}_EL1`)).toEqual({ kind: 'done', value: 0x200000n });
    expect(core.mrs(`${one}_EL12`)).toEqual({ kind: 'done', value: 0x100000n });
    core.msr(`${one}_EL1`, 0n);
    core.msr(`${one}_EL12`, (1n << 64n) - 1n);
    expect(core.reg(`${two}_EL2`) & writableMask(register(`${two}_EL2`), core.cpuModel.features)).toBe(0n);
    expect(core.reg(`${one}_EL1`)).not.toBe(0x100000n);
    core.enter(3, 0);
    expect(core.mrs(`${one}_EL12`).kind).toBe('done');
    core.setReg('HCR_EL2', core.reg('HCR_EL2') & ~(1n << 34n));
    expect(core.mrs(`${one}_EL12`).kind).toBe('undefined');
  });
});
