// SPDX-License-Identifier: Apache-2.0
// A million calls from EL1 to EL3, 500 of them, and eight milliseconds of rest in turns, so that whoever records them keeps up. Needs to be started at EL3.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

// The monitor, which answers every SMC with 0, and the way to EL1.
__asm__("  .balign 2048\n"
        "vectors:\n"
        "  .rept 8\n"
        "  b .\n"
        "  .balign 128\n"
        "  .endr\n"
        "  mov x0, #0\n"
        "  eret\n"
        "  .balign 2048\n"
        "to_el1:\n"
        "  adr x9, vectors\n"
        "  msr vbar_el3, x9\n"
        "  mov x9, #0x401\n" // SCR_EL3.{RW, NS}
        "  msr scr_el3, x9\n"
        "  mov x9, #0x80000000\n" // HCR_EL2.RW
        "  msr hcr_el2, x9\n"
        "  mov x9, #0x0800\n"
        "  movk x9, #0x30d0, lsl #16\n"
        "  msr sctlr_el1, x9\n"
        "  mov x9, sp\n"
        "  msr sp_el1, x9\n"
        "  msr elr_el3, x30\n"
        "  mov x9, #0x3c5\n"
        "  msr spsr_el3, x9\n"
        "  eret\n");
void to_el1(void);

#define BURSTS 2080
#define BURST 500
#define EVERY 8

// SMCCC_VERSION, PSCI_VERSION, PSCI_FEATURES, RMI_VERSION.
static const u64 functions[4] = {0x80000000, 0x84000000, 0x8400000a, 0xc4000150};

static void call(u64 function, u64 value) {
  register u64 x0 __asm__("x0") = function;
  register u64 x1 __asm__("x1") = value;
  __asm__ volatile("smc #0" : "+r"(x0) : "r"(x1) : "memory");
}

void main(void) {
  to_el1();
  u64 tick = READ(cntfrq_el0) * EVERY / 1000, made = 0;
  for (u64 n = 0; n < BURSTS; n++) {
    u64 due = READ(cntvct_el0) + tick;
    WRITE(cntv_cval_el0, due);
    WRITE(cntv_ctl_el0, 1);
    while ((long)(READ(cntvct_el0) - due) < 0)
      __asm__ volatile("wfi");
    for (u64 end = made + BURST; made < end; made++)
      call(functions[made % 4], made);
  }
  WRITE(cntv_ctl_el0, 0);
  puts("made ");
  put_number(made);
  puts(" calls\n");
}
