/* What each core keeps in RMM, and what RMM knows of all cores. */
#ifndef CPU_H
#define CPU_H

#define CPU_STACK_SIZE 0x4000
#define MAX_CPUS 32

#ifndef __ASSEMBLER__
#include "arch.h"
#include "lib.h"

/* Registers of the EL1&0 regime that a realm and the host each have (Arm ARM D13). */
#define EL1_REGISTERS(X) \
  X(sp_el0) \
  X(sp_el1) \
  X(elr_el1) \
  X(spsr_el1) \
  X(sctlr_el1) \
  X(actlr_el1) \
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
  X(csselr_el1) \
  X(cntp_ctl_el0) \
  X(cntp_cval_el0) \
  X(cntv_ctl_el0) \
  X(cntv_cval_el0)

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

struct el1_registers {
#define X(name) u64 name;
  EL1_REGISTERS(X)
  KEY_REGISTERS(X)
#undef X
};

#define MAX_BREAKPOINTS 16
struct debug_registers {
  u64 bcr[MAX_BREAKPOINTS];
  u64 bvr[MAX_BREAKPOINTS];
  u64 wcr[MAX_BREAKPOINTS];
  u64 wvr[MAX_BREAKPOINTS];
};

struct simd_registers {
  u8 v[32][16];
  u64 fpsr;
  u64 fpcr;
} __attribute__((aligned(16)));

/* The host's SIMD state at the longest vector length (2048 bits). */
#define SVE_MAX_BYTES 256
struct sve_registers {
  u8 z[32 * SVE_MAX_BYTES];
  u8 p[17 * SVE_MAX_BYTES / 8];
  u64 fpsr;
  u64 fpcr;
  u64 zcr_el2;
} __attribute__((aligned(16)));

struct gic_registers {
  u64 hcr;
  u64 vmcr;
  u64 misr;
  u64 ap0r[4];
  u64 ap1r[4];
  u64 lr[16];
};

struct rmi_rec_run;

struct cpu {
  u32 index;
  /* The context whose memory the MEC alias shows (mec.c). */
  u32 mecid;
  /* The host's registers while a realm runs. */
  struct el1_registers host_el1;
  struct debug_registers host_debug;
  struct gic_registers host_gic;
  union {
    struct simd_registers simd;
    struct sve_registers sve;
  } host;
  u8 run[4096] __attribute__((aligned(16)));
  u8 stack[CPU_STACK_SIZE] __attribute__((aligned(16)));
} __attribute__((aligned(64)));

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *this_cpu(void) {
  struct cpu *cpu;
  __asm__ volatile("mrs %0, tpidr_el2" : "=r"(cpu));
  return cpu;
}
#endif

#endif
