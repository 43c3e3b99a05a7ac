// SPDX-License-Identifier: Apache-2.0
// Two address spaces with an ASID each, the kernel's pages global in both: switch by TTBR0_EL1, touch several pages,
// switch back; now and then the pages of one ASID are invalidated.
#include "../rt/rt.h"

const char bench_name[] = "aspace";
const u32 bench_rounds = 350000;

#define PRIVATE 0x200000000UL // 8 GB: entry 8 of level 1
#define PAGES 16

struct space {
  u64 l1[512], l2[512], l3[512];
};

static struct space spaces[2] ALIGNED(4096);
static u64 memory[2][PAGES][512] ALIGNED(4096);

void bench_setup(void) {
  for (u64 s = 0; s < 2; s++) {
    struct space *space = &spaces[s];
    space->l1[0] = kernel_l1[0];
    space->l1[1] = kernel_l1[1];
    space->l1[PRIVATE >> 30] = (u64)space->l2 | PTE_TABLE;
    space->l2[0] = (u64)space->l3 | PTE_TABLE;
    for (u32 page = 0; page < PAGES; page++)
      space->l3[page] = (u64)memory[s][page] | PAGE_RAM | PTE_NG | PTE_PXN | PTE_UXN;
  }
  __asm__ volatile("dsb ishst" ::: "memory");
}

static inline void enter(u64 s) {
  __asm__ volatile("msr ttbr0_el1, %0\n isb" ::"r"((s + 1) << 48 | (u64)spaces[s].l1) : "memory");
}

static NOINLINE u64 touch(u64 value, u32 pages) {
  for (u32 page = 0; page < pages; page++) {
    u64 *word = (u64 *)PRIVATE + page * 512 + (value >> 8 & 511);
    value = mix(value, *word);
    *word = value;
  }
  return value;
}

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  memset(memory, 0, sizeof(memory));
  for (u32 round = 0; round < rounds; round++) {
    enter(0);
    hash = touch(hash, 8);
    enter(1);
    hash = touch(hash, round & 15 ? 8 : PAGES);
    if ((round & 63) == 0)
      __asm__ volatile("dsb ishst\n tlbi aside1, %0\n dsb ish\n isb" ::"r"(((round >> 6 & 1) + 1UL) << 48) : "memory");
  }
  __asm__ volatile("msr ttbr0_el1, %0\n isb" ::"r"(kernel_l1) : "memory");
  return hash;
}
