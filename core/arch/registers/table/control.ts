/** System control of EL1, EL2 and EL3 (D24.2): SCTLR, SCTLR2, ACTLR, CPACR. */
import { Area, hcrxEnable, scrEnable, trap, VM } from '../define.ts';

export const area = new Area('control');

/** What UNKNOWN bits read after reset: stack alignment checked, WFE and WFI of EL0 not trapped. */
const SCTLR_RESET = 0xc50838n;

area.reg('SCTLR_EL1', [3, 0, 1, 0, 0], 'System Control Register (EL1)', {
  vhe: 'SCTLR_EL2',
  traps: [VM],
  hfg: 29,
  effect: 'context',
  reset: SCTLR_RESET,
  fields: `
    TIDCP 63 ?TIDCP1 EL0 accesses to IMPLEMENTATION DEFINED functionality trap
    EPAN 57 ?PAN3 PAN considers execute-only pages of EL0
    DSSBS 44 ?SSBS PSTATE.SSBS on exception entry
    BT1 36 ?BTI PACIxSP at EL1 not a target of BR
    BT0 35 ?BTI PACIxSP at EL0 not a target of BR
    MSCEn 33 ?MOPS memory copy and set instructions at EL0
    CMOW 32 ?CMOW cache maintenance at EL0 needs write permission
    EnIA 31 ?PAuth authentication of instruction addresses, key A
    EnIB 30 ?PAuth authentication of instruction addresses, key B
    LSMAOE 29 ?- =1 load and store multiple atomicity (AArch32)
    nTLSMD 28 ?- =1 load and store multiple to Device memory (AArch32)
    EnDA 27 ?PAuth authentication of data addresses, key A
    UCI 26 cache maintenance at EL0
    EE 25 ?MixedEnd big-endian data at EL1
    E0E 24 ?MixedEnd big-endian data at EL0
    SPAN 23 ?PAN =1 PSTATE.PAN left as it is on exception entry
    EIS 22 ?ExS =1 exception entry synchronizes context
    IESB 21 ?IESB implicit error synchronization
    TSCXT 20 ?CSV2_2 =1 SCXTNUM_EL0 at EL0 traps
    WXN 19 writable memory is not executable
    nTWE 18 WFE at EL0 does not trap
    nTWI 16 WFI at EL0 does not trap
    UCT 15 CTR_EL0 readable at EL0
    DZE 14 DC ZVA at EL0
    EnDB 13 ?PAuth authentication of data addresses, key B
    I 12 instruction accesses cacheable
    EOS 11 ?ExS =1 exception return synchronizes context
    EnRCTX 10 ?SPECRES prediction restriction at EL0
    UMA 9 DAIF accessible at EL0
    SED 8 ?- =1 SETEND (AArch32)
    ITD 7 ?- =1 IT (AArch32)
    nAA 6 ?LSE2 some misaligned atomics do not fault
    SA0 4 SP alignment checked at EL0
    SA 3 SP alignment checked at EL1
    C 2 data accesses cacheable
    A 1 alignment of data accesses checked
    M 0 stage 1 of the EL1&0 regime`,
});
area.reg('SCTLR_EL2', [3, 4, 1, 0, 0], 'System Control Register (EL2)', {
  effect: 'context',
  reset: SCTLR_RESET,
  fields: `
    TIDCP 63 ?TIDCP1 EL0 accesses to IMPLEMENTATION DEFINED functionality trap (host)
    EPAN 57 ?PAN3 PAN considers execute-only pages of EL0 (E2H)
    DSSBS 44 ?SSBS PSTATE.SSBS on exception entry
    BT 36 ?BTI PACIxSP at EL2 not a target of BR
    BT0 35 ?BTI PACIxSP at EL0 not a target of BR (host)
    MSCEn 33 ?MOPS memory copy and set instructions at EL0 (host)
    CMOW 32 ?CMOW cache maintenance at EL0 needs write permission (host)
    EnIA 31 ?PAuth authentication of instruction addresses, key A
    EnIB 30 ?PAuth authentication of instruction addresses, key B
    LSMAOE 29 ?- =1 load and store multiple atomicity (AArch32)
    nTLSMD 28 ?- =1 load and store multiple to Device memory (AArch32)
    EnDA 27 ?PAuth authentication of data addresses, key A
    UCI 26 cache maintenance at EL0 (host)
    EE 25 ?MixedEnd big-endian data at EL2
    E0E 24 ?MixedEnd big-endian data at EL0 (host)
    SPAN 23 ?VHE =1 PSTATE.PAN left as it is on exception entry (E2H)
    EIS 22 ?ExS =1 exception entry synchronizes context
    IESB 21 ?IESB implicit error synchronization
    TSCXT 20 ?CSV2_2 SCXTNUM_EL0 at EL0 traps (host)
    WXN 19 writable memory is not executable
    nTWE 18 ?VHE =1 WFE at EL0 does not trap (host)
    nTWI 16 ?VHE =1 WFI at EL0 does not trap (host)
    UCT 15 CTR_EL0 readable at EL0 (host)
    DZE 14 DC ZVA at EL0 (host)
    EnDB 13 ?PAuth authentication of data addresses, key B
    I 12 instruction accesses cacheable
    EOS 11 ?ExS =1 exception return synchronizes context
    EnRCTX 10 ?SPECRES prediction restriction at EL0 (host)
    nAA 6 ?LSE2 some misaligned atomics do not fault
    CP15BEN 5 ?- =1 barriers (AArch32)
    SA0 4 ?VHE =1 SP alignment checked at EL0 (host)
    SA 3 SP alignment checked at EL2
    C 2 data accesses cacheable
    A 1 alignment of data accesses checked
    M 0 stage 1 of the EL2 or EL2&0 regime`,
});
area.reg('SCTLR_EL3', [3, 6, 1, 0, 0], 'System Control Register (EL3)', {
  effect: 'context',
  reset: SCTLR_RESET,
  fields: `
    DSSBS 44 ?SSBS PSTATE.SSBS on exception entry
    BT 36 ?BTI PACIxSP not a target of BR
    EnIA 31 ?PAuth authentication of instruction addresses, key A
    EnIB 30 ?PAuth authentication of instruction addresses, key B
    RES1 29:28 ?- =1
    EnDA 27 ?PAuth authentication of data addresses, key A
    EE 25 ?MixedEnd big-endian data
    RES1 23 ?- =1
    EIS 22 ?ExS =1 exception entry synchronizes context
    IESB 21 ?IESB implicit error synchronization
    WXN 19 writable memory is not executable
    RES1 18 ?- =1
    RES1 16 ?- =1
    EnDB 13 ?PAuth authentication of data addresses, key B
    I 12 instruction accesses cacheable
    EOS 11 ?ExS =1 exception return synchronizes context
    nAA 6 ?LSE2 some misaligned atomics do not fault
    RES1 5:4 ?- =1
    SA 3 SP alignment checked
    C 2 data accesses cacheable
    A 1 alignment of data accesses checked
    M 0 stage 1 of the EL3 regime`,
});

const SCTLR2 = `
    EASE 5 ?DoubleFault2 external aborts use the SError vector
    EnANERR 4 ?ANERR
    EnADERR 3 ?ADERR
    NMEA 2 ?DoubleFault2 SError not masked by PSTATE.A`;
area.reg('SCTLR2_EL1', [3, 0, 1, 0, 3], 'System Control Register 2 (EL1)', {
  feature: 'SCTLR2',
  vhe: 'SCTLR2_EL2',
  traps: [VM, hcrxEnable(15), scrEnable(44)],
  hfg: 29,
  effect: 'context',
  fields: SCTLR2,
});
area.reg('SCTLR2_EL2', [3, 4, 1, 0, 3], 'System Control Register 2 (EL2)', {
  feature: 'SCTLR2',
  traps: [scrEnable(44, [2])],
  effect: 'context',
  fields: `${SCTLR2}
    EMEC 1 ?MEC memory encryption contexts in Realm state`,
});
area.reg('SCTLR2_EL3', [3, 6, 1, 0, 3], 'System Control Register 2 (EL3)', {
  feature: 'SCTLR2',
  effect: 'context',
  fields: `
    EnANERR 4 ?ANERR
    EnADERR 3 ?ADERR
    EMEC 1 ?MEC memory encryption contexts in Realm memory`,
});

const AUXILIARY = { fields: '' } as const;
area.reg('ACTLR_EL1', [3, 0, 1, 0, 1], 'Auxiliary Control Register (EL1)', {
  ...AUXILIARY,
  traps: [trap('HCR_EL2', 21, 2)],
});
area.reg('ACTLR_EL2', [3, 4, 1, 0, 1], 'Auxiliary Control Register (EL2)', AUXILIARY);
area.reg('ACTLR_EL3', [3, 6, 1, 0, 1], 'Auxiliary Control Register (EL3)', AUXILIARY);

area.reg('CPACR_EL1', [3, 0, 1, 0, 2], 'Architectural Feature Access Control Register', {
  vhe: 'CPTR_EL2',
  traps: [trap('CPTR_EL2', 31, 2), trap('CPTR_EL3', 31, 3)],
  hfg: 12,
  effect: 'context',
  fields: `
    FPEN 21:20 SIMD and floating point: 0, 2 trap EL0 and EL1; 1 traps EL0; 3 traps none`,
});
