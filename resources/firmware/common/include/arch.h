/*
 * System registers, barriers, cache and TLB maintenance (Arm ARM DDI 0487).
 * Registers newer than the assembler's -march are named by their encoding, S<op0>_<op1>_C<n>_C<m>_<op2>.
 */
#ifndef ARCH_H
#define ARCH_H

#include "types.h"

#define SYS_SCTLR2_EL1 S3_0_C1_C0_3
#define SYS_SCTLR2_EL2 S3_4_C1_C0_3
#define SYS_TCR2_EL1 S3_0_C2_C0_3
#define SYS_TCR2_EL2 S3_4_C2_C0_3
#define SYS_PIRE0_EL1 S3_0_C10_C2_2
#define SYS_PIR_EL1 S3_0_C10_C2_3
#define SYS_POR_EL1 S3_0_C10_C2_4
#define SYS_S2POR_EL1 S3_0_C10_C2_5
#define SYS_POR_EL0 S3_3_C10_C2_4
#define SYS_PIRE0_EL2 S3_4_C10_C2_2
#define SYS_PIR_EL2 S3_4_C10_C2_3
#define SYS_POR_EL2 S3_4_C10_C2_4
#define SYS_S2PIR_EL2 S3_4_C10_C2_5
#define SYS_GCSCR_EL2 S3_4_C2_C5_0
#define SYS_GCSPR_EL2 S3_4_C2_C5_1
#define SYS_HCRX_EL2 S3_4_C1_C2_2
#define SYS_HFGRTR_EL2 S3_4_C1_C1_4
#define SYS_HFGWTR_EL2 S3_4_C1_C1_5
#define SYS_HFGITR_EL2 S3_4_C1_C1_6
#define SYS_HDFGRTR_EL2 S3_4_C3_C1_4
#define SYS_HDFGWTR_EL2 S3_4_C3_C1_5
#define SYS_HAFGRTR_EL2 S3_4_C3_C1_6
#define SYS_HFGRTR2_EL2 S3_4_C3_C1_2
#define SYS_HFGWTR2_EL2 S3_4_C3_C1_3
#define SYS_HDFGRTR2_EL2 S3_4_C3_C1_0
#define SYS_HDFGWTR2_EL2 S3_4_C3_C1_1
#define SYS_HFGITR2_EL2 S3_4_C3_C1_7
#define SYS_CNTPOFF_EL2 S3_4_C14_C0_6
#define SYS_SCXTNUM_EL2 S3_4_C13_C0_7
#define SYS_SCXTNUM_EL1 S3_0_C13_C0_7
#define SYS_SCXTNUM_EL0 S3_3_C13_C0_7
#define SYS_MPAM3_EL3 S3_6_C10_C5_0
#define SYS_ZCR_EL1 S3_0_C1_C2_0
#define SYS_ZCR_EL2 S3_4_C1_C2_0
#define SYS_ZCR_EL3 S3_6_C1_C2_0
#define SYS_SMCR_EL1 S3_0_C1_C2_6
#define SYS_SMCR_EL2 S3_4_C1_C2_6
#define SYS_SMCR_EL3 S3_6_C1_C2_6
#define SYS_SVCR S3_3_C4_C2_2
#define SYS_FPMR S3_3_C4_C4_2
#define SYS_TPIDR2_EL0 S3_3_C13_C0_5
#define SYS_TFSR_EL2 S3_4_C5_C6_0
#define SYS_GPTBR_EL3 S3_6_C2_C1_4
#define SYS_GPCCR_EL3 S3_6_C2_C1_6
#define SYS_MFAR_EL3 S3_6_C6_C0_5
#define SYS_SCTLR2_EL3 S3_6_C1_C0_3
#define SYS_MECID_RL_A_EL3 S3_6_C10_C10_1
#define SYS_MECIDR_EL2 S3_4_C10_C8_7
#define SYS_MECID_P0_EL2 S3_4_C10_C8_0
#define SYS_MECID_A0_EL2 S3_4_C10_C8_1
#define SYS_MECID_P1_EL2 S3_4_C10_C8_2
#define SYS_MECID_A1_EL2 S3_4_C10_C8_3
#define SYS_VMECID_P_EL2 S3_4_C10_C9_0
#define SYS_VMECID_A_EL2 S3_4_C10_C9_1
#define SYS_ICC_SRE_EL1 S3_0_C12_C12_5
#define SYS_ICC_SRE_EL2 S3_4_C12_C9_5
#define SYS_ICC_SRE_EL3 S3_6_C12_C12_5
#define SYS_ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define SYS_ICC_IGRPEN1_EL3 S3_6_C12_C12_7
#define SYS_ICC_IGRPEN0_EL1 S3_0_C12_C12_6
#define SYS_ICC_PMR_EL1 S3_0_C4_C6_0
#define SYS_ICC_HPPIR1_EL1 S3_0_C12_C12_2
#define SYS_ICC_IAR1_EL1 S3_0_C12_C12_0
#define SYS_ICC_EOIR1_EL1 S3_0_C12_C12_1
#define SYS_ICC_DIR_EL1 S3_0_C12_C11_1
#define SYS_ICC_CTLR_EL1 S3_0_C12_C12_4
#define SYS_ICC_BPR1_EL1 S3_0_C12_C12_3
#define SYS_ICH_HCR_EL2 S3_4_C12_C11_0
#define SYS_ICH_VTR_EL2 S3_4_C12_C11_1
#define SYS_ICH_MISR_EL2 S3_4_C12_C11_2
#define SYS_ICH_VMCR_EL2 S3_4_C12_C11_7
#define SYS_ICH_AP0R0_EL2 S3_4_C12_C8_0
#define SYS_ICH_AP0R1_EL2 S3_4_C12_C8_1
#define SYS_ICH_AP0R2_EL2 S3_4_C12_C8_2
#define SYS_ICH_AP0R3_EL2 S3_4_C12_C8_3
#define SYS_ICH_AP1R0_EL2 S3_4_C12_C9_0
#define SYS_ICH_AP1R1_EL2 S3_4_C12_C9_1
#define SYS_ICH_AP1R2_EL2 S3_4_C12_C9_2
#define SYS_ICH_AP1R3_EL2 S3_4_C12_C9_3
#define SYS_ID_AA64ZFR0_EL1 S3_0_C0_C4_4
#define SYS_ID_AA64SMFR0_EL1 S3_0_C0_C4_5
#define SYS_ID_AA64ISAR2_EL1 S3_0_C0_C6_2
#define SYS_ID_AA64ISAR3_EL1 S3_0_C0_C6_3
#define SYS_ID_AA64PFR2_EL1 S3_0_C0_C4_2
#define SYS_ID_AA64MMFR3_EL1 S3_0_C0_C7_3
#define SYS_ID_AA64MMFR4_EL1 S3_0_C0_C7_4
#define SYS_ID_AA64DFR2_EL1 S3_0_C0_C5_2

#ifndef __ASSEMBLER__
#define ARCH_STR_(x) #x
#define ARCH_STR(x) ARCH_STR_(x)

#define read_sysreg(name) \
  ({ \
    u64 value_; \
    __asm__ volatile("mrs %0, " ARCH_STR(name) : "=r"(value_)); \
    value_; \
  })
#define write_sysreg(name, value) __asm__ volatile("msr " ARCH_STR(name) ", %x0" : : "rZ"((u64)(value)))

#define isb() __asm__ volatile("isb" : : : "memory")
#define dsb(domain) __asm__ volatile("dsb " #domain : : : "memory")
#define dmb(domain) __asm__ volatile("dmb " #domain : : : "memory")
#define sev() __asm__ volatile("sev" : : : "memory")
#define wfe() __asm__ volatile("wfe" : : : "memory")
#define wfi() __asm__ volatile("wfi" : : : "memory")

/* Bytes of the smallest data cache line (CTR_EL0.DminLine counts 4-byte words). */
static inline u64 dcache_line_size(void) {
  return 4UL << FIELD(read_sysreg(ctr_el0), 19, 16);
}

#define FOR_EACH_LINE(address, base, size) \
  for (u64 line_ = dcache_line_size(), address = (u64)(base) & ~(line_ - 1); address < (u64)(base) + (size); address += line_)

static inline void dcache_clean_invalidate(const void *base, u64 size) {
  FOR_EACH_LINE(address, base, size) __asm__ volatile("dc civac, %0" : : "r"(address) : "memory");
  dsb(sy);
}

static inline u64 mpidr_affinity(void) {
  return read_sysreg(mpidr_el1) & 0xff00ffffffUL;
}

/* ID register questions used by more than one image. */
static inline bool has_mec(void) {
  return FIELD(read_sysreg(SYS_ID_AA64MMFR3_EL1), 31, 28) != 0;
}
static inline bool has_sctlr2(void) {
  return FIELD(read_sysreg(SYS_ID_AA64MMFR3_EL1), 7, 4) != 0;
}
static inline bool has_tcr2(void) {
  return FIELD(read_sysreg(SYS_ID_AA64MMFR3_EL1), 3, 0) != 0;
}
static inline bool has_s1pie(void) {
  return FIELD(read_sysreg(SYS_ID_AA64MMFR3_EL1), 11, 8) != 0;
}
static inline bool has_s2pie(void) {
  return FIELD(read_sysreg(SYS_ID_AA64MMFR3_EL1), 15, 12) != 0;
}
static inline bool has_s1poe(void) {
  return FIELD(read_sysreg(SYS_ID_AA64MMFR3_EL1), 19, 16) != 0;
}
static inline bool has_sve(void) {
  return FIELD(read_sysreg(id_aa64pfr0_el1), 35, 32) != 0;
}
static inline bool has_sme(void) {
  return FIELD(read_sysreg(id_aa64pfr1_el1), 27, 24) != 0;
}
static inline bool has_csv2_2(void) {
  return FIELD(read_sysreg(id_aa64pfr0_el1), 59, 56) >= 2;
}
static inline bool has_hcx(void) {
  return FIELD(read_sysreg(id_aa64mmfr1_el1), 43, 40) != 0;
}
static inline bool has_fgt(void) {
  return FIELD(read_sysreg(id_aa64mmfr0_el1), 59, 56) != 0;
}
static inline bool has_fgt2(void) {
  return FIELD(read_sysreg(id_aa64mmfr0_el1), 59, 56) >= 2;
}
static inline bool has_ecv_offset(void) {
  return FIELD(read_sysreg(id_aa64mmfr0_el1), 63, 60) >= 2;
}
static inline bool has_pauth(void) {
  u64 isar1 = read_sysreg(id_aa64isar1_el1);
  return FIELD(isar1, 11, 4) != 0 || FIELD(isar1, 31, 24) != 0 || FIELD(read_sysreg(SYS_ID_AA64ISAR2_EL1), 15, 8) != 0;
}
static inline bool has_rng(void) {
  return FIELD(read_sysreg(id_aa64isar0_el1), 63, 60) != 0;
}
#endif

#endif
