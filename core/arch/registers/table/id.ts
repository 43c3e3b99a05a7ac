/** Identification registers (D24.2): which CPU, which features (ID_*: values derive from `id-fields.ts`), caches. */
import { affinityOf } from '../affinity.ts';
import { Area, type RegisterSpec, trap } from '../define.ts';

export const area = new Area('identification');

const fromId =
  (name: string) =>
  (c: { readonly id: ReadonlyMap<string, bigint> }): bigint =>
    c.id.get(name) ?? 0n;
const TID = (bit: number): RegisterSpec => ({ idSpace: true, writeEl: null, traps: [trap('HCR_EL2', bit, 2)] });

area.reg('MIDR_EL1', [3, 0, 0, 0, 0], 'Main ID Register', {
  idSpace: true,
  writeEl: null,
  read: 'midr',
  hfg: 25,
  reset: fromId('MIDR_EL1'),
  fields: 'Implementer 31:24\nVariant 23:20\nArchitecture 19:16\nPartNum 15:4\nRevision 3:0',
});
area.reg('MPIDR_EL1', [3, 0, 0, 0, 5], 'Multiprocessor Affinity Register', {
  idSpace: true,
  writeEl: null,
  read: 'mpidr',
  hfg: 26,
  reset: (c) => 0x80000000n | BigInt(affinityOf(c.index)),
  fields: 'Aff3 39:32\nU 30 single processor\nMT 24 lowest level are threads\nAff2 23:16\nAff1 15:8\nAff0 7:0',
});
area.reg('REVIDR_EL1', [3, 0, 0, 0, 6], 'Revision ID Register', { ...TID(16), hfg: 28, reset: fromId('REVIDR_EL1') });
area.reg('AIDR_EL1', [3, 1, 0, 0, 7], 'Auxiliary ID Register', { ...TID(16), hfg: 2, fields: '' });

/** Names in the space of op0 = 3, op1 = 0, CRn = 0, CRm = 1 to 7; all others there read as zero. */
const NAMES: Record<number, readonly (string | null)[]> = {
  1: ['ID_PFR0', 'ID_PFR1', 'ID_DFR0', 'ID_AFR0', 'ID_MMFR0', 'ID_MMFR1', 'ID_MMFR2', 'ID_MMFR3'],
  2: ['ID_ISAR0', 'ID_ISAR1', 'ID_ISAR2', 'ID_ISAR3', 'ID_ISAR4', 'ID_ISAR5', 'ID_MMFR4', 'ID_ISAR6'],
  3: ['MVFR0', 'MVFR1', 'MVFR2', null, 'ID_PFR2', 'ID_DFR1', 'ID_MMFR5', null],
  4: ['ID_AA64PFR0', 'ID_AA64PFR1', 'ID_AA64PFR2', null, 'ID_AA64ZFR0', 'ID_AA64SMFR0', null, 'ID_AA64FPFR0'],
  5: ['ID_AA64DFR0', 'ID_AA64DFR1', 'ID_AA64DFR2', null, 'ID_AA64AFR0', 'ID_AA64AFR1', null, null],
  6: ['ID_AA64ISAR0', 'ID_AA64ISAR1', 'ID_AA64ISAR2', 'ID_AA64ISAR3', null, null, null, null],
  7: ['ID_AA64MMFR0', 'ID_AA64MMFR1', 'ID_AA64MMFR2', 'ID_AA64MMFR3', 'ID_AA64MMFR4', null, null, null],
};
for (const [crm, names] of Object.entries(NAMES)) {
  names.forEach((short, op2) => {
    const name = short === null ? `ID_RES_C0_C${crm}_${op2}` : `${short}_EL1`;
    const title = short === null ? 'Reserved, reads as zero' : `Feature register ${short}`;
    area.reg(name, [3, 0, 0, Number(crm), op2], title, { ...TID(18), el: 1, reset: fromId(name) });
  });
}

// Caches.
area.reg('CTR_EL0', [3, 3, 0, 0, 1], 'Cache Type Register', {
  writeEl: null,
  traps: [
    trap('SCTLR_EL1', 15, 1, { on: 0, from: [0], test: 'uct' }),
    trap('HCR_EL2', 17, 2, { from: [0, 1], gates: ['guest'] }),
  ],
  hfg: 14,
  reset: fromId('CTR_EL0'),
  fields: `
    TminLine 37:32
    DIC 29 instruction fetches need no IC
    IDC 28 instruction fetches need no DC
    CWG 27:24
    ERG 23:20
    DminLine 19:16 log2 words of a data cache line
    L1Ip 15:14
    IminLine 3:0 log2 words of an instruction cache line`,
});
area.reg('DCZID_EL0', [3, 3, 0, 0, 7], 'Data Cache Zero ID Register', {
  writeEl: null,
  read: 'dczid',
  hfg: 15,
  reset: fromId('DCZID_EL0'),
  fields: 'DZP 4 DC ZVA prohibited\nBS 3:0 log2 words of a block',
});
const CACHE_ID: RegisterSpec = {
  idSpace: true,
  writeEl: null,
  traps: [trap('HCR_EL2', 17, 2), trap('HCR_EL2', 49, 2)],
};
area.reg('CCSIDR_EL1', [3, 1, 0, 0, 0], 'Current Cache Size ID Register', { ...CACHE_ID, read: 'ccsidr', hfg: 9 });
area.reg('CCSIDR2_EL1', [3, 1, 0, 0, 2], 'Current Cache Size ID Register 2', {
  ...CACHE_ID,
  feature: 'CCIDX',
  read: 'ccsidr2',
});
area.reg('CLIDR_EL1', [3, 1, 0, 0, 1], 'Cache Level ID Register', {
  ...CACHE_ID,
  hfg: 10,
  reset: fromId('CLIDR_EL1'),
});
area.reg('CSSELR_EL1', [3, 2, 0, 0, 0], 'Cache Size Selection Register', {
  traps: [trap('HCR_EL2', 17, 2), trap('HCR_EL2', 49, 2)],
  hfg: 13,
  fields: 'Level 3:1 cache level\nInD 0 instruction cache',
});

// What EL1 sees of MIDR and MPIDR when EL2 is enabled.
area.reg('VPIDR_EL2', [3, 4, 0, 0, 0], 'Virtualization Processor ID Register', {
  fields: 'VPIDR 31:0',
  reset: fromId('MIDR_EL1'),
});
area.reg('VMPIDR_EL2', [3, 4, 0, 0, 5], 'Virtualization Multiprocessor ID Register', {
  fields: 'Aff3 39:32\nRES1 31 ?- =1\nU 30\nMT 24\nAff2 23:16\nAff1 15:8\nAff0 7:0',
  reset: (c) => 0x80000000n | BigInt(affinityOf(c.index)),
});
