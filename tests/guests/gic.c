// SPDX-License-Identifier: Apache-2.0
// Interrupts of a GICv3, timers and PMU on the machine `virt`, from EL1, EL2 or EL3: says what it gets, one line a step. The same
// program runs on QEMU, whose output is compared.
#include "guest.h"

#define GICD8(offset) (*(volatile u8 *)(0x08000000UL + (offset)))

static u64 level;
// What the handlers have seen.
static volatile u64 taken, nested;
static volatile u32 quiet;

static void unmask(void) {
  __asm__ volatile("msr daifclr, #3\n isb" ::: "memory");
}
static void mask(void) {
  __asm__ volatile("msr daifset, #3\n isb" ::: "memory");
}
static void wait_for(volatile u64 *word, u64 n) {
  while (*word < n) {
    mask();
    if (*word < n)
      __asm__ volatile("wfi" ::: "memory");
    unmask();
    __asm__ volatile("isb");
  }
  mask();
}

// A device would be served here: what is level-sensitive is silenced.
static void silence(u64 intid) {
  switch (intid) {
  case 30:
    WRITE(cntp_ctl_el0, 0);
    break;
  case 27:
    WRITE(cntv_ctl_el0, 0);
    break;
  case 26:
    WRITE(cnthp_ctl_el2, 0);
    break;
  case 23:
    WRITE(pmovsclr_el0, ~0UL);
    WRITE(pmcr_el0, 0);
    break;
  case 25:
    say("  MISR", READ(S3_4_C12_C11_2));
    say("  EISR", READ(S3_4_C12_C11_3));
    WRITE(S3_4_C12_C12_0, 0);
    break;
  default:
    break;
  }
}

void on_irq(void);
void on_irq(void) {
  u64 intid = READ(S3_0_C12_C12_0);
  if (!quiet) {
    say("  IRQ", intid);
    say("  running priority", READ(S3_0_C12_C11_3));
  }
  silence(intid);
  if (intid == 40 && nested == 0) {
    // A more urgent one comes while this one is served.
    nested = 1;
    GICD(0x200 + 4) = 1 << (41 - 32);
    unmask();
    __asm__ volatile("isb\n nop");
    mask();
    puts("  back in 40\n");
  }
  if (intid < 1020)
    WRITE(S3_0_C12_C12_1, intid);
  taken++;
}
void on_fiq(void);
void on_fiq(void) {
  u64 intid = READ(S3_0_C12_C8_0);
  say("  FIQ", intid);
  if (intid >= 1020) {
    // At EL3: it is for somebody else; it is taken there all the same.
    u64 other = READ(S3_0_C12_C12_0);
    say("  group 1", other);
    WRITE(S3_6_C12_C12_4, READ(S3_6_C12_C12_4));
    WRITE(S3_0_C12_C12_1, other);
    GICD(0x180 + 4 * (other >> 5)) = 1u << (other & 31);
  } else
    WRITE(S3_0_C12_C8_1, intid);
  taken++;
}
void on_sync(u64 kind);
void on_sync(u64 kind) {
  say("unexpected exception", kind);
  leave(1);
}
// HVC from EL1: the guest is done.
void on_guest_end(void);

#define SAVE                                                                                                           \
  "  sub sp, sp, #192\n  stp x0, x1, [sp]\n  stp x2, x3, [sp, #16]\n  stp x4, x5, [sp, #32]\n"                         \
  "  stp x6, x7, [sp, #48]\n  stp x8, x9, [sp, #64]\n  stp x10, x11, [sp, #80]\n  stp x12, x13, [sp, #96]\n"           \
  "  stp x14, x15, [sp, #112]\n  stp x16, x17, [sp, #128]\n  stp x18, x30, [sp, #144]\n"
#define RESTORE                                                                                                        \
  "  ldp x0, x1, [sp]\n  ldp x2, x3, [sp, #16]\n  ldp x4, x5, [sp, #32]\n  ldp x6, x7, [sp, #48]\n"                    \
  "  ldp x8, x9, [sp, #64]\n  ldp x10, x11, [sp, #80]\n  ldp x12, x13, [sp, #96]\n  ldp x14, x15, [sp, #112]\n"        \
  "  ldp x16, x17, [sp, #128]\n  ldp x18, x30, [sp, #144]\n  add sp, sp, #192\n"
// ELR and SPSR are kept over the handler, for interrupts within it.
#define STATE(n)                                                                                                       \
  "  mrs x0, elr_el" #n "\n  mrs x1, spsr_el" #n "\n  stp x0, x1, [sp, #160]\n"
#define BACK(n)                                                                                                        \
  "  ldp x0, x1, [sp, #160]\n  msr elr_el" #n ", x0\n  msr spsr_el" #n ", x1\n"
#define VECTORS(n, lower)                                                                                              \
  __asm__(".balign 2048\n vectors" #n ":\n"                                                                            \
          "  mov x0, #0\n  b on_sync\n  .balign 128\n  mov x0, #1\n  b on_sync\n  .balign 128\n"                       \
          "  mov x0, #2\n  b on_sync\n  .balign 128\n  mov x0, #3\n  b on_sync\n  .balign 128\n"                       \
          "  mov x0, #4\n  b on_sync\n  .balign 128\n  b irq" #n "\n  .balign 128\n  b fiq" #n "\n  .balign 128\n"     \
          "  mov x0, #7\n  b on_sync\n  .balign 128\n  " lower "\n  .balign 128\n  b irq" #n "\n  .balign 128\n"       \
          "  b fiq" #n "\n  .balign 128\n  mov x0, #11\n  b on_sync\n  .balign 512\n"                                  \
          "irq" #n ":\n" SAVE STATE(n) "  bl on_irq\n" BACK(n) RESTORE "  eret\n"                                      \
          "fiq" #n ":\n" SAVE STATE(n) "  bl on_fiq\n" BACK(n) RESTORE "  eret\n")
VECTORS(1, "mov x0, #8\n  b on_sync");
VECTORS(2, "b guest_end");
VECTORS(3, "mov x0, #8\n  b on_sync");
// run_guest(entry, stack): EL1 runs from entry until HVC.
__asm__("run_guest:\n"
        "  stp x29, x30, [sp, #-16]!\n"
        "  msr elr_el2, x0\n  mov x2, #0x3c5\n  msr spsr_el2, x2\n  msr sp_el1, x1\n"
        "  adrp x3, vectors1\n  add x3, x3, :lo12:vectors1\n  msr vbar_el1, x3\n  isb\n  eret\n"
        "guest_end:\n"
        "  ldp x29, x30, [sp], #16\n  ret\n");
void run_guest(void (*entry)(void), u64 stack);
extern char vectors1[], vectors2[], vectors3[];

static void priority(u32 intid, u8 v) {
  if (intid < 32)
    SGI8(0, 0x400 + intid) = v;
  else
    GICD8(0x400 + intid) = v;
}
static void enable(u32 intid, u8 v) {
  priority(intid, v);
  if (intid < 32)
    SGI(0, 0x100) = 1u << intid;
  else
    GICD(0x100 + 4 * (intid >> 5)) = 1u << (intid & 31);
}

static volatile u64 others;
void secondary(u64 context) {
  (void)context;
  WRITE(vbar_el1, vectors1);
  gic_wake(1);
  SGI8(1, 0x400 + 7) = 0x80;
  SGI(1, 0x100) = 1 << 7;
  WRITE(S3_0_C4_C6_0, 0xff);
  WRITE(S3_0_C12_C12_7, 1);
  for (;;) {
    mask();
    others++;
    __asm__ volatile("dsb sy\n wfi" ::: "memory");
    if (READ(isr_el1) & 0x80) {
      u64 intid = READ(S3_0_C12_C12_0);
      WRITE(S3_0_C12_C12_1, intid);
      // And back.
      WRITE(S3_0_C12_C11_5, (8UL << 24) | 1);
    }
  }
}

static u8 guest_stack[4096] __attribute__((aligned(16)));
static void guest(void) {
  unmask();
  __asm__ volatile("isb\n nop");
  mask();
  __asm__ volatile("hvc #0" ::: "memory");
}

static void timers(void) {
  u64 frequency = READ(cntfrq_el0);
  u64 soon = frequency / 1000;
  taken = 0;
  puts("physical timer\n");
  enable(30, 0x90);
  WRITE(cntp_tval_el0, soon);
  WRITE(cntp_ctl_el0, 1);
  wait_for(&taken, 1);
  puts("virtual timer\n");
  enable(27, 0x98);
  WRITE(cntv_tval_el0, soon);
  WRITE(cntv_ctl_el0, 1);
  wait_for(&taken, 2);
  if (level == 2) {
    puts("hypervisor's timer\n");
    enable(26, 0xa0);
    WRITE(cnthp_tval_el2, soon);
    WRITE(cnthp_ctl_el2, 1);
    wait_for(&taken, 3);
  }
  puts("a timer that is late already\n");
  u64 before = taken;
  WRITE(cntp_cval_el0, 0);
  unmask();
  WRITE(cntp_ctl_el0, 1);
  __asm__ volatile("nop\n nop");
  say("taken", taken - before);
  mask();
  // Its condition and its interrupt are one: who sees the one has the other at the next few instructions.
  puts("a timer that is polled\n");
  before = taken;
  WRITE(cntp_tval_el0, 5 * soon);
  WRITE(cntp_ctl_el0, 1);
  unmask();
  while (!(READ(cntp_ctl_el0) & 4) && taken == before) {
  }
  for (int n = 0; n < 100; n++)
    __asm__ volatile("nop");
  say("taken", taken - before);
  mask();
}

static void counters(void) {
  puts("overflow of an event counter\n");
  enable(23, 0xa8);
  taken = 0;
  // Cycles, at all levels.
  WRITE(pmevtyper0_el0, 17 | (1 << 27));
  WRITE(pmevcntr0_el0, 0xffffff00);
  WRITE(pmintenset_el1, 1);
  WRITE(pmcntenset_el0, 1);
  unmask();
  WRITE(pmcr_el0, 1);
  while (taken == 0) {
  }
  mask();
}

static void virtual_interrupts(void) {
  puts("a guest's interrupt\n");
  WRITE(hcr_el2, (1UL << 31) | (3 << 3));
  WRITE(S3_4_C12_C11_7, 0xf84c0003);
  WRITE(S3_4_C12_C11_0, 1);
  // Group 1, priority 0x80, pending, INTID 50; tell of its end.
  WRITE(S3_4_C12_C12_0, (1UL << 62) | (1UL << 60) | (0x80UL << 48) | (1UL << 41) | 50);
  run_guest(guest, (u64)guest_stack + sizeof guest_stack);
  say("list register's state", READ(S3_4_C12_C12_0) >> 62);
  puts("maintenance interrupt\n");
  enable(25, 0x20);
  taken = 0;
  wait_for(&taken, 1);
  WRITE(S3_4_C12_C11_0, 0);
  WRITE(hcr_el2, (1UL << 31) | (3 << 3));
}

void main(void) {
  level = first_core();
  say("exception level", level);
  say("GICD_TYPER lines", GICD(4) & 31);
  say("architecture", (GICD(0xffe8) >> 4) & 15);
  if (level == 1)
    WRITE(vbar_el1, vectors1);
  if (level == 2) {
    WRITE(vbar_el2, vectors2);
    // Physical interrupts are EL2's.
    WRITE(hcr_el2, (1UL << 31) | (3 << 3));
    WRITE(cntvoff_el2, 0);
  }
  if (level == 3) {
    WRITE(vbar_el3, vectors3);
    WRITE(scr_el3, READ(scr_el3) | 6);
  }
  gic_start(level);
  for (int n = 1; n <= 8; n++)
    GICD(0x80 + 4 * n) = 0xffffffff;
  WRITE(S3_0_C4_C6_0, 0xff);
  WRITE(S3_0_C12_C12_6, 1);
  if (level == 3)
    WRITE(S3_6_C12_C12_7, 3);
  else
    WRITE(S3_0_C12_C12_7, 1);

  if (level == 3) {
    // At EL3 everything is an FIQ.
    puts("groups at EL3\n");
    SGI(0, 0x80) = ~(1u << 3);
    enable(3, 0x20);
    taken = 0;
    WRITE(S3_0_C12_C11_7, (3UL << 24) | 1);
    wait_for(&taken, 1);
    GICD(0x84) = ~(1u << (50 - 32));
    GICD(0xd04) = 1u << (50 - 32);
    enable(50, 0x40);
    enable(51, 0x90);
    GICD(0x204) = 1u << (50 - 32);
    wait_for(&taken, 2);
    GICD(0x204) = 1u << (51 - 32);
    wait_for(&taken, 3);
    leave(0);
  }

  puts("an SGI to this core\n");
  enable(5, 0x80);
  taken = 0;
  WRITE(S3_0_C12_C11_5, (5UL << 24) | 1);
  wait_for(&taken, 1);

  puts("group 0 is an FIQ\n");
  SGI(0, 0x80) = ~(1u << 6);
  enable(6, 0x70);
  taken = 0;
  WRITE(S3_0_C12_C11_7, (6UL << 24) | 1);
  wait_for(&taken, 1);

  puts("one interrupts another\n");
  enable(40, 0x80);
  enable(41, 0x40);
  taken = 0;
  GICD(0x200 + 4) = 1 << (40 - 32);
  wait_for(&taken, 2);

  timers();
  counters();
  if (level == 2)
    virtual_interrupts();
  else {
    puts("SGIs between cores\n");
    enable(8, 0x80);
    say("CPU_ON", psci(0xc4000003, 1, (u64)start_secondary, 1));
    while (others < 1) {
    }
    quiet = 1;
    taken = 0;
    for (u64 n = 1; n <= 1000; n++) {
      WRITE(S3_0_C12_C11_5, (7UL << 24) | 2);
      wait_for(&taken, n);
    }
    say("answers", taken);
  }
  puts("done\n");
  leave(0);
}
