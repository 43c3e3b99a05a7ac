// SPDX-License-Identifier: Apache-2.0
// Runs wild, without vectors: what it does follows from the command line's last letter.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

__asm__(".balign 2048\n"
        "bad_vectors:\n"
        "  .rept 16\n"
        "  .balign 128\n"
        "  str x0, [sp, #-16]!\n"
        "  b handler\n"
        "  .endr\n"
        "handler:\n"
        "  mov x1, xzr\n"
        "  ldr x1, [x1]\n"
        "  eret\n");
extern char bad_vectors[];

void main(void) {
  static char text[64];
  u64 line[2] = {(u64)text, sizeof text};
  semihost(0x15, line);
  puts("here we go\n");
  switch (text[line[1] - 1]) {
  case 'j': // a jump to where nothing is
    ((void (*)(void))0x123450)();
    break;
  case 'u': // an undefined instruction
    __asm__ volatile("udf #0");
    break;
  case 'h': // a handler that faults, and faults again
    __asm__ volatile("msr vbar_el1, %0\n isb\n udf #0" ::"r"(bad_vectors));
    break;
  default: // no end, but nothing wrong
    for (;;)
      __asm__ volatile("wfi");
  }
}
