// SPDX-License-Identifier: Apache-2.0
// PSCI on the machine `virt` with two cores, from EL1 by HVC or from EL2 by SMC: what each call answers. The same program runs on QEMU, whose
// output is compared.
#include "guest.h"

static u64 level;
static volatile u64 seen[6];

static u64 call(u64 function, u64 a, u64 b, u64 c) {
  register u64 x0 __asm__("x0") = function;
  register u64 x1 __asm__("x1") = a;
  register u64 x2 __asm__("x2") = b;
  register u64 x3 __asm__("x3") = c;
  if (level == 1)
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
  else
    __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
  return x0;
}
// Return codes are 32 bits wide in some calls.
static void answer(const char *what, u64 value) {
  int code = (int)value;
  puts(what);
  puts(code < 0 ? " -" : " ");
  put_number((u64)(code < 0 ? -code : code));
  puts("\n");
}

void secondary(u64 context) {
  u64 el, daif;
  __asm__("mrs %0, CurrentEL\n mrs %1, daif" : "=r"(el), "=r"(daif));
  seen[1] = context;
  seen[2] = READ(mpidr_el1) & 0xffffff;
  seen[3] = el >> 2;
  seen[4] = daif >> 6;
  seen[5] = level == 2 ? READ(sctlr_el2) & 0x1005 : READ(sctlr_el1) & 0x1005;
  __asm__ volatile("dsb sy" ::: "memory");
  seen[0]++;
  call(0x84000002, 0, 0, 0);
  // Not reached.
  seen[0] = 99;
}

static void start_and_stop(u64 n) {
  answer("CPU_ON", call(0xc4000003, 1, (u64)start_secondary, 1));
  while (seen[0] < n) {
  }
  say("  context", seen[1]);
  say("  MPIDR", seen[2]);
  say("  exception level", seen[3]);
  say("  masked", seen[4]);
  say("  MMU, caches", seen[5]);
  while (call(0xc4000004, 1, 0, 0) != 1) {
  }
  answer("  off, then", call(0xc4000004, 1, 0, 0));
}

void main(void) {
  static const u32 functions[] = {0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003, 0xc4000003, 0x84000004, 0xc4000004,
                                  0x84000008, 0x84000009, 0x8400000a};
  level = first_core();
  say("exception level", level);
  say_hex("version", call(0x84000000, 0, 0, 0));
  for (u32 n = 0; n < sizeof functions / sizeof *functions; n++) {
    say_hex("function", functions[n]);
    answer("  features", call(0x8400000a, functions[n], 0, 0));
  }
  answer("features of what is no function", call(0x8400000a, 0x8400ffff, 0, 0));
  answer("what is no function", call(0x8400ffff, 0, 0, 0));
  answer("migration", call(0x84000006, 0, 0, 0));
  answer("core 0 is", call(0xc4000004, 0, 0, 0));
  answer("core 1 is", call(0xc4000004, 1, 0, 0));
  answer("core 7 is", call(0xc4000004, 7, 0, 0));
  answer("CPU_ON of core 0", call(0xc4000003, 0, (u64)start_secondary, 0));
  answer("CPU_ON of core 7", call(0xc4000003, 7, (u64)start_secondary, 0));
  start_and_stop(1);
  start_and_stop(2);
  // A timer that is due ends a suspension at once.
  gic_start(level);
  SGI(0, 0x100) = 1u << 27;
  WRITE(S3_0_C4_C6_0, 0xff);
  WRITE(S3_0_C12_C12_7, 1);
  WRITE(cntv_tval_el0, READ(cntfrq_el0) / 200);
  WRITE(cntv_ctl_el0, 1);
  answer("CPU_SUSPEND", call(0xc4000001, 0, 0, 0));
  say("the timer's condition", READ(cntv_ctl_el0) >> 2);
  WRITE(cntv_ctl_el0, 0);
  puts("SYSTEM_OFF\n");
  call(0x84000008, 0, 0, 0);
  puts("still on\n");
  leave(1);
}
