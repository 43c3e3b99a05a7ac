/* What a hypervisor uses of EL2, RMM's and the host's alike: traps, syndromes, list registers, the state of EL1 (Arm ARM DDI 0487). */
#ifndef EL2_H
#define EL2_H

#include "arch.h"

/* HCR_EL2 (D24.2.53). */
#define HCR_VM BIT(0)
#define HCR_SWIO BIT(1)
#define HCR_PTW BIT(2)
#define HCR_FMO BIT(3)
#define HCR_IMO BIT(4)
#define HCR_AMO BIT(5)
#define HCR_FB BIT(9)
#define HCR_BSU_IS (1UL << 10)
#define HCR_TWI BIT(13)
#define HCR_TWE BIT(14)
#define HCR_TID1 BIT(16)
#define HCR_TID3 BIT(18)
#define HCR_TSC BIT(19)
#define HCR_TIDCP BIT(20)
#define HCR_TACR BIT(21)
#define HCR_TSW BIT(22)
#define HCR_RW BIT(31)
#define HCR_TLOR BIT(35)
#define HCR_TERR BIT(36)
#define HCR_TEA BIT(37)
#define HCR_APK BIT(40)
#define HCR_API BIT(41)
#define HCR_FWB BIT(46)
#define HCR_GPF BIT(48)

/* HCRX_EL2: memory copy instructions work at EL1, where the core has them. */
#define HCRX_MSCEN BIT(11)
static inline void hcrx_write(void) {
  if (has_hcx())
    write_sysreg(SYS_HCRX_EL2, FIELD(read_sysreg(SYS_ID_AA64ISAR2_EL1), 19, 16) ? HCRX_MSCEN : 0);
}

/* ESR_EL2 (D24.2.40): the class of an exception from a lower level. */
#define ESR_EC(esr) FIELD(esr, 31, 26)
enum {
  EC_WFX = 0x01,
  EC_FP = 0x07,
  EC_HVC = 0x16,
  EC_SMC = 0x17,
  EC_SYSREG = 0x18,
  EC_INSTRUCTION_ABORT = 0x20,
  EC_DATA_ABORT = 0x24,
};
#define ESR_IL BIT(25)
/* The syndrome of a data abort whose access can be emulated. */
#define ISS_ISV BIT(24)
#define ISS_SAS(iss) FIELD(iss, 23, 22)
#define ISS_SSE BIT(21)
#define ISS_SRT(iss) FIELD(iss, 20, 16)
#define ISS_SF BIT(15)
#define ISS_WNR BIT(6)
#define ISS_FSC(iss) FIELD(iss, 5, 0)

/* What a store of this syndrome writes, of its register's value. */
static inline u64 emulated_store(u64 iss, u64 value) {
  u64 bits = 8UL << ISS_SAS(iss);
  return bits == 64 ? value : value & ((1UL << bits) - 1);
}
/* What a load of this syndrome leaves in its register, of what was read. */
static inline u64 emulated_load(u64 iss, u64 value) {
  u64 bits = 8UL << ISS_SAS(iss);
  value = emulated_store(iss, value);
  if ((iss & ISS_SSE) && bits < 64)
    value = (u64)((s64)(value << (64 - bits)) >> (64 - bits));
  return iss & ISS_SF ? value : (u32)value;
}
/* HPFAR_EL2 holds bits [55:12] of the faulting IPA, the virtual address the rest. */
static inline u64 fault_ipa(void) {
  return FIELD(read_sysreg(hpfar_el2), 47, 4) << 12 | (read_sysreg(far_el2) & 0xfff);
}

/* A trapped MSR or MRS: the register, as the syndrome names it, Rt, the direction. */
#define SYSREG(op0, op1, crn, crm, op2) \
  ((u32)(op0) << 20 | (u32)(op2) << 17 | (u32)(op1) << 14 | (u32)(crn) << 10 | (u32)(crm) << 1)
#define SYSREG_OF_ISS(iss) ((u32)(iss) & 0x3ffc1e)
#define SYSREG_RT(iss) FIELD(iss, 9, 5)
#define SYSREG_READ BIT(0)

/* The state of a core at EL1, as it starts. */
#define SCTLR_EL1_RESET 0x30c50830UL
#define PSTATE_EL1H_MASKED 0x3c5UL

/* Registers of the EL1&0 regime (D13), without timers. */
#define EL1_REGISTERS(X) \
  X(sp_el0) \
  X(sp_el1) \
  X(elr_el1) \
  X(spsr_el1) \
  X(sctlr_el1) \
  X(cpacr_el1) \
  X(ttbr0_el1) \
  X(ttbr1_el1) \
  X(tcr_el1) \
  X(esr_el1) \
  X(afsr0_el1) \
  X(afsr1_el1) \
  X(far_el1) \
  X(mair_el1) \
  X(amair_el1) \
  X(vbar_el1) \
  X(contextidr_el1) \
  X(tpidr_el1) \
  X(tpidr_el0) \
  X(tpidrro_el0) \
  X(cntkctl_el1) \
  X(par_el1) \
  X(mdscr_el1) \
  X(csselr_el1)

/* Pointer authentication keys, where the core has them. */
#define KEY_REGISTERS(X) \
  X(apiakeylo_el1) \
  X(apiakeyhi_el1) \
  X(apibkeylo_el1) \
  X(apibkeyhi_el1) \
  X(apdakeylo_el1) \
  X(apdakeyhi_el1) \
  X(apdbkeylo_el1) \
  X(apdbkeyhi_el1) \
  X(apgakeylo_el1) \
  X(apgakeyhi_el1)

/* ICH_LR<n>_EL2 (IHI 0069, 12.4.8), 0 - 15: S3_4_C12_C12_<n>, from 8 on S3_4_C12_C13_<n - 8>. */
#define LIST_REGISTERS(X) \
  X(0, 12_0) \
  X(1, 12_1) \
  X(2, 12_2) \
  X(3, 12_3) \
  X(4, 12_4) \
  X(5, 12_5) \
  X(6, 12_6) \
  X(7, 12_7) \
  X(8, 13_0) \
  X(9, 13_1) \
  X(10, 13_2) \
  X(11, 13_3) \
  X(12, 13_4) \
  X(13, 13_5) \
  X(14, 13_6) \
  X(15, 13_7)

static inline u64 list_register_read(u32 n) {
  switch (n) {
#define X(i, name) \
  case i: \
    return read_sysreg(S3_4_C12_C##name);
    LIST_REGISTERS(X)
#undef X
  }
  return 0;
}

static inline void list_register_write(u32 n, u64 value) {
  switch (n) {
#define X(i, name) \
  case i: \
    write_sysreg(S3_4_C12_C##name, value); \
    break;
    LIST_REGISTERS(X)
#undef X
  }
}

/* How many ICH_AP0R<n>_EL2 and ICH_AP1R<n>_EL2 there are, by ICH_VTR_EL2.PREbits: 1, 2 or 4. */
static inline u32 active_priority_registers(void) {
  u32 bits = (u32)FIELD(read_sysreg(SYS_ICH_VTR_EL2), 28, 26) + 1;
  return bits > 5 ? 1U << (bits - 5) : 1;
}

#endif
