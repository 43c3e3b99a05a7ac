import { describe, expect, test } from 'vitest';
import { cpuFeatures, cpuModels, featureNames } from '../../core/arch/features.ts';
import { idFields } from '../../core/arch/registers/id-fields.ts';
import { cpuOf } from '../../core/arch/registers/reset.ts';
import { qemuIds } from './qemu-ids.ts';
import { RegisterCore } from './support.ts';

/** Value of a field of a CPU's ID register. */
function field(id: ReadonlyMap<string, bigint>, register: string, lsb: number): number {
  return Number(((id.get(register) ?? 0n) >> BigInt(lsb)) & 15n);
}
const lsbOf = (register: string, name: string): number => idFields[register]!.find((f) => f.name === name)!.lsb;

/** What each feature of `max` makes a field say: written down from D24.2, not from the table under test. */
const SAYS: readonly (readonly [feature: string, register: string, lsb: number, without: number, having: number])[] = [
  ['EL2', 'ID_AA64PFR0_EL1', 8, 0, 1],
  ['EL3', 'ID_AA64PFR0_EL1', 12, 0, 1],
  ['FP16', 'ID_AA64PFR0_EL1', 16, 0, 1],
  ['FP16', 'ID_AA64PFR0_EL1', 20, 0, 1],
  ['GIC', 'ID_AA64PFR0_EL1', 24, 0, 1],
  ['RAS', 'ID_AA64PFR0_EL1', 28, 0, 2],
  ['RASv1p1', 'ID_AA64PFR0_EL1', 28, 1, 2],
  ['SEL2', 'ID_AA64PFR0_EL1', 36, 0, 1],
  ['DIT', 'ID_AA64PFR0_EL1', 48, 0, 1],
  ['RME', 'ID_AA64PFR0_EL1', 52, 0, 1],
  ['CSV2', 'ID_AA64PFR0_EL1', 56, 0, 2],
  ['CSV2_2', 'ID_AA64PFR0_EL1', 56, 1, 2],
  ['CSV3', 'ID_AA64PFR0_EL1', 60, 0, 1],
  ['BTI', 'ID_AA64PFR1_EL1', 0, 0, 1],
  ['SSBS', 'ID_AA64PFR1_EL1', 4, 0, 2],
  ['SSBS2', 'ID_AA64PFR1_EL1', 4, 1, 2],
  ['RNG_TRAP', 'ID_AA64PFR1_EL1', 28, 0, 1],
  ['Debugv8p4', 'ID_AA64DFR0_EL1', 0, 8, 9],
  ['PMUv3', 'ID_AA64DFR0_EL1', 8, 0, 7],
  ['PMUv3p7', 'ID_AA64DFR0_EL1', 8, 6, 7],
  ['AES', 'ID_AA64ISAR0_EL1', 4, 0, 2],
  ['PMULL', 'ID_AA64ISAR0_EL1', 4, 1, 2],
  ['SHA1', 'ID_AA64ISAR0_EL1', 8, 0, 1],
  ['SHA256', 'ID_AA64ISAR0_EL1', 12, 0, 2],
  ['SHA512', 'ID_AA64ISAR0_EL1', 12, 1, 2],
  ['CRC32', 'ID_AA64ISAR0_EL1', 16, 0, 1],
  ['LSE', 'ID_AA64ISAR0_EL1', 20, 0, 2],
  ['RDM', 'ID_AA64ISAR0_EL1', 28, 0, 1],
  ['SHA3', 'ID_AA64ISAR0_EL1', 32, 0, 1],
  ['SM3', 'ID_AA64ISAR0_EL1', 36, 0, 1],
  ['SM4', 'ID_AA64ISAR0_EL1', 40, 0, 1],
  ['DotProd', 'ID_AA64ISAR0_EL1', 44, 0, 1],
  ['FHM', 'ID_AA64ISAR0_EL1', 48, 0, 1],
  ['FlagM', 'ID_AA64ISAR0_EL1', 52, 0, 2],
  ['FlagM2', 'ID_AA64ISAR0_EL1', 52, 1, 2],
  ['TLBIOS', 'ID_AA64ISAR0_EL1', 56, 0, 2],
  ['TLBIRANGE', 'ID_AA64ISAR0_EL1', 56, 1, 2],
  ['RNG', 'ID_AA64ISAR0_EL1', 60, 0, 1],
  ['DPB', 'ID_AA64ISAR1_EL1', 0, 0, 2],
  ['DPB2', 'ID_AA64ISAR1_EL1', 0, 1, 2],
  ['JSCVT', 'ID_AA64ISAR1_EL1', 12, 0, 1],
  ['FCMA', 'ID_AA64ISAR1_EL1', 16, 0, 1],
  ['LRCPC', 'ID_AA64ISAR1_EL1', 20, 0, 2],
  ['LRCPC2', 'ID_AA64ISAR1_EL1', 20, 1, 2],
  ['PAuth', 'ID_AA64ISAR1_EL1', 28, 0, 1],
  ['FRINTTS', 'ID_AA64ISAR1_EL1', 32, 0, 1],
  ['SB', 'ID_AA64ISAR1_EL1', 36, 0, 1],
  ['SPECRES', 'ID_AA64ISAR1_EL1', 40, 0, 1],
  ['BF16', 'ID_AA64ISAR1_EL1', 44, 0, 1],
  ['DGH', 'ID_AA64ISAR1_EL1', 48, 0, 1],
  ['I8MM', 'ID_AA64ISAR1_EL1', 52, 0, 1],
  ['WFxT', 'ID_AA64ISAR2_EL1', 0, 0, 2],
  ['MOPS', 'ID_AA64ISAR2_EL1', 16, 0, 1],
  ['HBC', 'ID_AA64ISAR2_EL1', 20, 0, 1],
  ['CSSC', 'ID_AA64ISAR2_EL1', 52, 0, 1],
  ['ATS1A', 'ID_AA64ISAR2_EL1', 60, 0, 1],
  ['ASID16', 'ID_AA64MMFR0_EL1', 4, 0, 2],
  ['TGran16', 'ID_AA64MMFR0_EL1', 20, 0, 1],
  ['TGran64', 'ID_AA64MMFR0_EL1', 24, 15, 0],
  ['TGran4', 'ID_AA64MMFR0_EL1', 28, 15, 0],
  ['TGran16', 'ID_AA64MMFR0_EL1', 32, 1, 2],
  ['TGran64', 'ID_AA64MMFR0_EL1', 36, 1, 2],
  ['TGran4', 'ID_AA64MMFR0_EL1', 40, 1, 2],
  ['GTG', 'ID_AA64MMFR0_EL1', 32, 0, 2],
  ['GTG', 'ID_AA64MMFR0_EL1', 36, 0, 2],
  ['GTG', 'ID_AA64MMFR0_EL1', 40, 0, 2],
  ['LPA2', 'ID_AA64MMFR0_EL1', 20, 1, 2],
  ['LPA2', 'ID_AA64MMFR0_EL1', 28, 0, 1],
  ['LPA2', 'ID_AA64MMFR0_EL1', 40, 2, 3],
  ['LPA2', 'ID_AA64MMFR0_EL1', 0, 5, 6],
  ['FGT', 'ID_AA64MMFR0_EL1', 56, 0, 1],
  ['ECV', 'ID_AA64MMFR0_EL1', 60, 0, 2],
  ['ECV_POFF', 'ID_AA64MMFR0_EL1', 60, 1, 2],
  ['HAF', 'ID_AA64MMFR1_EL1', 0, 0, 2],
  ['HAFDBS', 'ID_AA64MMFR1_EL1', 0, 1, 2],
  ['VMID16', 'ID_AA64MMFR1_EL1', 4, 0, 2],
  ['VHE', 'ID_AA64MMFR1_EL1', 8, 0, 1],
  ['HPDS', 'ID_AA64MMFR1_EL1', 12, 0, 2],
  ['HPDS2', 'ID_AA64MMFR1_EL1', 12, 1, 2],
  ['LOR', 'ID_AA64MMFR1_EL1', 16, 0, 1],
  ['PAN', 'ID_AA64MMFR1_EL1', 20, 0, 3],
  ['PAN2', 'ID_AA64MMFR1_EL1', 20, 1, 3],
  ['PAN3', 'ID_AA64MMFR1_EL1', 20, 2, 3],
  ['XNX', 'ID_AA64MMFR1_EL1', 28, 0, 1],
  ['HCX', 'ID_AA64MMFR1_EL1', 40, 0, 1],
  ['TTCNP', 'ID_AA64MMFR2_EL1', 0, 0, 1],
  ['UAO', 'ID_AA64MMFR2_EL1', 4, 0, 1],
  ['IESB', 'ID_AA64MMFR2_EL1', 12, 0, 1],
  ['LVA', 'ID_AA64MMFR2_EL1', 16, 0, 1],
  ['CCIDX', 'ID_AA64MMFR2_EL1', 20, 0, 1],
  ['TTST', 'ID_AA64MMFR2_EL1', 28, 0, 1],
  ['LSE2', 'ID_AA64MMFR2_EL1', 32, 0, 1],
  ['IDST', 'ID_AA64MMFR2_EL1', 36, 0, 1],
  ['S2FWB', 'ID_AA64MMFR2_EL1', 40, 0, 1],
  ['TTL', 'ID_AA64MMFR2_EL1', 48, 0, 1],
  ['BBM', 'ID_AA64MMFR2_EL1', 52, 0, 2],
  ['EVT', 'ID_AA64MMFR2_EL1', 56, 0, 2],
  ['E0PD', 'ID_AA64MMFR2_EL1', 60, 0, 1],
  ['TCR2', 'ID_AA64MMFR3_EL1', 0, 0, 1],
  ['SCTLR2', 'ID_AA64MMFR3_EL1', 4, 0, 1],
  ['S1PIE', 'ID_AA64MMFR3_EL1', 8, 0, 1],
  ['S2PIE', 'ID_AA64MMFR3_EL1', 12, 0, 1],
  ['MEC', 'ID_AA64MMFR3_EL1', 28, 0, 1],
];

describe('feature registers', () => {
  test.each(SAYS)('%s in %s at %i', (feature, register, lsb, without, having) => {
    expect(field(cpuOf('max', { [feature]: true }).id, register, lsb)).toBe(having);
    expect(field(cpuOf('max', { [feature]: false }).id, register, lsb)).toBe(without);
  });
  test('every field of the table is tried, but for what is not in max or always there', () => {
    const tried = new Set(SAYS.map(([, register, lsb]) => `${register} ${lsb}`));
    const untried = Object.entries(idFields).flatMap(([register, fields]) =>
      fields.filter((f) => !tried.has(`${register} ${f.lsb}`)).map((f) => f.name),
    );
    expect(untried.sort()).toEqual(
      'AFP AIE APA APA3 API BRPs CMOW CTX_CMPs EL0 EL1 ExS GPA GPA3 SNSMem TIDCP1 WRPs'.split(' '),
    );
  });
  test('pointer authentication says which algorithm', () => {
    const ids = (options: Record<string, boolean>): number[] => {
      const { id } = cpuOf('max', options);
      return [
        field(id, 'ID_AA64ISAR1_EL1', lsbOf('ID_AA64ISAR1_EL1', 'APA')),
        field(id, 'ID_AA64ISAR1_EL1', lsbOf('ID_AA64ISAR1_EL1', 'API')),
        field(id, 'ID_AA64ISAR2_EL1', lsbOf('ID_AA64ISAR2_EL1', 'APA3')),
        field(id, 'ID_AA64ISAR1_EL1', 24),
        field(id, 'ID_AA64ISAR1_EL1', 28),
        field(id, 'ID_AA64ISAR2_EL1', 8),
      ];
    };
    const level = ids({})[1]!;
    expect(level).toBeGreaterThanOrEqual(4);
    expect(ids({})).toEqual([0, level, 0, 0, 1, 0]);
    expect(ids({ 'pauth-impdef': false })).toEqual([level, 0, 0, 1, 0, 0]);
    expect(ids({ 'pauth-qarma5': true })).toEqual([level, 0, 0, 1, 0, 0]);
    expect(ids({ 'pauth-qarma3': true })).toEqual([0, 0, level, 0, 0, 1]);
    expect(ids({ pauth: false })).toEqual([0, 0, 0, 0, 0, 0]);
    expect(ids({ FPAC: false })[1]).toBe(3);
    expect(ids({ PAuth2: false })[1]).toBe(2);
  });
  test('AArch32 exists nowhere, and nothing is big-endian', () => {
    for (const { name } of cpuModels) {
      const { id } = cpuOf(name);
      expect((id.get('ID_AA64PFR0_EL1') ?? 0n) & 0xffffn).toBe(0x1111n);
      expect(field(id, 'ID_AA64MMFR0_EL1', 8)).toBe(0);
      expect(field(id, 'ID_AA64MMFR0_EL1', 16)).toBe(0);
    }
  });
  test('all of the space reads as zero where nothing is, at EL1 and above', () => {
    const core = new RegisterCore();
    for (let crm = 1; crm <= 7; crm++) {
      for (let op2 = 0; op2 <= 7; op2++) {
        const word = 0xd5380003 | (crm << 8) | (op2 << 5);
        const name = Object.keys(idFields).find((n) => core.isWordOf(n, word));
        for (const el of [1, 2, 3]) {
          core.enter(el, el === 3 ? 0 : 1);
          expect(core.word(word)).toEqual({ kind: 'done', value: (name && core.cpuModel.id.get(name)) ?? 0n });
        }
      }
    }
  });
});

describe('models', () => {
  test('features imply what they need, and go with what they need', () => {
    expect(cpuFeatures('cortex-a72', { MEC: true }).has('HAFDBS')).toBe(true);
    const plain = cpuFeatures('max', { EL2: false });
    expect(plain.has('SEL2')).toBe(false);
    const lean = cpuFeatures('max', { HCX: false });
    for (const f of ['TCR2', 'SCTLR2', 'S1PIE', 'S2PIE', 'MOPS']) expect(lean.has(f)).toBe(false);
    expect(() => cpuFeatures('max', { NOSUCH: true })).toThrow('NOSUCH');
    expect(featureNames.has('pauth-impdef')).toBe(true);
  });
  test('machine without EL2 or EL3', () => {
    const id = (options: Record<string, boolean>): bigint => cpuOf('max', options).id.get('ID_AA64PFR0_EL1')!;
    expect((id({ has_el3: false }) >> 8n) & 0xffn).toBe(0x01n);
    expect((id({ has_el2: false }) >> 8n) & 0xffn).toBe(0x10n);
    expect(field(cpuOf('max', { has_el2: false }).id, 'ID_AA64MMFR1_EL1', 8)).toBe(0);
  });
});

// What QEMU 11.1 says, field by field; where it differs, why.
const REASONS: Readonly<Record<string, readonly [reason: string, fields: string]>> = {
  aarch32: ['AArch32 exists at no exception level', 'PFR0.0 PFR0.4 PFR0.8 PFR0.12 MMFR0.8'],
  later: [
    'SVE, SME, MTE, GCS, NV, NMI and other features that come with other issues or not at all',
    `PFR0.32 PFR1.8 PFR1.24 PFR1.36 PFR1.44 PFR1.52 PFR2.0 PFR2.4 PFR2.8 PFR2.32 MMFR2.24 MMFR4.8
     ISAR0.20 ISAR1.44 ISAR1.56 ISAR2.4 ISAR2.52 ISAR2.56 ISAR3.4 ISAR3.28 MMFR1.36 MMFR1.44 MMFR1.52 MMFR1.56
     MMFR3.24 MMFR3.60 DFR0.60`,
  ],
  csv: ['CSV2_3 is not implemented', 'PFR0.56'],
  debug: ['Debugv8p8 is not implemented', 'DFR0.0'],
  pmu: ['PMUv3p7 (RMM wants it), where QEMU has PMUv3p5', 'DFR0.8'],
  ccidx: ['FEAT_CCIDX is implemented', 'MMFR2.20'],
  rme: ['FEAT_RME_GPC2 is part of x-rme; GPC3 is not', 'PFR0.52'],
};
// QEMU's x-rme brings the registers of FEAT_MEC along; here they are asked for.
const MAX_OPTIONS = { 'x-rme': true, mec: true, lpa2: true };

describe('against QEMU 11.1', () => {
  const excused = new Map(
    Object.values(REASONS).flatMap(([why, list]) =>
      list
        .trim()
        .split(/\s+/)
        .map((f) => [f, why]),
    ),
  );
  const differing = (): string[] => {
    const { id } = cpuOf('max', MAX_OPTIONS);
    const list: string[] = [];
    for (const [register, theirs] of Object.entries(qemuIds['max,x-rme=on']!)) {
      const short = /^ID_AA64(PFR|DFR|ISAR|MMFR)(\d)_EL1$/.exec(register);
      if (!short) continue;
      for (let lsb = 0; lsb < 64; lsb += 4) {
        const name = `${short[1]}${short[2]}.${lsb}`;
        if (field(id, register, lsb) !== Number((theirs >> BigInt(lsb)) & 15n)) list.push(name);
      }
    }
    return list;
  };
  test('max differs only where there is a reason', () => {
    expect(differing().filter((f) => !excused.has(f))).toEqual([]);
  });
  test('each reason still holds', () => {
    const now = new Set(differing());
    expect([...excused.keys()].filter((f) => !now.has(f))).toEqual([]);
  });
  test('other registers of max', () => {
    const { id } = cpuOf('max', MAX_OPTIONS);
    const theirs = qemuIds['max,x-rme=on']!;
    for (const name of ['MIDR_EL1', 'DCZID_EL0', 'CNTFRQ_EL0', 'REVIDR_EL1', 'CLIDR_EL1', 'PMCR_EL0']) {
      expect([name, id.get(name)]).toEqual([name, theirs[name]]);
    }
    // CTR_EL0.DIC: fetches need IC here.
    expect(id.get('CTR_EL0')).toBe(theirs.CTR_EL0! & ~(1n << 29n));
  });
  test('cortex-a72: all but AArch32 and mixed endianness', () => {
    const { id } = cpuOf('cortex-a72');
    for (const [name, theirs] of Object.entries(qemuIds['cortex-a72']!)) {
      let want = theirs;
      if (/^ICH|^MEC|^GPC|^SCR|^MPIDR/.test(name)) continue;
      if (name === 'ID_AA64PFR0_EL1') want = (theirs & ~0xffffn) | 0x1111n;
      if (name === 'ID_AA64MMFR0_EL1') want = theirs & ~0xf00n;
      // The log shows the frequency as QEMU prints it, 62.5 MHz.
      expect([name, id.get(name) ?? 0n]).toEqual([name, want]);
    }
  });
});
