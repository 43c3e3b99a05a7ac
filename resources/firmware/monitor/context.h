/*
 * What a core keeps for each world it leaves: general registers, the EL3 exit state and all EL2 system registers.
 * EL1, EL0 and SIMD registers are not banked by EL3: Realm EL2 uses none of them for itself, and RMM swaps them around
 * each entry into a realm (rmm/rec_run.c), so that they cost nothing in calls that only manage memory.
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#define FRAME_SP_EL0 248
#define FRAME_ELR 256
#define FRAME_SPSR 264
#define FRAME_STACK 272
#define FRAME_SIZE 288

#ifndef __ASSEMBLER__
#include "platform.h"

struct frame {
  u64 x[31];
  u64 sp_el0;
  u64 elr;
  u64 spsr;
  u64 stack;
  u64 padding;
};
static_assert(sizeof(struct frame) == FRAME_SIZE, "assembly and C disagree");
static_assert(offsetof(struct frame, stack) == FRAME_STACK, "assembly and C disagree");

enum world { WORLD_NS, WORLD_REALM, WORLDS };

/* EL2 registers that every core has: C name, assembler name. */
#define EL2_REGISTERS(X) \
  X(actlr, actlr_el2) \
  X(afsr0, afsr0_el2) \
  X(afsr1, afsr1_el2) \
  X(amair, amair_el2) \
  X(cnthctl, cnthctl_el2) \
  X(cntvoff, cntvoff_el2) \
  X(contextidr, contextidr_el2) \
  X(cptr, cptr_el2) \
  X(elr, elr_el2) \
  X(esr, esr_el2) \
  X(far, far_el2) \
  X(hacr, hacr_el2) \
  X(hcr, hcr_el2) \
  X(hpfar, hpfar_el2) \
  X(hstr, hstr_el2) \
  X(mair, mair_el2) \
  X(mdcr, mdcr_el2) \
  X(sctlr, sctlr_el2) \
  X(sp, sp_el2) \
  X(spsr, spsr_el2) \
  X(tcr, tcr_el2) \
  X(tpidr, tpidr_el2) \
  X(ttbr0, ttbr0_el2) \
  X(ttbr1, ttbr1_el2) \
  X(vbar, vbar_el2) \
  X(vmpidr, vmpidr_el2) \
  X(vpidr, vpidr_el2) \
  X(vtcr, vtcr_el2) \
  X(vttbr, vttbr_el2) \
  X(vdisr, vdisr_el2) \
  X(vsesr, vsesr_el2) \
  X(icc_sre, SYS_ICC_SRE_EL2) \
  X(ich_hcr, SYS_ICH_HCR_EL2) \
  X(ich_vmcr, SYS_ICH_VMCR_EL2)

/* EL2 registers of optional features: C name, assembler name, feature. */
#define EL2_OPTIONAL_REGISTERS(X) \
  X(hcrx, SYS_HCRX_EL2, FEATURE_HCX) \
  X(hfgrtr, SYS_HFGRTR_EL2, FEATURE_FGT) \
  X(hfgwtr, SYS_HFGWTR_EL2, FEATURE_FGT) \
  X(hfgitr, SYS_HFGITR_EL2, FEATURE_FGT) \
  X(hdfgrtr, SYS_HDFGRTR_EL2, FEATURE_FGT) \
  X(hdfgwtr, SYS_HDFGWTR_EL2, FEATURE_FGT) \
  X(hafgrtr, SYS_HAFGRTR_EL2, FEATURE_FGT_AMU) \
  X(hfgrtr2, SYS_HFGRTR2_EL2, FEATURE_FGT2) \
  X(hfgwtr2, SYS_HFGWTR2_EL2, FEATURE_FGT2) \
  X(hfgitr2, SYS_HFGITR2_EL2, FEATURE_FGT2) \
  X(hdfgrtr2, SYS_HDFGRTR2_EL2, FEATURE_FGT2) \
  X(hdfgwtr2, SYS_HDFGWTR2_EL2, FEATURE_FGT2) \
  X(sctlr2, SYS_SCTLR2_EL2, FEATURE_SCTLR2) \
  X(tcr2, SYS_TCR2_EL2, FEATURE_TCR2) \
  X(pir, SYS_PIR_EL2, FEATURE_S1PIE) \
  X(pire0, SYS_PIRE0_EL2, FEATURE_S1PIE) \
  X(por, SYS_POR_EL2, FEATURE_S1POE) \
  X(s2pir, SYS_S2PIR_EL2, FEATURE_S2PIE) \
  X(gcscr, SYS_GCSCR_EL2, FEATURE_GCS) \
  X(gcspr, SYS_GCSPR_EL2, FEATURE_GCS) \
  X(cntpoff, SYS_CNTPOFF_EL2, FEATURE_ECV) \
  X(scxtnum, SYS_SCXTNUM_EL2, FEATURE_CSV2_2) \
  X(zcr, SYS_ZCR_EL2, FEATURE_SVE) \
  X(smcr, SYS_SMCR_EL2, FEATURE_SME) \
  X(tfsr, SYS_TFSR_EL2, FEATURE_MTE)

enum {
  FEATURE_HCX = 1 << 0,
  FEATURE_FGT = 1 << 1,
  FEATURE_FGT_AMU = 1 << 2,
  FEATURE_FGT2 = 1 << 3,
  FEATURE_SCTLR2 = 1 << 4,
  FEATURE_TCR2 = 1 << 5,
  FEATURE_S1PIE = 1 << 6,
  FEATURE_S1POE = 1 << 7,
  FEATURE_S2PIE = 1 << 8,
  FEATURE_GCS = 1 << 9,
  FEATURE_ECV = 1 << 10,
  FEATURE_CSV2_2 = 1 << 11,
  FEATURE_SVE = 1 << 12,
  FEATURE_SME = 1 << 13,
  FEATURE_MTE = 1 << 14,
  FEATURE_MEC = 1 << 15,
  FEATURE_FPMR = 1 << 16,
  FEATURE_TWED = 1 << 17,
};

struct el2_registers {
#define X(name, ...) u64 name;
  EL2_REGISTERS(X)
  EL2_OPTIONAL_REGISTERS(X)
#undef X
};

struct world_context {
  struct frame frame;
  struct el2_registers el2;
  u64 scr;
};

enum cpu_state { CPU_OFF, CPU_ON_PENDING, CPU_ON };
enum rmm_state { RMM_NOT_BOOTED, RMM_BOOTING, RMM_READY, RMM_FAILED };

struct cpu {
  struct world_context world[WORLDS];
  u64 mpidr;
  u32 index;
  enum world current;
  /* PSCI: state and what the core does when it is turned on. */
  u32 state;
  u64 entry;
  u64 context_id;
  enum rmm_state rmm;
  u8 stack[STACK_SIZE] __attribute__((aligned(16)));
} __attribute__((aligned(64)));

extern struct cpu cpus[MAX_CPUS];
/* FEATURE_ bits of this machine's cores. */
extern u32 features;

static inline struct cpu *this_cpu(void) {
  struct cpu *cpu;
  __asm__ volatile("mrs %0, tpidr_el3" : "=r"(cpu));
  return cpu;
}

void features_detect(void);
/* Registers of EL3 that hold for both worlds. */
void el3_registers_init(void);
/* Fresh contexts; entry is in EL2 with the MMU off and interrupts masked. */
void context_init(struct cpu *cpu, enum world world, u64 entry);
/* Makes a world's registers the current ones without keeping those of the other. */
struct frame *world_load(struct cpu *cpu, enum world world);
/* Keeps the current world's registers, loads the other's; returns the frame to resume. */
struct frame *world_switch(struct cpu *cpu, enum world world);
NORETURN void frame_resume(struct frame *frame);
/* Gives the lower level that trapped an Undefined Instruction exception. */
void inject_undefined(struct frame *frame);
#endif

#endif
