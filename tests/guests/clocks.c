// SPDX-License-Identifier: Apache-2.0
// Generic timers on the machine `virt`, from EL1, EL2 or EL3, by polling: what counters, conditions and interrupts do. The same program runs on
// QEMU, whose output is compared; so it prints what must be, never how long something took.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

static u64 level, frequency;

static u64 pending(u32 intid) {
  __asm__ volatile("dsb sy" ::: "memory");
  return SGI(0, 0x200) >> intid & 1;
}

// A timer by the names of its registers, its compare value against its counter, and its interrupt.
#define TIMER(what, ctl, cval, tval, counter, intid)                                                                   \
  do {                                                                                                                 \
    puts(what "\n");                                                                                                   \
    WRITE(ctl, 0);                                                                                                     \
    WRITE(cval, ~0UL);                                                                                                 \
    WRITE(ctl, 1);                                                                                                     \
    say("  far in the future: control", READ(ctl));                                                                    \
    say("  pending", pending(intid));                                                                                  \
    WRITE(cval, 0);                                                                                                    \
    say("  long past: control", READ(ctl));                                                                            \
    say("  pending", pending(intid));                                                                                  \
    WRITE(ctl, 3);                                                                                                     \
    say("  masked: control", READ(ctl));                                                                               \
    say("  pending", pending(intid));                                                                                  \
    WRITE(ctl, 1);                                                                                                     \
    WRITE(cval, READ(counter) + 60 * frequency);                                                                       \
    say("  put off: control", READ(ctl));                                                                              \
    say("  pending", pending(intid));                                                                                  \
    WRITE(tval, -1);                                                                                                   \
    say("  one tick ago: control", READ(ctl));                                                                         \
    say("  compare value is not ahead", (long)(READ(cval) - READ(counter)) <= 0);                                      \
    say("  and not far behind", (long)(READ(counter) - READ(cval)) < (long)(60 * frequency));                          \
    say("  remaining is negative", READ(tval) >> 31 & 1);                                                              \
    WRITE(ctl, 0);                                                                                                     \
    say("  off: pending", pending(intid));                                                                             \
    u64 start = READ(counter);                                                                                         \
    WRITE(tval, frequency / 500);                                                                                      \
    WRITE(ctl, 1);                                                                                                     \
    while (!(READ(ctl) & 4)) {                                                                                         \
    }                                                                                                                  \
    say("  not early", READ(counter) - start >= frequency / 500);                                                      \
    /* The interrupt follows the condition in finite time. */                                                          \
    while (!pending(intid)) {                                                                                          \
    }                                                                                                                  \
    say("  pending", pending(intid));                                                                                  \
    WRITE(ctl, 0);                                                                                                     \
  } while (0)

// An interrupt that is masked in PSTATE ends WFI all the same.
static void wait(void) {
  puts("WFI ends with a masked interrupt\n");
  SGI8(0, 0x400 + 27) = 0x80;
  SGI(0, 0x100) = 1u << 27;
  u64 start = READ(cntvct_el0);
  WRITE(cntv_tval_el0, frequency / 200);
  WRITE(cntv_ctl_el0, 1);
  while (!(READ(cntv_ctl_el0) & 4))
    __asm__ volatile("wfi" ::: "memory");
  say("  not early", READ(cntvct_el0) - start >= frequency / 200);
  WRITE(cntv_ctl_el0, 0);
  SGI(0, 0x180) = 1u << 27;
}

void main(void) {
  level = first_core();
  say("exception level", level);
  gic_start(level);
  // The CPU interface hands nothing on until it is told to; WFI wants it.
  WRITE(S3_0_C4_C6_0, 0xff);
  WRITE(S3_0_C12_C12_7, 1);
  if (level == 3) {
    // What firmware sets.
    WRITE(cntfrq_el0, 62500000);
    say("frequency as it was set", READ(cntfrq_el0));
    WRITE(cntfrq_el0, 1000000000);
  }
  frequency = READ(cntfrq_el0);
  say("frequency", frequency);
  u64 a = READ(cntpct_el0), b = READ(cntpct_el0), c = READ(cntpct_el0);
  say("physical count goes up", a <= b && b <= c && READ(cntpct_el0) >= c);
  if (level >= 2) {
    WRITE(cntvoff_el2, 0x123456789abUL);
    a = READ(cntvct_el0);
    b = READ(cntpct_el0);
    // VHE's hosts see no offset; this one is none.
    say("virtual count is behind by its offset", b - a >= 0x123456789abUL && b - a < 0x123456789abUL + 600 * frequency);
    WRITE(cntvoff_el2, 0);
  }
  a = READ(cntvct_el0);
  b = READ(cntpct_el0);
  say("virtual count is the physical one", b - a < 600 * frequency);
  TIMER("physical timer", cntp_ctl_el0, cntp_cval_el0, cntp_tval_el0, cntpct_el0, 30);
  TIMER("virtual timer", cntv_ctl_el0, cntv_cval_el0, cntv_tval_el0, cntvct_el0, 27);
  if (level >= 2) {
    TIMER("hypervisor's physical timer", cnthp_ctl_el2, cnthp_cval_el2, cnthp_tval_el2, cntpct_el0, 26);
    TIMER("hypervisor's virtual timer", S3_4_C14_C3_1, S3_4_C14_C3_2, S3_4_C14_C3_0, cntpct_el0, 28);
  }
  if (level == 3)
    TIMER("secure physical timer", S3_7_C14_C2_1, S3_7_C14_C2_2, S3_7_C14_C2_0, cntpct_el0, 29);
  if (level != 3)
    wait();
  puts("done\n");
  leave(0);
}
