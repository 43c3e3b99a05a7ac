/* What each core keeps in RMM, and what RMM knows of all cores. */
#ifndef CPU_H
#define CPU_H

#define CPU_STACK_SIZE 0x4000
#define MAX_CPUS 32

#ifndef __ASSEMBLER__
#include "el2.h"
#include "lib.h"

/* Registers of the EL1&0 regime that a realm and the host each have. */
#define WORLD_REGISTERS(X) \
  EL1_REGISTERS(X) \
  X(actlr_el1) \
  X(cntp_ctl_el0) \
  X(cntp_cval_el0) \
  X(cntv_ctl_el0) \
  X(cntv_cval_el0)

struct el1_registers {
#define X(name) u64 name;
  WORLD_REGISTERS(X)
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
