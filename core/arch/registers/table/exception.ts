/** Exceptions and PSTATE (D24.2, C5.2): syndromes, return state, vectors, thread identifiers, masks, RAS. */
import { Area, type RegisterSpec, scrEnable, trap, VM } from '../define.ts';

export const area = new Area('exceptions');

const SPSR: RegisterSpec = {
  fields: `
    N 31 negative
    Z 30 zero
    C 29 carry
    V 28 overflow
    DIT 24 ?DIT data independent timing
    UAO 23 ?UAO user access override
    PAN 22 ?PAN privileged access never
    SS 21 software step
    IL 20 illegal execution state
    SSBS 12 ?SSBS speculative store bypass safe
    BTYPE 11:10 ?BTI branch type
    D 9 debug exceptions masked
    A 8 SError masked
    I 7 IRQ masked
    F 6 FIQ masked
    M4 4 AArch32 state
    M 3:0 exception level and stack pointer`,
};
area.reg('SPSR_EL1', [3, 0, 4, 0, 0], 'Saved Program Status Register (EL1)', { ...SPSR, vhe: 'SPSR_EL2' });
area.reg('SPSR_EL2', [3, 4, 4, 0, 0], 'Saved Program Status Register (EL2)', SPSR);
area.reg('SPSR_EL3', [3, 6, 4, 0, 0], 'Saved Program Status Register (EL3)', SPSR);
// Of AArch32 modes: RES0, for EL1 is AArch64 only.
for (const [op2, mode] of ['irq', 'abt', 'und', 'fiq'].entries()) {
  area.reg(`SPSR_${mode}`, [3, 4, 4, 3, op2], `Saved Program Status Register (${mode} mode)`, { el: 2, fields: '' });
}
area.reg('ELR_EL1', [3, 0, 4, 0, 1], 'Exception Link Register (EL1)', { vhe: 'ELR_EL2' });
area.reg('ELR_EL2', [3, 4, 4, 0, 1], 'Exception Link Register (EL2)');
area.reg('ELR_EL3', [3, 6, 4, 0, 1], 'Exception Link Register (EL3)');
area.reg('SP_EL0', [3, 0, 4, 1, 0], 'Stack Pointer (EL0)', { el: 1, undefined: 'sp0' });
area.reg('SP_EL1', [3, 4, 4, 1, 0], 'Stack Pointer (EL1)', { el: 2 });
area.reg('SP_EL2', [3, 6, 4, 1, 0], 'Stack Pointer (EL2)', { el: 3 });
// Not accessible by name; slot 31 of the general registers is kept here while another stack pointer is in use.
const SYNDROME: RegisterSpec = {
  fields: `
    ISS2 55:32 more of the syndrome
    EC 31:26 exception class
    IL 25 32-bit instruction
    ISS 24:0 syndrome`,
};
area.reg('ESR_EL1', [3, 0, 5, 2, 0], 'Exception Syndrome Register (EL1)', {
  ...SYNDROME,
  vhe: 'ESR_EL2',
  traps: [VM],
  hfg: 16,
});
area.reg('ESR_EL2', [3, 4, 5, 2, 0], 'Exception Syndrome Register (EL2)', SYNDROME);
area.reg('ESR_EL3', [3, 6, 5, 2, 0], 'Exception Syndrome Register (EL3)', SYNDROME);
area.reg('FAR_EL1', [3, 0, 6, 0, 0], 'Fault Address Register (EL1)', { vhe: 'FAR_EL2', traps: [VM], hfg: 17 });
area.reg('FAR_EL2', [3, 4, 6, 0, 0], 'Fault Address Register (EL2)');
area.reg('FAR_EL3', [3, 6, 6, 0, 0], 'Fault Address Register (EL3)');
area.reg('HPFAR_EL2', [3, 4, 6, 0, 4], 'Hypervisor IPA Fault Address Register', {
  fields: `
    NS 63 ?SEL2 the address is of the Non-secure IPA space
    FIPA 47:4 faulting intermediate physical address, bits 55 to 12`,
});
for (const [n, bit] of [
  [0, 0],
  [1, 1],
] as const) {
  const op2 = n;
  area.reg(`AFSR${n}_EL1`, [3, 0, 5, 1, op2], `Auxiliary Fault Status Register ${n} (EL1)`, {
    vhe: `AFSR${n}_EL2`,
    traps: [VM],
    hfg: bit,
    fields: '',
  });
  area.reg(`AFSR${n}_EL2`, [3, 4, 5, 1, op2], `Auxiliary Fault Status Register ${n} (EL2)`, { fields: '' });
  area.reg(`AFSR${n}_EL3`, [3, 6, 5, 1, op2], `Auxiliary Fault Status Register ${n} (EL3)`, { fields: '' });
}
const VBAR: RegisterSpec = { fields: 'VBA 63:11 base address of the vectors' };
area.reg('VBAR_EL1', [3, 0, 12, 0, 0], 'Vector Base Address Register (EL1)', { ...VBAR, vhe: 'VBAR_EL2', hfg: 38 });
area.reg('VBAR_EL2', [3, 4, 12, 0, 0], 'Vector Base Address Register (EL2)', VBAR);
area.reg('VBAR_EL3', [3, 6, 12, 0, 0], 'Vector Base Address Register (EL3)', VBAR);
for (const [el, op1, feature] of [
  [1, 0, 'HighestEL1'],
  [2, 4, 'HighestEL2'],
  [3, 6, 'EL3'],
] as const) {
  area.reg(`RVBAR_EL${el}`, [3, op1, 12, 0, 1], `Reset Vector Base Address Register (EL${el})`, {
    feature,
    writeEl: null,
  });
}
area.reg('ISR_EL1', [3, 0, 12, 1, 0], 'Interrupt Status Register', {
  writeEl: null,
  read: 'interruptStatus',
  hfg: 18,
  fields: `
    A 8 SError pending
    I 7 IRQ pending
    F 6 FIQ pending`,
});

// Thread and process identifiers.
area.reg('TPIDR_EL0', [3, 3, 13, 0, 2], 'EL0 Software Thread ID', { hfg: 35 });
area.reg('TPIDRRO_EL0', [3, 3, 13, 0, 3], 'EL0 Read-Only Software Thread ID', { writeEl: 1, hfg: 34 });
area.reg('TPIDR_EL1', [3, 0, 13, 0, 4], 'EL1 Software Thread ID', { hfg: 33 });
area.reg('TPIDR_EL2', [3, 4, 13, 0, 2], 'EL2 Software Thread ID');
area.reg('TPIDR_EL3', [3, 6, 13, 0, 2], 'EL3 Software Thread ID');
const SCXTNUM = { feature: 'CSV2_2' };
area.reg('SCXTNUM_EL0', [3, 3, 13, 0, 7], 'EL0 Software Context Number', {
  ...SCXTNUM,
  traps: [
    trap('SCTLR_EL1', 20, 1, { from: [0], test: 'tscxt' }),
    trap('HCR_EL2', 53, 2, { on: 0, from: [0, 1], gates: ['guest'] }),
    scrEnable(25, [0, 1, 2]),
  ],
  hfg: 31,
});
area.reg('SCXTNUM_EL1', [3, 0, 13, 0, 7], 'EL1 Software Context Number', {
  ...SCXTNUM,
  vhe: 'SCXTNUM_EL2',
  traps: [trap('HCR_EL2', 53, 2, { on: 0 }), scrEnable(25)],
  hfg: 30,
});
area.reg('SCXTNUM_EL2', [3, 4, 13, 0, 7], 'EL2 Software Context Number', { ...SCXTNUM, traps: [scrEnable(25, [2])] });
area.reg('SCXTNUM_EL3', [3, 6, 13, 0, 7], 'EL3 Software Context Number', SCXTNUM);

// PSTATE.
area.reg('NZCV', [3, 3, 4, 2, 0], 'Condition flags', { el: 0, read: 'nzcv', effect: 'nzcv', fields: 'NZCV 31:28' });
area.reg('DAIF', [3, 3, 4, 2, 1], 'Interrupt masks', {
  el: 0,
  traps: [trap('SCTLR_EL1', 9, 1, { on: 0, from: [0], test: 'uma' })],
  read: 'daif',
  effect: 'daif',
  fields: 'D 9\nA 8\nI 7\nF 6',
});
area.reg('SPSel', [3, 0, 4, 2, 0], 'Stack pointer select', { el: 1, read: 'spsel', effect: 'spsel', fields: 'SP 0' });
area.reg('CurrentEL', [3, 0, 4, 2, 2], 'Current exception level', {
  el: 1,
  writeEl: null,
  read: 'currentEl',
  fields: 'EL 3:2',
});
const pstate = (name: string, encoding: [number, number, number, number, number], el: 0 | 1, bit: number): void =>
  area.reg(name, encoding, `PSTATE.${name}`, {
    feature: name,
    el,
    read: `pstate.${name}`,
    effect: `pstate.${name}`,
    fields: `${name} ${bit}`,
  });
pstate('PAN', [3, 0, 4, 2, 3], 1, 22);
pstate('UAO', [3, 0, 4, 2, 4], 1, 23);
pstate('DIT', [3, 3, 4, 2, 5], 0, 24);
pstate('SSBS', [3, 3, 4, 2, 6], 0, 12);
area.reg('FPCR', [3, 3, 4, 4, 0], 'Floating-point Control Register', {
  el: 0,
  fp: true,
  read: 'fpcr',
  effect: 'fpcr',
  fields: `
    AHP 26 alternative half precision
    DN 25 default NaN
    FZ 24 flushes denormals to zero
    RMode 23:22 rounding mode
    FZ16 19 ?FP16 flushes half-precision denormals to zero
    NEP 2 ?AFP scalar results keep the rest of the register
    AH 1 ?AFP alternate handling
    FIZ 0 ?AFP flushes denormal inputs to zero`,
});
area.reg('FPSR', [3, 3, 4, 4, 1], 'Floating-point Status Register', {
  el: 0,
  fp: true,
  read: 'fpsr',
  effect: 'fpsr',
  fields: `
    QC 27 saturation
    IDC 7 input denormal
    IXC 4 inexact
    UFC 3 underflow
    OFC 2 overflow
    DZC 1 division by zero
    IOC 0 invalid operation`,
});

// Reliability: no error records (ERRIDR_EL1.NUM = 0), so that those registers read as zero and ignore writes.
const ERROR = (bit: number | null, inject = false): RegisterSpec => ({
  feature: 'RAS',
  traps: inject
    ? [trap('HCR_EL2', 47, 2, { on: 0 }), trap('SCR_EL3', 21, 3, { on: 0 })]
    : [trap('HCR_EL2', 36, 2), trap('SCR_EL3', 15, 3)],
  ...(bit === null ? {} : { hfg: bit }),
  fields: '',
});
area.reg('ERRIDR_EL1', [3, 0, 5, 3, 0], 'Error Record ID Register', { ...ERROR(40), writeEl: null });
area.reg('ERRSELR_EL1', [3, 0, 5, 3, 1], 'Error Record Select Register', ERROR(41));
area.reg('ERXFR_EL1', [3, 0, 5, 4, 0], 'Selected Error Record Feature Register', { ...ERROR(42), writeEl: null });
area.reg('ERXCTLR_EL1', [3, 0, 5, 4, 1], 'Selected Error Record Control Register', ERROR(43));
area.reg('ERXSTATUS_EL1', [3, 0, 5, 4, 2], 'Selected Error Record Primary Status Register', ERROR(44));
area.reg('ERXADDR_EL1', [3, 0, 5, 4, 3], 'Selected Error Record Address Register', ERROR(49));
area.reg('ERXPFGF_EL1', [3, 0, 5, 4, 4], 'Selected Pseudo-fault Generation Feature Register', {
  ...ERROR(46, true),
  writeEl: null,
});
area.reg('ERXPFGCTL_EL1', [3, 0, 5, 4, 5], 'Selected Pseudo-fault Generation Control Register', ERROR(47, true));
area.reg('ERXPFGCDN_EL1', [3, 0, 5, 4, 6], 'Selected Pseudo-fault Generation Countdown Register', ERROR(48, true));
for (const n of [0, 1, 2, 3]) {
  area.reg(`ERXMISC${n}_EL1`, [3, 0, 5, 5, n], `Selected Error Record Miscellaneous Register ${n}`, ERROR(45));
}
const DISR = `
    A 31 an SError was deferred
    IDS 24 IMPLEMENTATION DEFINED syndrome
    ISS 23:0 syndrome`;
area.reg('DISR_EL1', [3, 0, 12, 1, 1], 'Deferred Interrupt Status Register', {
  feature: 'RAS',
  // At EL1 this may be VDISR_EL2, or nothing.
  read: 'disr',
  effect: 'disr',
  fields: DISR,
});
area.reg('VDISR_EL2', [3, 4, 12, 1, 1], 'Virtual Deferred Interrupt Status Register', { feature: 'RAS', fields: DISR });
area.reg('VSESR_EL2', [3, 4, 5, 2, 3], 'Virtual SError Exception Syndrome Register', {
  feature: 'RAS',
  fields: 'ISS 24:0 syndrome of the virtual SError',
});
