// SPDX-License-Identifier: Apache-2.0
// The PMU on the machine `virt`, from EL1 or EL2: what counts, when, and what overflows. The same program runs on QEMU, whose output is compared.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

static u64 level;

static void spin(void) {
  for (volatile int n = 0; n < 2000; n++) {
  }
}
static u64 pending(void) {
  __asm__ volatile("dsb sy" ::: "memory");
  return SGI(0, 0x200) >> 23 & 1;
}
static void increment(u64 counters, int times) {
  while (times--)
    WRITE(pmswinc_el0, counters);
}
static u64 counts(void) {
  u64 before = READ(pmccntr_el0);
  spin();
  return READ(pmccntr_el0) != before;
}

void main(void) {
  level = first_core();
  say("exception level", level);
  gic_start(level);
  if (level == 2) {
    // All counters are EL1's as well; EL2 counts.
    say("counters for EL1", READ(mdcr_el2) & 31);
  }
  say("event counters", READ(pmcr_el0) >> 11 & 31);
  say("software increments are there", READ(pmceid0_el0) & 1);
  say("cycles are there", READ(pmceid0_el0) >> 17 & 1);

  puts("cycle counter\n");
  // PMCR_EL0: E enables, P and C reset, LC makes the cycle counter overflow at 64 bits. NSH in the filters counts at EL2.
  WRITE(pmccfiltr_el0, 1 << 27);
  WRITE(pmcr_el0, 0x40);
  WRITE(pmcntenset_el0, 1UL << 31);
  say("  not enabled", counts());
  WRITE(pmcr_el0, 0x41);
  say("  enabled", counts());
  WRITE(pmcntenclr_el0, 1UL << 31);
  say("  stopped", counts());
  WRITE(pmccntr_el0, 0x123456789UL);
  say_hex("  written", READ(pmccntr_el0));
  WRITE(pmcr_el0, 0x45);
  say("  reset", READ(pmccntr_el0));
  say_hex("  control", READ(pmcr_el0) & 0xff);
  WRITE(pmccfiltr_el0, level == 1 ? 1UL << 31 : 0);
  WRITE(pmcntenset_el0, 1UL << 31);
  say("  not at this level", counts());
  WRITE(pmccfiltr_el0, 1 << 27);
  WRITE(pmccntr_el0, 0xffffffffUL - 10);
  spin();
  say("  beyond 32 bits", READ(pmccntr_el0) >> 32);
  say("  overflow", READ(pmovsset_el0) >> 31);
  WRITE(pmccntr_el0, ~10UL);
  spin();
  say("  beyond 64 bits", READ(pmccntr_el0) >> 32);
  say("  overflow", READ(pmovsset_el0) >> 31);
  say("  interrupt", pending());
  WRITE(pmintenset_el1, 1UL << 31);
  say("  enabled interrupt", pending());
  WRITE(pmovsclr_el0, 1UL << 31);
  say("  cleared", pending());
  WRITE(pmintenclr_el1, 1UL << 31);
  WRITE(pmcntenclr_el0, 1UL << 31);

  puts("software increments\n");
  WRITE(pmevtyper0_el0, 1 << 27);
  WRITE(pmevtyper1_el0, 1 << 27);
  WRITE(pmcr_el0, 0x43);
  increment(3, 5);
  say("  not enabled", READ(pmevcntr0_el0));
  WRITE(pmcntenset_el0, 3);
  say("  enabled", READ(pmcntenset_el0));
  increment(3, 5);
  increment(1, 2);
  say("  first", READ(pmevcntr0_el0));
  say("  second", READ(pmevcntr1_el0));
  WRITE(pmselr_el0, 1);
  say("  second, selected", READ(pmxevcntr_el0));
  WRITE(pmxevcntr_el0, 77);
  say("  written", READ(pmevcntr1_el0));
  WRITE(pmcr_el0, 0x43);
  say("  reset", READ(pmevcntr0_el0) + READ(pmevcntr1_el0));
  WRITE(pmevcntr0_el0, 0xfffffffe);
  WRITE(pmintenset_el1, 1);
  increment(1, 1);
  say("  before overflow", READ(pmovsset_el0) & 1);
  increment(1, 1);
  say("  after", READ(pmovsset_el0) & 1);
  say("  count", READ(pmevcntr0_el0));
  say("  interrupt", pending());
  WRITE(pmovsclr_el0, 1);
  say("  cleared", pending());
  WRITE(pmovsset_el0, 1);
  say("  set by hand", pending());
  WRITE(pmovsclr_el0, ~0UL);
  puts("done\n");
  leave(0);
}
