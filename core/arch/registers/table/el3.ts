/** Controls of EL3 (D24.2): security state, traps. */
import { Area } from '../define.ts';

export const area = new Area('EL3 controls');

const RESET = 0x430n;
/** NS, HCE, ST, APK, API, FIEN, EnSCXT, FGTEn, ECVEn, HXEn, TCR2En, SCTLR2En, PIEn, AIEn, MECEn. */
const ENABLED = [0, 8, 11, 16, 17, 21, 25, 27, 28, 38, 43, 44, 45, 46, 49].reduce((v, b) => v | (1n << BigInt(b)), 0n);
area.reg('SCR_EL3', [3, 6, 1, 1, 0], 'Secure Configuration Register', {
  effect: 'world',
  // Without EL3 the value is what the rest of the architecture then assumes: Non-secure, everything enabled, nothing trapped.
  reset: (c) => (c.el3 ? RESET : RESET | ENABLED),
  fields: `
    NSE 62 ?RME with NS: security state below EL3
    MECEn 49 ?MEC MECID registers at EL2 do not trap
    GPF 48 ?RME granule protection faults go to EL3
    AIEn 46 ?AIE MAIR2 and AMAIR2 registers do not trap
    PIEn 45 ?S1PIE|S2PIE permission indirection registers do not trap
    SCTLR2En 44 ?SCTLR2 SCTLR2 registers do not trap
    TCR2En 43 ?TCR2 TCR2 registers do not trap
    TRNDR 40 ?RNG_TRAP traps RNDR and RNDRRS
    HXEn 38 ?HCX HCRX_EL2 does not trap and is in effect
    ECVEn 28 ?ECV_POFF CNTPOFF_EL2 does not trap and is in effect
    FGTEn 27 ?FGT fine-grained trap registers do not trap and are in effect
    EnSCXT 25 ?CSV2_2 SCXTNUM registers do not trap
    FIEN 21 ?RAS fault injection registers do not trap
    NMEA 20 ?DoubleFault SError not masked by PSTATE.A at EL3
    EASE 19 ?DoubleFault external aborts to EL3 use the SError vector
    EEL2 18 ?SEL2 Secure EL2 enabled
    API 17 ?PAuth pointer authentication instructions do not trap
    APK 16 ?PAuth pointer authentication keys do not trap
    TERR 15 ?RAS traps error record registers
    TLOR 14 ?LOR traps LORegion registers
    TWE 13 traps WFE
    TWI 12 traps WFI
    ST 11 Secure EL1 may use the secure timer
    RW 10 ro the next lower level is AArch64
    SIF 9 Secure state does not execute Non-secure memory
    HCE 8 HVC enabled
    SMD 7 SMC disabled
    RES1 5:4 ?- =1
    EA 3 external aborts and SError go to EL3
    FIQ 2 FIQ goes to EL3
    IRQ 1 IRQ goes to EL3
    NS 0 Non-secure state below EL3`,
});
area.reg('CPTR_EL3', [3, 6, 1, 1, 2], 'Architectural Feature Trap Register (EL3)', {
  effect: 'context',
  fields: `
    TCPAC 31 traps CPTR_EL2 and CPACR_EL1
    TFP 10 traps SIMD and floating point`,
});
area.reg('MDCR_EL3', [3, 6, 1, 3, 1], 'Monitor Debug Configuration Register (EL3)', {
  effect: 'debugControl',
  fields: `
    MPMX 35 ?PMUv3p7 counters of MDCR_EL2.HPMN up do not count at EL3
    MCCD 34 ?PMUv3p7 the cycle counter does not count at EL3
    MTPME 28 ?MTPMU
    TDCC 27 ?FGT traps the debug communication channel
    SCCD 23 ?PMUv3p5 the cycle counter does not count in Secure state
    EPMAD 21
    EDAD 20
    TTRF 19 ?TRF
    SPME 17 event counters count in Secure state
    SDD 16 software debug exceptions of Secure state disabled
    SPD32 15:14 ?-
    TDOSA 10 traps OS lock registers
    TDA 9 traps debug registers
    TPM 6 ?PMUv3 traps performance monitors`,
});
