/** Controls of EL2 (D24.2): routing, traps, fine-grained traps. */
import { Area, scrEnable, trap } from '../define.ts';
import { HDFGRTR, HDFGWTR, HFGITR, HFGRTR, HFGWTR } from './fine-grained.ts';

export const area = new Area('EL2 controls');

area.reg('HCR_EL2', [3, 4, 1, 1, 0], 'Hypervisor Configuration Register', {
  effect: 'world',
  reset: 0x80000000n,
  fields: `
    TTLBOS 55 ?EVT traps TLBI of the outer shareable domain at EL1
    TTLBIS 54 ?EVT traps TLBI of the inner shareable domain at EL1
    EnSCXT 53 ?CSV2_2 SCXTNUM registers at EL0 and EL1 do not trap
    TOCU 52 ?EVT traps cache maintenance to the Point of Unification
    TICAB 50 ?EVT traps IC IALLUIS
    TID4 49 ?EVT traps cache identification registers
    GPF 48 ?RME granule protection faults of EL0 and EL1 go to EL2
    FIEN 47 ?RAS fault injection registers do not trap
    FWB 46 ?S2FWB stage 2 forces write-back
    API 41 ?PAuth pointer authentication instructions do not trap
    APK 40 ?PAuth pointer authentication keys do not trap
    TEA 37 ?RAS synchronous external aborts go to EL2
    TERR 36 ?RAS traps error record registers
    TLOR 35 ?LOR traps LORegion registers
    E2H 34 ?VHE EL2 hosts an operating system
    ID 33 stage 2 instruction accesses not cacheable
    CD 32 stage 2 data accesses not cacheable
    RW 31 ro EL1 is AArch64
    TRVM 30 traps reads of virtual memory controls
    HCD 29 ?-EL3 HVC is UNDEFINED
    TDZ 28 traps DC ZVA
    TGE 27 exceptions of EL0 go to EL2
    TVM 26 traps writes of virtual memory controls
    TTLB 25 traps TLBI at EL1
    TPU 24 traps cache maintenance to the Point of Unification
    TPCP 23 traps cache maintenance to the Point of Coherency
    TSW 22 traps cache maintenance by set and way
    TACR 21 traps ACTLR_EL1
    TIDCP 20 traps IMPLEMENTATION DEFINED functionality
    TSC 19 traps SMC
    TID3 18 traps ID group 3
    TID2 17 traps ID group 2
    TID1 16 traps ID group 1
    TWE 14 traps WFE
    TWI 13 traps WFI
    DC 12 default cacheability
    BSU 11:10 least shareability of barriers
    FB 9 broadcast of TLB and instruction cache maintenance
    VSE 8 virtual SError pending
    VI 7 virtual IRQ pending
    VF 6 virtual FIQ pending
    AMO 5 SError goes to EL2
    IMO 4 IRQ goes to EL2
    FMO 3 FIQ goes to EL2
    PTW 2 stage 1 walks through Device memory fault
    SWIO 1 DC ISW acts as DC CISW
    VM 0 stage 2 of the EL1&0 regime`,
});
area.reg('HCRX_EL2', [3, 4, 1, 2, 2], 'Extended Hypervisor Configuration Register', {
  feature: 'HCX',
  traps: [scrEnable(38, [2])],
  effect: 'context',
  fields: `
    SCTLR2En 15 ?SCTLR2 SCTLR2_EL1 does not trap and is in effect
    TCR2En 14 ?TCR2 TCR2_EL1 does not trap and is in effect
    MSCEn 11 ?MOPS memory copy and set instructions at EL0 and EL1
    MCE2 10 ?MOPS memory copy and set exceptions of EL1 go to EL2
    CMOW 9 ?CMOW cache maintenance needs write permission at stage 2
    FGTnXS 4 ?XS fine-grained traps of TLBI do not cover nXS forms
    FnXS 3 ?XS TLBI and DSB of EL1 behave as nXS`,
});
area.reg('CPTR_EL2', [3, 4, 1, 1, 2], 'Architectural Feature Trap Register (EL2)', {
  traps: [trap('CPTR_EL3', 31, 3, { from: [2] })],
  read: 'cptr',
  effect: 'context',
  fields: `
    TCPAC 31 traps CPACR_EL1
    FPEN 21:20 with E2H: SIMD and floating point, as CPACR_EL1.FPEN
    TFP 10 without E2H: traps SIMD and floating point`,
});
area.reg('HSTR_EL2', [3, 4, 1, 1, 3], 'Hypervisor System Trap Register (AArch32 only)', { fields: '' });
area.reg('HACR_EL2', [3, 4, 1, 1, 7], 'Hypervisor Auxiliary Control Register', { fields: '' });

const FGT = { feature: 'FGT', traps: [scrEnable(27, [2])] };
area.reg('HFGRTR_EL2', [3, 4, 1, 1, 4], 'Hypervisor Fine-Grained Read Trap Register', { ...FGT, fields: HFGRTR });
area.reg('HFGWTR_EL2', [3, 4, 1, 1, 5], 'Hypervisor Fine-Grained Write Trap Register', { ...FGT, fields: HFGWTR });
area.reg('HFGITR_EL2', [3, 4, 1, 1, 6], 'Hypervisor Fine-Grained Instruction Trap Register', {
  ...FGT,
  effect: 'context',
  fields: HFGITR,
});
area.reg('HDFGRTR_EL2', [3, 4, 3, 1, 4], 'Hypervisor Debug Fine-Grained Read Trap Register', {
  ...FGT,
  fields: HDFGRTR,
});
area.reg('HDFGWTR_EL2', [3, 4, 3, 1, 5], 'Hypervisor Debug Fine-Grained Write Trap Register', {
  ...FGT,
  fields: HDFGWTR,
});
