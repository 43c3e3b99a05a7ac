// SPDX-License-Identifier: Apache-2.0
// Random accesses over 256 MB of 4 KB pages. The TLB is emptied after as many accesses as there are pages, so that
// most of them miss however large a TLB is.
#include "../rt/rt.h"

const char bench_name[] = "tlbmiss";
const u32 bench_rounds = 150;

#define AREA 0x50000000UL
#define AREA_SIZE 0x10000000UL
#define PAGES (AREA_SIZE >> 12)
#define TABLES HEAP_BASE // one level 3 table for each 2 MB

void bench_setup(void) {
  u64 *table = (u64 *)TABLES;
  for (u64 page = 0; page < PAGES; page++)
    table[page] = (AREA + (page << 12)) | PAGE_RAM | PTE_PXN | PTE_UXN;
  for (u64 i = 0; i < AREA_SIZE >> 21; i++)
    set_entry(&kernel_l2[(AREA - RAM_BASE + (i << 21)) >> 21], (TABLES + (i << 12)) | PTE_TABLE);
}

u64 bench_run(u32 rounds) {
  u64 seed = 0x71b, sum = 0;
  for (u64 page = 0; page < PAGES; page++)
    for (u64 i = 0; i < 512; i += 64)
      *(u64 *)(AREA + (page << 12) + i * 8) = page ^ i;
  for (u32 round = 0; round < rounds; round++) {
    __asm__ volatile("dsb ishst\n tlbi vmalle1\n dsb ish\n isb" ::: "memory");
    for (u64 i = 0; i < PAGES; i++) {
      u64 random = next_random(&seed);
      u64 *at = (u64 *)(AREA + (random >> 20 & (AREA_SIZE - 4096)) + (random >> 50 & 7) * 512);
      sum += *at;
      if ((i & 3) == 0)
        *at = sum;
    }
  }
  return mix(sum, seed);
}
