// SPDX-License-Identifier: Apache-2.0
// Trips from EL1 to EL2 by HVC, from EL2 on to EL3 by SMC, and from EL1 to EL3 by SMC. Each level saves and restores
// all general registers; one call in sixteen saves and restores the system registers of the level below as well, as a
// hypervisor does between guests and a monitor between worlds. Needs to be started at EL3.
#include "../rt/rt.h"

const char bench_name[] = "worlds";
const u32 bench_rounds = 400000;

enum call { LIGHT = 1, FORWARD, FULL };

#define READ(register)                                                                                                 \
  ({                                                                                                                   \
    u64 value_;                                                                                                        \
    __asm__ volatile("mrs %0, " #register : "=r"(value_));                                                             \
    value_;                                                                                                            \
  })
#define WRITE(register, value) __asm__ volatile("msr " #register ", %0" ::"r"(value))

// clang-format off
#define EL1_CONTEXT(X) \
  X(spsr_el1) X(elr_el1) X(sctlr_el1) X(tcr_el1) X(cpacr_el1) X(csselr_el1) X(sp_el1) X(esr_el1) X(ttbr0_el1) \
  X(ttbr1_el1) X(mair_el1) X(amair_el1) X(tpidr_el1) X(tpidr_el0) X(tpidrro_el0) X(par_el1) X(far_el1) X(afsr0_el1) \
  X(afsr1_el1) X(contextidr_el1) X(vbar_el1) X(cntkctl_el1)
#define EL2_CONTEXT(X) \
  X(hcr_el2) X(vbar_el2) X(ttbr0_el2) X(tcr_el2) X(mair_el2) X(amair_el2) X(sctlr_el2) X(cptr_el2) X(mdcr_el2) \
  X(cnthctl_el2) X(cntvoff_el2) X(vttbr_el2) X(vtcr_el2) X(vpidr_el2) X(vmpidr_el2) X(hstr_el2) X(tpidr_el2) \
  X(esr_el2) X(far_el2) X(hpfar_el2) X(elr_el2) X(spsr_el2) X(sp_el2)
// clang-format on

#define SAVE_ONE(name) *at++ = READ(name);
#define RESTORE_ONE(name) WRITE(name, *at++);

static u64 el1_context[32], el2_context[32];
static u64 in_hypervisor, in_monitor;
u64 has_monitor; // set by el3_hook

static u64 smc(u64 number, u64 value) {
  register u64 x0 __asm__("x0") = number;
  register u64 x1 __asm__("x1") = value;
  __asm__ volatile("smc #0" : "+r"(x0) : "r"(x1) : "memory");
  return x0;
}

static u64 hvc(u64 number, u64 value) {
  register u64 x0 __asm__("x0") = number;
  register u64 x1 __asm__("x1") = value;
  __asm__ volatile("hvc #0" : "+r"(x0) : "r"(x1) : "memory");
  return x0;
}

// At EL3, for SMC from EL2 and EL1.
void monitor(struct frame *frame, u64 esr) {
  if (esr >> 26 != 0x17)
    die("EL3 was entered by something else");
  in_monitor++;
  if (frame->x[0] == FULL) {
    u64 *at = el2_context;
    EL2_CONTEXT(SAVE_ONE)
    at = el2_context;
    EL2_CONTEXT(RESTORE_ONE)
    __asm__ volatile("isb");
  }
  frame->x[0] = frame->x[1] * 3 + (frame->spsr & 0xf);
}

// At EL2, for HVC from EL1.
void hypervisor(struct frame *frame, u64 esr) {
  if (esr >> 26 != 0x16)
    die("EL2 was entered by something else");
  in_hypervisor++;
  u64 number = frame->x[0], result = frame->x[1] + (frame->spsr & 0xf);
  if (number == FULL) {
    u64 *at = el1_context;
    EL1_CONTEXT(SAVE_ONE)
    result = smc(FULL, result);
    at = el1_context;
    EL1_CONTEXT(RESTORE_ONE)
    __asm__ volatile("isb");
  } else if (number == FORWARD) {
    result = smc(FORWARD, result);
  }
  frame->x[0] = result;
}

void bench_setup(void) {
  if (!has_monitor)
    die("needs to be started at EL3");
}

u64 bench_run(u32 rounds) {
  u64 value = 1;
  in_hypervisor = in_monitor = 0;
  for (u32 round = 0; round < rounds; round++) {
    value = hvc(LIGHT, value);
    value = hvc(round & 3 ? FORWARD : FULL, value);
    value = smc(LIGHT, value);
    value = hvc(LIGHT, mix(value, round));
  }
  return mix(mix(value, in_hypervisor), in_monitor);
}
