// SPDX-License-Identifier: Apache-2.0
// Three worlds on one UART, from EL3 with RME: monitor, Non-secure EL1 and Realm EL1 write pieces of lines in turn.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

#define SCR_RW (1UL << 10)
#define SCR_NS 1UL
#define SCR_NSE (1UL << 62)

// enter(scr, function, stack): runs the function at EL1 in the state that SCR_EL3 names, until its SMC.
__asm__("enter:\n"
        "  stp x29, x30, [sp, #-96]!\n"
        "  stp x19, x20, [sp, #16]\n"
        "  stp x21, x22, [sp, #32]\n"
        "  stp x23, x24, [sp, #48]\n"
        "  stp x25, x26, [sp, #64]\n"
        "  stp x27, x28, [sp, #80]\n"
        "  adr x9, vectors\n"
        "  msr vbar_el3, x9\n"
        "  mov x9, sp\n"
        "  msr tpidr_el3, x9\n"
        "  msr scr_el3, x0\n"
        "  isb\n"
        "  mov x9, #0x80000000\n"
        "  msr hcr_el2, x9\n"
        "  mov x9, #0x0800\n"
        "  movk x9, #0x30d0, lsl #16\n"
        "  msr sctlr_el1, x9\n"
        "  msr elr_el3, x1\n"
        "  msr sp_el1, x2\n"
        "  mov x9, #0x3c5\n"
        "  msr spsr_el3, x9\n"
        "  eret\n"
        "  .balign 2048\n"
        "vectors:\n"
        "  .rept 8\n"
        "  b .\n"
        "  .balign 128\n"
        "  .endr\n"
        // A synchronous exception of a lower level in AArch64: the SMC.
        "  mrs x9, tpidr_el3\n"
        "  mov sp, x9\n"
        "  ldp x19, x20, [sp, #16]\n"
        "  ldp x21, x22, [sp, #32]\n"
        "  ldp x23, x24, [sp, #48]\n"
        "  ldp x25, x26, [sp, #64]\n"
        "  ldp x27, x28, [sp, #80]\n"
        "  ldp x29, x30, [sp], #96\n"
        "  ret\n"
        "  .balign 2048\n");
void enter(u64 scr, void (*function)(void), void *stack);

static u8 stack[4096] __attribute__((aligned(16)));
static const char *text;

static void tell(void) {
  puts(text);
  __asm__ volatile("smc #0");
  __builtin_unreachable();
}
static void in(u64 world, const char *what) {
  text = what;
  enter(SCR_RW | world, tell, stack + sizeof stack);
}

void main(void) {
  for (int round = 0; round < 2; round++) {
    puts("moni");
    in(SCR_NS, "nor");
    in(SCR_NSE | SCR_NS, "rea");
    in(SCR_NS, "mal\n");
    puts("tor\n");
    in(SCR_NSE | SCR_NS, "lm\n");
  }
  leave(9);
}
