/** Address translation (D24.2): tables, controls, attributes, permission indirection, result of AT, LORegions. */
import { Area, hcrxEnable, type RegisterSpec, scrEnable, trap, VM } from '../define.ts';

export const area = new Area('translation');

const TTBR: RegisterSpec = { effect: 'banks' };
area.reg('TTBR0_EL1', [3, 0, 2, 0, 0], 'Translation Table Base Register 0 (EL1)', {
  ...TTBR,
  vhe: 'TTBR0_EL2',
  traps: [VM],
  hfg: 36,
});
area.reg('TTBR1_EL1', [3, 0, 2, 0, 1], 'Translation Table Base Register 1 (EL1)', {
  ...TTBR,
  vhe: 'TTBR1_EL2',
  traps: [VM],
  hfg: 37,
});
area.reg('TTBR0_EL2', [3, 4, 2, 0, 0], 'Translation Table Base Register 0 (EL2)', TTBR);
area.reg('TTBR1_EL2', [3, 4, 2, 0, 1], 'Translation Table Base Register 1 (EL2)', { ...TTBR, feature: 'VHE' });
area.reg('TTBR0_EL3', [3, 6, 2, 0, 0], 'Translation Table Base Register 0 (EL3)', TTBR);

const TCR_TWO = `
    DS 59 ?LPA2 52-bit addresses with 4K and 16K granules
    E0PD1 56 ?E0PD EL0 access to the upper half faults
    E0PD0 55 ?E0PD EL0 access to the lower half faults
    NFD1 54 ?SVE
    NFD0 53 ?SVE
    TBID1 52 ?PAuth top byte ignored for data only, upper half
    TBID0 51 ?PAuth top byte ignored for data only, lower half
    HWU162 50 ?HPDS2
    HWU161 49 ?HPDS2
    HWU160 48 ?HPDS2
    HWU159 47 ?HPDS2
    HWU062 46 ?HPDS2
    HWU061 45 ?HPDS2
    HWU060 44 ?HPDS2
    HWU059 43 ?HPDS2
    HPD1 42 ?HPDS hierarchical permissions off, upper half
    HPD0 41 ?HPDS hierarchical permissions off, lower half
    HD 40 ?HAFDBS hardware dirty state
    HA 39 ?HAFDBS hardware access flag
    TBI1 38 top byte ignored, upper half
    TBI0 37 top byte ignored, lower half
    AS 36 ASIDs have 16 bits
    IPS 34:32 size of intermediate physical addresses
    TG1 31:30 granule, upper half
    SH1 29:28 shareability of walks, upper half
    ORGN1 27:26 outer cacheability of walks, upper half
    IRGN1 25:24 inner cacheability of walks, upper half
    EPD1 23 walks of the upper half fault
    A1 22 TTBR1 holds the ASID
    T1SZ 21:16 size of the upper half
    TG0 15:14 granule, lower half
    SH0 13:12 shareability of walks, lower half
    ORGN0 11:10 outer cacheability of walks, lower half
    IRGN0 9:8 inner cacheability of walks, lower half
    EPD0 7 walks of the lower half fault
    T0SZ 5:0 size of the lower half`;
const TCR_ONE = `
    DS 32 ?LPA2 52-bit addresses with 4K and 16K granules
    RES1 31 ?- =1
    TBID 29 ?PAuth top byte ignored for data only
    HWU62 28 ?HPDS2
    HWU61 27 ?HPDS2
    HWU60 26 ?HPDS2
    HWU59 25 ?HPDS2
    HPD 24 ?HPDS hierarchical permissions off
    RES1 23 ?- =1
    HD 22 ?HAFDBS hardware dirty state
    HA 21 ?HAFDBS hardware access flag
    TBI 20 top byte ignored
    PS 18:16 size of physical addresses
    TG0 15:14 granule
    SH0 13:12 shareability of walks
    ORGN0 11:10 outer cacheability of walks
    IRGN0 9:8 inner cacheability of walks
    T0SZ 5:0 size of the address space`;
area.reg('TCR_EL1', [3, 0, 2, 0, 2], 'Translation Control Register (EL1)', {
  vhe: 'TCR_EL2',
  traps: [VM],
  hfg: 32,
  effect: 'context',
  fields: TCR_TWO,
});
// Two layouts by HCR_EL2.E2H: that of TCR_EL1, and this one; what either has is kept.
area.reg('TCR_EL2', [3, 4, 2, 0, 2], 'Translation Control Register (EL2)', { effect: 'context' });
area.reg('TCR_EL3', [3, 6, 2, 0, 2], 'Translation Control Register (EL3)', {
  effect: 'context',
  fields: `
    HAFT 42 ?HAFT hardware access flag in tables
    AIE 37 ?AIE sixteen memory attributes
    PIE 35 ?S1PIE permission indirection${TCR_ONE}`,
});
area.reg('TCR2_EL1', [3, 0, 2, 0, 3], 'Extended Translation Control Register (EL1)', {
  feature: 'TCR2',
  vhe: 'TCR2_EL2',
  traps: [VM, hcrxEnable(14), scrEnable(43)],
  hfg: 32,
  effect: 'context',
  fields: `
    HAFT 11 ?HAFT hardware access flag in tables
    PTTWI 10 ?THE
    AIE 4 ?AIE sixteen memory attributes
    PIE 1 ?S1PIE permission indirection
    PnCH 0 ?THE`,
});
area.reg('TCR2_EL2', [3, 4, 2, 0, 3], 'Extended Translation Control Register (EL2)', {
  feature: 'TCR2',
  traps: [scrEnable(43, [2])],
  effect: 'context',
  fields: `
    AMEC1 13 ?MEC alternate MECID in descriptors, upper half
    AMEC0 12 ?MEC alternate MECID in descriptors, lower half
    HAFT 11 ?HAFT hardware access flag in tables
    PTTWI 10 ?THE
    AIE 4 ?AIE sixteen memory attributes
    PIE 1 ?S1PIE permission indirection
    PnCH 0 ?THE`,
});

area.reg('MAIR_EL1', [3, 0, 10, 2, 0], 'Memory Attribute Indirection Register (EL1)', {
  vhe: 'MAIR_EL2',
  traps: [VM],
  hfg: 24,
});
area.reg('MAIR_EL2', [3, 4, 10, 2, 0], 'Memory Attribute Indirection Register (EL2)');
area.reg('MAIR_EL3', [3, 6, 10, 2, 0], 'Memory Attribute Indirection Register (EL3)');
const AMAIR: RegisterSpec = { fields: '' };
area.reg('AMAIR_EL1', [3, 0, 10, 3, 0], 'Auxiliary Memory Attribute Indirection Register (EL1)', {
  ...AMAIR,
  vhe: 'AMAIR_EL2',
  traps: [VM],
  hfg: 3,
});
area.reg('AMAIR_EL2', [3, 4, 10, 3, 0], 'Auxiliary Memory Attribute Indirection Register (EL2)', AMAIR);
area.reg('AMAIR_EL3', [3, 6, 10, 3, 0], 'Auxiliary Memory Attribute Indirection Register (EL3)', AMAIR);

// FEAT_AIE: attributes 8 to 15.
for (const [el, op1, mair, amair] of [
  [1, 0, 2, 3],
  [2, 4, 1, 3],
  [3, 6, 1, 3],
] as const) {
  const guest = el === 1 ? { traps: [VM, scrEnable(46)] } : { traps: el === 2 ? [scrEnable(46, [2])] : [] };
  const spec = (vhe: string, hfg: number): RegisterSpec => ({
    feature: 'AIE',
    ...guest,
    ...(el === 1 ? { vhe, hfg } : {}),
  });
  const what = `Memory Attribute Indirection Register 2 (EL${el})`;
  area.reg(`MAIR2_EL${el}`, [3, op1, 10, mair, 1], what, spec('MAIR2_EL2', 62));
  area.reg(`AMAIR2_EL${el}`, [3, op1, 10, amair, 1], `Auxiliary ${what}`, { ...spec('AMAIR2_EL2', 63), fields: '' });
}

const PIE = { feature: 'S1PIE' };
area.reg('PIR_EL1', [3, 0, 10, 2, 3], 'Permission Indirection Register 1 (EL1)', {
  ...PIE,
  vhe: 'PIR_EL2',
  traps: [VM, scrEnable(45)],
  hfg: 58,
});
area.reg('PIRE0_EL1', [3, 0, 10, 2, 2], 'Permission Indirection Register 0 (EL1)', {
  ...PIE,
  vhe: 'PIRE0_EL2',
  traps: [VM, scrEnable(45)],
  hfg: 57,
});
area.reg('PIR_EL2', [3, 4, 10, 2, 3], 'Permission Indirection Register 2 (EL2)', {
  ...PIE,
  traps: [scrEnable(45, [2])],
});
area.reg('PIRE0_EL2', [3, 4, 10, 2, 2], 'Permission Indirection Register 0 (EL2)', {
  ...PIE,
  traps: [scrEnable(45, [2])],
});
area.reg('PIR_EL3', [3, 6, 10, 2, 3], 'Permission Indirection Register 3 (EL3)', PIE);
area.reg('S2PIR_EL2', [3, 4, 10, 2, 5], 'Stage 2 Permission Indirection Register (EL2)', {
  feature: 'S2PIE',
  traps: [scrEnable(45, [2])],
});

area.reg('VTTBR_EL2', [3, 4, 2, 1, 0], 'Virtualization Translation Table Base Register', { effect: 'banks' });
const VTCR = `
    HAFT 44 ?HAFT
    S2PIE 36 ?S2PIE permission indirection
    SL2 33 ?LPA2 level of the first look-up, with DS
    DS 32 ?LPA2 52-bit addresses with 4K and 16K granules
    RES1 31 ?- =1
    NSA 30 ?SEL2 Non-secure IPA space goes to Secure memory
    NSW 29 ?SEL2 walks for the Non-secure IPA space in Secure memory
    HWU62 28 ?HPDS2
    HWU61 27 ?HPDS2
    HWU60 26 ?HPDS2
    HWU59 25 ?HPDS2
    HD 22 ?HAFDBS hardware dirty state
    HA 21 ?HAFDBS hardware access flag
    VS 19 ?VMID16 VMIDs have 16 bits
    PS 18:16 size of physical addresses
    TG0 15:14 granule
    SH0 13:12 shareability of walks
    ORGN0 11:10 outer cacheability of walks
    IRGN0 9:8 inner cacheability of walks
    SL0 7:6 level of the first look-up
    T0SZ 5:0 size of the IPA space`;
area.reg('VTCR_EL2', [3, 4, 2, 1, 2], 'Virtualization Translation Control Register', {
  effect: 'context',
  fields: VTCR,
});
const SECURE2 = { feature: 'SEL2', undefined: 'secure' } as const;
area.reg('VSTTBR_EL2', [3, 4, 2, 6, 0], 'Virtualization Secure Translation Table Base Register', {
  ...SECURE2,
  effect: 'banks',
});
area.reg('VSTCR_EL2', [3, 4, 2, 6, 2], 'Virtualization Secure Translation Control Register', {
  ...SECURE2,
  effect: 'context',
  fields: `
    SL2 33 ?LPA2 level of the first look-up, with DS
    RES1 31 ?- =1
    SA 30 Secure IPA space goes to Non-secure memory
    SW 29 walks for the Secure IPA space in Non-secure memory
    TG0 15:14 granule
    SL0 7:6 level of the first look-up
    T0SZ 5:0 size of the IPA space`,
});

const CONTEXTIDR = { fields: 'PROCID 31:0 process identifier' };
area.reg('CONTEXTIDR_EL1', [3, 0, 13, 0, 1], 'Context ID Register (EL1)', {
  ...CONTEXTIDR,
  vhe: 'CONTEXTIDR_EL2',
  traps: [VM],
  hfg: 11,
});
area.reg('CONTEXTIDR_EL2', [3, 4, 13, 0, 1], 'Context ID Register (EL2)', { ...CONTEXTIDR, feature: 'VHE' });
area.reg('PAR_EL1', [3, 0, 7, 4, 0], 'Physical Address Register', { hfg: 27 });

// LORegions: four regions, four descriptors. Non-secure only: in other states they are UNDEFINED.
const LOR = (bit: number, fields: string): RegisterSpec => ({
  feature: 'LOR',
  traps: [trap('HCR_EL2', 35, 2), trap('SCR_EL3', 14, 3, { from: [1, 2] })],
  undefined: 'lor',
  hfg: bit,
  fields,
});
area.reg('LORSA_EL1', [3, 0, 10, 4, 0], 'LORegion Start Address', LOR(23, 'SA 47:16\nValid 0'));
area.reg('LOREA_EL1', [3, 0, 10, 4, 1], 'LORegion End Address', LOR(20, 'EA 47:16'));
area.reg('LORN_EL1', [3, 0, 10, 4, 2], 'LORegion Number', LOR(22, 'Num 1:0'));
area.reg('LORC_EL1', [3, 0, 10, 4, 3], 'LORegion Control', LOR(19, 'DS 3:2\nEN 0'));
area.reg('LORID_EL1', [3, 0, 10, 4, 7], 'LORegion ID', {
  feature: 'LOR',
  writeEl: null,
  traps: [trap('HCR_EL2', 35, 2), trap('SCR_EL3', 14, 3, { from: [1, 2] })],
  hfg: 21,
  reset: 0x40004n,
});
